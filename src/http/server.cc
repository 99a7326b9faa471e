#include "http/server.h"

#include <algorithm>
#include <array>
#include <utility>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/write.hpp>

#include "http/client_address.h"
#include "http/clock.h"
#include "http/connection.h"
#include "http/tls.h"

namespace loopcast::http {
namespace {

using asio::ip::tcp;
using Acceptor = asio::basic_socket_acceptor<tcp, Executor>;

// The kernel's own limit (net.core.somaxconn) cuts it down where it must.
constexpr int kBacklog = 1024;
// How long to wait after a failed accept: descriptors come back when clients leave.
constexpr std::chrono::milliseconds kAcceptRetry{100};
// How often stop() looks whether everybody has left.
constexpr std::chrono::milliseconds kStopPoll{20};
// How long sessions over polling have to come for their last packets: between two polls a client
// is away for a round trip.
constexpr std::chrono::milliseconds kLastPollTime{1'000};
constexpr size_t kFileReaders = 2;
// Clients that are being told that there is no room: how many at once, for how long, and how much
// they may send meanwhile.
constexpr size_t kMaxTurnedAway = 64;
constexpr std::chrono::milliseconds kTurnAwayTime{2'000};
constexpr size_t kTurnAwayBytes = 64 * 1024;
constexpr std::string_view kFullAnswer =
    "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\n"
    "Content-Length: 113\r\nRetry-After: 5\r\nAccess-Control-Allow-Origin: *\r\n"
    "X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
    R"({"type":"about:blank","title":"The server has as many connections as it can","status":503,"code":"server_full"})"
    "\r\n";

tcp::endpoint to_endpoint(const SocketAddress& address) {
  if (address.ip.is_v6()) return {asio::ip::address_v6(address.ip.octets), address.port};
  asio::ip::address_v4::bytes_type bytes{};
  std::copy_n(address.ip.octets.begin(), bytes.size(), bytes.begin());
  return {asio::ip::address_v4(bytes), address.port};
}

SocketAddress from_endpoint(const tcp::endpoint& endpoint) {
  const auto ip = endpoint.address();
  if (ip.is_v6()) return {IpAddress::v6(ip.to_v6().to_bytes()), endpoint.port()};
  const auto b = ip.to_v4().to_bytes();
  return {IpAddress::v4(b[0], b[1], b[2], b[3]), endpoint.port()};
}

}  // namespace

struct Server::State : std::enable_shared_from_this<State> {
  struct Listener {
    Acceptor acceptor;
    bool tls;
  };

  State(asio::io_context& io, Router& router, ServerOptions options, HttpCounters& counters)
      : context(io),
        shared(
            std::make_shared<ServerContext>(router, std::move(options), counters, kFileReaders)) {}

  Status listen(const ListenAddress& address);
  static Task<> accept_loop(std::shared_ptr<State> self, Listener& listener);
  void admit(TcpSocket socket, bool use_tls);
  // Whether another connection of this address may be; counts why not.
  bool has_room(const SocketAddress& peer);
  // Says so to a client for which there is no room. Over TLS that would take a handshake, which is
  // what there is no room for.
  void turn_away(TcpSocket socket, bool use_tls);
  static Task<> say_full(std::shared_ptr<ServerContext> shared, TcpSocket socket);
  void close_listeners();

  asio::io_context& context;
  std::shared_ptr<ServerContext> shared;
  std::vector<std::unique_ptr<Listener>> listeners;
  std::shared_ptr<asio::ssl::context> tls;
};

Status Server::State::listen(const ListenAddress& address) {
  auto listener = std::make_unique<Listener>(Acceptor(context.get_executor()), address.tls);
  const tcp::endpoint endpoint = to_endpoint(address.address);
  error_code error;
  Acceptor& acceptor = listener->acceptor;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(Acceptor::reuse_address(true), error);
  // So that 0.0.0.0 and [::] can be listened on side by side.
  if (!error && address.address.ip.is_v6()) acceptor.set_option(asio::ip::v6_only(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(kBacklog, error);
  const bool no_such_family = error == asio::error::address_family_not_supported ||
                              error == boost::system::errc::address_not_available;
  if (address.optional && no_such_family) return ok();
  if (error)
    return Error{"listen_failed", "Cannot listen for HTTP on " + address.address.to_string() +
                                      ": " + error.message() + "."};
  listeners.push_back(std::move(listener));
  return ok();
}

Task<> Server::State::accept_loop(std::shared_ptr<State> self, Listener& listener) {
  Timer retry(self->context.get_executor());
  while (!self->shared->stopping) {
    error_code error;
    TcpSocket socket =
        co_await listener.acceptor.async_accept(asio::redirect_error(use_task, error));
    if (!error) {
      self->admit(std::move(socket), listener.tls);
    } else if (!self->shared->stopping) {
      ++self->shared->counters.accept_errors;
      retry.expires_after(kAcceptRetry);
      co_await retry.async_wait(asio::redirect_error(use_task, error));
    }
  }
}

void Server::State::admit(TcpSocket socket, bool use_tls) {
  HttpCounters& counters = shared->counters;
  error_code error;
  const tcp::endpoint endpoint = socket.remote_endpoint(error);
  if (error) return;  // gone already
  const SocketAddress peer = from_endpoint(endpoint);
  ++counters.connections_accepted;
  if (!has_room(peer)) return turn_away(std::move(socket), use_tls);
  // Before anything is made for it.
  auto share = std::make_unique<StrangerShare>(shared->strangers, peer.ip, [] {});
  const bool room = !shared->options.authenticate ||
                    share->resize(use_tls ? kTlsConnectionCost : kPlainConnectionCost);
  share.reset();
  if (!room) {
    ++counters.connections_no_room;
    return turn_away(std::move(socket), use_tls);
  }
  socket.set_option(tcp::no_delay(true), error);
  auto stream =
      use_tls ? make_tls_stream(std::move(socket), tls) : make_plain_stream(std::move(socket));
  auto connection = std::make_shared<Connection>(shared, context.get_executor(), std::move(stream),
                                                 peer, use_tls);
  if (!connection->has_room()) return;
  asio::co_spawn(context, Connection::run(std::move(connection)), asio::detached);
}

bool Server::State::has_room(const SocketAddress& peer) {
  HttpCounters& counters = shared->counters;
  if (shared->users >= shared->options.max_connections) {
    ++counters.connections_over_limit;
    return false;
  }
  if (shared->connections_of.has_room(peer.ip, shared->options.max_connections_per_ip) ||
      is_trusted(shared->options.trusted_proxies, peer.ip))
    return true;
  ++counters.connections_over_ip_limit;
  return false;
}

void Server::State::turn_away(TcpSocket socket, bool use_tls) {
  if (use_tls || shared->turned_away >= kMaxTurnedAway) return;
  asio::co_spawn(context, say_full(shared, std::move(socket)), asio::detached);
}

Task<> Server::State::say_full(std::shared_ptr<ServerContext> shared, TcpSocket socket) {
  ++shared->turned_away;
  // When it has asked: an answer to nothing is thrown away by some clients.
  Timer timer(socket.get_executor(), kTurnAwayTime);
  timer.async_wait([&socket](error_code cancelled) {
    error_code ignored;
    if (!cancelled) socket.close(ignored);
  });
  std::array<char, 2048> request;
  error_code error;
  co_await socket.async_read_some(asio::buffer(request), asio::redirect_error(use_task, error));
  if (!error)
    co_await asio::async_write(socket, asio::buffer(kFullAnswer),
                               asio::redirect_error(use_task, error));
  if (!error) socket.shutdown(tcp::socket::shutdown_send, error);
  for (size_t drained = 0; !error && drained < kTurnAwayBytes;)
    drained += co_await socket.async_read_some(asio::buffer(request),
                                               asio::redirect_error(use_task, error));
  timer.cancel();
  // The timer's handler refers to the socket.
  co_await asio::post(socket.get_executor(), use_task);
  --shared->turned_away;
}

void Server::State::close_listeners() {
  error_code ignored;
  for (const auto& listener : listeners) listener->acceptor.close(ignored);
}

Server::Server(asio::io_context& context, Router& router, ServerOptions options,
               HttpCounters& counters)
    : state_(std::make_shared<State>(context, router, std::move(options), counters)) {}

Server::~Server() {
  state_->shared->stopping = true;
  state_->close_listeners();
  const auto connections = state_->shared->connections;
  for (Connection* connection : connections) connection->abort();
}

void Server::mount(EngineIo& engine) {
  engine.server()->count_strangers(state_->shared->strangers);
  state_->shared->engines.push_back(engine.server());
}

Status Server::start() {
  const ServerOptions& options = state_->shared->options;
  for (const ListenAddress& address : options.listen) {
    Status status = ok();
    if (address.tls && !state_->tls) status = reload_tls();
    if (status) status = state_->listen(address);
    if (!status) {
      state_->listeners.clear();
      return status;
    }
  }
  for (const auto& listener : state_->listeners)
    asio::co_spawn(state_->context, State::accept_loop(state_, *listener), asio::detached);
  return ok();
}

std::vector<ListenAddress> Server::addresses() const {
  std::vector<ListenAddress> result;
  for (const auto& listener : state_->listeners) {
    error_code ignored;
    result.push_back(
        {from_endpoint(listener->acceptor.local_endpoint(ignored)), listener->tls, false});
  }
  return result;
}

const Strangers& Server::strangers() const { return *state_->shared->strangers; }

Status Server::reload_tls() {
  const ServerOptions& options = state_->shared->options;
  auto loaded = load_tls(options.tls_certificate, options.tls_key);
  if (!loaded) return loaded.error();
  state_->tls = std::move(*loaded);
  return ok();
}

Task<> Server::stop() {
  const auto state = state_;
  ServerContext& shared = *state->shared;
  Timer timer(state->context.get_executor());
  for (const auto& engine : shared.engines) engine->stop();
  const auto open = [&] {
    return std::ranges::any_of(shared.engines, [](const auto& e) { return e->sessions() > 0; });
  };
  const Instant last_poll = monotonic_now() + to_duration(kLastPollTime);
  while (open() && monotonic_now() < last_poll) {
    timer.expires_after(kStopPoll);
    error_code ignored;
    co_await timer.async_wait(asio::redirect_error(use_task, ignored));
  }
  shared.stopping = true;
  state->close_listeners();
  const auto connections = shared.connections;
  for (Connection* connection : connections) connection->finish();
  const Instant give_up = monotonic_now() + to_duration(shared.options.stop_timeout);
  while (!shared.connections.empty() && monotonic_now() < give_up) {
    timer.expires_after(kStopPoll);
    error_code ignored;
    co_await timer.async_wait(asio::redirect_error(use_task, ignored));
  }
  const auto left = shared.connections;
  for (Connection* connection : left) connection->abort();
  // Their timers would hold up the end of the process.
  for (const auto& engine : shared.engines) engine->end_sessions();
}

}  // namespace loopcast::http
