#include "record/jitter_buffer.h"

#include <utility>

namespace loopcast::record {

void JitterBuffer::insert(Instant now, const sfu::CachedPacket& meta, Bytes payload) {
  if (meta.index < next_) return;
  const bool was_empty = held_.empty();
  const auto [it, inserted] = held_.try_emplace(meta.index);
  if (!inserted) return;
  it->second.meta = meta;
  it->second.payload.assign(payload.begin(), payload.end());
  if (was_empty) waiting_since_ = now;
}

std::optional<JitterBuffer::Packet> JitterBuffer::pop(Instant now) {
  if (held_.empty()) return std::nullopt;
  const bool gap = !is_next();
  if (gap && held_.size() <= kMaxHeld && now - waiting_since_ < wait_) return std::nullopt;
  auto node = held_.extract(held_.begin());
  Packet packet = std::move(node.mapped());
  packet.gap = gap;
  if (gap) lost_ += static_cast<uint64_t>(packet.meta.index - next_);
  next_ = packet.meta.index + 1;
  waiting_since_ = now;
  return packet;
}

Instant JitterBuffer::next_timeout() const {
  if (held_.empty()) return Instant::never();
  return is_next() ? waiting_since_ : waiting_since_ + wait_;
}

}  // namespace loopcast::record
