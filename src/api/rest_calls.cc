#include "api/rest_calls.h"

#include "api/call_json.h"
#include "api/present.h"

namespace loopcast::api {
namespace {

using http::Request;
using http::Response;
using http::Task;
namespace json = boost::json;

constexpr size_t kDefaultSize = 24;
constexpr size_t kMaxSize = 100;
constexpr size_t kMaxPage = 1'000'000;

struct Paging {
  size_t page;
  size_t size;
  uint64_t offset() const { return uint64_t{page - 1} * size; }
};

Paging paging_of(const Request& request) {
  return {positive(request.query.get("page"), 1, kMaxPage),
          positive(request.query.get("size"), kDefaultSize, kMaxSize)};
}

Task<Response> list_people(SignIn& sign_in, CallHistory& history, Request request) {
  const auto user = co_await sign_in.authenticate(std::string(request.bearer_token()));
  if (!user) co_return problem(request, user.error());
  PeopleQuery query;
  // One that is longer than any nickname is a part of none.
  query.part = std::string(request.query.get("q"));
  query.after = std::string(request.query.get("after"));
  query.size = static_cast<uint32_t>(positive(request.query.get("size"), kDefaultSize, kMaxSize));
  query.here = request.query.get("here") == "true";
  const auto found = co_await history.people(sign_in.now(), user->id, std::move(query));
  if (!found) co_return problem(request, found.error());
  json::array people;
  for (const auto& person : found->people) people.push_back(person_json(person));
  const json::value next = found->next.empty() ? json::value() : json::value(found->next);
  co_return Response::json({{"people", std::move(people)}, {"next", next}});
}

Task<Response> list_calls(SignIn& sign_in, CallHistory& history, Request request) {
  const auto user = co_await sign_in.authenticate(std::string(request.bearer_token()));
  if (!user) co_return problem(request, user.error());
  const Paging paging = paging_of(request);
  const auto found =
      co_await history.list(user->id, paging.offset(), static_cast<uint32_t>(paging.size));
  if (!found) co_return problem(request, found.error());
  json::array calls;
  for (const auto& call : found->calls) calls.push_back(to_json(call));
  co_return Response::json({{"calls", std::move(calls)},
                            {"page", paging.page},
                            {"size", paging.size},
                            {"total", found->total}});
}

Task<Response> clear_calls(SignIn& sign_in, CallHistory& history, CallEvents& events,
                           Request request) {
  const auto user = co_await sign_in.authenticate(std::string(request.bearer_token()));
  if (!user) co_return problem(request, user.error());
  const auto done = co_await history.clear(user->id);
  if (!done) co_return problem(request, done.error());
  (void)co_await events.tell_missed(user->id);
  co_return Response::empty(204);
}

Task<Response> list_blocked(SignIn& sign_in, CallHistory& history, Request request) {
  const auto user = co_await sign_in.authenticate(std::string(request.bearer_token()));
  if (!user) co_return problem(request, user.error());
  const auto found = co_await history.blocked_by(user->id);
  if (!found) co_return problem(request, found.error());
  json::array people;
  for (const auto& person : *found) people.push_back(to_json(app::public_user(person)));
  co_return Response::json({{"people", std::move(people)}});
}

Task<Response> change_blocked(SignIn& sign_in, CallHistory& history, bool block, WallTime now,
                              Request request) {
  const auto user = co_await sign_in.authenticate(std::string(request.bearer_token()));
  if (!user) co_return problem(request, user.error());
  std::string other(request.param("user"));
  Status done = ok();
  if (block)
    done = co_await history.block(user->id, std::move(other), now);
  else
    done = co_await history.unblock(user->id, std::move(other));
  if (!done) co_return problem(request, done.error());
  co_return Response::empty(204);
}

}  // namespace

void add_rest_calls(http::Router& router, SignIn& sign_in, CallHistory& history, CallEvents& events,
                    const std::function<WallTime()>& wall_now) {
  router.add("GET", "/api/v2/people",
             [&](Request r) { return list_people(sign_in, history, std::move(r)); });
  router.add("GET", "/api/v2/calls",
             [&](Request r) { return list_calls(sign_in, history, std::move(r)); });
  router.add("DELETE", "/api/v2/calls",
             [&](Request r) { return clear_calls(sign_in, history, events, std::move(r)); });
  router.add("GET", "/api/v2/blocked",
             [&](Request r) { return list_blocked(sign_in, history, std::move(r)); });
  router.add("PUT", "/api/v2/blocked/{user}", [&, wall_now](Request r) {
    return change_blocked(sign_in, history, true, wall_now(), std::move(r));
  });
  router.add("DELETE", "/api/v2/blocked/{user}", [&, wall_now](Request r) {
    return change_blocked(sign_in, history, false, wall_now(), std::move(r));
  });
}

}  // namespace loopcast::api
