// The HTTP/1.1 server: listens, reads requests, hands them to the router or to an Engine.IO server,
// writes the answers. Runs on the one thread of its io_context.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/expected.h"
#include "base/ip_prefix.h"
#include "base/time.h"
#include "http/counters.h"
#include "http/engineio.h"
#include "http/router.h"
#include "http/task.h"

namespace loopcast::http {

struct ListenAddress {
  SocketAddress address;  // port 0: the system chooses, see Server::addresses()
  bool tls = false;
  // A machine without this family of addresses does without it.
  bool optional = false;
};

// A request that has been answered, for a log of them. Refers to what goes when the call returns.
struct AccessEntry {
  const Request& request;  // without its body; see Request::brief
  unsigned status = 0;
  uint64_t bytes = 0;     // of the answer's body
  Duration time;          // from its first byte to the last of its answer
  bool complete = false;  // whether the answer was sent to its end
};

struct ServerOptions {
  std::vector<ListenAddress> listen;
  // PEM files; needed if one of `listen` is TLS.
  std::string tls_certificate;
  std::string tls_key;
  // Peers whose X-Forwarded-For, X-Real-IP and X-Forwarded-Proto are believed. Nobody else's are.
  std::vector<IpPrefix> trusted_proxies;

  // Who has signed in. `authenticate` finds out whether a token is good, and otherwise makes the
  // answer to that request, whose body it does not see; `knows_token` says of a token whether it
  // was good a short while ago, and must be quick. Without them everybody counts as a user.
  std::function<Task<std::optional<Response>>(const Request& head, std::string token)> authenticate;
  std::function<bool(std::string_view token)> knows_token;
  // Bytes that all who have not signed in may make the server keep: see Strangers.
  size_t stranger_budget = 28 << 20;
  // What somebody who has not signed in may send with a request: names and passwords.
  size_t max_stranger_body = 4 * 1024;

  // 16 kB of header: a token and long cookies fit, a memory attack does not.
  size_t max_header = 16 * 1024;
  // Of clients that have signed in; those of strangers are bounded by their budget.
  size_t max_connections = 10'000;
  // Of one IPv4 address or one IPv6 /64, and more of wider networks: see ClientNetworks.
  // Connections from trusted proxies are not limited.
  size_t max_connections_per_ip = 512;
  // From the first byte of a request (and from the start of a connection) to the end of its header,
  // and the same for a TLS handshake.
  std::chrono::milliseconds header_timeout{10'000};
  // For a body; a second more for each 16 kB of it that have come.
  std::chrono::milliseconds body_timeout{30'000};
  // Between requests of one connection.
  std::chrono::milliseconds idle_timeout{60'000};
  // A client that takes no byte of an answer for this long is gone.
  std::chrono::milliseconds write_timeout{30'000};
  // How long stop() lets requests finish.
  std::chrono::milliseconds stop_timeout{5'000};

  // The value of Strict-Transport-Security in answers over TLS; empty: no such header.
  std::string strict_transport_security;
  // Told of each request after it was answered; may be empty. Must not throw.
  std::function<void(const AccessEntry&)> access_log;
  // Told what went wrong inside (exceptions of handlers); may be empty. Must not throw.
  std::function<void(std::string_view)> log;
};

class Strangers;

class Server {
 public:
  // `context`, `router` and `counters` outlive the server; run the context on one thread only.
  Server(asio::io_context& context, Router& router, ServerOptions options, HttpCounters& counters);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Requests to the path of `engine` go there and not to the router. It outlives the server.
  void mount(EngineIo& engine);

  // Binds every address but the optional ones that cannot be. On an error ("listen_failed",
  // "tls_invalid") nothing listens.
  Status start();
  // Where it listens, in the order of the options.
  std::vector<ListenAddress> addresses() const;

  const Strangers& strangers() const;

  // Reads the certificate and the key again; connections made from now on use them. On an error
  // ("tls_invalid") the old ones stay.
  Status reload_tls();

  // Ends the Engine.IO sessions and gives those over polling a second to learn it; then closes the
  // listeners and idle connections, lets requests finish for stop_timeout, and closes what is left.
  // The server stays stopped.
  Task<> stop();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace loopcast::http
