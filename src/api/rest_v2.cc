#include "api/rest_v2.h"

#include "api/openapi.h"
#include "api/present.h"

namespace loopcast::api {
namespace {

using app::Code;
using app::make_error;
using http::Request;
using http::Response;
using http::Task;
namespace json = boost::json;

constexpr std::string_view kJson = "application/json";
constexpr size_t kDefaultSize = 24;
constexpr size_t kMaxSize = 100;
constexpr size_t kMaxPage = 1'000'000;

json::object session_json(const app::Login& login) {
  return {{"token", login.token},
          {"expires_at", iso_time(login.expires_at)},
          {"user", to_json(app::public_user(login.user))}};
}

// A page of another origin may send text, forms and files without asking first (Fetch standard,
// "CORS-safelisted request-header"): with JSON it has to, and is not allowed to here.
std::optional<Response> refuse_unless_json(const Request& request) {
  if (has_type(request, kJson)) return std::nullopt;
  auto refused = problem(request, make_error(Code::kUnsupportedMediaType));
  refused.set("accept", std::string(kJson));
  return refused;
}

Task<Response> create_user(SignIn& sign_in, Request request) {
  if (auto refused = refuse_unless_json(request)) co_return std::move(*refused);
  const auto asked = credentials_of(request);
  if (!asked) co_return problem(request, asked.error());
  const Origin from = origin_of(request);
  const auto user = co_await sign_in.register_user(asked->nickname, asked->password, from);
  if (!user) co_return problem(request, user.error());
  const auto login =
      co_await sign_in.open_session(*user, from, std::string(request.header("user-agent")));
  if (!login) co_return problem(request, login.error());
  co_return Response::json(session_json(*login), 201);
}

Task<Response> create_session(SignIn& sign_in, Request request) {
  if (auto refused = refuse_unless_json(request)) co_return std::move(*refused);
  const auto asked = credentials_of(request);
  if (!asked) co_return problem(request, asked.error());
  const auto login = co_await sign_in.log_in(asked->nickname, asked->password, origin_of(request),
                                             std::string(request.header("user-agent")));
  if (!login) co_return problem(request, login.error());
  co_return Response::json(session_json(*login), 201);
}

Task<Response> list_broadcasts(SignIn& sign_in, Live& live, Request request) {
  const auto user = co_await sign_in.authenticate(std::string(request.bearer_token()));
  if (!user) co_return problem(request, user.error());
  const size_t page = positive(request.query.get("page"), 1, kMaxPage);
  const size_t size = positive(request.query.get("size"), kDefaultSize, kMaxSize);
  const auto found = live.broadcasts().list(page - 1, size);
  json::array broadcasts;
  for (const auto& broadcast : found.broadcasts) broadcasts.push_back(to_json(broadcast));
  co_return Response::json({{"broadcasts", std::move(broadcasts)},
                            {"page", page},
                            {"size", size},
                            {"total", found.total}});
}

Task<Response> show_broadcast(SignIn& sign_in, Live& live, Request request) {
  const auto user = co_await sign_in.authenticate(std::string(request.bearer_token()));
  if (!user) co_return problem(request, user.error());
  const std::string id(request.param("id"));
  // What one may not see does not exist.
  if (!live.broadcasts().may_watch(id, user->id))
    co_return problem(request, make_error(Code::kNotFound));
  const auto broadcast = live.broadcasts().find(id);
  if (!broadcast) co_return problem(request, broadcast.error());
  co_return Response::json(to_json(*broadcast));
}

Task<Response> show_openapi(Request) {
  auto response = Response::text(std::string(openapi_document()));
  response.set("content-type", "application/openapi+json;version=3.1");
  co_return response;
}

}  // namespace

void add_rest_v2(http::Router& router, SignIn& sign_in, Live& live) {
  // Not for pages of other origins, which would register and try passwords with the addresses of
  // their visitors.
  const http::RouteOptions credentials{kMaxCredentials, std::string(kJson),
                                       http::Pages::kSameOrigin};
  router.add(
      "POST", "/api/v2/users", [&](Request r) { return create_user(sign_in, std::move(r)); },
      credentials);
  router.add(
      "POST", "/api/v2/sessions", [&](Request r) { return create_session(sign_in, std::move(r)); },
      credentials);
  router.add("GET", "/api/v2/broadcasts",
             [&](Request r) { return list_broadcasts(sign_in, live, std::move(r)); });
  router.add("GET", "/api/v2/broadcasts/{id}",
             [&](Request r) { return show_broadcast(sign_in, live, std::move(r)); });
  router.add("GET", "/api/v2/openapi.json", [](Request r) { return show_openapi(std::move(r)); });
}

}  // namespace loopcast::api
