#include "api/rest_recordings.h"

#include <utility>

#include <fmt/format.h>

#include "api/present.h"
#include "api/time_text.h"
#include "app/media_link.h"
#include "app/messages.h"
#include "app/utf8.h"
#include "app/visible_text.h"
#include "http/static_files.h"

namespace loopcast::api {
namespace {

using app::Code;
using app::make_error;
using app::Recording;
using http::Request;
using http::Response;
using http::Task;
namespace json = boost::json;

constexpr size_t kDefaultSize = 24;
constexpr size_t kMaxPage = 1'000'000;
// As many as a title has.
constexpr size_t kMaxSearchCharacters = app::kMaxTitleCodePoints;

// For whom the links of an answer to this request are.
app::LinkHolder holder_of(const Request& request, const app::User& user) {
  return {user.id, app::session_id(app::hash_token(request.bearer_token()))};
}

json::value text_or_null(bool there, const std::string& text) {
  return there ? json::value(text) : json::value(nullptr);
}

// Of a recording of a call: which one, and with whom `user` spoke, unless that account is gone. The
// recordings of one call, of both sides and of all its parts, have the same id.
json::value call_json(const Recording& r, const std::string& user) {
  if (r.call_id.empty()) return nullptr;
  const app::User& other = r.owner.id == user ? r.co_owner : r.owner;
  json::value with;
  if (!other.id.empty()) with = to_json(app::public_user(other));
  return json::object{{"id", r.call_id}, {"with", std::move(with)}};
}

json::object recording_json(const Library& library, const Recording& r,
                            const app::LinkHolder& holder) {
  const std::string& user = holder.user_id;
  const std::string url = r.plays() ? library.link(r.facts.file, holder) : std::string();
  json::value sprite;
  if (r.plays() && r.sprites) {
    const app::SpriteSheet& s = *r.sprites;
    sprite = json::object{{"url", library.link(r.id + ".sprite.jpg", holder)},
                          {"interval", s.interval},
                          {"columns", s.columns},
                          {"rows", s.rows},
                          {"width", s.width},
                          {"height", s.height},
                          {"count", s.count}};
  }
  return {{"id", r.id},
          {"title", r.title},
          {"user", to_json(app::public_user(r.owner))},
          {"started_at", iso_time(r.started_at)},
          {"duration", r.facts.duration.as_seconds()},
          {"width", r.facts.width},
          {"height", r.facts.height},
          {"video_codec", r.facts.video_codec},
          {"audio_codec", r.facts.audio_codec},
          {"bytes", r.facts.bytes},
          {"location", r.location},
          {"comments", r.comments},
          {"visibility", name_of(r.visibility)},
          {"state", name_of(r.state)},
          {"mine", r.owner.id == user},
          {"call", call_json(r, user)},
          {"url", text_or_null(r.plays(), url)},
          {"download_url", text_or_null(r.plays(), url + "&download=1")},
          {"thumbnail", r.plays() && r.thumbnail ? json::value(library.link(r.id + ".jpg", holder))
                                                 : json::value(nullptr)},
          {"sprite", std::move(sprite)}};
}

// An empty parameter is no filter. nullopt: one of them makes no sense.
std::optional<app::RecordingFilter> filter_of(const Request& request, const std::string& user_id) {
  app::RecordingFilter filter;
  const auto& query = request.query;
  filter.presenter = std::string(query.get("presenter"));
  filter.text = std::string(query.get("q"));
  filter.location = std::string(query.get("location"));
  for (const std::string* text : {&filter.presenter, &filter.text, &filter.location})
    if (app::count_code_points(*text) > kMaxSearchCharacters) return std::nullopt;
  const auto read = [&](const char* name, auto parse, auto& into) {
    const std::string_view text = query.get(name);
    if (!text.empty()) into = parse(text);
    return text.empty() || into;
  };
  if (!read("from", parse_iso_time, filter.from) || !read("to", parse_iso_time, filter.to) ||
      !read("min_duration", parse_seconds, filter.min_duration) ||
      !read("max_duration", parse_seconds, filter.max_duration))
    return std::nullopt;
  if (query.get("mine") == "1") filter.owned_by = user_id;
  return filter;
}

Task<Response> list(SignIn& sign_in, Library& library, Request request) {
  const auto user = co_await sign_in.authenticate(std::string(request.bearer_token()));
  if (!user) co_return problem(request, user.error());
  const auto filter = filter_of(request, user->id);
  if (!filter) co_return problem(request, make_error(Code::kBadRequest));
  const size_t page = positive(request.query.get("page"), 1, kMaxPage);
  const size_t size = positive(request.query.get("size"), kDefaultSize, app::kMaxRecordingsPerPage);
  const auto found =
      co_await library.list(user->id, *filter, page - 1, static_cast<uint32_t>(size));
  if (!found) co_return problem(request, found.error());
  json::array recordings;
  for (const Recording& recording : found->recordings)
    recordings.push_back(recording_json(library, recording, holder_of(request, *user)));
  co_return Response::json({{"recordings", std::move(recordings)},
                            {"page", page},
                            {"size", size},
                            {"total", found->total}});
}

Task<Response> show(SignIn& sign_in, Library& library, Request request) {
  const auto user = co_await sign_in.authenticate(std::string(request.bearer_token()));
  if (!user) co_return problem(request, user.error());
  const auto recording = co_await library.find(user->id, std::string(request.param("id")));
  if (!recording) co_return problem(request, recording.error());
  co_return Response::json(recording_json(library, *recording, holder_of(request, *user)));
}

// nullopt: a member of another type or value.
std::optional<app::RecordingEdit> edit_of(const json::value& body) {
  const auto* object = body.if_object();
  if (!object) return std::nullopt;
  app::RecordingEdit edit;
  for (const auto& [name, value] : *object) {
    if (!value.is_string()) return std::nullopt;
    std::string text(value.as_string());
    if (name == "title") {
      edit.title = std::move(text);
    } else if (name == "comments") {
      edit.comments = std::move(text);
    } else if (name == "visibility") {
      edit.visibility = app::visibility_of(text);
      if (!edit.visibility) return std::nullopt;
    } else {
      return std::nullopt;
    }
  }
  return edit;
}

Task<Response> edit(SignIn& sign_in, Library& library, Request request) {
  const auto user = co_await sign_in.authenticate(std::string(request.bearer_token()));
  if (!user) co_return problem(request, user.error());
  const auto body = http::parse_json(request.body);
  if (!body) co_return problem(request, make_error(Code::kBadJson));
  auto change = edit_of(*body);
  if (!change) co_return problem(request, make_error(Code::kBadRequest));
  const bool publishes = change->visibility.has_value();
  const auto recording =
      co_await library.edit(user->id, std::string(request.param("id")), std::move(*change));
  if (!recording) co_return problem(request, recording.error());
  if (publishes)
    sign_in.audit().write(
        {.what = "recording_visibility",
         .origin = origin_of(request),
         .user_id = user->id,
         .nickname = user->nickname,
         .detail = fmt::format("{} {}", recording->id, name_of(recording->visibility))});
  co_return Response::json(recording_json(library, *recording, holder_of(request, *user)));
}

Task<Response> remove(SignIn& sign_in, Library& library, Request request) {
  const auto user = co_await sign_in.authenticate(std::string(request.bearer_token()));
  if (!user) co_return problem(request, user.error());
  const auto removed = co_await library.remove(user->id, std::string(request.param("id")));
  // What was not even tried is a refusal, or nothing.
  const auto code = removed ? Code::kCount : app::code_of(removed.error().code);
  if (removed || code == Code::kTimeout || code == Code::kRecordingStorage)
    sign_in.audit().write({.what = "recording_removal",
                           .result = removed,
                           .origin = origin_of(request),
                           .user_id = user->id,
                           .nickname = user->nickname,
                           .detail = std::string(request.param("id"))});
  if (!removed) co_return problem(request, removed.error());
  co_return Response::empty(204);
}

Task<Response> usage(SignIn& sign_in, Library& library, Request request) {
  const auto user = co_await sign_in.authenticate(std::string(request.bearer_token()));
  if (!user) co_return problem(request, user.error());
  const auto room = co_await library.room(user->id);
  if (!room) co_return problem(request, room.error());
  const auto& [bytes, time] = room->quota;
  co_return Response::json(
      {{"bytes", room->used.bytes},
       {"count", room->used.count},
       {"seconds", room->used.time.as_seconds()},
       {"limit_bytes", bytes ? json::value(*bytes) : json::value(nullptr)},
       {"limit_seconds", time ? json::value(time->as_seconds()) : json::value(nullptr)}});
}

// RFC 6266: the title as the name of the file, and one in ASCII for those who know no other.
std::string disposition(const Recording& r) {
  const size_t dot = r.facts.file.rfind('.');
  const std::string extension = dot == std::string::npos ? "" : r.facts.file.substr(dot);
  const std::string start = iso_time(r.started_at).substr(0, 10);
  // Titles of before may have what makes a name read backwards.
  std::string name = fmt::format("{} {}{}", app::visible_text(r.title), start, extension);
  for (char& c : name)
    if (c == '/' || c == '\\' || c == ':' || c == '"') c = '_';
  std::string escaped;
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '.' || c == '_' || c == '-';
    escaped += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<uint8_t>(c));
  }
  return fmt::format("attachment; filename=\"recording-{}{}\"; filename*=UTF-8''{}", start,
                     extension, escaped);
}

