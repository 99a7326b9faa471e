// How much one presenter may send: packets beyond it are dropped before anybody is sent them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace loopcast::sfu {

// A token bucket that holds a second: a keyframe may be sent faster than the bound for that long.
class RateBound {
 public:
  // What a packet costs besides its own bytes: the headers of IPv6 and UDP. Tiny packets cost
  // viewers nearly as much as large ones.
  static constexpr size_t kHeaders = 48;

  explicit RateBound(int64_t bits_per_second)
      : bytes_per_second_(bits_per_second / 8), left_(bytes_per_second_ * kSecond) {}

  bool admits(Instant now, size_t bytes) {
    // What is earned in a second fills it.
    const int64_t passed = std::clamp<int64_t>((now - at_).us(), 0, kSecond);
    at_ = now;
    left_ = std::min(left_ + passed * bytes_per_second_, bytes_per_second_ * kSecond);
    const int64_t cost = static_cast<int64_t>(bytes + kHeaders) * kSecond;
    if (cost > left_) return false;
    left_ -= cost;
    return true;
  }

 private:
  static constexpr int64_t kSecond = 1'000'000;  // µs; `left_` counts millionths of a byte

  int64_t bytes_per_second_;
  int64_t left_;
  Instant at_;
};

}  // namespace loopcast::sfu
