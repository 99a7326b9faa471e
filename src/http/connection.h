// One connection of a client: reads requests, has them answered, writes the answers.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/address.h"
#include "base/ip_prefix.h"
#include "base/time.h"
#include "http/engineio_server.h"
#include "http/message.h"
#include "http/pool.h"
#include "http/server.h"
#include "http/signal.h"
#include "http/strangers.h"
#include "http/stream.h"
#include "http/task.h"

namespace loopcast::http {

class Connection;

// What the connections of one server share.
struct ServerContext {
  ServerContext(Router& r, ServerOptions o, HttpCounters& c, size_t readers)
      : router(r),
        options(std::move(o)),
        counters(c),
        file_readers(readers),
        strangers(std::make_shared<Strangers>(options.stranger_budget)) {}

  Router& router;
  ServerOptions options;
  HttpCounters& counters;
  std::vector<std::shared_ptr<EngineServer>> engines;
  // Reads files: a slow disk must not stop everything else.
  Pool file_readers;
  std::shared_ptr<Strangers> strangers;
  std::unordered_set<Connection*> connections;
  size_t users = 0;  // of `connections`, those of clients that have signed in
  NetworkCounts connections_of;
  // Bodies larger than the default, being read or handled.
  size_t large_bodies = 0;
  NetworkCounts large_bodies_of;
  size_t turned_away = 0;  // connections that are being told so
  bool stopping = false;
};

// What an idle connection keeps resident, as measured: see Strangers.
inline constexpr size_t kPlainConnectionCost = 14 * 1024;
inline constexpr size_t kTlsConnectionCost = 96 * 1024;

class Connection final : public ClientConnection, public std::enable_shared_from_this<Connection> {
 public:
  // `share`: as large already as an idle connection is.
  Connection(std::shared_ptr<ServerContext> server, Executor executor,
             std::unique_ptr<Stream> stream, SocketAddress peer, bool tls);
  ~Connection() override;

  // Whether there is room for it among the strangers; otherwise it must go.
  bool has_room() { return hold(0); }

  static Task<> run(std::shared_ptr<Connection> self);
  // Closes it, now if no request is under way, otherwise after the answer.
  void finish();
  void abort();

  void watch(std::function<void()> on_hangup) override;
  void recognise() override;

 private:
  struct Incoming;  // the request that is being read

  // connection.cc: its life.
  // False: the connection is over.
  Task<bool> serve_one();
  // What is answered instead of the request, before its body is read.
  Task<std::optional<Response>> refuse_head(Incoming& in, EngineServer* engine, size_t limit);
  // `head`: the request without its body.
  Task<Response> dispatch(const Request& head, Request request);
  Task<> upgrade();
  void set_deadline(std::chrono::milliseconds from_now);
  void clear_deadline() { deadline_ = Instant::never(); }
  void arm_timer();
  void log(std::string_view what) const;
  EngineServer* engine_for(const Request& request) const;

  // Strangers. Keeps `more` bytes beyond those of an idle connection; false: there is no room.
  bool hold(size_t more);
  void evict();
  // Whether its token was good a while ago.
  bool brings_known_token(const Request& request) const;

  // connection_read.cc
  Task<bool> read_header(Incoming& in);
  Task<bool> read_body(Incoming& in, size_t limit);
  // More bytes into buffer_.
  Task<bool> fill();
  static Task<> watch_read(std::shared_ptr<Connection> self);
  // Makes a Request of what was parsed; a problem response if it is not acceptable.
  std::optional<Response> accept_request(Incoming& in);
  void find_client(Request& request);
  // Time is up, or there is no room for what it sends: the answer, if one is due.
  std::optional<Response> unread(const Incoming& in);

  // connection_write.cc
  Task<bool> write(const Request& request, Response response, bool keep_alive);
  Task<bool> write_file(const FileBody& file);
  // The kernel copies, from its cache to the connection. `position` moves on; true with it short of
  // the end: not possible with this file.
  Task<bool> send_file(const FileBody& file, int socket, uint64_t& position);
  // Refuses a request that was not read to its end.
  Task<> refuse(const Request& request, Response response);

  std::shared_ptr<ServerContext> server_;
  Executor executor_;
  std::unique_ptr<Stream> stream_;
  std::weak_ptr<WebSocket> websocket_;  // what the stream has become
  SocketAddress peer_;
  bool tls_;
  bool trusted_;
  bool user_ = false;  // counts as one that has signed in
  std::shared_ptr<StrangerShare> share_;
  std::string buffer_;  // read, not yet parsed
  bool broken_ = false;
  bool busy_ = false;       // a request is under way
  bool reading_ = false;    // its head or its body is being read
  bool timed_out_ = false;  // while it was
  bool crowded_ = false;    // there was no room for what it sends
  bool finishing_ = false;
  bool watching_ = false;  // a read is under way while a request is answered
  std::function<void()> on_hangup_;
  // After a handshake that is to be answered: who takes the WebSocket, and its request.
  std::shared_ptr<EngineServer> websocket_for_;
  Request websocket_request_;
  Signal watch_done_;
  Timer timer_;
  Instant deadline_ = Instant::never();
  Instant armed_ = Instant::never();
  // Of the request under way, for the access log.
  Instant began_;
  uint64_t answered_bytes_ = 0;
};

}  // namespace loopcast::http
