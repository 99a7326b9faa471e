// What the HTTP server asks of an Engine.IO server: the requests to its path.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "http/engineio.h"
#include "http/message.h"
#include "http/stream.h"
#include "http/task.h"

namespace loopcast::http {

class EngineSocketImpl;

// Tells of a client that goes away while its answer is being made.
class HangupWatch {
 public:
  virtual ~HangupWatch() = default;
  // Calls on_hangup() at most once, until the answer is written.
  virtual void watch(std::function<void()> on_hangup) = 0;
};

// A POST of a session that is being read. A second one at the same time is a protocol violation.
class PostScope {
 public:
  explicit PostScope(std::shared_ptr<EngineSocketImpl> socket) : socket_(std::move(socket)) {}
  PostScope(PostScope&& o) noexcept = default;
  PostScope& operator=(PostScope&&) = delete;
  ~PostScope();

 private:
  std::shared_ptr<EngineSocketImpl> socket_;  // empty if the request names no session
};

class EngineServer : public std::enable_shared_from_this<EngineServer> {
 public:
  EngineServer(asio::io_context& context, Random& random, EngineOptions options,
               EngineHandler& handler, HttpCounters& counters);

  bool serves(std::string_view path) const;
  const EngineOptions& options() const { return options_; }
  size_t sessions() const { return sessions_.size(); }
  void stop();
  // Ends the sessions that stop() left, whose last packets nobody has fetched.
  void end_sessions();
  // Ends every session without a callback.
  void abandon();

  // The body of a POST begins. nullopt: another one of the session is under way; the session is
  // closed now and the answer is 400.
  std::optional<PostScope> begin_post(const Request& head);
  // Everything that is not a WebSocket handshake.
  Task<Response> handle(Request request, HangupWatch& watch);
  // The answer to `request` did not reach the client.
  void answer_lost(const Request& request);
  // Whether the handshake is welcome; otherwise the answer.
  std::optional<Response> refuse_websocket(const Request& request);
  // Runs the connection until its end.
  Task<> run_websocket(Request request, std::shared_ptr<WebSocket> websocket);

  // For sessions.
  EngineHandler* handler() const { return handler_; }
  HttpCounters& counters() { return counters_; }
  void forget(const std::string& id);

 private:
  std::shared_ptr<EngineSocketImpl> find(const Request& request) const;
  // The error of engine.io's own server, by its code.
  Response refuse(int code);
  // 0: the request is for a known session or may open one.
  std::optional<int> verify(const Request& request, bool websocket) const;
  std::shared_ptr<EngineSocketImpl> open(const Request& request, bool websocket);
  Task<Response> answer(Request request, HangupWatch& watch);
  Task<Response> poll(std::shared_ptr<EngineSocketImpl> socket, HangupWatch& watch);
  Response post(EngineSocketImpl& socket, const Request& request);
  void add_cors(const Request& request, Response& response) const;

  asio::io_context& context_;
  Random& random_;
  EngineOptions options_;
  EngineHandler* handler_;
  HttpCounters& counters_;
  std::unordered_map<std::string, std::shared_ptr<EngineSocketImpl>> sessions_;
  bool stopping_ = false;
};

}  // namespace loopcast::http
