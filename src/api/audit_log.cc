#include "api/audit_log.h"

#include <algorithm>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "api/present.h"
#include "app/accounts.h"
#include "app/messages.h"

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

// A session as lists of sessions call it, which is no secret; empty if there is none.
std::string session_detail(std::string_view token) {
  if (token.empty()) return {};
  return " session " + app::session_id(app::hash_token(token));
}

}  // namespace

Origin origin_of(const http::Request& request) {
  std::string id = bounded(request.header("x-request-id").substr(0, 64));
  for (char& c : id)
    if (static_cast<unsigned char>(c) >= 0x80) c = '?';
  return {request.remote.ip, std::move(id)};
}

std::optional<AuditEntry> refusal_of(const http::Request& request, const http::Response& response) {
  const bool own_lines = (request.method == "POST" && (request.path.ends_with("/users") ||
                                                       request.path.ends_with("/sessions"))) ||
                         request.path.ends_with("/me/password") ||
                         (request.method == "DELETE" && request.path.ends_with("/me"));
  const bool refused = response.status == 403 || response.status == 429 ||
                       (response.status == 401 && !request.bearer_token().empty());
  if (!refused || own_lines) return std::nullopt;
  const auto code = response.status == 403   ? app::Code::kForbidden
                    : response.status == 429 ? app::Code::kRateLimited
                                             : app::Code::kUnauthorized;
  return AuditEntry{
      .what = "refusal",
      .result = app::make_error(code),
      .origin = origin_of(request),
      .detail = request.method + " " + request.path + session_detail(request.bearer_token())};
}

bool is_limit(const Error& error) {
  return status_of(error.code) == 429 || error.code == app::name_of(app::Code::kServerFull);
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
  const bool from_outside = entry.origin.address != IpAddress{};
  if ((!fine && from_outside &&
       !refusals_.take(now, app::host_key(entry.origin.address)).allowed) ||
      !all_.take(now, "").allowed) {
    ++left_out_;
    ++untold_;
    return;
  }
  boost::json::object line{{"time", iso_time(clocks_.wall_now())},
                           {"what", entry.what},
                           {"result", fine ? "ok" : entry.result.error().code}};
  if (from_outside) line["address"] = entry.origin.address.to_string();
  if (!entry.user_id.empty()) line["user"] = entry.user_id;
  if (!entry.nickname.empty()) line["nickname"] = bounded(entry.nickname);
  line["request"] = entry.origin.request.empty() ? std::to_string(number_) : entry.origin.request;
  if (!entry.detail.empty()) line["detail"] = bounded(entry.detail);
  if (untold_ > 0) line["left_out"] = untold_;
  if (!sink_(boost::json::serialize(line))) {
    ++left_out_;
    ++untold_;
    return;
  }
  untold_ = 0;
  ++written_;
}

}  // namespace loopcast::api
