#include "api/rest_v1.h"

#include "api/present.h"

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
  const auto text = app::message(error.code, language_of(request.header("accept-language")));
  return Response::json({{"status", status}, {"msg", text}, {"data", nullptr}});
}

Task<Response> register_user(SignIn& sign_in, Request request) {
  const auto asked = credentials_of(request);
  if (!asked) co_return refused(request, app::make_error(app::Code::kBadJson));
  const auto user =
      co_await sign_in.register_user(asked->nickname, asked->password, request.remote.ip);
  if (!user) co_return refused(request, user.error());
  co_return fine(to_json(app::public_user(*user)));
}

Task<Response> log_in(SignIn& sign_in, Request request) {
  const auto asked = credentials_of(request);
  if (!asked) co_return refused(request, app::make_error(app::Code::kBadJson));
  const auto login = co_await sign_in.log_in(asked->nickname, asked->password, request.remote.ip,
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

}  // namespace

void add_rest_v1(http::Router& router, SignIn& sign_in, Live& live) {
  router.add("POST", "/api/v1/user/register",
             [&](Request r) { return register_user(sign_in, std::move(r)); });
  router.add("POST", "/api/v1/user/login",
             [&](Request r) { return log_in(sign_in, std::move(r)); });
  router.add("GET", "/api/v1/presentors",
             [&](Request r) { return list_presenters(sign_in, live, std::move(r)); });
}

}  // namespace loopcast::api
