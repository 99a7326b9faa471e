#include "api/present.h"

#include <charconv>
#include <ctime>

#include <fmt/format.h>

namespace loopcast::api {
namespace {

time_t seconds_of(WallTime time) { return static_cast<time_t>(time.us / 1'000'000); }

}  // namespace

boost::json::object to_json(const app::PublicUser& user) {
  return {{"id", user.id}, {"nickname", user.nickname}, {"avatar", user.avatar}};
}

boost::json::object to_json(const app::BroadcastInfo& broadcast) {
  return {{"id", broadcast.id},
          {"user", to_json(broadcast.user)},
          {"started_at", iso_time(broadcast.started_at)},
          {"viewers", broadcast.viewers}};
}

std::string iso_time(WallTime time) {
  const time_t seconds = seconds_of(time);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", utc.tm_year + 1900, utc.tm_mon + 1,
                     utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec);
}

std::string clock_time(WallTime time) {
  const time_t seconds = seconds_of(time);
  std::tm local{};
  localtime_r(&seconds, &local);
  return fmt::format("{:02}:{:02}:{:02}", local.tm_hour, local.tm_min, local.tm_sec);
}

app::Language language_of(std::string_view accept_language) {
  return app::choose_language(accept_language, app::Language::kChinese);
}

unsigned status_of(std::string_view code) {
  using app::Code;
  switch (app::code_of(code).value_or(Code::kInternal)) {
    case Code::kBadCredentials:
    case Code::kUnauthorized:
      return 401;
    case Code::kForbidden:
    case Code::kWrongPassword:
      return 403;
    case Code::kNotFound:
    case Code::kPublisherGone:
    case Code::kMediaLost:
      return 404;
    case Code::kMethodNotAllowed:
      return 405;
    case Code::kNicknameTaken:
    case Code::kNicknameLooksTaken:
    case Code::kAlreadyPresenting:
    case Code::kAlreadyWatching:
    case Code::kConflict:
    case Code::kNotActive:
    case Code::kReplaced:
    case Code::kRecordingRunning:
      return 409;
    case Code::kPreconditionFailed:
      return 412;
    case Code::kTooLarge:
    case Code::kOfferTooLarge:
      return 413;
    case Code::kUnsupportedMediaType:
      return 415;
    case Code::kNoCommonCodec:
    case Code::kImageInvalid:
      return 422;
    case Code::kRateLimited:
    case Code::kTooManyBroadcasts:
    case Code::kTooManyStreams:
    case Code::kTooManyBlocked:
      return 429;
    case Code::kStoreUnavailable:
    case Code::kServerFull:
    case Code::kServerStopping:
    case Code::kBroadcastFull:
    case Code::kOverloaded:
    case Code::kRecordingStorage:
    case Code::kRecordingOverloaded:
    case Code::kDiskFull:
    case Code::kDiskLow:
    case Code::kRecordingRate:
      return 503;
    case Code::kTimeout:
      return 504;
    case Code::kInternal:
    case Code::kStoreTooNew:
      return 500;
    default:
      return 400;
  }
}

namespace {

bool is_program(const http::Request& request) {
  return request.path.starts_with("/whip") || request.path.starts_with("/whep");
}

// What is wrong with an offer, or a fragment of one: for those who write the program that sent it.
bool is_of_an_offer(std::string_view code) {
  using app::Code;
  switch (app::code_of(code).value_or(Code::kInternal)) {
    case Code::kBadSdp:
    case Code::kOfferTooLarge:
    case Code::kNoBundle:
    case Code::kNoRtcpMux:
    case Code::kNoFingerprint:
    case Code::kNoIce:
    case Code::kIceLite:
    case Code::kNoMedia:
    case Code::kNoCommonCodec:
      return true;
    default:
      return false;
  }
}

}  // namespace

http::Response problem(const http::Request& request, const Error& error) {
  const bool program = is_program(request);
  const auto language =
      app::choose_language(request.headers.list("accept-language"),
                           program ? app::Language::kEnglish : app::Language::kChinese);
  const unsigned status = status_of(error.code);
  const bool explained = program && is_of_an_offer(error.code);
  auto response =
      http::Response::problem(status, error.code, app::message(error.code, language),
                              explained ? std::string_view(error.message) : std::string_view());
  if (status == 401) response.set("www-authenticate", "Bearer");
  // Where the limit is no rate, a place may be free at any time.
  constexpr Duration kTryAgain = Duration::seconds(30);
  Duration later = error.retry_after;
  if ((status == 429 || status == 503) && later == Duration()) later = kTryAgain;
  if (later > Duration()) response.set("retry-after", std::to_string(retry_seconds(later)));
  return response;
}

bool has_type(const http::Request& request, std::string_view type) {
  const std::string_view field = request.header("content-type");
  return http::equals_ignoring_case(http::trim(field.substr(0, field.find(';'))), type);
}

int64_t retry_seconds(Duration later) { return (later.us() + 999'999) / 1'000'000; }

size_t positive(std::string_view text, size_t otherwise, size_t largest) {
  size_t value = 0;
  const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (bad != std::errc() || end != text.data() + text.size() || value == 0) return otherwise;
  return std::min(value, largest);
}

std::optional<std::string> text_member(const boost::json::value& value, std::string_view name) {
  const auto* object = value.if_object();
  if (!object) return std::nullopt;
  const auto* member = object->if_contains(name);
  if (!member || !member->is_string()) return std::nullopt;
  return std::string(member->as_string());
}

Expected<NicknameAndPassword> credentials_of(const http::Request& request) {
  const auto body = http::parse_json(request.body);
  if (!body) return app::make_error(app::Code::kBadJson);
  auto nickname = text_member(*body, "nickname");
  auto password = text_member(*body, "password");
  if (!nickname || !password) return app::make_error(app::Code::kBadRequest);
  return NicknameAndPassword{std::move(*nickname), std::move(*password)};
}

}  // namespace loopcast::api
