#include "net/tcp_listener.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <system_error>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "net/framing.h"
#include "net/sockaddr.h"

namespace loopcast::net {
namespace {

constexpr Duration kSweep = Duration::seconds(1);
// Before others are served: connections accepted, and reads of one connection, each time that a
// descriptor is ready.
constexpr int kAcceptsPerTurn = 64;
constexpr int kReadsPerTurn = 4;
constexpr int kBacklog = 128;
// What the kernel holds for one connection: enough for 8 Mbit/s over 200 ms, and little enough that
// what waits is not stale.
constexpr int kSendBuffer = 256 * 1024;
// RFC 7983: the first byte of a STUN message.
constexpr uint8_t kLastStunByte = 3;

Error failure(const char* code, const std::string& what) {
  return {code, what + ": " + std::system_category().message(errno) + "."};
}

bool set_option(int fd, int level, int name, int value) {
  return ::setsockopt(fd, level, name, &value, sizeof value) == 0;
}

bool would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

struct TcpListener::Connection {
  Fd fd;
  Route route;
  FrameDecoder decoder;
  Instant last_frame;    // or when it was accepted
  bool greeted = false;  // its first frame was STUN
  bool broken = false;   // waits to be closed
  bool blocked = false;  // waits until it can be written to
  std::vector<uint8_t> queue;
  size_t queue_begin = 0;

