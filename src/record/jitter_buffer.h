// The packets of one stream in order: waits a bounded time for those that are missing.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "sfu/packet_cache.h"

namespace loopcast::record {

class JitterBuffer {
 public:
  struct Packet {
    sfu::CachedPacket meta;
    std::vector<uint8_t> payload;
    bool gap = false;  // packets before this one are lost
  };
  // More packets than this behind a gap are not waited with; 2.5 Mbit/s are 300 a second.
  static constexpr size_t kMaxHeld = 2048;

  explicit JitterBuffer(Duration wait) : wait_(wait) {}

  // Duplicates and packets that come too late are ignored.
  void insert(Instant now, const sfu::CachedPacket& meta, Bytes payload);
  // The next packet, unless one before it is still waited for.
  std::optional<Packet> pop(Instant now);
  // When pop() has something without another packet coming.
  Instant next_timeout() const;
  // Nothing is waited for any more: pop() gives out all that is there.
  void stop_waiting() { wait_ = Duration::micros(-1); }

  uint64_t lost() const { return lost_; }
  size_t held() const { return held_.size(); }

 private:
  bool is_next() const { return next_ < 0 || held_.begin()->first == next_; }

  Duration wait_;
  std::map<int64_t, Packet> held_;
  int64_t next_ = -1;
  Instant waiting_since_;  // for next_
  uint64_t lost_ = 0;
};

}  // namespace loopcast::record
