// How long packets were under way, in buckets: each is a 32nd of its power of two wide, so that a
// percentile is right to 3 %.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace loopcast::sim {

class LatencyHistogram {
 public:
  // Below zero counts as zero, beyond the last bucket (134 s) as the last.
  void add(Duration latency) {
    ++buckets_[bucket(static_cast<uint64_t>(std::max<int64_t>(0, latency.us())))];
  }
  LatencyHistogram& operator+=(const LatencyHistogram& o) {
    for (size_t i = 0; i < kBuckets; ++i) buckets_[i] += o.buckets_[i];
    return *this;
  }
  // Takes away what an earlier copy of this counted.
  LatencyHistogram& operator-=(const LatencyHistogram& earlier) {
    for (size_t i = 0; i < kBuckets; ++i) buckets_[i] -= earlier.buckets_[i];
    return *this;
  }
  uint64_t count() const {
    uint64_t all = 0;
    for (const uint64_t n : buckets_) all += n;
    return all;
  }
  // The value that `share` (0 to 1) of all lie at or below; zero if there are none.
  Duration percentile(double share) const {
    const auto wanted = static_cast<uint64_t>(share * static_cast<double>(count()));
    uint64_t seen = 0;
    for (size_t i = 0; i < kBuckets; ++i) {
      seen += buckets_[i];
      if (seen > 0 && seen >= wanted) return Duration::micros(upper(i));
    }
    return {};
  }

 private:
  static constexpr size_t kFine = 32;
  static constexpr size_t kOctaves = 23;
  static constexpr size_t kBuckets = kFine * kOctaves;

  static size_t bucket(uint64_t us) {
    if (us < kFine) return us;
    const auto shift = static_cast<size_t>(std::bit_width(us)) - 6;
    return std::min(kBuckets - 1, kFine * (shift + 1) + ((us >> shift) - kFine));
  }
  static int64_t upper(size_t i) {
    if (i < kFine) return static_cast<int64_t>(i);
    const size_t shift = i / kFine - 1;
    return static_cast<int64_t>(((i % kFine + kFine + 1) << shift) - 1);
  }

  std::array<uint64_t, kBuckets> buckets_{};
};

}  // namespace loopcast::sim