Task<Response> serve(Library& library, const std::string& folder, Request request) {
  const std::string file(request.param("file"));
  const app::LinkHolder holder{std::string(request.query.get("u")),
                               std::string(request.query.get("k"))};
  const auto recording = co_await library.follow(file, std::string(request.query.get("e")), holder,
                                                 std::string(request.query.get("s")));
  if (!recording) co_return problem(request, recording.error());
  const bool picture = file.ends_with(".jpg");
  // While it is recorded or finished, there is nothing to see.
  if (!recording->plays() || (!picture && file != recording->facts.file))
    co_return problem(request, make_error(Code::kNotFound));
  auto response = http::serve_file(request, http::open_beneath(folder, "/" + file),
                                   http::content_type_of(file));
  http::add_security_headers(response.headers, "default-src 'none'; media-src 'self'");
  // The link's user only; and asked for again, because permission may end before the link does.
  response.set("cache-control", picture ? "private, max-age=3600" : "private, no-cache");
  if (!picture && request.query.get("download") == "1" && response.status < 300)
    response.set("content-disposition", disposition(*recording));
  co_return response;
}

}  // namespace

void add_rest_recordings(http::Router& router, SignIn& sign_in, Library& library,
                         std::string folder) {
  router.add("GET", "/api/v2/recordings",
             [&](Request r) { return list(sign_in, library, std::move(r)); });
  router.add("GET", "/api/v2/recordings/usage",
             [&](Request r) { return usage(sign_in, library, std::move(r)); });
  router.add("GET", "/api/v2/recordings/{id}",
             [&](Request r) { return show(sign_in, library, std::move(r)); });
  router.add("PATCH", "/api/v2/recordings/{id}",
             [&](Request r) { return edit(sign_in, library, std::move(r)); });
  router.add("DELETE", "/api/v2/recordings/{id}",
             [&](Request r) { return remove(sign_in, library, std::move(r)); });
  // Kept by the handler for as long as the router lives; the coroutine refers to it.
  const auto where = std::make_shared<std::string>(std::move(folder));
  router.add("GET", "/media/{file}",
             [&library, where](Request r) { return serve(library, *where, std::move(r)); });
}

}  // namespace loopcast::api
