#include "server/part_options.h"

#include <algorithm>

#include "net/interfaces.h"

namespace loopcast::server {

std::vector<IpAddress> announced(const Options& options) {
  if (!options.announce.empty()) return options.announce;
  // Of one that is bound alone nothing else can be reached.
  std::vector<IpAddress> ips;
  for (const IpAddress& own : net::local_addresses()) {
    const auto bound = [&](const IpAddress& ip) {
      return ip == own || (ip.is_unspecified() && ip.family == own.family);
    };
    if (options.media_bind.empty() || std::ranges::any_of(options.media_bind, bound))
      ips.push_back(own);
  }
  for (const IpAddress& ip : options.media_bind)
    if (!ip.is_unspecified() && std::ranges::find(ips, ip) == ips.end()) ips.push_back(ip);
  return ips;
}

MediaHubOptions media_options(const Options& options) {
  MediaHubOptions media;
  media.workers = options.workers;
  media.port = options.media_port;
  media.bind = options.media_bind;
  media.announce = announced(options);
  media.video_codecs = options.video_codecs;
  media.max_presenter_bitrate = int64_t{options.max_presenter_mbits} * 1'000'000;
  return media;
}

app::LoginLimiter::Limits login_limits(const Options& options) {
  app::LoginLimiter::Limits limits;
  limits.per_address = {static_cast<uint32_t>(options.max_logins_per_ip),
                        Duration::micros(60'000'000 / int64_t(options.max_logins_per_ip))};
  limits.registrations_per_address = {
      static_cast<uint32_t>(options.max_registrations_per_ip),
      Duration::micros(600'000'000 / int64_t(options.max_registrations_per_ip))};
  return limits;
}

app::CallLimits call_limits() {
  app::CallLimits limits;
  limits.can_record = true;
  return limits;
}

app::BroadcastLimits broadcast_limits(const Options& options) {
  app::BroadcastLimits limits;
  limits.viewers_per_broadcast = options.max_viewers;
  return limits;
}

api::LibraryOptions library_options(const Options& options) {
  api::LibraryOptions library;
  if (options.retention_days)
    library.retention.age = Duration::seconds(int64_t{*options.retention_days} * 24 * 3600);
  library.retention.bytes = options.retention_bytes;
  library.retention_dry_run = options.retention_dry_run;
  library.quota.bytes = options.user_recording_bytes;
  if (options.user_recording_hours)
    library.quota.time = Duration::seconds(int64_t{*options.user_recording_hours} * 3600);
  return library;
}

}  // namespace loopcast::server
