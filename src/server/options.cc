#include "server/options.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace loopcast::server {
namespace {

constexpr const char* kOff = "off";
// Passwords do not cross a network in clear text unless the operator says so.
constexpr const char* kDefaultHttp = "127.0.0.1:8080,[::1]:8080";
constexpr const char* kDefaultHttps = "0.0.0.0:8443,[::]:8443";
// More than one machine can have; and what a negative number would be read as is beyond it.
constexpr size_t kMaxLimit = 1'000'000'000;
constexpr size_t kMaxPerAddress = 1'000'000;

// As they are typed, before they are checked.
struct Raw {
  std::vector<std::string> http;   // empty: kDefaultHttp
  std::vector<std::string> https;  // empty: kDefaultHttps
  std::string metrics;
  std::string access_log;
  std::string tls_cert;
  std::string tls_key;
  uint16_t media_port = 8444;
  std::vector<std::string> media_bind;
  std::vector<std::string> announce;
  unsigned workers = 0;
  std::string data = "data";
  std::string web;
  std::string log_level = "info";
  std::vector<std::string> video_codecs = {"h264", "vp9", "av1", "vp8"};
  std::vector<std::string> trusted_proxies;
  size_t max_connections = 0;
  size_t max_connections_per_ip = 512;
  size_t max_viewers = 100'000;
  unsigned max_presenter_bitrate = Options{}.max_presenter_mbits;
  std::string recordings;
  std::string geoip;
  unsigned retention_days = 0;
  uint64_t retention_bytes = 0;
  bool retention_dry_run = false;
  uint64_t recording_disk_floor = Options{}.recording_disk_floor;
  uint64_t user_recording_bytes = 50'000'000'000;
  unsigned user_recording_hours = 100;
  size_t max_registrations_per_ip = 10;
  size_t max_logins_per_ip = 30;
  std::string audit_log;
};

// "LOOPCAST_MEDIA_PORT" of "media-port".
std::string environment_name(std::string option) {
  std::transform(option.begin(), option.end(), option.begin(), [](unsigned char c) {
    return c == '-' ? '_' : static_cast<char>(std::toupper(c));
  });
  return "LOOPCAST_" + option;
}

void add_options(CLI::App& app, Raw& raw) {
  app.set_config("--config", "", "Read options from this TOML file");
  // A name that is mistyped would otherwise leave its option as it was, and nobody would notice.
  app.allow_config_extras(CLI::config_extras_mode::error);
  app.add_option("--http", raw.http, "Address and port of HTTP, or off; may be given several times")
      ->delimiter(',')
      ->default_str(kDefaultHttp);
  app.add_option("--https", raw.https,
                 "Address and port of HTTPS, or off; may be given several times")
      ->delimiter(',')
      ->default_str(kDefaultHttps);
  app.add_option("--metrics", raw.metrics,
                 "Address and port of /metrics alone; without it they are on this machine's HTTP");
  app.add_option("--access-log", raw.access_log, "File to which one line for each request goes");
  app.add_option("--tls-cert", raw.tls_cert,
                 "Certificate chain (PEM); without it a self-signed one is made");
  app.add_option("--tls-key", raw.tls_key, "Private key of the certificate (PEM)");
  app.add_option("--media-port", raw.media_port,
                 "UDP and TCP port of media; worker i uses this port + i")
      ->capture_default_str();
  app.add_option("--media-bind", raw.media_bind,
                 "Address of this machine that media is served on; twice for IPv4 and IPv6")
      ->delimiter(',')
      ->default_str("all");
  app.add_option("--announce", raw.announce,
                 "Address that clients reach this machine at; may be given several times")
      ->delimiter(',')
      ->default_str("the machine's own");
  app.add_option("--workers", raw.workers, "Media threads")
      ->default_str("one for each processor")
      ->check(CLI::Range(1, 256));
  app.add_option("--data", raw.data, "Folder of the database and certificates")
      ->capture_default_str();
  app.add_option("--web", raw.web, "Folder of the built web app")
      ->default_str("the one that comes with the program");
  app.add_option("--log-level", raw.log_level, "debug, info, warning or error")
      ->capture_default_str()
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}));
  app.add_option("--video-codecs", raw.video_codecs,
                 "What a presenter may send, best first: h264, vp9, av1, vp8")
      ->delimiter(',')
      ->default_str("h264,vp9,av1,vp8");
  app.add_option("--trusted-proxy", raw.trusted_proxies,
                 "Address, or network such as 10.0.0.0/8, of proxies whose X-Forwarded-For is "
                 "believed; may be given several times")
      ->delimiter(',');
  app.add_option("--max-connections", raw.max_connections,
                 "HTTP connections of all who have signed in")
      ->default_str("two for each of --max-viewers, as far as descriptors go")
      ->check(CLI::Range(size_t{1}, kMaxLimit));
  app.add_option("--max-connections-per-ip", raw.max_connections_per_ip,
                 "HTTP connections of one address")
      ->capture_default_str()
      ->check(CLI::Range(size_t{1}, kMaxLimit));
  app.add_option("--max-registrations-per-ip", raw.max_registrations_per_ip,
                 "Accounts that one address makes in ten minutes: a class is one address")
      ->capture_default_str()
      ->check(CLI::Range(size_t{1}, kMaxPerAddress));
  app.add_option("--max-logins-per-ip", raw.max_logins_per_ip,
                 "Attempts to sign in that one address makes in a minute")
      ->capture_default_str()
      ->check(CLI::Range(size_t{1}, kMaxPerAddress));
  app.add_option("--audit-log", raw.audit_log,
                 "File of sign-ins, changes of accounts and refusals; SIGHUP opens it anew")
      ->default_str("the ordinary log");
  app.add_option("--max-viewers", raw.max_viewers, "Viewers of one broadcast")
      ->capture_default_str()
      ->check(CLI::Range(size_t{1}, kMaxLimit));
  app.add_option("--max-presenter-bitrate", raw.max_presenter_bitrate,
                 "Mbit/s that one presenter may send; what is more is dropped")
      ->capture_default_str()
      ->check(CLI::Range(1u, 10'000u));
}

void add_recording_options(CLI::App& app, Raw& raw) {
  app.add_option("--recordings", raw.recordings, "Folder of recordings")
      ->default_str("recordings in the data folder");
  app.add_option("--geoip", raw.geoip,
                 "MaxMind database (.mmdb) that says where a presenter's address is");
  app.add_option("--retention-days", raw.retention_days, "Delete recordings that are older")
      ->check(CLI::Range(1u, 36'500u));
  app.add_option("--retention-bytes", raw.retention_bytes,
                 "Delete the oldest recordings when all together are larger, e.g. 500G")
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::PositiveNumber);
  app.add_option("--recording-disk-floor", raw.recording_disk_floor,
                 "Bytes of the disk that recordings leave free: with less, those that run end as "
                 "they are and none begins. 0: fill it")
      ->capture_default_str();
  app.add_option("--user-recording-bytes", raw.user_recording_bytes,
                 "What the recordings of one user may take, e.g. 200G; 0: no limit")
      ->transform(CLI::AsSizeValue(false))
      ->default_str("50GB");
  app.add_option("--user-recording-hours", raw.user_recording_hours,
                 "Hours that the recordings of one user may have; 0: no limit")
      ->capture_default_str()
      ->check(CLI::Range(0u, 1'000'000u));
  app.add_flag("--retention-dry-run", raw.retention_dry_run,
               "Log what retention would delete, and delete nothing");
}

// The environment as arguments, for the options that the command line does not have.
std::vector<std::string> environment_arguments(const CLI::App& app,
                                               const std::vector<std::string>& given) {
  std::vector<std::string> arguments;
  for (const CLI::Option* option : app.get_options()) {
    const std::string name = option->get_name(false, false);
    if (name == "--help" || name == "--version") continue;
    const char* value = std::getenv(environment_name(name.substr(2)).c_str());
    const bool is_given = std::any_of(given.begin(), given.end(), [&](const std::string& a) {
      return a == name || a.starts_with(name + "=");
    });
    if (value && *value && !is_given) arguments.push_back(name + "=" + value);
  }
  return arguments;
}

Error invalid(std::string_view option, std::string_view value, std::string_view expected) {
  return {"bad_option", fmt::format("{}: \"{}\" is not {}.", option, value, expected)};
}

Expected<SocketAddress> listen_address(const char* option, const std::string& text) {
  const auto address = SocketAddress::parse(text);
  if (!address)
    return invalid(option, text, "an address and port such as 0.0.0.0:8080 or [::]:8080, or off");
  return *address;
}

// Adds the addresses of `texts`, or those of `otherwise` if there are none, to `listen`. What is
// the default does without IPv6 where a machine has none.
Status add_listeners(const char* option, const std::vector<std::string>& texts,
                     const char* otherwise, bool tls, std::vector<http::ListenAddress>& listen) {
  if (texts == std::vector<std::string>{kOff}) return ok();
  const std::vector<std::string> given = texts.empty() ? CLI::detail::split(otherwise, ',') : texts;
  for (const std::string& text : given) {
    const auto address = listen_address(option, text);
    if (!address) return address.error();
    listen.push_back({*address, tls, texts.empty() && address->ip.is_v6()});
  }
  return ok();
}

Expected<std::vector<IpAddress>> addresses(const char* option,
                                           const std::vector<std::string>& texts) {
  std::vector<IpAddress> list;
  for (const std::string& text : texts) {
    const auto ip = IpAddress::parse(text);
    if (!ip) return invalid(option, text, "an IP address");
    list.push_back(*ip);
  }
  return list;
}

Expected<Options> check(const Raw& raw) {
  Options options;
  if (auto added = add_listeners("--http", raw.http, kDefaultHttp, false, options.listen); !added)
    return added.error();
  if (auto added = add_listeners("--https", raw.https, kDefaultHttps, true, options.listen); !added)
    return added.error();
  if (!raw.metrics.empty()) {
    const auto metrics = listen_address("--metrics", raw.metrics);
    if (!metrics) return metrics.error();
    options.metrics = *metrics;
  }
  if (options.listen.empty())
    return Error{"bad_option", "--http and --https are both off: there is nothing to serve."};
  if (raw.tls_cert.empty() != raw.tls_key.empty())
    return Error{"bad_option", "--tls-cert and --tls-key go together."};
  options.tls_certificate = raw.tls_cert;
  options.tls_key = raw.tls_key;
  options.media_port = raw.media_port;
  options.workers =
      raw.workers > 0 ? raw.workers : std::max(1u, std::thread::hardware_concurrency());
  if (raw.media_port != 0 && raw.media_port + options.workers > 65536)
    return Error{"bad_option", "--media-port + --workers goes beyond port 65535."};
  const auto bind = addresses("--media-bind", raw.media_bind);
  if (!bind) return bind.error();
  options.media_bind = *bind;
  if (bind->size() > 2 || (bind->size() == 2 && (*bind)[0].family == (*bind)[1].family))
    return Error{"bad_option", "--media-bind: one IPv4 and one IPv6 address at most."};
  const auto announce = addresses("--announce", raw.announce);
  if (!announce) return announce.error();
  options.announce = *announce;
  for (const std::string& text : raw.trusted_proxies) {
    const auto prefix = IpPrefix::parse(text);
    if (!prefix)
      return invalid("--trusted-proxy", text,
                     "an IP address or a network such as 10.0.0.0/8 or fd00::/8");
    options.trusted_proxies.push_back(*prefix);
  }
  for (const std::string& name : raw.video_codecs) {
    const auto codec = wire::codec_from_name(name);
    if (!codec || !wire::is_video(*codec))
      return invalid("--video-codecs", name, "one of h264, vp9, av1, vp8");
    options.video_codecs.push_back(*codec);
  }
  options.data = raw.data;
  options.web = raw.web;
  options.log_level = raw.log_level;
  if (raw.max_connections > 0) options.max_connections = raw.max_connections;
  options.max_connections_per_ip = raw.max_connections_per_ip;
  options.access_log = raw.access_log;
  options.max_viewers = raw.max_viewers;
  options.max_presenter_mbits = raw.max_presenter_bitrate;
  options.recordings = raw.recordings.empty()
                           ? (std::filesystem::path(raw.data) / "recordings").string()
                           : raw.recordings;
  options.geoip = raw.geoip;
  if (raw.retention_days > 0) options.retention_days = raw.retention_days;
  if (raw.retention_bytes > 0) options.retention_bytes = raw.retention_bytes;
  options.retention_dry_run = raw.retention_dry_run;
  options.recording_disk_floor = raw.recording_disk_floor;
  if (raw.user_recording_bytes > 0) options.user_recording_bytes = raw.user_recording_bytes;
  if (raw.user_recording_hours > 0) options.user_recording_hours = raw.user_recording_hours;
  options.max_registrations_per_ip = raw.max_registrations_per_ip;
  options.max_logins_per_ip = raw.max_logins_per_ip;
  options.audit_log = raw.audit_log;
  if (raw.retention_dry_run && !options.retention_days && !options.retention_bytes)
    return Error{"bad_option", "--retention-dry-run needs --retention-days or --retention-bytes."};
  return options;
}

}  // namespace

Expected<Options, EarlyExit> parse_options(int argc, const char* const* argv) {
  CLI::App app("Loopcast: live broadcasts from a browser, on a machine of your own.", "loopcast");
  app.set_version_flag("--version", std::string("loopcast ") + LOOPCAST_VERSION);
  app.footer(
      "Each option can also stand in the file of --config (media-port = 9000) and in the\n"
      "environment (LOOPCAST_MEDIA_PORT=9000). The command line comes first, then the\n"
      "environment, then the file.");
  Raw raw;
  add_options(app, raw);
  add_recording_options(app, raw);
  const std::vector<std::string> given(argv + 1, argv + argc);
  std::vector<std::string> arguments = environment_arguments(app, given);
  arguments.insert(arguments.end(), given.begin(), given.end());
  std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
  try {
    app.parse(arguments);
  } catch (const CLI::CallForHelp&) {
    return EarlyExit{app.help(), 0};
  } catch (const CLI::CallForVersion& version) {
    return EarlyExit{std::string(version.what()) + "\n", 0};
  } catch (const CLI::ParseError& error) {
    return EarlyExit{fmt::format("loopcast: {}\nTry loopcast --help.\n", error.what()), 2};
  }
  auto options = check(raw);
  if (!options)
    return EarlyExit{fmt::format("loopcast: {}\nTry loopcast --help.\n", options.error().message),
                     2};
  if (options->web.empty()) {
    std::error_code ignored;
    const auto program = std::filesystem::read_symlink("/proc/self/exe", ignored);
    for (const auto& candidate : {program.parent_path() / "../../web/dist",
                                  program.parent_path() / "../share/loopcast/web"}) {
      if (!std::filesystem::exists(candidate / "index.html", ignored)) continue;
      options->web = std::filesystem::canonical(candidate, ignored).string();
      break;
    }
  }
  return std::move(*options);
}

}  // namespace loopcast::server
