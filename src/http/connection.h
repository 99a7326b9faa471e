// One connection of a client: reads requests, has them answered, writes the answers.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <boost/asio/thread_pool.hpp>

#include "base/address.h"
#include "base/time.h"
#include "http/engineio_server.h"
#include "http/message.h"
#include "http/server.h"
#include "http/signal.h"
#include "http/stream.h"
#include "http/task.h"

namespace loopcast::http {

class Connection;

// What the connections of one server share.
struct ServerContext {
  Router& router;
  ServerOptions options;
  HttpCounters& counters;
  std::vector<std::shared_ptr<EngineServer>> engines;
  // Reads files: a slow disk must not stop everything else.
  asio::thread_pool file_readers;
  std::unordered_set<Connection*> connections;
  std::unordered_map<SocketAddress, size_t> connections_of;  // by limit_key(), port 0
  size_t large_bodies = 0;  // larger than the default, being read or handled
  bool stopping = false;
};

// What counts as one client for the limit of connections: an IPv4 address or an IPv6 /64.
SocketAddress limit_key(const IpAddress& ip);

class Connection final : public HangupWatch, public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<ServerContext> server, Executor executor,
             std::unique_ptr<Stream> stream, SocketAddress peer, bool tls);
  ~Connection() override;

  static Task<> run(std::shared_ptr<Connection> self);
  // Closes it, now if no request is under way, otherwise after the answer.
  void finish();
  void abort();

  void watch(std::function<void()> on_hangup) override;

 private:
  struct Incoming;  // the request that is being read

  // False: the connection is over.
  Task<bool> serve_one();
  Task<bool> read_header(Incoming& in);
  Task<bool> read_body(Incoming& in, size_t limit);
  // More bytes into buffer_.
  Task<bool> fill();
  static Task<> watch_read(std::shared_ptr<Connection> self);
  // Makes a Request of what was parsed; a problem response if it is not acceptable.
  std::optional<Response> accept_request(Incoming& in);
  void find_client(Request& request) const;
  EngineServer* engine_for(const Request& request) const;
  // `head`: the request without its body.
  Task<Response> dispatch(const Request& head, Request request);
  Task<> upgrade(EngineServer& engine, Request request);
  Task<bool> write(const Request& request, Response response, bool keep_alive);
  Task<bool> write_file(const FileBody& file);
  // The kernel copies, from its cache to the connection. `position` moves on; true with it short of
  // the end: not possible with this file.
  Task<bool> send_file(const FileBody& file, int socket, uint64_t& position);
  // Refuses a request that was not read to its end.
  Task<> refuse(const Request& request, Response response);

  void set_deadline(std::chrono::milliseconds from_now);
  void clear_deadline() { deadline_ = Instant::never(); }
  void arm_timer();
  void log(std::string_view what) const;

  std::shared_ptr<ServerContext> server_;
  Executor executor_;
  std::unique_ptr<Stream> stream_;
  SocketAddress peer_;
  bool tls_;
  bool trusted_;
  std::string buffer_;  // read, not yet parsed
  bool broken_ = false;
  bool busy_ = false;  // a request is under way
  bool finishing_ = false;
  bool watching_ = false;  // a read is under way while a request is answered
  std::function<void()> on_hangup_;
  Signal watch_done_;
  Timer timer_;
  Instant deadline_ = Instant::never();
  Instant armed_ = Instant::never();
};

}  // namespace loopcast::http
