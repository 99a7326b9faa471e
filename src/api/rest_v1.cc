#include "api/rest_v1.h"

#include <cmath>

#include "api/present.h"
#include "api/time_text.h"
#include "http/request_rules.h"

namespace loopcast::api {
namespace {

using http::Request;
using http::Response;
using http::Task;
namespace json = boost::json;

// What the page tests for; its other values are as good as any.
constexpr int kFine = 1;
constexpr int kNotSignedIn = 403;
constexpr int kRefused = 400;

constexpr size_t kDefaultSize = 10;
constexpr size_t kMaxSize = 100;
constexpr size_t kMaxPage = 1'000'000;

Response fine(json::value data) {
  return Response::json({{"status", kFine}, {"msg", ""}, {"data", std::move(data)}});
}

Response refused(const Request& request, const Error& error) {
  const int status = error.code == "unauthorized" ? kNotSignedIn : kRefused;
  const auto text = app::message(error.code, language_of(request.headers.list("accept-language")));
  return Response::json({{"status", status}, {"msg", text}, {"data", nullptr}});
}

// A page of another site would register and try passwords with the addresses of its visitors. What
// it sends as text or as a form needs no preflight, so that CORS alone does not keep it out; pages
// of this site may send their JSON as whatever they like, as they always did.
bool from_elsewhere(const Request& request) { return !http::is_same_site(request).value_or(true); }

Task<Response> register_user(SignIn& sign_in, Request request) {
  if (from_elsewhere(request)) co_return refused(request, app::make_error(app::Code::kForbidden));
  const auto asked = credentials_of(request);
  if (!asked) co_return refused(request, app::make_error(app::Code::kBadJson));
  const auto user =
      co_await sign_in.register_user(asked->nickname, asked->password, origin_of(request));
  if (!user) co_return refused(request, user.error());
  co_return fine(to_json(app::public_user(user->user)));
}

Task<Response> log_in(SignIn& sign_in, Request request) {
  if (from_elsewhere(request)) co_return refused(request, app::make_error(app::Code::kForbidden));
  const auto asked = credentials_of(request);
  if (!asked) co_return refused(request, app::make_error(app::Code::kBadJson));
  const auto login = co_await sign_in.log_in(asked->nickname, asked->password, origin_of(request),
                                             std::string(request.header("user-agent")));
  if (!login) co_return refused(request, login.error());
  co_return fine({{"token", login->token}, {"user", to_json(app::public_user(login->user))}});
}

Task<Response> list_presenters(SignIn& sign_in, Live& live, Request request) {
  const auto user = co_await sign_in.authenticate(std::string(request.header("token")));
  if (!user) co_return refused(request, user.error());
  const size_t page = positive(request.query.get("page"), 1, kMaxPage);
  const size_t size = positive(request.query.get("size"), kDefaultSize, kMaxSize);
  const auto found = live.broadcasts().list(page - 1, size);
  json::array presenters;
  for (const auto& broadcast : found.broadcasts)
    presenters.push_back(json::object{{"id", broadcast.id}, {"user", to_json(broadcast.user)}});
  co_return fine({{"presentors", std::move(presenters)},
                  {"page", page},
                  {"size", size},
                  {"total", found.total}});
}

// nullopt: one of them makes no sense.
std::optional<app::RecordingFilter> filter_of(const Request& request) {
  app::RecordingFilter filter;
  filter.location = std::string(request.query.get("location"));
  filter.presenter = std::string(request.query.get("nickname"));
  const auto read = [&](const char* name, auto parse, auto& into) {
    const std::string_view text = request.query.get(name);
    if (!text.empty()) into = parse(text);
    return text.empty() || into;
  };
  if (!read("startTime", parse_local_time, filter.from) ||
      !read("endTime", parse_local_time, filter.to) ||
      !read("minDuration", parse_seconds, filter.min_duration) ||
      !read("maxDuration", parse_seconds, filter.max_duration))
    return std::nullopt;
  // Written to the second: what began within that second is meant too.
  if (filter.to) filter.to->us += 999'999;
  return filter;
}

Task<Response> list_videos(SignIn& sign_in, Library& library, Request request) {
  const auto user = co_await sign_in.authenticate(std::string(request.header("token")));
  if (!user) co_return refused(request, user.error());
  const auto filter = filter_of(request);
  if (!filter) co_return refused(request, app::make_error(app::Code::kBadRequest));
  const size_t page = positive(request.query.get("page"), 1, kMaxPage);
  const size_t size = positive(request.query.get("size"), kDefaultSize, kMaxSize);
  const auto found =
      co_await library.list(user->id, *filter, page - 1, static_cast<uint32_t>(size));
  if (!found) co_return refused(request, found.error());
  const app::LinkHolder holder{user->id, app::session_id(app::hash_token(request.header("token")))};
  json::array videos;
  for (const app::Recording& r : found->recordings)
    videos.push_back(json::object{{"id", r.id},
                                  {"uri", library.link(r.facts.file, holder)},
                                  {"createdAt", local_time(r.started_at)},
                                  {"location", r.location},
                                  {"nickname", r.owner.nickname},
                                  {"duration", std::llround(r.facts.duration.as_seconds())},
                                  {"comments", r.comments}});
  co_return fine(
      {{"videos", std::move(videos)}, {"page", page}, {"size", size}, {"total", found->total}});
}

}  // namespace

void add_rest_v1(http::Router& router, SignIn& sign_in, Live& live, Library& library) {
  const http::RouteOptions credentials{.max_body = kMaxCredentials,
                                       .pages = http::Pages::kSameSite};
  router.add(
      "POST", "/api/v1/user/register",
      [&](Request r) { return register_user(sign_in, std::move(r)); }, credentials);
  router.add(
      "POST", "/api/v1/user/login", [&](Request r) { return log_in(sign_in, std::move(r)); },
      credentials);
  router.add("GET", "/api/v1/presentors",
             [&](Request r) { return list_presenters(sign_in, live, std::move(r)); });
  router.add("GET", "/api/v1/videos",
             [&](Request r) { return list_videos(sign_in, library, std::move(r)); });
}

}  // namespace loopcast::api
