// The last packets of one RTP stream, in plaintext and numbered by their extended sequence number.
// Fan-out, retransmission and recording all read from here: a packet is copied once, on its way in.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "rtc/rtp_output.h"

namespace loopcast::sfu {

// What is kept of a packet beside its payload.
struct CachedPacket {
  int64_t index = -1;  // extended sequence number in the publisher's numbering; -1: empty slot
  uint32_t timestamp = 0;
  uint16_t payload_size = 0;
  uint8_t padding = 0;  // bytes behind the payload (RFC 3550, section 5.1)
  // Somebody may have got it: from then on its bytes stay as they are, since two different packets
  // must not be encrypted under one number.
  bool sent = false;
  bool marker = false;
  bool keyframe = false;     // wire::PayloadInfo::keyframe
  bool frame_start = false;  // first packet of a frame
  int16_t audio_level = -1;  // RFC 6464 byte, -1: absent
  Instant arrival;
};

class PacketCache {
 public:
  // Room before each payload, so that a retransmission writes the original sequence number
  // (RFC 4588, section 4) in front of it without moving it.
  static constexpr size_t kHeadroom = 2;
  // The largest payload that leaves in one piece: Ethernet's MTU less IPv4, UDP and RTP headers.
  static constexpr size_t kMaxPayload = 1500 - 20 - 8 - 12;
  // Sound of 120 ms in one packet may be larger, and comes and leaves in fragments: as much as is
  // received.
  static constexpr size_t kMaxSoundPayload = 2048 - 12;

  // `capacity`: packets, a power of two. `max_payload`: bytes.
  explicit PacketCache(size_t capacity, size_t max_payload = kMaxPayload);

  // Copies a packet in; it takes the place of the one `capacity` numbers before it. False, and
  // nothing changed, if it is a duplicate, older than the whole cache, or too large.
  bool insert(const CachedPacket& packet, Bytes payload);

  // nullptr if it never came or has been overwritten.
  const CachedPacket* find(int64_t index) const {
    const CachedPacket& slot = packets_[position(index)];
    return slot.index == index && index >= 0 ? &slot : nullptr;
  }
  Bytes payload(const CachedPacket& packet) const {
    return {payload_start(packet.index) + kHeadroom, packet.payload_size};
  }
  // As it goes to viewers, padding included.
  rtc::PlainPacket plain(const CachedPacket& packet) const {
    return {
        packet.index,
        packet.timestamp,
        packet.marker,
        packet.padding,
        packet.audio_level,
        {payload_start(packet.index) + kHeadroom, size_t{packet.payload_size} + packet.padding}};
  }
  // Makes a packet one byte longer, unless somebody may have it already or it is not there.
  void pad(int64_t index);
  void mark_sent(int64_t index);
  // The payload behind `osn`, as RFC 4588 sends it again. Valid until the next call for this
  // packet.
  Bytes retransmission_payload(const CachedPacket& packet, uint16_t osn) {
    uint8_t* start = payload_start(packet.index);
    store_u16(start, osn);
    return {start, kHeadroom + packet.payload_size};
  }

  int64_t highest() const { return highest_; }
  size_t capacity() const { return packets_.size(); }
  size_t max_payload() const { return slot_size_ - kHeadroom; }

 private:
  size_t position(int64_t index) const {
    return static_cast<size_t>(index) & (packets_.size() - 1);
  }
  const uint8_t* payload_start(int64_t index) const {
    return &payloads_[position(index) * slot_size_];
  }
  uint8_t* payload_start(int64_t index) { return &payloads_[position(index) * slot_size_]; }

  CachedPacket* slot_of(int64_t index) { return const_cast<CachedPacket*>(find(index)); }

  size_t slot_size_;
  std::vector<CachedPacket> packets_;
  std::unique_ptr<uint8_t[]> payloads_;  // not touched before it is used
  int64_t highest_ = -1;
};

}  // namespace loopcast::sfu
