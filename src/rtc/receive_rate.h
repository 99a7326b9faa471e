// How many bits a second have arrived at a receiver, by its own clock, over its last second.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/time.h"
#include "base/units.h"
#include "rtc/arrival_time.h"

namespace loopcast::rtc {

class ReceiveRate {
 public:
  static constexpr Duration kLong = Duration::millis(1024);
  static constexpr Duration kShort = Duration::millis(512);
  // Less says nothing, as frames come in bursts.
  static constexpr Duration kShortest = Duration::millis(256);
  // So long without a packet is a pause of the source and no part of its rate.
  static constexpr Duration kPause = Duration::millis(500);

  // Packets may be told in another order than they arrived.
  void add(ArrivalTime at, uint32_t bytes) {
    const Duration ahead = at - latest_;
    if (!started_ || ahead > kPause || -ahead > kLong) {
      buckets_.fill(0);
      start_ = latest_ = at;
      started_ = true;
    } else if (ahead > Duration()) {
      for (uint32_t steps = buckets_between(at, latest_); steps > 0; --steps)
        bucket(at, steps - 1) = 0;
      latest_ = at;
      if (latest_ - start_ > kLong) start_ = latest_ + -kLong;
    } else if (buckets_between(latest_, at) >= kBuckets) {
      return;
    }
    bucket(at, 0) += bytes;
  }

  // Something is missing: forgets all.
  void restart() { started_ = false; }

  // Over `span` up to the latest arrival, or since the last pause; nullopt soon after one.
  std::optional<Bitrate> over(Duration span) const {
    if (!started_) return std::nullopt;
    // The latest bucket is not full yet.
    const ArrivalTime full{latest_.ticks / kBucketTicks * kBucketTicks};
    const ArrivalTime from = full + (wire::kFeedbackReferenceUnit - span);
    const Duration time = latest_ - (from - start_ > Duration() ? from : start_);
    if (time < kShortest) return std::nullopt;
    int64_t bytes = 0;
    for (int64_t i = 0; i < span.us() / wire::kFeedbackReferenceUnit.us(); ++i)
      bytes += buckets_[(latest_.ticks / kBucketTicks - static_cast<uint32_t>(i)) % kBuckets];
    return Bitrate{bytes * 8 * 1'000'000 / time.us()};
  }

 private:
  static constexpr size_t kBuckets = 16;
  static_assert(wire::kFeedbackReferenceUnit * kBuckets == kLong);
  static constexpr uint32_t kBucketTicks = ArrivalTime::kTicksPerReference;

  // How many buckets later `later` falls than `earlier`, modulo the clock's wrap.
  static uint32_t buckets_between(ArrivalTime later, ArrivalTime earlier) {
    constexpr uint32_t kWrap = 0xFFFF'FFFF / kBucketTicks;
    return (later.ticks / kBucketTicks - earlier.ticks / kBucketTicks) & kWrap;
  }
  uint32_t& bucket(ArrivalTime at, uint32_t before) {
    return buckets_[(at.ticks / kBucketTicks - before) % kBuckets];
  }

  bool started_ = false;
  ArrivalTime start_;  // of the time without a pause
  ArrivalTime latest_;
  std::array<uint32_t, kBuckets> buckets_{};  // bytes by time of arrival
};

}  // namespace loopcast::rtc
