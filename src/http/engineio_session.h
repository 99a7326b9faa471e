// The state of one Engine.IO session: what waits for the client, whether it is alive, over which
// transport it is reached. Pure: time comes in, packets come out, and the owner does the I/O.
// https://github.com/socketio/engine.io-protocol
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "http/engineio_codec.h"

namespace loopcast::http {

class EngineSession {
 public:
  struct Config {
    int protocol = 4;            // 3 or 4
    bool websocket = false;      // opened over WebSocket: no polling, ever
    bool binary_allowed = true;  // see encode_engine_payload
    Duration ping_interval = Duration::seconds(25);
    Duration ping_timeout = Duration::seconds(20);
    Duration upgrade_timeout = Duration::seconds(10);
    size_t max_queue = 1'000'000;  // bytes that may wait for the client
  };
  // kClosing: no more packets in, but the last ones out still wait to leave.
  enum class Phase { kOpen, kClosing, kClosed };
  enum class Poll {
    kWait,       // answer when poll_ready()
    kConflict,   // another request hangs already; the session is closed now
    kElsewhere,  // the session is on WebSocket, or gone
  };

  // `open_packet` is the first thing to leave.
  EngineSession(Instant now, const Config& config, EnginePacket open_packet);

  const Config& config() const { return config_; }
  // From now on.
  void set_max_queue(size_t bytes) { config_.max_queue = bytes; }
  // Bytes that wait for the client, with what each packet costs besides its data.
  size_t queued() const { return queued_; }
  Phase phase() const { return phase_; }
  // Why it closed; empty while it is open.
  std::string_view close_reason() const { return close_reason_; }
  bool on_websocket() const { return websocket_; }
  bool upgrading() const { return probing_; }

  // Queues a packet. More than max_queue closes the session ("queue overflow").
  void send(EnginePacket packet);
  // A packet from the client on the session's transport. Returns the message it carried, if any.
  std::optional<EnginePacket> receive(Instant now, EnginePacket packet);

  // Ends it when what waits has left, or after ping_timeout.
  void close_when_sent(Instant now, std::string_view reason);
  // Ends it at once. A hanging poll is still answered.
  void close(std::string_view reason);

  // Long polling: a GET begins; its answer is due when poll_ready(), and is take_poll().
  Poll begin_poll(Instant now);
  bool poll_ready() const;
  // Empty: the session went to WebSocket in the meantime, and the request is refused.
  std::vector<EnginePacket> take_poll();

  // WebSocket: whether the writer has something to do, and the next packet to write; nullopt if
  // none waits (the session may be closed then).
  bool write_ready() const { return websocket_ && (!queue_.empty() || phase_ != Phase::kOpen); }
  std::optional<EnginePacket> take_packet();

  // Upgrade: a second transport, WebSocket, introduces itself with a ping "probe" and takes over
  // with an upgrade packet. Packets on it that are neither end it, not the session.
  // False: this session cannot be upgraded (now).
  bool begin_probe(Instant now);
  // The answer to a packet on the probing transport; nullopt: close that transport.
  enum class ProbeAnswer { kPong, kUpgraded };
  std::optional<ProbeAnswer> receive_probe(Instant now, const EnginePacket& packet);
  // The probing transport is gone before it took over.
  void end_probe();

  Instant next_timeout() const;
  void handle_timeout(Instant now);

 private:
  void alive(Instant now);
  static size_t cost(const EnginePacket& packet);

  Config config_;
  Phase phase_ = Phase::kOpen;
  std::string close_reason_;
  std::deque<EnginePacket> queue_;
  size_t queued_ = 0;
  bool websocket_;
  bool polling_ = false;
  bool probing_ = false;
  bool probed_ = false;  // the probe was answered: polls end soon
  bool noop_due_ = false;
  bool closed_by_client_ = false;  // the last poll gets a noop and not a close packet
  bool waiting_for_pong_ = false;
  Instant ping_at_ = Instant::never();  // revision 4: the server pings
  Instant dead_at_ = Instant::never();  // unless the client is heard
  Instant upgrade_by_ = Instant::never();
  Instant noop_at_ = Instant::never();  // ends the poll that hangs during an upgrade
};

}  // namespace loopcast::http
