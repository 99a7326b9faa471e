// What the operator can set: on the command line, in a TOML file and in the environment.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/expected.h"
#include "base/ip_prefix.h"
#include "http/server.h"
#include "wire/codec.h"

namespace loopcast::server {

struct Options {
  // Where it listens, both kinds; not empty.
  std::vector<http::ListenAddress> listen;
  std::optional<SocketAddress> metrics;  // a listener of its own; none: on this machine only
  std::string tls_certificate;  // with tls_key; both empty: self-signed, in the data folder
  std::string tls_key;
  uint16_t media_port = 8444;
  std::vector<IpAddress> media_bind;  // at most one of each family; empty: all of the machine
  std::vector<IpAddress> announce;    // empty: the machine's own
  unsigned workers = 1;
  std::string data;
  std::string web;
  std::string log_level;
  std::vector<wire::Codec> video_codecs;
  std::vector<IpPrefix> trusted_proxies;
  std::optional<size_t> max_connections;  // of users; none: by max_viewers and by descriptors
  size_t max_connections_per_ip = 512;
  std::string access_log;  // file; empty: none
  size_t max_viewers = 100'000;
  unsigned max_presenter_mbits = 32;  // a second
  std::string recordings;             // folder; never empty
  std::string geoip;                  // MaxMind database; empty: none
  std::optional<unsigned> retention_days;
  std::optional<uint64_t> retention_bytes;
  bool retention_dry_run = false;
  // Free bytes of the disk below which recordings end and none begins; 0: none.
  uint64_t recording_disk_floor = uint64_t{1} << 30;
  std::optional<uint64_t> user_recording_bytes;  // of each user; absent: no limit
  std::optional<unsigned> user_recording_hours;
  size_t max_registrations_per_ip = 10;  // in ten minutes
  size_t max_logins_per_ip = 30;         // in a minute
  std::string audit_log;                 // file; empty: the ordinary log
};

// What main() does instead of serving: prints `text` and exits with `status`.
struct EarlyExit {
  std::string text;
  int status = 0;
};

// From the arguments, then the environment (LOOPCAST_MEDIA_PORT for --media-port), then the file
// named by --config: the first that names an option decides.
Expected<Options, EarlyExit> parse_options(int argc, const char* const* argv);

}  // namespace loopcast::server
