#include "http/connection.h"

#include <algorithm>
#include <exception>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "http/client_address.h"
#include "http/clock.h"
#include "http/connection_incoming.h"

namespace loopcast::http {
namespace {

// How long a connection may take to end in order.
constexpr std::chrono::milliseconds kShutdownTime{2'000};
// What a WebSocket keeps beyond an idle connection: Beast's buffers, and a small message.
constexpr size_t kWebSocketCost = 16 * 1024;

// What a request keeps while it is answered: its texts twice, each with its string and its place on
// the heap.
size_t weight_of(const Request& request) {
  constexpr size_t kText = 48;
  size_t bytes = request.target.size() * 3;
  for (const auto& [name, value] : request.headers.fields())
    bytes += name.size() + value.size() + 2 * kText;
  bytes += request.query.pairs().size() * 2 * kText;
  return 2 * bytes + request.body.size();
}

// Wherever a client may put it: programs and the web app, the first-generation client, and the
// handshake of its sockets.
std::string_view token_of(const Request& request) {
  if (const std::string_view token = request.bearer_token(); !token.empty()) return token;
  if (const std::string_view token = request.header("token"); !token.empty()) return token;
  return request.query.get("token");
}

}  // namespace

Connection::Connection(std::shared_ptr<ServerContext> server, Executor executor,
                       std::unique_ptr<Stream> stream, SocketAddress peer, bool tls)
    : server_(std::move(server)),
      executor_(executor),
      stream_(std::move(stream)),
      peer_(peer),
      tls_(tls),
      trusted_(is_trusted(server_->options.trusted_proxies, peer.ip)),
      share_(std::make_shared<StrangerShare>(server_->strangers, peer.ip, [this] { evict(); })),
      watch_done_(executor),
      timer_(executor) {
  server_->connections.insert(this);
  server_->connections_of.add(peer_.ip);
  ++server_->counters.connections;
  // Where nobody signs in there are no strangers.
  if (!server_->options.authenticate) recognise();
}

Connection::~Connection() {
  server_->connections.erase(this);
  server_->connections_of.remove(peer_.ip);
  if (user_) --server_->users;
  --server_->counters.connections;
}

Task<> Connection::run(std::shared_ptr<Connection> self) {
  try {
    self->set_deadline(self->server_->options.header_timeout);
    const error_code error = co_await self->stream_->handshake();
    if (error) {
      ++self->server_->counters.tls_handshakes_failed;
    } else {
      bool more = true;
      while (more) more = co_await self->serve_one();
      if (self->websocket_for_) co_await self->upgrade();
      if (self->stream_ && !self->broken_) {
        self->set_deadline(kShutdownTime);
        co_await self->stream_->shutdown();
      }
    }
  } catch (const std::exception& e) {
    self->log(e.what());
  }
  self->clear_deadline();
  self->timer_.cancel();
  if (self->stream_) self->stream_->close();
}

void Connection::finish() {
  finishing_ = true;
  if (!busy_) abort();
}

void Connection::abort() {
  broken_ = true;
  if (stream_) stream_->close();
  if (const auto websocket = websocket_.lock()) websocket->abort();
}

void Connection::evict() {
  ++server_->counters.strangers_evicted;
  abort();
}

bool Connection::hold(size_t more) {
  return share_->resize((tls_ ? kTlsConnectionCost : kPlainConnectionCost) + more);
}

void Connection::recognise() {
  if (user_) return;
  user_ = true;
  ++server_->users;
  share_->admit();
}

bool Connection::brings_known_token(const Request& request) const {
  return server_->options.knows_token && server_->options.knows_token(token_of(request));
}

void Connection::log(std::string_view what) const {
  if (server_->options.log) server_->options.log(what);
}

void Connection::set_deadline(std::chrono::milliseconds from_now) {
  deadline_ = monotonic_now() + to_duration(from_now);
  arm_timer();
}

void Connection::arm_timer() {
  if (deadline_ >= armed_) return;
  armed_ = deadline_;
  timer_.expires_at(to_time_point(deadline_));
  timer_.async_wait([weak = weak_from_this()](error_code error) {
    const auto self = weak.lock();
    if (error || !self) return;
    self->armed_ = Instant::never();
    if (self->deadline_ > monotonic_now()) return self->arm_timer();
    if (self->busy_) ++self->server_->counters.requests_timed_out;
    if (!self->busy_ || !self->reading_ || !self->stream_) return self->abort();
    // Who has begun a request is told.
    self->timed_out_ = true;
    self->clear_deadline();
    self->stream_->cancel();
  });
}

EngineServer* Connection::engine_for(const Request& request) const {
  for (const auto& engine : server_->engines)
    if (engine->serves(request.path)) return engine.get();
  return nullptr;
}

Task<std::optional<Response>> Connection::refuse_head(Incoming& in, EngineServer* engine,
                                                      size_t limit) {
  if (in.known || engine || in.parser->is_done()) co_return std::nullopt;
  const auto announced = in.parser->content_length();
  const size_t small = server_->options.max_stranger_body;
  // Too large for anybody: that is answered where the body is read.
  if (announced && (*announced <= small || *announced > limit)) co_return std::nullopt;
  std::string token(token_of(in.request));
  // A body whose length is not known is read as far as a stranger's may go.
  if (token.empty() && !announced) co_return std::nullopt;
  clear_deadline();
  auto refusal = co_await server_->options.authenticate(in.request, std::move(token));
  in.known = !refusal;
  if (!refusal)
    recognise();
  else if (!announced)
    refusal.reset();
  else
    ++server_->counters.requests_not_signed_in;
  co_return refusal;
}

Task<bool> Connection::serve_one() {
  busy_ = false;
  if (finishing_ || broken_) co_return false;
  share_->set_idle(true);
  hold(0);
  if (deadline_.is_never()) set_deadline(server_->options.idle_timeout);
  Incoming in;
  answered_bytes_ = 0;
  const bool header_read = co_await read_header(in);
  if (!header_read) {
    auto late = unread(in);
    if (late) co_await refuse(in.request, std::move(*late));
    co_return false;
  }
  ++server_->counters.requests;
  if (!in.refusal) in.refusal = accept_request(in);
  if (in.refusal) {
    co_await refuse(in.request, std::move(*in.refusal));
    co_return false;
  }
  const std::string token(user_ ? std::string_view() : token_of(in.request));
  // Over one connection of a proxy come the requests of many: each is judged by itself.
  in.known =
      !server_->options.authenticate || (user_ && !trusted_) || brings_known_token(in.request);
  if (in.known) recognise();

  EngineServer* engine = engine_for(in.request);
  const bool is_post = engine && in.request.method == "POST";
  std::optional<PostScope> post =
      is_post ? engine->begin_post(in.request) : std::optional<PostScope>(PostScope(nullptr));
  if (!post) {
    Response overlap = Response::problem(400, "post_overlap", "Another POST is under way");
    co_await refuse(in.request, std::move(overlap));
    co_return false;
  }
  // How much may come depends on who the client is, which may be just being found out.
  if (is_post) {
    clear_deadline();
    co_await engine->settle(in.request);
  }
  size_t limit = engine ? engine->payload_limit(in.request)
                        : server_->router.max_body(in.request.method, in.request.path);
  in.refusal = co_await refuse_head(in, engine, limit);
  if (!in.known && !engine) limit = std::min(limit, server_->options.max_stranger_body);
  if (!in.refusal) {
    const bool body_read = co_await read_body(in, limit);
    if (!body_read) in.refusal = unread(in);
    if (!body_read && !in.refusal) co_return false;
  }
  if (in.refusal) {
    co_await refuse(in.request, std::move(*in.refusal));
    co_return false;
  }
  clear_deadline();
  in.parser.reset();

  if (engine && in.request.headers.has("upgrade")) {
    auto refused = engine->refuse_websocket(in.request);
    if (!refused) refused = find_handshake_fault(in.request, in.version);
    if (!refused && !buffer_.empty())
      refused = Response::problem(400, "bad_handshake", "Something follows the handshake");
    if (!refused) {
      // Goes on in run(): what was needed to read the request is not kept for hours.
      websocket_for_ = engine->shared_from_this();
      websocket_request_ = std::move(in.request);
      co_return false;
    }
    co_await write(in.request, std::move(*refused), false);
    co_return false;
  }

  if (!hold(weight_of(in.request))) {
    crowded_ = true;
    auto full = unread(in);
    if (full) co_await refuse(in.request, std::move(*full));
    co_return false;
  }
  const Request head = in.request.brief();
  Response response;
  if (engine)
    response = co_await engine->handle(std::move(in.request), *this);
  else
    response = co_await dispatch(head, std::move(in.request));
  on_hangup_ = nullptr;
  post.reset();
  // The handler has found its token good.
  if (!user_ && server_->options.knows_token && server_->options.knows_token(token)) recognise();
  const bool go_on = in.keep_alive && !finishing_ && !server_->stopping;
  const bool written = co_await write(head, std::move(response), go_on);
  if (!written && engine) engine->answer_lost(head);
  co_return written&& go_on;
}

Task<Response> Connection::dispatch(const Request& head, Request request) {
  try {
    co_return co_await server_->router.handle(std::move(request));
  } catch (const std::exception& e) {
    log(e.what());
  }
  ++server_->counters.handler_exceptions;
  Response response =
      server_->router.problem(head, 500, "internal", "Something went wrong inside the server");
  server_->router.add_cors(head, response);
  co_return response;
}

Task<> Connection::upgrade() {
  timer_.cancel();
  armed_ = Instant::never();
  std::string().swap(buffer_);  // an assignment would keep its memory
  if (!hold(kWebSocketCost)) co_return;
  Request request = std::move(websocket_request_);
  const std::unique_ptr<Stream> stream = std::move(stream_);
  const size_t max_message = websocket_for_->payload_limit(request);
  const auto websocket = co_await stream->accept_websocket(request, max_message);
  websocket_ = websocket;
  if (websocket && server_->options.access_log) {
    const Request head = request.brief();
    server_->options.access_log({head, 101, 0, monotonic_now() - began_, true});
  }
  // It may have been ended meanwhile.
  if (!websocket || broken_) co_return;
  co_await websocket_for_->run_websocket(std::move(request), websocket, *this);
}

}  // namespace loopcast::http
