#include "api/whip.h"

#include <chrono>
#include <deque>
#include <optional>

#include <boost/asio/redirect_error.hpp>
#include <fmt/format.h>

#include "api/present.h"
#include "http/conditions.h"

namespace loopcast::api {

using app::Code;
using app::make_error;
using http::Request;
using http::Response;
using http::Task;

namespace {

constexpr std::string_view kSdp = "application/sdp";
constexpr std::string_view kFragment = "application/trickle-ice-sdpfrag";

// How often it is looked whether a broadcast is silent now.
constexpr std::chrono::milliseconds kSilencePoll{50};
// When a player asks again whose presenter was lost: most are back within some seconds.
constexpr Duration kPresenterMayBeBack = Duration::seconds(5);

Response answer(unsigned status, std::string_view type, std::string body) {
  auto response = Response::text(std::move(body), status);
  response.set("content-type", std::string(type));
  return response;
}

}  // namespace

// One stream that was made by POST, until its DELETE or its end.
struct Whip::Resource {
  Resource(http::asio::io_context& context, std::string name, Kind of)
      : id(std::move(name)), kind(of), wake(context) {}

  std::string id;
  Kind kind;
  std::string user_id;
  app::TokenHash session{};
  app::ClientId client = 0;
  unsigned generation = 0;         // of ICE; its entity tag
  bool waiting = false;            // a request waits for `reply`
  bool patching = false;           // one has its turn
  std::deque<http::Timer*> queue;  // of others that wait for theirs
  size_t queued_bytes = 0;
  bool ended = false;
  http::Timer wake;
  std::optional<Expected<std::string>> reply;  // the answer, or the restart's fragment
  std::string broadcast_id;

  void pass_turn() {
    patching = false;
    if (queue.empty()) return;
    // Nobody else has it before the next one runs.
    patching = true;
    http::Timer* const next = queue.front();
    queue.pop_front();
    next->cancel();
  }

