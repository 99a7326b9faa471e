#include "rtc/nack_generator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace loopcast::rtc {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr Duration kRoundTrip = Duration::millis(100);

std::vector<int64_t> due(NackGenerator& nack, Instant now) {
  std::array<int64_t, 32> out;
  const size_t count = nack.take_due(now, kRoundTrip, out);
  return {out.begin(), out.begin() + static_cast<std::ptrdiff_t>(count)};
}

TEST(NackGenerator, AsksForAGapAfterTheReorderWait) {
  NackGenerator nack;
  const Instant start = Instant::from_us(0);
  nack.on_packet(start, 100);
  nack.on_packet(start, 103);
  EXPECT_THAT(due(nack, start), IsEmpty());
  EXPECT_EQ(nack.next_timeout(), start + NackGenerator::kReorderWait);
  EXPECT_THAT(due(nack, nack.next_timeout()), ElementsAre(101, 102));
  EXPECT_THAT(due(nack, start + Duration::millis(20)), IsEmpty());
}

TEST(NackGenerator, ForgetsWhatCameLate) {
  NackGenerator nack;
  const Instant start = Instant::from_us(0);
  nack.on_packet(start, 100);
  nack.on_packet(start, 102);
  nack.on_packet(start, 101);
  EXPECT_TRUE(nack.next_timeout().is_never());
}

TEST(NackGenerator, RepeatsAfterARoundTripAndGivesUp) {
  NackGenerator nack;
  nack.on_packet(Instant::from_us(0), 100);
  nack.on_packet(Instant::from_us(0), 102);
  int requests = 0;
  Instant last = Instant::from_us(0);
  while (!nack.next_timeout().is_never()) {
    const Instant now = nack.next_timeout();
    if (!due(nack, now).empty()) {
      if (requests > 0) {
        EXPECT_GE(now - last, kRoundTrip);
      }
      last = now;
      ++requests;
    }
  }
  EXPECT_GT(requests, 5);
  EXPECT_LE(requests, NackGenerator::kMaxTries);
  EXPECT_EQ(nack.abandoned(), 1u);
}

TEST(NackGenerator, AHugeGapNeedsAKeyframeInstead) {
  NackGenerator nack;
  EXPECT_TRUE(nack.on_packet(Instant::from_us(0), 100));
  EXPECT_FALSE(nack.on_packet(Instant::from_us(0), 100 + 2 + NackGenerator::kMaxMissing));
  EXPECT_EQ(nack.missing(), 0u);
  EXPECT_TRUE(nack.on_packet(Instant::from_us(0), 101 + 2 + NackGenerator::kMaxMissing));
}

TEST(NackGenerator, SoDoManySmallGaps) {
  NackGenerator nack;
  const Instant start = Instant::from_us(0);
  int64_t index = 0;
  nack.on_packet(start, index);
  for (size_t missing = 0; missing < NackGenerator::kMaxMissing; missing += 2)
    ASSERT_TRUE(nack.on_packet(start, index += 3)) << missing;
  EXPECT_EQ(nack.missing(), NackGenerator::kMaxMissing);
  EXPECT_FALSE(nack.on_packet(start, index += 2));
  EXPECT_EQ(nack.missing(), 0u);
}

TEST(NackGenerator, ForgetsEverythingWhenTheNumbersBeginAnew) {
  NackGenerator nack;
  const Instant start = Instant::from_us(0);
  nack.on_packet(start, 100);
  nack.on_packet(start, 103);
  nack.restart();
  EXPECT_TRUE(nack.next_timeout().is_never());
  EXPECT_EQ(nack.abandoned(), 2u);
  nack.on_packet(start, 104);
  nack.on_packet(start, 106);
  EXPECT_THAT(due(nack, nack.next_timeout()), ElementsAre(105));
}

TEST(NackGenerator, TakesOnlyAsManyAsFit) {
  NackGenerator nack;
  nack.on_packet(Instant::from_us(0), 0);
  nack.on_packet(Instant::from_us(0), 60);
  EXPECT_EQ(due(nack, Instant::from_us(10'000)).size(), 32u);
  EXPECT_EQ(due(nack, Instant::from_us(10'000)).size(), 27u);
}

}  // namespace
}  // namespace loopcast::rtc