  size_t queued() const { return queue.size() - queue_begin; }
  void append(Bytes data) {
    if (queue_begin > queue.size() / 2) {
      queue.erase(queue.begin(), queue.begin() + static_cast<std::ptrdiff_t>(queue_begin));
      queue_begin = 0;
    }
    queue.insert(queue.end(), data.begin(), data.end());
  }
  EventLoop::Tag tag(uint32_t kind) const { return {kind, route.tcp}; }
};

TcpListener::TcpListener(EventLoop& loop, uint32_t kind, const Limits& limits)
    : loop_(loop), kind_(kind), limits_(limits) {}
TcpListener::TcpListener(EventLoop& loop, uint32_t kind) : TcpListener(loop, kind, Limits{}) {}

TcpListener::~TcpListener() {
  for (const Fd& fd : listeners_) loop_.remove(fd.get());
  for (const auto& [number, c] : connections_) loop_.remove(c->fd.get());
}

Expected<SocketAddress> TcpListener::listen(const SocketAddress& address) {
  const int family = address.ip.is_v6() ? AF_INET6 : AF_INET;
  const std::string name = "TCP " + address.to_string();
  Fd fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return failure("socket_failed", "Cannot make a socket for " + name);
  set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (family == AF_INET6) set_option(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
  // Inherited by the connections.
  set_option(fd.get(), SOL_SOCKET, SO_SNDBUF, kSendBuffer);
  set_option(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1);
  Sockaddr bind_to;
  const socklen_t length = to_sockaddr(address, bind_to);
  if (::bind(fd.get(), &bind_to.any, length) != 0 || ::listen(fd.get(), kBacklog) != 0)
    return failure("bind_failed", "Cannot listen on " + name);
  const auto number = static_cast<uint32_t>(listeners_.size());
  if (const Status added = loop_.add(fd.get(), {kind_, number}); !added) return added.error();
  const SocketAddress local = bound_address(fd.get());
  listeners_.push_back(std::move(fd));
  return local;
}

void TcpListener::handle(Instant now, const EventLoop::Ready& ready, Receiver& receiver) {
  if (ready.tag.kind == kind_) {
    if (ready.tag.number < listeners_.size()) accept(now, ready.tag.number);
    return;
  }
  const auto found = connections_.find(ready.tag.number);
  if (found == connections_.end()) return;
  Connection& c = *found->second;
  if (ready.writable) drain(c);
  if (ready.readable) read(now, c, receiver);
  reap(receiver);
}

void TcpListener::accept(Instant now, size_t listener) {
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    Sockaddr name{};
    socklen_t length = sizeof name;
    Fd fd(::accept4(listeners_[listener].get(), &name.any, &length, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (fd) {
      start(now, std::move(fd), from_sockaddr(name));
      continue;
    }
    if (would_block(errno)) return;
    if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM) continue;
    // The listener would be ready again at once, for nothing.
    for (const Fd& l : listeners_) loop_.remove(l.get());
    paused_ = true;
    next_sweep_ = std::min(next_sweep_, now + kSweep);
    return;
  }
}

bool TcpListener::has_place(const IpAddress& remote) const {
  return connections_.size() < limits_.connections && last_number_ != UINT32_MAX &&
         connections_of_.has_room(remote, limits_.connections_per_remote);
}

void TcpListener::start(Instant now, Fd fd, const SocketAddress& remote) {
  if (!has_place(remote.ip)) {
    ++counters_.refused;
    return;
  }
  auto c = std::make_unique<Connection>();
  c->route = {remote, bound_address(fd.get()).ip, ++last_number_};
  c->fd = std::move(fd);
  c->last_frame = now;
  if (!loop_.add(c->fd.get(), c->tag(kind_ + 1))) {
    ++counters_.refused;
    return;
  }
  ++counters_.accepted;
  connections_of_.add(remote.ip);
  connections_.emplace(last_number_, std::move(c));
  counters_.open = connections_.size();
  next_sweep_ = std::min(next_sweep_, now + kSweep);
}

void TcpListener::read(Instant now, Connection& c, Receiver& receiver) {
  for (int i = 0; i < kReadsPerTurn && !c.broken; ++i) {
    const MutableBytes space = c.decoder.space();
    const ssize_t n = ::recv(c.fd.get(), space.data(), space.size(), 0);
    if (n < 0 && would_block(errno)) return;
    if (n <= 0) return break_off(c);
    c.decoder.commit(static_cast<size_t>(n));
    // What a receiver sends may break the connection while it is read.
    while (!c.broken) {
      const auto datagram = c.decoder.next();
      if (!datagram) break;
      if (!c.greeted && (*datagram)[0] > kLastStunByte) {
        ++counters_.closed_bad;
        return break_off(c);
      }
      c.greeted = true;
      c.last_frame = now;
      ++counters_.received;
      counters_.received_bytes += datagram->size();
      receiver.on_datagram(c.route, *datagram);
    }
    if (c.decoder.failed() && !c.broken) {
      ++counters_.closed_bad;
      return break_off(c);
    }
    if (static_cast<size_t>(n) < space.size()) return;
  }
}

void TcpListener::send(const TransmitBatch& batch, std::span<const Transmit> sends) {
  for (const Transmit& t : sends) {
    if (t.route.tcp == 0) continue;
    const auto found = connections_.find(t.route.tcp);
    if (found == connections_.end() || found->second->broken)
      counters_.dropped_closed += (t.size + t.segment - 1) / t.segment;
    else
      send_run(*found->second, t, batch.bytes(t));
  }
}

void TcpListener::send_run(Connection& c, const Transmit& t, Bytes run) {
  constexpr size_t kMax = TransmitBatch::kMaxSegments;
  std::array<std::array<uint8_t, kFrameHeader>, kMax> headers;
  std::array<iovec, 2 * kMax> vectors;
  size_t count = 0;
  for (size_t at = 0; at < run.size() && count < kMax; at += t.segment, ++count) {
    const size_t size = std::min<size_t>(t.segment, run.size() - at);
    headers[count] = frame_header(size);
    vectors[2 * count] = {headers[count].data(), kFrameHeader};
    vectors[2 * count + 1] = {const_cast<uint8_t*>(run.data()) + at, size};
  }
  size_t written = 0;
  if (c.queued() == 0) {
    msghdr message{};
    message.msg_iov = vectors.data();
    message.msg_iovlen = 2 * count;
    const ssize_t n = ::sendmsg(c.fd.get(), &message, MSG_NOSIGNAL);
    if (n < 0 && !would_block(errno)) {
      counters_.dropped_closed += count;
      return break_off(c);
    }
    written = n < 0 ? 0 : static_cast<size_t>(n);
  }
  for (size_t i = 0; i < count; ++i) {
    const Bytes payload = run.subspan(i * t.segment, vectors[2 * i + 1].iov_len);
    const size_t whole = kFrameHeader + payload.size();
    const size_t gone = std::min(written, whole);
    written -= gone;
    // The rest of a frame that has begun has to follow, whatever the limit.
    if (gone == 0 && c.queued() + whole > limits_.queue) {
      ++counters_.dropped_queue_full;
      continue;
    }
    ++counters_.sent;
    counters_.sent_bytes += payload.size();
    if (gone < kFrameHeader) c.append(Bytes(headers[i]).subspan(gone));
    if (gone < whole) c.append(payload.subspan(gone < kFrameHeader ? 0 : gone - kFrameHeader));
  }
  if (c.queued() > 0 && !c.blocked) {
    c.blocked = true;
    loop_.want_writable(c.fd.get(), c.tag(kind_ + 1), true);
  }
}

void TcpListener::drain(Connection& c) {
  if (c.broken || c.queued() == 0) return;
  const ssize_t n = ::send(c.fd.get(), c.queue.data() + c.queue_begin, c.queued(), MSG_NOSIGNAL);
  if (n < 0) {
    if (!would_block(errno)) break_off(c);
    return;
  }
  c.queue_begin += static_cast<size_t>(n);
  if (c.queued() > 0) return;
  // Gives the memory back: most connections never have a queue again.
  c.queue = {};
  c.queue_begin = 0;
  c.blocked = false;
  loop_.want_writable(c.fd.get(), c.tag(kind_ + 1), false);
}

void TcpListener::break_off(Connection& c) {
  if (c.broken) return;
  c.broken = true;
  loop_.remove(c.fd.get());
  broken_.push_back(c.route.tcp);
  next_sweep_ = Instant();  // at once
}

void TcpListener::reap(Receiver& receiver) {
  while (!broken_.empty()) {
    const uint32_t number = broken_.back();
    broken_.pop_back();
    const auto node = connections_.extract(number);
    counters_.open = connections_.size();
    if (node.empty()) continue;
    const Route route = node.mapped()->route;
    connections_of_.remove(route.remote.ip);
    if (node.mapped()->greeted) receiver.on_closed(route);
  }
}

void TcpListener::handle_timeout(Instant now, Receiver& receiver) {
  for (const auto& [number, c] : connections_) {
    const Duration limit = c->greeted ? limits_.idle : limits_.first_frame;
    if (c->broken || now - c->last_frame < limit) continue;
    ++counters_.closed_idle;
    break_off(*c);
  }
  reap(receiver);
  if (paused_) {
    paused_ = false;
    for (size_t i = 0; i < listeners_.size(); ++i)
      if (!loop_.add(listeners_[i].get(), {kind_, static_cast<uint32_t>(i)})) paused_ = true;
  }
  next_sweep_ = connections_.empty() && !paused_ ? Instant::never() : now + kSweep;
}

}  // namespace loopcast::net
