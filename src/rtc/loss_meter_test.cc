#include "rtc/loss_meter.h"

#include <gtest/gtest.h>

namespace loopcast::rtc {
namespace {

TEST(LossMeter, TooFewSayNothing) {
  LossMeter meter;
  EXPECT_EQ(meter.highest(), -1);
  EXPECT_EQ(meter.share(), 0);
  for (int i = 0; i < 10; ++i) meter.note(i, false);
  EXPECT_EQ(meter.share(), 0);
  EXPECT_EQ(meter.highest(), 9);
}

TEST(LossMeter, CountsEachOnce) {
  LossMeter meter;
  for (int i = 0; i < 40; ++i) EXPECT_TRUE(meter.note(i, i % 4 != 0));
  EXPECT_DOUBLE_EQ(meter.share(), 0.25);
  for (int i = 0; i < 40; ++i) EXPECT_FALSE(meter.note(i, i % 4 != 0));
  EXPECT_DOUBLE_EQ(meter.share(), 0.25);
  // What has been received is not lost again.
  for (int i = 0; i < 40; ++i) EXPECT_FALSE(meter.note(i, false));
  EXPECT_DOUBLE_EQ(meter.share(), 0.25);
}

TEST(LossMeter, LateIsNotLost) {
  LossMeter meter;
  for (int i = 0; i < 40; ++i) meter.note(i, i % 4 != 0);
  EXPECT_TRUE(meter.note(0, true));
  EXPECT_FALSE(meter.note(0, true));
  EXPECT_DOUBLE_EQ(meter.share(), 0.225);
  EXPECT_FALSE(meter.note(0, false));
  EXPECT_DOUBLE_EQ(meter.share(), 0.225);
}

TEST(LossMeter, TakesWhatIsToldInAnyOrder) {
  LossMeter meter;
  for (int i = 39; i >= 0; --i) EXPECT_TRUE(meter.note(i, i % 4 != 0));
  EXPECT_DOUBLE_EQ(meter.share(), 0.25);
}

TEST(LossMeter, IgnoresWhatIsTooOld) {
  LossMeter meter;
  meter.note(0, false);
  for (int i = 1; i <= 64; ++i) meter.note(i, true);
  const double share = meter.share();
  EXPECT_GT(share, 0);
  EXPECT_FALSE(meter.note(0, true));
  EXPECT_EQ(meter.share(), share);
}

TEST(LossMeter, JumpForgetsWhatWasBefore) {
  LossMeter meter;
  for (int i = 0; i < 40; ++i) meter.note(i, true);
  EXPECT_TRUE(meter.note(int64_t{1} << 40, false));
  EXPECT_TRUE(meter.note((int64_t{1} << 40) - 1, true));
  EXPECT_EQ(meter.highest(), int64_t{1} << 40);
}

TEST(LossMeter, FadesWithinAFewSeconds) {
  LossMeter meter;
  int64_t index = 0;
  for (int i = 0; i < 300; ++i) meter.note(index++, i % 2 == 0);
  EXPECT_NEAR(meter.share(), 0.5, 0.01);
  for (int tenths = 0; tenths < 40; ++tenths) {
    meter.pass(Duration::millis(100));
    for (int i = 0; i < 30; ++i) meter.note(index++, true);
  }
  EXPECT_GT(meter.share(), 0);
  EXPECT_LT(meter.share(), 0.02);
}

// Corrections of losses that have faded already do not make the share negative.
TEST(LossMeter, NeverBelowNothing) {
  LossMeter meter;
  for (int i = 0; i < 60; ++i) meter.note(i, false);
  for (int i = 0; i < 20; ++i) meter.pass(Duration::millis(100));
  for (int i = 0; i < 60; ++i) meter.note(i, true);
  for (int i = 60; i < 120; ++i) meter.note(i, true);
  EXPECT_EQ(meter.share(), 0);
}

}  // namespace
}  // namespace loopcast::rtc