  std::string etag() const { return fmt::format("\"{}-{}\"", id, generation); }
};

Whip::Whip(http::asio::io_context& context, SignIn& sign_in, Live& live, Library& library,
           Random& random)
    : context_(context), sign_in_(sign_in), live_(live), library_(library), random_(random) {}

Whip::~Whip() = default;

void Whip::add_routes(http::Router& router) {
  const http::RouteOptions offers{.accepts = std::string(kSdp)};
  const http::RouteOptions fragments{.accepts = std::string(kFragment)};
  router.add(
      "POST", "/whip", [this](Request r) { return create(Kind::kWhip, std::move(r)); }, offers);
  router.add(
      "PATCH", "/whip/{resource}", [this](Request r) { return patch(Kind::kWhip, std::move(r)); },
      fragments);
  router.add("DELETE", "/whip/{resource}",
             [this](Request r) { return remove(Kind::kWhip, std::move(r)); });
  router.add(
      "POST", "/whep/{broadcast}", [this](Request r) { return create(Kind::kWhep, std::move(r)); },
      offers);
  router.add(
      "PATCH", "/whep/{broadcast}/{resource}",
      [this](Request r) { return patch(Kind::kWhep, std::move(r)); }, fragments);
  router.add("DELETE", "/whep/{broadcast}/{resource}",
             [this](Request r) { return remove(Kind::kWhep, std::move(r)); });
}

void Whip::on_notice(Resource& resource, app::Notice& notice) {
  const auto reply = [&](Expected<std::string> value) {
    resource.reply = std::move(value);
    resource.wake.cancel();
  };
  const auto over = [&](const Error& error) {
    resource.ended = true;
    if (resource.waiting)
      reply(error);
    else if (const auto it = resources_.find(resource.id); it != resources_.end())
      end(it->second);
  };
  if (auto* answered = std::get_if<app::Answer>(&notice.what)) {
    resource.broadcast_id = answered->broadcast_id;
    reply(std::move(answered->sdp));
  } else if (auto* restarted = std::get_if<app::Restarted>(&notice.what)) {
    reply(std::move(restarted->fragment));
  } else if (auto* failed = std::get_if<app::Failed>(&notice.what)) {
    reply(std::move(failed->error));
  } else if (auto* closed = std::get_if<app::Closed>(&notice.what)) {
    over(closed->error);
  } else if (const auto* gone = std::get_if<app::PresenterGone>(&notice.what)) {
    over(make_error(Code::kPublisherGone, gone->may_return ? kPresenterMayBeBack : Duration()));
  }
}

void Whip::end(const ResourcePtr& resource) {
  const bool waited_for = resource->kind == Kind::kWhip && !resource->broadcast_id.empty();
  if (!waited_for || stopping_) return forget(resource->id);
  live_.remove(resource->client);
  resource->wake.expires_after(std::chrono::microseconds(app::kReconnectTime.us()));
  resource->wake.async_wait([this, id = resource->id](const boost::system::error_code& cancelled) {
    if (!cancelled) forget(id);
  });
}

void Whip::forget(const std::string& id) {
  const auto it = resources_.find(id);
  if (it == resources_.end()) return;
  const ResourcePtr resource = it->second;
  resources_.erase(it);
  live_.remove(resource->client);
  // Requests that wait for it find that it is gone.
  resource->ended = true;
  if (!resource->waiting || resource->reply) return;
  resource->reply = make_error(Code::kNotFound);
  resource->wake.cancel();
}

void Whip::end_sessions(const EndedSessions& ended) {
  std::vector<ResourcePtr> over;
  for (const auto& [id, resource] : resources_)
    if (ended.contains(resource->user_id, resource->session)) over.push_back(resource);
  for (const ResourcePtr& resource : over) {
    if (!resource->waiting) {
      forget(resource->id);
      continue;
    }
    resource->ended = true;
    resource->reply = make_error(Code::kUnauthorized);
    resource->wake.cancel();
  }
}

void Whip::shutdown() {
  stopping_ = true;
  std::erase_if(resources_,
                [](const auto& entry) { return entry.second->ended && !entry.second->waiting; });
}

Task<> Whip::wait(Resource& resource) {
  resource.waiting = true;
  if (!resource.reply) {
    resource.wake.expires_after(kAnswerTimeout);
    boost::system::error_code cancelled;
    co_await resource.wake.async_wait(http::asio::redirect_error(http::use_task, cancelled));
  }
  resource.waiting = false;
  if (!resource.reply) resource.reply = make_error(Code::kTimeout);
}

Task<Status> Whip::wait_for_turn(Resource& resource, size_t bytes) {
  if (resource.patching) {
    if (resource.queue.size() >= kMaxWaitingPatches ||
        resource.queued_bytes + bytes > kMaxWaitingPatchBytes)
      co_return make_error(Code::kRateLimited);
    http::Timer turn(context_);
    turn.expires_after(kAnswerTimeout);
    resource.queue.push_back(&turn);
    resource.queued_bytes += bytes;
    boost::system::error_code called;
    co_await turn.async_wait(http::asio::redirect_error(http::use_task, called));
    resource.queued_bytes -= bytes;
    // Whose turn it is has left the queue.
    if (std::erase(resource.queue, &turn) > 0) co_return make_error(Code::kTimeout);
  }
  resource.patching = true;
  co_return ok();
}

// A program that died may be back before the broadcast that it left is known to be silent.
Task<> Whip::wait_for_silence(Resource& resource) {
  const auto end =
      std::chrono::steady_clock::now() + std::chrono::microseconds(app::kSilenceKnown.us());
  while (!resource.ended && live_.silence_unknown(resource.user_id) &&
         std::chrono::steady_clock::now() < end) {
    resource.wake.expires_after(kSilencePoll);
    boost::system::error_code cancelled;
    co_await resource.wake.async_wait(http::asio::redirect_error(http::use_task, cancelled));
  }
}

Task<Response> Whip::create(Kind kind, Request request) {
  const auto user = co_await sign_in_.authenticate(std::string(request.bearer_token()));
  if (!user) co_return problem(request, user.error());
  if (!has_type(request, kSdp)) {
    auto refused = problem(request, make_error(Code::kUnsupportedMediaType));
    refused.set("accept", std::string(kSdp));
    co_return refused;
  }
  if (kind == Kind::kWhip)
    if (const Status may = live_.may_present(sign_in_.now(), user->id); !may)
      co_return problem(request, may.error());
  const auto resource = std::make_shared<Resource>(context_, random_.token(22), kind);
  resource->user_id = user->id;
  resource->session = app::hash_token(request.bearer_token());
  resource->client = live_.add(
      [this, resource = resource.get()](app::Notice& notice) { on_notice(*resource, notice); });
  resources_[resource->id] = resource;
  resource->waiting = true;
  const std::string broadcast(request.param("broadcast"));
  if (kind == Kind::kWhip) {
    app::PresentOptions options;
    options.offer = std::move(request.body);
    options.address = request.remote.ip;
    options.record = request.query.get("record") != "false";
    options.whip = true;
    options.comes_back = true;
    options.replaces = std::string(request.query.get("replaces"));
    const bool says_nothing = options.replaces.empty();
    if (says_nothing) co_await wait_for_silence(*resource);
    if (!resource->ended) {
      if (says_nothing) options.replaces = live_.lost_program(user->id);
      live_.present(resource->client, app::public_user(*user), std::move(options));
    }
  } else {
    live_.watch(resource->client, app::public_user(*user), broadcast, {std::move(request.body)});
  }
  co_await wait(*resource);
  const Expected<std::string> reply = std::move(*resource->reply);
  resource->reply.reset();
  if (!reply || resource->ended) {
    forget(resource->id);
    co_return problem(request, reply ? make_error(Code::kPublisherGone) : reply.error());
  }
  auto response = answer(201, kSdp, *reply);
  response.set("location", kind == Kind::kWhip ? "/whip/" + resource->id
                                               : "/whep/" + broadcast + "/" + resource->id);
  response.set("etag", resource->etag());
  response.set("accept-patch", std::string(kFragment));
  response.set("link",
               fmt::format("</api/v2/broadcasts/{}>; rel=\"related\"", resource->broadcast_id));
  co_return response;
}

Task<Expected<Whip::ResourcePtr>> Whip::find(Kind kind, const Request& request) {
  const std::string id(request.param("resource"));
  const auto user = co_await sign_in_.authenticate(std::string(request.bearer_token()));
  if (!user) co_return user.error();
  const auto it = resources_.find(id);
  if (it == resources_.end() || it->second->kind != kind || it->second->user_id != user->id)
    co_return make_error(Code::kNotFound);
  co_return it->second;
}

Task<Response> Whip::patch(Kind kind, Request request) {
  const auto found = co_await find(kind, request);
  if (!found) co_return problem(request, found.error());
  const ResourcePtr& resource = *found;
  if (!has_type(request, kFragment)) {
    auto refused = problem(request, make_error(Code::kUnsupportedMediaType));
    refused.set("accept-patch", std::string(kFragment));
    co_return refused;
  }
  // Requests overlap and come out of order (RFC 9725, section 4.3.1); what each of them finds is
  // what those before it have left.
  if (const auto turn = co_await wait_for_turn(*resource, request.body.size()); !turn)
    co_return problem(request, turn.error());
  Expected<std::string> reply = make_error(Code::kNotFound);
  const bool matches = !request.headers.has("if-match") ||
                       http::names_etag(request.headers.list("if-match"), resource->etag(),
                                        http::EtagComparison::kStrong);
  if (!resource->ended && !matches) {
    reply = make_error(Code::kPreconditionFailed);
  } else if (!resource->ended) {
    live_.restart_ice(resource->client, std::move(request.body));
    co_await wait(*resource);
    reply = std::move(*resource->reply);
    resource->reply.reset();
    if (resource->ended) end(resource);
  }
  resource->pass_turn();
  if (!reply) co_return problem(request, reply.error());
  // Candidates alone need no answer (RFC 9725, section 4.3.2).
  if (reply->empty()) co_return Response::empty(204);
  ++resource->generation;
  auto response = answer(200, kFragment, *reply);
  response.set("etag", resource->etag());
  co_return response;
}

Task<Response> Whip::remove(Kind kind, Request request) {
  const auto found = co_await find(kind, request);
  if (!found) co_return problem(request, found.error());
  live_.stop((*found)->client);
  // One whose media was lost is waited for: not any more.
  live_.give_up((*found)->user_id, (*found)->broadcast_id);
  library_.give_up((*found)->user_id, (*found)->broadcast_id);
  forget((*found)->id);
  co_return Response::empty(200);
}

}  // namespace loopcast::api
