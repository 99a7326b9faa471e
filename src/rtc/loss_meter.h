// The share of packets that a receiver has lost lately, as its transport-wide feedback tells it:
// each packet counts once, whatever is repeated, and one that was only late is not lost.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/time.h"

namespace loopcast::rtc {

class LossMeter {
 public:
  // Numbers below the highest one that are remembered; what is told of older ones is ignored.
  static constexpr int64_t kRemembered = 64;

  // The packet of this extended number was told as received or lost. False if that is not new.
  bool note(int64_t index, bool received) {
    if (index > highest_) {
      const int64_t ahead = index - highest_;
      received_ = ahead < kRemembered ? received_ << ahead : 0;
      lost_ = ahead < kRemembered ? lost_ << ahead : 0;
      highest_ = index;
    }
    if (highest_ - index >= kRemembered) return false;
    const uint64_t bit = uint64_t{1} << (highest_ - index);
    if ((received_ & bit) != 0 || (!received && (lost_ & bit) != 0)) return false;
    if ((lost_ & bit) != 0) {
      lost_ &= ~bit;
      lost_packets_ = std::max(0.0, lost_packets_ - 1);
    } else {
      told_packets_ += 1;
      if (!received) lost_packets_ += 1;
    }
    (received ? received_ : lost_) |= bit;
    return true;
  }
  // Time passes: what was told a second ago counts half.
  void pass(Duration elapsed) {
    const double kept = 1 / (1 + elapsed.as_seconds());
    told_packets_ *= kept;
    lost_packets_ *= kept;
  }

  // The highest number told of; -1: none yet.
  int64_t highest() const { return highest_; }
  // 0 to 1; 0 if too few packets were told of to say.
  double share() const {
    constexpr double kMinPackets = 20;
    return told_packets_ < kMinPackets ? 0 : std::min(lost_packets_ / told_packets_, 1.0);
  }

 private:
  int64_t highest_ = -1;
  uint64_t received_ = 0;  // bit i: number highest_ - i was told as received
  uint64_t lost_ = 0;      // as lost, and not as received since
  double told_packets_ = 0;
  double lost_packets_ = 0;
};

}  // namespace loopcast::rtc
