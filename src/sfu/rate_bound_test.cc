#include "sfu/rate_bound.h"

#include <gtest/gtest.h>

namespace loopcast::sfu {
namespace {

constexpr int64_t kBits = 8'000'000;
constexpr size_t kPacket = 1'000 - RateBound::kHeaders;  // 1000 with its headers
constexpr int kPerSecond = 1'000;

// Packets of `bytes` that are admitted at `at` before one is refused.
int admitted(RateBound& bound, Instant at, size_t bytes = kPacket) {
  int count = 0;
  while (bound.admits(at, bytes)) ++count;
  return count;
}

TEST(RateBoundTest, HoldsASecondAndFillsAsTimePasses) {
  RateBound bound(kBits);
  Instant now = Instant::from_us(5'000'000);
  EXPECT_EQ(admitted(bound, now), kPerSecond);
  now = now + Duration::millis(100);
  EXPECT_EQ(admitted(bound, now), kPerSecond / 10);
  // However long it rests, it holds no more, and nothing overflows.
  now = now + Duration::seconds(int64_t{10} * 365 * 86'400);
  EXPECT_EQ(admitted(bound, now), kPerSecond);
}

TEST(RateBoundTest, ASteadyStreamAtTheBoundLosesNothing) {
  RateBound bound(kBits);
  Instant now = Instant::from_us(1);
  for (int i = 0; i < 20 * kPerSecond; ++i) {
    now = now + Duration::micros(1'000'000 / kPerSecond);
    ASSERT_TRUE(bound.admits(now, kPacket)) << i;
  }
}

TEST(RateBoundTest, TinyPacketsCostTheirHeaders) {
  RateBound bound(kBits);
  EXPECT_EQ(admitted(bound, Instant::from_us(1), 2), kBits / 8 / (2 + int{RateBound::kHeaders}));
}

TEST(RateBoundTest, TimeThatStandsStillOrGoesBackEarnsNothing) {
  RateBound bound(kBits);
  const Instant now = Instant::from_us(9'000'000);
  admitted(bound, now);
  EXPECT_FALSE(bound.admits(now, kPacket));
  EXPECT_FALSE(bound.admits(now - Duration::seconds(1), kPacket));
}

}  // namespace
}  // namespace loopcast::sfu
