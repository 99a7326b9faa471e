// WHIP (RFC 9725) and WHEP (draft-ietf-wish-whep): going live and watching by plain HTTP, for
// programs such as OBS and GStreamer.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "api/ended_sessions.h"
#include "api/library.h"
#include "api/live.h"
#include "api/sign_in.h"
#include "base/random.h"
#include "http/router.h"
#include "http/task.h"

namespace loopcast::api {

class Whip {
 public:
  // How long an offer may wait for its answer.
  static constexpr std::chrono::seconds kAnswerTimeout{10};
  // PATCHes of one resource that wait for their turn, and their bytes. Candidates that a client
  // gathers come all at once, each in a request of its own.
  static constexpr size_t kMaxWaitingPatches = 128;
  static constexpr size_t kMaxWaitingPatchBytes = 64 * 1024;

  // All outlive this.
  Whip(http::asio::io_context& context, SignIn& sign_in, Live& live, Library& library,
       Random& random);
  ~Whip();
  Whip(const Whip&) = delete;
  Whip& operator=(const Whip&) = delete;

  // This outlives the router's use.
  void add_routes(http::Router& router);

  // So have their streams.
  void end_sessions(const EndedSessions& ended);

  // The server stops: nobody is waited for any more.
  void shutdown();

  size_t resources() const { return resources_.size(); }

 private:
  enum class Kind : uint8_t { kWhip, kWhep };
  struct Resource;
  using ResourcePtr = std::shared_ptr<Resource>;

  http::Task<http::Response> create(Kind kind, http::Request request);
  http::Task<http::Response> patch(Kind kind, http::Request request);
  http::Task<http::Response> remove(Kind kind, http::Request request);
  // The resource of the request's path, if it is this user's.
  http::Task<Expected<ResourcePtr>> find(Kind kind, const http::Request& request);
  http::Task<> wait(Resource& resource);
  // In the order in which they came, one at a time. Errors: rate_limited (too many wait), timeout.
  http::Task<Status> wait_for_turn(Resource& resource, size_t bytes);
  http::Task<> wait_for_silence(Resource& resource);
  void on_notice(Resource& resource, app::Notice& notice);
  // Its stream has ended. One that presented can be deleted still, for as long as it is waited for.
  void end(const ResourcePtr& resource);
  void forget(const std::string& id);

  http::asio::io_context& context_;
  SignIn& sign_in_;
  Live& live_;
  Library& library_;
  Random& random_;
  bool stopping_ = false;
  std::unordered_map<std::string, ResourcePtr> resources_;
};

}  // namespace loopcast::api
