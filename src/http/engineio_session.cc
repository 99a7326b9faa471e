#include "http/engineio_session.h"

#include <algorithm>
#include <utility>

namespace loopcast::http {
namespace {

// What a queued packet costs besides its data, so that empty ones are bounded too.
constexpr size_t kPacketOverhead = 64;
// Clients upgrade when their poll has ended. A poll that comes at the same time as the upgrade
// packet is not answered before that packet has had its chance. (engine.io's own server takes 100
// ms.)
constexpr Duration kNoopDelay = Duration::millis(50);

}  // namespace

EngineSession::EngineSession(Instant now, const Config& config, EnginePacket open_packet)
    : config_(config), websocket_(config.websocket) {
  if (config_.protocol == 4) ping_at_ = now + config_.ping_interval;
  dead_at_ = now + config_.ping_interval + config_.ping_timeout;
  send(std::move(open_packet));
}

size_t EngineSession::cost(const EnginePacket& packet) {
  return packet.data.size() + kPacketOverhead;
}

void EngineSession::send(EnginePacket packet) {
  if (phase_ != Phase::kOpen) return;
  if (queued_ + cost(packet) > config_.max_queue) {
    queue_.clear();
    queued_ = 0;
    close("queue overflow");
    return;
  }
  queued_ += cost(packet);
  queue_.push_back(std::move(packet));
}

void EngineSession::alive(Instant now) {
  if (config_.protocol == 3)
    dead_at_ = now + config_.ping_interval + config_.ping_timeout;
  else if (waiting_for_pong_)
    dead_at_ = std::max(dead_at_, now + config_.ping_timeout);
}

std::optional<EnginePacket> EngineSession::receive(Instant now, EnginePacket packet) {
  if (phase_ != Phase::kOpen) return std::nullopt;
  alive(now);
  switch (packet.type) {
    case EngineType::kMessage:
      return packet;
    case EngineType::kPing:
      // In revision 3 the client pings; in revision 4 it has no business to.
      if (config_.protocol == 3)
        send({EngineType::kPong, std::move(packet.data)});
      else
        close("parse error");
      break;
    case EngineType::kPong:
      if (config_.protocol == 4 && waiting_for_pong_) {
        waiting_for_pong_ = false;
        ping_at_ = now + config_.ping_interval;
        dead_at_ = ping_at_ + config_.ping_timeout;
      }
      break;
    case EngineType::kClose:
      closed_by_client_ = true;
      close("transport close");
      break;
    case EngineType::kOpen:
    case EngineType::kUpgrade:
    case EngineType::kNoop:
      break;
  }
  return std::nullopt;
}

void EngineSession::close_when_sent(Instant now, std::string_view reason) {
  if (phase_ != Phase::kOpen) return;
  close_reason_ = reason;
  phase_ = Phase::kClosing;
  ping_at_ = Instant::never();
  dead_at_ = now + config_.ping_timeout;
  if (websocket_ && queue_.empty()) close(reason);
}

void EngineSession::close(std::string_view reason) {
  if (phase_ == Phase::kClosed) return;
  if (close_reason_.empty()) close_reason_ = reason;
  phase_ = Phase::kClosed;
  queue_.clear();
  queued_ = 0;
  ping_at_ = dead_at_ = upgrade_by_ = noop_at_ = Instant::never();
}

EngineSession::Poll EngineSession::begin_poll(Instant now) {
  if (websocket_ || phase_ == Phase::kClosed) return Poll::kElsewhere;
  if (polling_) {
    close("transport error");
    return Poll::kConflict;
  }
  polling_ = true;
  if (probed_) noop_at_ = now + kNoopDelay;
  return Poll::kWait;
}

bool EngineSession::poll_ready() const {
  return !queue_.empty() || phase_ != Phase::kOpen || noop_due_ || websocket_;
}

std::vector<EnginePacket> EngineSession::take_poll() {
  polling_ = false;
  noop_at_ = Instant::never();
  const bool noop = std::exchange(noop_due_, false);
  std::vector<EnginePacket> packets;
  if (phase_ == Phase::kClosed) {
    packets.push_back({closed_by_client_ ? EngineType::kNoop : EngineType::kClose, {}});
    return packets;
  }
  // After the upgrade everything that waits goes over the new transport.
  if (!websocket_) {
    packets.assign(std::move_iterator(queue_.begin()), std::move_iterator(queue_.end()));
    queue_.clear();
    queued_ = 0;
    // Clients of revision 4 hand packets on a little later than they see the end of the transport:
    // what stands before a close packet in the same payload is lost to the page.
    const bool apart = config_.protocol == 4 && !packets.empty();
    if (phase_ == Phase::kClosing && !apart) {
      packets.push_back({EngineType::kClose, {}});
      close(close_reason_);
    }
  }
  if (packets.empty() && noop) packets.push_back({EngineType::kNoop, {}});
  return packets;
}

std::optional<EnginePacket> EngineSession::take_packet() {
  if (queue_.empty()) {
    if (phase_ == Phase::kClosing) close(close_reason_);
    return std::nullopt;
  }
  EnginePacket packet = std::move(queue_.front());
  queue_.pop_front();
  queued_ -= cost(packet);
  return packet;
}

bool EngineSession::begin_probe(Instant now) {
  if (phase_ != Phase::kOpen || websocket_ || probing_) return false;
  probing_ = true;
  upgrade_by_ = now + config_.upgrade_timeout;
  return true;
}

std::optional<EngineSession::ProbeAnswer> EngineSession::receive_probe(Instant now,
                                                                       const EnginePacket& packet) {
  // Also while it closes: a client that is about to change over fetches its last packets there.
  if (phase_ == Phase::kClosed || !probing_) return std::nullopt;
  if (packet.type == EngineType::kPing && packet.data == "probe" && !packet.binary) {
    alive(now);
    probed_ = true;
    if (polling_) noop_at_ = now + kNoopDelay;
    return ProbeAnswer::kPong;
  }
  if (packet.type == EngineType::kUpgrade && probed_) {
    alive(now);
    probing_ = probed_ = false;
    upgrade_by_ = noop_at_ = Instant::never();
    websocket_ = true;
    return ProbeAnswer::kUpgraded;
  }
  return std::nullopt;
}

void EngineSession::end_probe() {
  probing_ = probed_ = false;
  upgrade_by_ = noop_at_ = Instant::never();
}

Instant EngineSession::next_timeout() const {
  return std::min({ping_at_, dead_at_, upgrade_by_, noop_at_});
}

void EngineSession::handle_timeout(Instant now) {
  if (dead_at_ <= now) {
    close("ping timeout");
    return;
  }
  if (ping_at_ <= now) {
    // Timed from when it was due, so that a late timer does not add to the client's time.
    dead_at_ = ping_at_ + config_.ping_timeout;
    ping_at_ = Instant::never();
    waiting_for_pong_ = true;
    send({EngineType::kPing, {}});
  }
  if (noop_at_ <= now) {
    noop_due_ = true;
    noop_at_ = Instant::never();
  }
  if (upgrade_by_ <= now) end_probe();
}

}  // namespace loopcast::http
