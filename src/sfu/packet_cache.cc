#include "sfu/packet_cache.h"

#include <algorithm>

namespace loopcast::sfu {

PacketCache::PacketCache(size_t capacity, size_t max_payload)
    : slot_size_(kHeadroom + max_payload),
      packets_(capacity),
      payloads_(std::make_unique_for_overwrite<uint8_t[]>(capacity * slot_size_)) {}

bool PacketCache::insert(const CachedPacket& packet, Bytes payload) {
  if (payload.size() > max_payload() || packet.index < 0) return false;
  if (packet.index + static_cast<int64_t>(capacity()) <= highest_) return false;
  CachedPacket& slot = packets_[position(packet.index)];
  if (slot.index >= packet.index) return false;
  slot = packet;
  slot.payload_size = static_cast<uint16_t>(payload.size());
  slot.padding = 0;
  slot.sent = false;
  if (!payload.empty())
    std::memcpy(payload_start(packet.index) + kHeadroom, payload.data(), payload.size());
  highest_ = std::max(highest_, packet.index);
  return true;
}

void PacketCache::pad(int64_t index) {
  CachedPacket* packet = slot_of(index);
  if (!packet || packet->sent || packet->padding != 0 || packet->payload_size == max_payload())
    return;
  packet->padding = 1;
  payload_start(index)[kHeadroom + packet->payload_size] = 1;  // the count, which counts itself
}

void PacketCache::mark_sent(int64_t index) {
  if (CachedPacket* packet = slot_of(index)) packet->sent = true;
}

}  // namespace loopcast::sfu
