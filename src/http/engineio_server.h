// What the HTTP server asks of an Engine.IO server: the requests to its path.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/expected.h"
#include "base/ip_prefix.h"
#include "http/engineio.h"
#include "http/message.h"
#include "http/strangers.h"
#include "http/stream.h"
#include "http/task.h"

namespace loopcast::http {

class EngineSocketImpl;

// The connection on which a request, or a WebSocket, has come.
class ClientConnection {
 public:
  virtual ~ClientConnection() = default;
  // Calls on_hangup() at most once, until the answer is written: the client has gone away while it
  // was being made.
  virtual void watch(std::function<void()> on_hangup) = 0;
  // Its client has signed in.
  virtual void recognise() = 0;
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
  // Where the strangers among the clients are counted. Before the first of them comes.
  void count_strangers(std::shared_ptr<Strangers> strangers) { strangers_ = std::move(strangers); }
  void stop();
  // Ends the sessions that stop() left, whose last packets nobody has fetched.
  void end_sessions();
  // Ends every session without a callback.
  void abandon();

  // The body of a POST begins. nullopt: another one of the session is under way; the session is
  // closed now and the answer is 400.
  std::optional<PostScope> begin_post(const Request& head);
  // Waits while it is being found out who the session of the request is.
  Task<> settle(const Request& request);
  // How much a message may have: of that session, of a stranger without one.
  size_t payload_limit(const Request& request) const;
  // Everything that is not a WebSocket handshake.
  Task<Response> handle(Request request, ClientConnection& connection);
  // The answer to `request` did not reach the client.
  void answer_lost(const Request& request);
  // Whether the handshake is welcome; otherwise the answer.
  std::optional<Response> refuse_websocket(const Request& request);
  // Runs the connection until its end.
  // `connection` outlives the call.
  Task<> run_websocket(Request request, std::shared_ptr<WebSocket> websocket,
                       ClientConnection& connection);

  // For sessions.
  EngineHandler* handler() const { return handler_; }
  HttpCounters& counters() { return counters_; }
  // The session is over. It may be destroyed by this.
  void forget(EngineSocketImpl& socket);
  // The session signs in: false if there is no place.
  bool admit(EngineSocketImpl& socket);

 private:
  std::shared_ptr<EngineSocketImpl> find(const Request& request) const;
  // The error of engine.io's own server, by its code.
  Response refuse(int code);
  // 0: the request is for a known session or may open one.
  std::optional<int> verify(const Request& request, bool websocket) const;
  // A refusal, or a session.
  Expected<std::shared_ptr<EngineSocketImpl>, Response> open(const Request& request,
                                                             bool websocket);
  // Why no session is opened for the request.
  std::optional<Response> refuse_stranger(const Request& request);
  Task<Response> answer(Request request, ClientConnection& connection);
  Task<Response> poll(std::shared_ptr<EngineSocketImpl> socket, ClientConnection& connection);
  Task<Response> post(std::shared_ptr<EngineSocketImpl> socket, Request request);
  void add_cors(const Request& request, Response& response) const;

  asio::io_context& context_;
  Random& random_;
  EngineOptions options_;
  EngineHandler* handler_;
  HttpCounters& counters_;
  std::unordered_map<std::string, std::shared_ptr<EngineSocketImpl>> sessions_;
  std::shared_ptr<Strangers> strangers_;
  NetworkCounts strangers_of_;
  size_t users_ = 0;
  bool stopping_ = false;
};

}  // namespace loopcast::http
