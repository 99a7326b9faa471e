#include "sim/latency.h"

#include <gtest/gtest.h>

namespace loopcast::sim {
namespace {

TEST(LatencyHistogram, PercentilesAreRightToThreePercent) {
  LatencyHistogram histogram;
  for (int64_t us = 1; us <= 100'000; ++us) histogram.add(Duration::micros(us));
  EXPECT_EQ(histogram.count(), 100'000u);
  for (const double share : {0.001, 0.1, 0.5, 0.95, 0.99, 1.0}) {
    const double truth = share * 100'000;
    const auto found = static_cast<double>(histogram.percentile(share).us());
    EXPECT_GE(found, truth * 0.999) << share;
    EXPECT_LE(found, truth * 1.032 + 1) << share;
  }
}

TEST(LatencyHistogram, ForgetsWhatAnEarlierCopyCounted) {
  LatencyHistogram histogram;
  histogram.add(Duration::seconds(1));
  const LatencyHistogram earlier = histogram;
  histogram.add(Duration::millis(2));
  histogram -= earlier;
  EXPECT_EQ(histogram.count(), 1u);
  EXPECT_NEAR(static_cast<double>(histogram.percentile(1).us()), 2000, 65);
}

TEST(LatencyHistogram, TakesWhatIsBelowZeroAndBeyondItsEnd) {
  LatencyHistogram histogram;
  EXPECT_EQ(histogram.percentile(0.5), Duration());
  histogram.add(Duration::seconds(-5));
  EXPECT_EQ(histogram.percentile(1), Duration());
  histogram.add(Duration::seconds(100'000));
  EXPECT_GT(histogram.percentile(1), Duration::seconds(100));
}

}  // namespace
}  // namespace loopcast::sim
