// ICE-TCP, the passive side (RFC 6544): for peers whose network lets no UDP through. Each
// connection carries datagrams in RFC 4571 frames and is named by a number that is never used
// again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/expected.h"
#include "base/ip_prefix.h"
#include "base/transmit.h"
#include "net/event_loop.h"
#include "net/fd.h"

namespace loopcast::net {

struct TcpCounters {
  uint64_t accepted = 0;
  uint64_t open = 0;         // now
  uint64_t refused = 0;      // over a limit of connections
  uint64_t closed_bad = 0;   // no STUN at first, or a frame too long
  uint64_t closed_idle = 0;  // nothing complete in time
  uint64_t received = 0;     // datagrams
  uint64_t received_bytes = 0;
  uint64_t sent = 0;  // datagrams, handed to the kernel or queued
  uint64_t sent_bytes = 0;
  uint64_t dropped_queue_full = 0;  // datagrams to a peer that reads too slowly
  uint64_t dropped_closed = 0;      // datagrams to a connection that is no more
};

class TcpListener {
 public:
  // What the listener tells of. Within these calls send() may be called, nothing else.
  class Receiver {
   public:
    virtual ~Receiver() = default;
    virtual void on_datagram(const Route& from, MutableBytes data) = 0;
    // The connection that `route` names is gone; only for one of which a datagram was delivered.
    virtual void on_closed(const Route& route) = 0;
  };

  struct Limits {
    // Connections of a worker, each about 9 kB without its queue.
    size_t connections = 1024;
    // From one IPv4 address or one IPv6 /64, and more from wider networks (see ClientNetworks): a
    // household or an office behind one address, but not all the connections there are.
    size_t connections_per_remote = 32;
    // Bytes that wait for a slow reader: half a second of 4 Mbit/s. Datagrams beyond are dropped.
    size_t queue = 256 * 1024;
    // To the first whole frame, and between frames (ICE consent, RFC 7675, comes every 5 s).
    Duration first_frame = Duration::seconds(10);
    Duration idle = Duration::seconds(60);
  };

  // Registers its descriptors in `loop` (which outlives this) with Tags of kind `kind` and of kind
  // `kind` + 1.
  TcpListener(EventLoop& loop, uint32_t kind, const Limits& limits);
  TcpListener(EventLoop& loop, uint32_t kind);
  ~TcpListener();

  // Once for each address. Returns the address with the port that the system chose for 0.
  // Errors: "socket_failed", "bind_failed".
  Expected<SocketAddress> listen(const SocketAddress& address);

  // Whether `tag` is one of ours, to be given to handle().
  bool owns(EventLoop::Tag tag) const { return tag.kind == kind_ || tag.kind == kind_ + 1; }
  // Accepts, reads and writes what is possible now.
  void handle(Instant now, const EventLoop::Ready& ready, Receiver& receiver);

  // When handle_timeout() is due: every second while there are connections.
  Instant next_timeout() const { return next_sweep_; }
  void handle_timeout(Instant now, Receiver& receiver);

  // Sends those of `sends` whose Route.tcp is not 0. Never waits; a frame is sent whole or not at
  // all.
  void send(const TransmitBatch& batch, std::span<const Transmit> sends);

  const TcpCounters& counters() const { return counters_; }

 private:
  struct Connection;

  void accept(Instant now, size_t listener);
  void start(Instant now, Fd fd, const SocketAddress& remote);
  bool has_place(const IpAddress& remote) const;
  void read(Instant now, Connection& c, Receiver& receiver);
  void send_run(Connection& c, const Transmit& t, Bytes run);
  void drain(Connection& c);
  void break_off(Connection& c);
  void reap(Receiver& receiver);

  EventLoop& loop_;
  const uint32_t kind_;
  const Limits limits_;
  std::vector<Fd> listeners_;
  bool paused_ = false;  // out of descriptors: accept no more until the next sweep
  std::unordered_map<uint32_t, std::unique_ptr<Connection>> connections_;
  NetworkCounts connections_of_;
  std::vector<uint32_t> broken_;  // to be closed when nobody works on them any more
  uint32_t last_number_ = 0;
  Instant next_sweep_ = Instant::never();
  TcpCounters counters_;
};

}  // namespace loopcast::net
