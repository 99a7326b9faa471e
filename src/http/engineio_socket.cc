#include "http/engineio_socket.h"

#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>

#include "http/clock.h"
#include "http/engineio_server.h"

namespace loopcast::http {
namespace {

// What a session keeps resident besides its texts and its queue, its Socket.IO side included, and a
// text besides its characters.
constexpr size_t kSessionCost = 6 * 1024;
constexpr size_t kTextCost = 48;

}  // namespace

EngineSocketImpl::EngineSocketImpl(Executor executor, std::weak_ptr<EngineServer> server,
                                   std::string id, std::shared_ptr<const Handshake> handshake,
                                   const EngineSession::Config& config,
                                   const EngineOptions& options, EnginePacket open_packet)
    : server_(std::move(server)),
      id_(std::move(id)),
      handshake_(std::move(handshake)),
      session_(monotonic_now(), config, std::move(open_packet)),
      frame_gap_(options.frame_gap),
      closing_time_(options.closing_time),
      executor_(executor),
      timer_(executor),
      poll_signal_(executor),
      write_signal_(executor),
      settled_(executor, Timer::time_point::max()) {}

bool EngineSocketImpl::be_stranger(const std::shared_ptr<Strangers>& strangers) {
  admitted_ = false;
  if (!strangers) return true;
  for (const auto& [name, value] : handshake_->query.pairs())
    base_cost_ += 2 * kTextCost + name.size() + value.size();
  for (const auto& [name, value] : handshake_->headers.fields())
    base_cost_ += 2 * kTextCost + name.size() + value.size();
  base_cost_ += kSessionCost;
  // Not at once: whoever asks for its room is in the middle of something.
  const auto evict = [weak = weak_from_this(), executor = executor_] {
    asio::post(executor, [weak] {
      const auto self = weak.lock();
      if (!self) return;
      if (const auto server = self->server_.lock()) ++server->counters().strangers_evicted;
      self->fail("no room");
    });
  };
  share_ = std::make_unique<StrangerShare>(strangers, handshake_->remote.ip, evict);
  return share_->resize(base_cost_ + session_.queued());
}

bool EngineSocketImpl::admit() {
  if (admitted_) return true;
  const auto server = server_.lock();
  if (!server || !server->admit(*this)) return false;
  admitted_ = true;
  share_.reset();
  session_.set_max_queue(server->options().max_queue);
  if (connection_) connection_->recognise();
  return true;
}

void EngineSocketImpl::set_joining(bool joining) {
  if (joining)
    ++joining_;
  else if (joining_ > 0)
    --joining_;
  if (joining_ == 0) settled_.cancel();
}

Task<> EngineSocketImpl::settled() {
  const auto self = shared_from_this();
  while (joining_ > 0 && open_) {
    error_code ignored;
    co_await settled_.async_wait(asio::redirect_error(use_task, ignored));
  }
}

size_t EngineSocketImpl::payload_limit() const {
  const auto server = server_.lock();
  if (!server) return 0;
  return admitted_ ? server->options().max_payload : server->options().max_stranger_payload;
}

void EngineSocketImpl::account() {
  if (share_ && !share_->resize(base_cost_ + session_.queued())) session_.close("no room");
}

void EngineSocketImpl::send(std::string data, bool binary) {
  session_.send({EngineType::kMessage, std::move(data), binary});
  account();
  update();
}

void EngineSocketImpl::close(std::string_view reason) {
  session_.close_when_sent(monotonic_now(), reason);
  update();
}

void EngineSocketImpl::fail(std::string_view reason) {
  session_.close(reason);
  update();
}

void EngineSocketImpl::check_time() {
  session_.handle_timeout(monotonic_now());
  update();
}

void EngineSocketImpl::receive(EnginePacket packet) {
  auto message = session_.receive(monotonic_now(), std::move(packet));
  if (message) {
    const auto server = server_.lock();
    if (server && server->handler())
      server->handler()->on_message(shared_from_this(), std::move(message->data), message->binary);
  }
  account();  // of the answer to a ping, too
  update();
}

void EngineSocketImpl::update() {
  const auto server = server_.lock();
  const EngineSession::Phase phase = session_.phase();
  if (open_ && phase != EngineSession::Phase::kOpen) {
    open_ = false;
    settled_.cancel();
    if (server) {
      HttpCounters& counters = server->counters();
      if (session_.close_reason() == "ping timeout") ++counters.engine_ping_timeouts;
      if (session_.close_reason() == "queue overflow") ++counters.engine_queue_overflows;
      if (session_.close_reason() == "parse error") ++counters.engine_protocol_errors;
    }
    asio::post(executor_, [self = shared_from_this()] {
      const auto s = self->server_.lock();
      if (s && s->handler()) s->handler()->on_close(self, self->session_.close_reason());
    });
  }
  if (session_.poll_ready()) poll_signal_.notify();
  if (session_.write_ready()) write_signal_.notify();
  // A probe that lost its chance (time is up, or the session is closed).
  if (probing_ && !session_.upgrading() && !session_.on_websocket()) probing_->abort();
  if (phase == EngineSession::Phase::kClosed) {
    timer_.cancel();
    armed_ = Instant::never();
    // A writer that waits for a client that does not read would wait for ever.
    if (writing_ && websocket_)
      websocket_->abort();
    else if (websocket_)
      abort_later();
    if (server) server->forget(*this);
    return;
  }
  arm_timer();
}

// The closing handshake has a time limit of its own, but see LayerWebSocket::abort().
void EngineSocketImpl::abort_later() {
  timer_.expires_after(closing_time_);
  timer_.async_wait([self = weak_from_this()](error_code error) {
    const auto socket = self.lock();
    if (!error && socket && socket->websocket_) socket->websocket_->abort();
  });
}

void EngineSocketImpl::arm_timer() {
  // A timer that is early looks again when it fires: it is rarely moved.
  const Instant at = session_.next_timeout();
  if (at >= armed_) return;
  armed_ = at;
  timer_.expires_at(to_time_point(at));
  timer_.async_wait([self = weak_from_this()](error_code error) {
    const auto socket = self.lock();
    if (error || !socket) return;
    socket->armed_ = Instant::never();
    socket->check_time();
  });
}

EngineSession::Poll EngineSocketImpl::begin_poll() {
  const auto result = session_.begin_poll(monotonic_now());
  update();
  return result;
}

Task<std::vector<EnginePacket>> EngineSocketImpl::finish_poll() {
  const auto self = shared_from_this();
  while (!session_.poll_ready()) co_await poll_signal_.wait();
  auto packets = session_.take_poll();
  account();
  update();
  co_return packets;
}

Task<> EngineSocketImpl::run(std::shared_ptr<WebSocket> websocket, ClientConnection& connection) {
  const auto self = shared_from_this();
  websocket_ = websocket;
  connection_ = &connection;
  if (admitted_) connection.recognise();
  const auto server = server_.lock();
  if (!server) co_return;
  ++server->counters().websockets;
  asio::co_spawn(executor_, spawn_write_loop(self, websocket), asio::detached);
  for (;;) {
    co_await settled();
    websocket->limit_messages(payload_limit());
    auto message = co_await websocket->read();
    if (!message) break;
    if (!open_) continue;  // until the closing handshake is through
    auto packet = decode_engine_frame(session_.config().protocol, message->data, message->binary);
    if (packet)
      receive(std::move(*packet));
    else
      fail("parse error");
  }
  connection_ = nullptr;
  fail("transport close");
  --server->counters().websockets;
  websocket_.reset();
  timer_.cancel();
}

Task<> EngineSocketImpl::spawn_write_loop(std::shared_ptr<EngineSocketImpl> self,
                                          std::shared_ptr<WebSocket> websocket) {
  co_await self->write_loop(std::move(websocket));
}

Task<> EngineSocketImpl::pause(std::chrono::milliseconds time) {
  Timer timer(executor_, time);
  error_code ignored;
  co_await timer.async_wait(asio::redirect_error(use_task, ignored));
}

Task<> EngineSocketImpl::write_loop(std::shared_ptr<WebSocket> websocket) {
  for (;;) {
    const auto packet = session_.take_packet();
    update();
    if (!packet) {
      if (session_.phase() == EngineSession::Phase::kClosed) break;
      co_await write_signal_.wait();
      continue;
    }
    const EngineFrame frame = encode_engine_frame(session_.config().protocol, *packet);
    if (frame_gap_.count() > 0) co_await pause(frame_gap_);
    writing_ = true;
    const bool written = co_await websocket->write(frame.data, frame.binary);
    writing_ = false;
    if (!written) {
      fail("transport error");
      websocket->abort();
      co_return;
    }
  }
  co_await websocket->close();
}

Task<bool> EngineSocketImpl::probe(WebSocket& websocket) {
  for (;;) {
    const auto message = co_await websocket.read();
    if (!message) co_return false;
    const auto packet =
        decode_engine_frame(session_.config().protocol, message->data, message->binary);
    if (!packet) co_return false;
    const auto answer = session_.receive_probe(monotonic_now(), *packet);
    update();
    if (!answer) co_return false;
    if (*answer == EngineSession::ProbeAnswer::kUpgraded) co_return true;
    const bool written = co_await websocket.write("3probe", false);
    if (!written) co_return false;
  }
}

Task<> EngineSocketImpl::run_upgrade(std::shared_ptr<WebSocket> websocket,
                                     ClientConnection& connection) {
  const auto self = shared_from_this();
  const bool begun = session_.begin_probe(monotonic_now());
  if (!begun) {
    websocket->abort();
    co_return;
  }
  probing_ = websocket;
  update();
  const bool upgraded = co_await probe(*websocket);
  probing_.reset();
  if (!upgraded) {
    session_.end_probe();
    update();
    websocket->abort();
    co_return;
  }
  if (const auto server = server_.lock()) ++server->counters().engine_upgrades;
  co_await run(std::move(websocket), connection);
}

}  // namespace loopcast::http
