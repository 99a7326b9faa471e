#include "api/audit_log.h"

#include <algorithm>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "api/present.h"

namespace loopcast::api {
namespace {

constexpr size_t kRememberedAddresses = 4096;
constexpr size_t kMaxText = 256;

// Printable ASCII and the bytes of other UTF-8 only, and not too much of it.
std::string bounded(std::string_view text) {
  std::string out(text.substr(0, kMaxText));
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  return out;
}

}  // namespace

Origin origin_of(const http::Request& request) {
  std::string id = bounded(request.header("x-request-id").substr(0, 64));
  for (char& c : id)
    if (static_cast<unsigned char>(c) >= 0x80) c = '?';
  return {request.remote.ip, std::move(id)};
}

AuditLog::AuditLog(Sink sink, Clocks clocks, const Random::Seed& seed)
    : sink_(std::move(sink)),
      clocks_(std::move(clocks)),
      refusals_(kRefusals, kRememberedAddresses, seed),
      all_(kAll, 1, seed) {}

void AuditLog::write(const AuditEntry& entry) {
  ++number_;
  const Instant now = clocks_.now();
  const bool fine = entry.result.has_value();
  if ((!fine && !refusals_.take(now, app::host_key(entry.origin.address)).allowed) ||
      !all_.take(now, "").allowed) {
    ++left_out_;
    ++untold_;
    return;
  }
  boost::json::object line{{"time", iso_time(clocks_.wall_now())},
                           {"what", entry.what},
                           {"result", fine ? "ok" : entry.result.error().code},
                           {"address", entry.origin.address.to_string()}};
  if (!entry.user_id.empty()) line["user"] = entry.user_id;
  if (!entry.nickname.empty()) line["nickname"] = bounded(entry.nickname);
  line["request"] = entry.origin.request.empty() ? std::to_string(number_) : entry.origin.request;
  if (!entry.detail.empty()) line["detail"] = bounded(entry.detail);
  if (untold_ > 0) line["left_out"] = std::exchange(untold_, 0);
  ++written_;
  sink_(boost::json::serialize(line));
}

}  // namespace loopcast::api
