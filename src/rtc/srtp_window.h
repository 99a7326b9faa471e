// The sliding replay window of SRTP (RFC 3711 §3.3.2).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace loopcast::rtc {

// Remembers which of the last `Bits` packet indexes were received, relative to the highest. RFC
// 3711 asks for at least 64. RTP uses 1024: at 8 Mbit/s (850 packets/s) that is 1.2 s, so that
// packets retransmitted under their own SSRC and sequence number (audio, or video without RTX)
// still pass after several round trips, for 128 bytes per source. SRTCP uses 128.
template <size_t Bits>
class SrtpWindow {
 public:
  static_assert(Bits % 64 == 0 && (Bits & (Bits - 1)) == 0);
  enum class Verdict : uint8_t { kNew, kTooOld, kReplayed };

  bool started() const { return started_; }
  // Meaningful once started().
  uint64_t highest() const { return highest_; }

  Verdict check(uint64_t index) const {
    if (!started_ || index > highest_) return Verdict::kNew;
    if (highest_ - index >= Bits) return Verdict::kTooOld;
    return (word(index) & bit(index)) != 0 ? Verdict::kReplayed : Verdict::kNew;
  }

  // Remembers an index that check() called new and whose packet is authentic.
  void add(uint64_t index) {
    if (!started_) {
      started_ = true;
      highest_ = index;
    } else if (index > highest_) {
      if (index - highest_ >= Bits) {
        seen_.fill(0);
      } else {
        for (uint64_t i = highest_ + 1; i < index; ++i) word(i) &= ~bit(i);
      }
      highest_ = index;
    }
    word(index) |= bit(index);
  }

 private:
  // A ring: the bit of an index is where the index that is `Bits` older was.
  uint64_t& word(uint64_t index) { return seen_[index % Bits / 64]; }
  const uint64_t& word(uint64_t index) const { return seen_[index % Bits / 64]; }
  static uint64_t bit(uint64_t index) { return uint64_t{1} << (index % 64); }

  uint64_t highest_ = 0;
  bool started_ = false;
  std::array<uint64_t, Bits / 64> seen_{};
};

}  // namespace loopcast::rtc
