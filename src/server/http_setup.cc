#include "server/http_setup.h"

#include <algorithm>
#include <filesystem>

#include <sys/resource.h>
#include <unistd.h>

#include "http/client_address.h"
#include "http/request_rules.h"
#include "http/tls.h"

namespace loopcast::server {
namespace {

namespace fs = std::filesystem;

// What the page may load: itself, and nothing from elsewhere. Element Plus sets inline styles.
constexpr const char* kContentSecurityPolicy =
    "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "style-src 'self' 'unsafe-inline'; connect-src 'self'; object-src 'none'; "
    "base-uri 'self'; frame-ancestors 'none'; form-action 'self'";
// A year. Not with a certificate of our own: browsers ignore it there.
constexpr const char* kStrictTransportSecurity = "max-age=31536000";
// Descriptors that are not of connections: media, files, the database, strangers.
constexpr size_t kOtherDescriptors = 6'000;
// A page has two connections: its line, and what it watches.
constexpr size_t kConnectionsOfViewer = 2;
constexpr size_t kLeastConnections = 1'000;

struct CertificateFiles {
  std::string certificate;
  std::string key;
};

CertificateFiles certificate_files(const Options& options) {
  if (!options.tls_certificate.empty()) return {options.tls_certificate, options.tls_key};
  const fs::path folder = fs::path(options.data) / "tls";
  return {(folder / "certificate.pem").string(), (folder / "key.pem").string()};
}

}  // namespace

Expected<bool> renew_certificate(const Options& options, const std::vector<IpAddress>& announced) {
  if (!options.tls_certificate.empty()) return false;
  const CertificateFiles files = certificate_files(options);
  std::vector<std::string> names = {"localhost", "127.0.0.1", "::1"};
  const auto add = [&](const std::string& name) {
    if (std::ranges::count(names, name) == 0) names.push_back(name);
  };
  char host[256] = {};
  if (::gethostname(host, sizeof host - 1) == 0 && host[0] != '\0') add(host);
  for (const IpAddress& ip : announced) add(ip.to_string());
  std::error_code ignored;
  if (fs::exists(files.key, ignored) && http::is_good_self_signed(files.certificate, names))
    return false;
  fs::create_directories(fs::path(files.certificate).parent_path(), ignored);
  const Status made = http::make_self_signed(files.certificate, files.key, names);
  if (!made) return made.error();
  return true;
}

Expected<http::ServerOptions> http_options(const Options& options,
                                           const std::vector<IpAddress>& announced) {
  http::ServerOptions http;
  http.listen = options.listen;
  if (std::ranges::any_of(http.listen, &http::ListenAddress::tls)) {
    const auto ready = renew_certificate(options, announced);
    if (!ready) return ready.error();
    CertificateFiles files = certificate_files(options);
    http.tls_certificate = std::move(files.certificate);
    http.tls_key = std::move(files.key);
    if (!options.tls_certificate.empty()) http.strict_transport_security = kStrictTransportSecurity;
  }
  http.trusted_proxies = options.trusted_proxies;
  http.max_connections = max_users(options);
  http.max_connections_per_ip = options.max_connections_per_ip;
  return http;
}

size_t max_users(const Options& options) {
  if (options.max_connections) return *options.max_connections;
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const size_t descriptors =
      std::max<size_t>(limit.rlim_cur, kOtherDescriptors) - kOtherDescriptors;
  return std::max(std::min(kConnectionsOfViewer * options.max_viewers, descriptors),
                  kLeastConnections);
}

http::StaticOptions web_options(const Options& options) {
  http::StaticOptions files;
  files.root = options.web;
  files.content_security_policy = kContentSecurityPolicy;
  return files;
}

bool is_local(const http::Request& request) {
  if (!request.remote.ip.is_loopback() || http::is_forwarded(request.headers)) return false;
  const std::string_view host = http::host_name(request.header("host"));
  if (host.empty()) return true;
  if (http::equals_ignoring_case(host, "localhost")) return true;
  const auto ip = http::parse_forwarded(host);
  return ip && ip->is_loopback();
}

}  // namespace loopcast::server
