#include "http/tls.h"

#include <algorithm>
#include <array>
#include <ctime>

#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/address.h"

namespace loopcast::http {
namespace {

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* p) const {
    Free(p);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Deleter<X509_EXTENSION_free>>;
using File = std::unique_ptr<std::FILE, Deleter<std::fclose>>;

constexpr long kDay = 24 * 60 * 60;
// What Apple's systems take at most of a certificate that somebody has chosen to trust, with room
// for kBackdate.
constexpr long kLifetime = 824 * kDay;
constexpr long kRenewBefore = 30 * kDay;
// A clock that is a little slow must not refuse a new certificate.
constexpr long kBackdate = 60 * 60;

bool add_extension(X509* certificate, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

// The value of a subjectAltName extension; empty if a name could be mistaken for its syntax.
std::string alternative_names(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) {
    if (name.empty() || name.find_first_of(", \n\r:@") != std::string::npos) {
      if (!IpAddress::parse(name)) return {};
    }
    if (!out.empty()) out += ',';
    out += IpAddress::parse(name) ? "IP:" : "DNS:";
    out += name;
  }
  return out;
}

Certificate make_certificate(EVP_PKEY* key, const std::vector<std::string>& names) {
  const std::string alternatives = alternative_names(names);
  uint64_t serial = 0;
  Certificate certificate(X509_new());
  if (!certificate || alternatives.empty() ||
      RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) != 1)
    return nullptr;
  X509* c = certificate.get();
  X509_NAME* subject = X509_get_subject_name(c);
  const auto* common_name = reinterpret_cast<const unsigned char*>(names.front().c_str());
  const bool ok =
      X509_set_version(c, X509_VERSION_3) == 1 &&
      ASN1_INTEGER_set_uint64(X509_get_serialNumber(c), serial >> 1) == 1 &&
      X509_gmtime_adj(X509_getm_notBefore(c), -kBackdate) &&
      X509_gmtime_adj(X509_getm_notAfter(c), kLifetime) &&
      X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, common_name, -1, -1, 0) == 1 &&
      X509_set_issuer_name(c, subject) == 1 && X509_set_pubkey(c, key) == 1 &&
      add_extension(c, NID_subject_alt_name, alternatives) &&
      add_extension(c, NID_basic_constraints, "critical,CA:FALSE") &&
      add_extension(c, NID_key_usage, "critical,digitalSignature") &&
      add_extension(c, NID_ext_key_usage, "serverAuth") && X509_sign(c, key, EVP_sha256()) > 0;
  return ok ? std::move(certificate) : nullptr;
}

// A new file that only its owner can read, even while it is being written.
File create_private(const std::string& path) {
  ::unlink(path.c_str());
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  return File(fd < 0 ? nullptr : ::fdopen(fd, "w"));
}

// The values of a subjectAltName extension in the order of the certificate.
std::vector<std::string> names_of(const X509* certificate) {
  using Names = std::unique_ptr<GENERAL_NAMES, Deleter<GENERAL_NAMES_free>>;
  const Names names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  std::vector<std::string> result;
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_DNS && name->type != GEN_IPADD) continue;
    const ASN1_STRING* text = name->type == GEN_DNS ? name->d.dNSName : name->d.iPAddress;
    const uint8_t* data = ASN1_STRING_get0_data(text);
    const auto size = static_cast<size_t>(ASN1_STRING_length(text));
    if (name->type == GEN_DNS) {
      result.emplace_back(reinterpret_cast<const char*>(data), size);
    } else if (size == 4) {
      result.push_back(IpAddress::v4(data[0], data[1], data[2], data[3]).to_string());
    } else if (std::array<uint8_t, 16> octets{}; size == octets.size()) {
      std::copy_n(data, size, octets.begin());
      result.push_back(IpAddress::v6(octets).to_string());
    }
  }
  return result;
}

bool finish(File file) { return std::fflush(file.get()) == 0 && std::ferror(file.get()) == 0; }

}  // namespace

Expected<std::shared_ptr<boost::asio::ssl::context>> load_tls(const std::string& certificate_path,
                                                              const std::string& key_path) {
  namespace ssl = boost::asio::ssl;
  auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
  SSL_CTX* native = context->native_handle();
  boost::system::error_code error;
  context->use_certificate_chain_file(certificate_path, error);
  if (!error) context->use_private_key_file(key_path, ssl::context::pem, error);
  if (error)
    return Error{"tls_invalid", "The TLS certificate " + certificate_path + " or its key " +
                                    key_path + " cannot be used: " + error.message() + "."};
  if (SSL_CTX_check_private_key(native) != 1)
    return Error{"tls_invalid",
                 "The TLS key " + key_path + " does not belong to " + certificate_path + "."};
  SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
  SSL_CTX_set_options(native, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  // No CBC and no SHA-1, which TLS 1.2 has besides.
  if (SSL_CTX_set_cipher_list(native, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1)
    return Error{"tls_invalid", "The ciphers of TLS cannot be set."};
  // 34 kB less for each idle connection.
  SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS);
  return context;
}

bool is_good_self_signed(const std::string& certificate_path,
                         const std::vector<std::string>& names) {
  const File file(std::fopen(certificate_path.c_str(), "re"));
  if (!file) return false;
  const Certificate certificate(PEM_read_X509(file.get(), nullptr, nullptr, nullptr));
  if (!certificate || X509_check_ca(certificate.get()) != 0) return false;
  std::time_t renew_at = std::time(nullptr) + kRenewBefore;
  if (X509_cmp_time(X509_get0_notAfter(certificate.get()), &renew_at) <= 0) return false;
  return std::ranges::is_permutation(names_of(certificate.get()), names);
}

Status make_self_signed(const std::string& certificate_path, const std::string& key_path,
                        const std::vector<std::string>& names) {
  const Error failed{"tls_write_failed", "The self-signed certificate " + certificate_path +
                                             " and its key " + key_path + " cannot be made."};
  if (names.empty()) return failed;
  const Key key(EVP_EC_gen("P-256"));
  if (!key) return failed;
  const Certificate certificate = make_certificate(key.get(), names);
  if (!certificate) return failed;
  File key_file = create_private(key_path);
  if (!key_file ||
      PEM_write_PrivateKey(key_file.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1 ||
      !finish(std::move(key_file)))
    return failed;
  File certificate_file = create_private(certificate_path);
  if (!certificate_file || PEM_write_X509(certificate_file.get(), certificate.get()) != 1 ||
      !finish(std::move(certificate_file)))
    return failed;
  return ok();
}

}  // namespace loopcast::http
