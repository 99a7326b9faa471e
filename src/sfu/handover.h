// A publisher's packets on their way to another thread: a recorder's, or another worker's. They
// travel by value, a frame or so at a time, so that nobody waits for anybody.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "rtc/negotiated_media.h"
#include "rtc/peer.h"
#include "sfu/packet_cache.h"
#include "sfu/publisher.h"
#include "wire/codec.h"

namespace loopcast::sfu {

// One media session. Chosen by whoever gives the commands; never used again.
using MediaId = uint64_t;
// Who takes packets over. Chosen by whoever gives the commands.
using TargetId = uint32_t;

struct HandoverStream {
  rtc::MediaKind kind = rtc::MediaKind::kAudio;
  wire::Codec codec = wire::Codec::kOpus;
  uint32_t clock_rate = 0;  // Hz
  std::string fmtp;         // as the presenter offered it
};

// All streams of a publisher, in their order.
std::vector<HandoverStream> describe_streams(const Publisher& publisher);

struct PacketBatch {
  struct Packet {
    uint32_t stream = 0;  // index into the publisher's streams
    uint32_t offset = 0;  // of the payload in `bytes`; its size is meta.payload_size
    CachedPacket meta;
  };
  struct Clock {
    uint32_t stream = 0;
    std::optional<rtc::ClockMark> mark;  // nullopt: what was told before holds no more
  };

  TargetId target = 0;
  MediaId publisher = 0;
  Instant at;
  // Not empty in the first batch for a target only: all streams of the publisher.
  std::vector<HandoverStream> streams = {};
  // Sender reports that came since the batch before, and clocks that were lost since.
  std::vector<Clock> clocks = {};
  // In the order of arrival; of one stream perhaps out of sequence.
  std::vector<Packet> packets = {};
  std::vector<uint8_t> bytes = {};
  // The publisher has ended, or it is not tapped any more. Nothing follows.
  bool last = false;

  Bytes payload(const Packet& packet) const {
    return Bytes(bytes).subspan(packet.offset, packet.meta.payload_size);
  }
};

// Who takes over the packets of one publisher.
class Handover {
 public:
  // Batches of all publishers of a worker that wait for the shell. It drains them each turn, so
  // more are a shell that does not: counted drops.
  static constexpr size_t kMaxWaiting = 1024;

  // From now on `target` gets what comes; first of all what a viewer who joins now would get at
  // once: the newest keyframe and what followed. Without one, one is asked for. A keyframe is asked
  // for whenever none came for `keyframe_interval`; zero: never. Nothing happens if it taps
  // already.
  void add(Instant now, MediaId publisher, TargetId target, Duration keyframe_interval,
           Publisher& source, const rtc::Peer& peer, std::deque<PacketBatch>& out);
  void remove(Instant now, MediaId publisher, TargetId target, std::deque<PacketBatch>& out);

  // Hands over the publisher's pending packets. Returns how many batches found no room.
  size_t copy_pending(Instant now, MediaId publisher, Publisher& source, const rtc::Peer& peer,
                      std::deque<PacketBatch>& out);
  // The publisher is gone.
  void end(Instant now, MediaId publisher, std::deque<PacketBatch>& out);

 private:
  struct Tap {
    TargetId target;
    Duration keyframe_interval;
  };

  void copy_changed_clocks(const Publisher& source, const rtc::Peer& peer, PacketBatch& batch);
  void keep_keyframes_coming(Instant now, Publisher& source);

  std::vector<Tap> taps_;
  // By stream, as last handed over or seen.
  struct Seen {
    std::optional<Instant> clock_at = {};
    int64_t keyframe_index = -1;
    Instant keyframe_at;
  };
  std::vector<Seen> seen_;
};

}  // namespace loopcast::sfu
