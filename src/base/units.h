// Strong types for the numbers of RTP, so that a sequence number is never added to an SSRC.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace loopcast {

// RFC 3550: synchronisation source.
struct Ssrc {
  uint32_t value = 0;
  constexpr auto operator<=>(const Ssrc&) const = default;
};

// 7 bits, RFC 3550.
using PayloadType = uint8_t;

// A wrapping 16-bit RTP sequence number.
struct Seq16 {
  uint16_t value = 0;
  constexpr bool operator==(const Seq16&) const = default;
  constexpr Seq16 operator+(int n) const { return Seq16{static_cast<uint16_t>(value + n)}; }
  constexpr Seq16 operator-(int n) const { return Seq16{static_cast<uint16_t>(value - n)}; }
  // Signed distance from `o` to this, -32768 to 32767 (RFC 1982 serial arithmetic).
  constexpr int16_t distance_from(Seq16 o) const { return static_cast<int16_t>(value - o.value); }
  constexpr bool newer_than(Seq16 o) const { return distance_from(o) > 0; }
};

// Extends a wrapping 16-bit number to 64 bits, relative to the highest one seen. Starts at 2^16 so
// that packets from before the first one do not go below zero.
class SeqExtender {
 public:
  // The extended number of `s`, without remembering it.
  constexpr int64_t peek(Seq16 s) const {
    if (!started_) return kStart + s.value;
    return highest_ + s.distance_from(Seq16{static_cast<uint16_t>(highest_)});
  }
  // The same, and `s` becomes the reference if it is the highest so far.
  constexpr int64_t extend(Seq16 s) {
    const int64_t v = peek(s);
    if (!started_ || v > highest_) highest_ = v;
    started_ = true;
    return v;
  }
  constexpr bool started() const { return started_; }
  constexpr int64_t highest() const { return highest_; }

 private:
  static constexpr int64_t kStart = int64_t{1} << 16;
  int64_t highest_ = 0;
  bool started_ = false;
};

// Bits per second.
struct Bitrate {
  int64_t bps = 0;
  static constexpr Bitrate kbps(int64_t v) { return Bitrate{v * 1000}; }
  constexpr auto operator<=>(const Bitrate&) const = default;
};

}  // namespace loopcast

template <>
struct std::hash<loopcast::Ssrc> {
  size_t operator()(const loopcast::Ssrc& s) const noexcept {
    return std::hash<uint32_t>()(s.value);
  }
};
