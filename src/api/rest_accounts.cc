#include "api/rest_accounts.h"

#include "api/present.h"
#include "app/avatar_image.h"

namespace loopcast::api {
namespace {

using app::Code;
using app::make_error;
using http::Request;
using http::Response;
using http::Task;
using Caller = AccountChanges::Caller;
namespace json = boost::json;

// A member of the request's JSON. Errors: bad_json, bad_request (it is absent or no text).
Expected<std::string> required_text(const Request& request, std::string_view name) {
  const auto body = http::parse_json(request.body);
  if (!body) return make_error(Code::kBadJson);
  auto text = text_member(*body, name);
  if (!text) return make_error(Code::kBadRequest);
  return std::move(*text);
}

Response user_or_problem(const Request& request, const Expected<app::User>& user) {
  if (!user) return problem(request, user.error());
  return Response::json(to_json(app::public_user(*user)));
}

Response nothing_or_problem(const Request& request, const Status& done) {
  return done ? Response::empty(204) : problem(request, done.error());
}

json::object session_json(const app::Session& session, const app::TokenHash& current) {
  return {{"id", app::session_id(session.token_hash)},
          {"user_agent", session.user_agent},
          {"created_at", iso_time(session.created_at)},
          {"last_used_at", iso_time(session.last_used_at)},
          {"current", session.token_hash == current}};
}

Task<Response> show_me(Caller caller, AccountChanges&, Request) {
  co_return Response::json(to_json(app::public_user(caller.user)));
}

Task<Response> change_me(Caller caller, AccountChanges& changes, Request request) {
  const auto body = http::parse_json(request.body);
  if (!body) co_return problem(request, make_error(Code::kBadJson));
  const auto* object = body->if_object();
  const auto* nickname = object ? object->if_contains("nickname") : nullptr;
  if (!object || (nickname && !nickname->is_string()))
    co_return problem(request, make_error(Code::kBadRequest));
  // Nothing to change: that is done.
  if (!nickname) co_return Response::json(to_json(app::public_user(caller.user)));
  const auto user = co_await changes.rename(caller, std::string(nickname->as_string()));
  co_return user_or_problem(request, user);
}

Task<Response> remove_me(Caller caller, AccountChanges& changes, Request request) {
  const auto password = required_text(request, "password");
  if (!password) co_return problem(request, password.error());
  const Status done = co_await changes.remove(caller, *password);
  co_return nothing_or_problem(request, done);
}

Task<Response> set_avatar(Caller caller, AccountChanges& changes, Request request) {
  const auto user = co_await changes.set_avatar(caller, std::move(request.body));
  co_return user_or_problem(request, user);
}

Task<Response> remove_avatar(Caller caller, AccountChanges& changes, Request request) {
  const auto user = co_await changes.remove_avatar(caller);
  co_return user_or_problem(request, user);
}

Task<Response> change_password(Caller caller, AccountChanges& changes, Request request) {
  const auto before = required_text(request, "old");
  if (!before) co_return problem(request, before.error());
  const auto after = required_text(request, "new");
  if (!after) co_return problem(request, after.error());
  const Status done = co_await changes.change_password(caller, *before, *after);
  co_return nothing_or_problem(request, done);
}

Task<Response> list_sessions(Caller caller, AccountChanges& changes, Request request) {
  const auto sessions = co_await changes.sessions(caller);
  if (!sessions) co_return problem(request, sessions.error());
  json::array list;
  for (const app::Session& session : *sessions)
    list.push_back(session_json(session, caller.session));
  co_return Response::json({{"sessions", std::move(list)}});
}

Task<Response> end_session(Caller caller, AccountChanges& changes, Request request) {
  std::string id(request.param("id"));
  if (id == "current") id = app::session_id(caller.session);
  const Status done = co_await changes.end_session(caller, id);
  co_return nothing_or_problem(request, done);
}

Task<Response> end_all_sessions(Caller caller, AccountChanges& changes, Request request) {
  const Status done = co_await changes.end_all_sessions(caller);
  co_return nothing_or_problem(request, done);
}

// No token: the picture stands in pages as an image, and is as public as the name.
Task<Response> show_avatar(SignIn& sign_in, AccountChanges& changes, Request request) {
  const std::string file(request.param("file"));
  const auto user = co_await sign_in.find_user(std::string(app::avatar_owner(file)));
  if (!user) co_return problem(request, user.error());
  Response response;
  const std::string path = app::avatar_path(*user);
  if ("/avatars/" + file != path) {
    // A picture from before: pages that still ask for it get the one of now.
    response = Response::empty(302);
    response.set("location", path);
    response.set("cache-control", "no-cache");
    co_return response;
  }
  if (user->avatar.empty()) {
    response = Response::text(app::avatar_svg(user->id, user->nickname));
    response.set("content-type", "image/svg+xml");
  } else {
    const auto avatar = co_await changes.find_avatar(user->id);
    if (!avatar) co_return problem(request, avatar.error());
    response = Response::text(avatar->jpeg);
    response.set("content-type", "image/jpeg");
  }
  response.set("cache-control", "public, max-age=31536000, immutable");
  // An image, never a document of this origin that could run something.
  response.set("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'");
  response.set("x-content-type-options", "nosniff");
  co_return response;
}

using Action = Task<Response> (*)(Caller, AccountChanges&, Request);

Task<Response> authenticated(AccountChanges& changes, Action action, Request request) {
  auto caller =
      co_await changes.authenticate(std::string(request.bearer_token()), origin_of(request));
  if (!caller) co_return problem(request, caller.error());
  co_return co_await action(std::move(*caller), changes, std::move(request));
}

}  // namespace

void add_rest_accounts(http::Router& router, SignIn& sign_in, AccountChanges& changes) {
  const auto add = [&](std::string_view method, std::string_view pattern, Action action,
                       http::RouteOptions options = {}) {
    router.add(
        method, pattern,
        [&changes, action](Request r) { return authenticated(changes, action, std::move(r)); },
        options);
  };
  add("GET", "/api/v2/me", show_me);
  add("PATCH", "/api/v2/me", change_me);
  add("DELETE", "/api/v2/me", remove_me);
  add("PUT", "/api/v2/me/avatar", set_avatar, {app::kMaxAvatarUpload});
  add("DELETE", "/api/v2/me/avatar", remove_avatar);
  add("PUT", "/api/v2/me/password", change_password);
  add("GET", "/api/v2/sessions", list_sessions);
  add("DELETE", "/api/v2/sessions", end_all_sessions);
  // "current" is the caller's own.
  add("DELETE", "/api/v2/sessions/{id}", end_session);
  router.add("GET", "/avatars/{file}",
             [&](Request r) { return show_avatar(sign_in, changes, std::move(r)); });
}

}  // namespace loopcast::api
