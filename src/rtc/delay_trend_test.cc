#include "rtc/delay_trend.h"

#include <cmath>

#include <gtest/gtest.h>

#include "base/random.h"

namespace loopcast::rtc {
namespace {

using Usage = DelayTrend::Usage;

// Sends one packet each 20 ms; the receiver's clock is its own.
class DelayTrendTest : public ::testing::Test {
 protected:
  void packet(double delay_ms) {
    now_ = now_ + Duration::millis(20);
    trend.on_packet(now_, arrival(delay_ms));
  }
  ArrivalTime arrival(double delay_ms) const {
    const int64_t us = now_.us() + static_cast<int64_t>(delay_ms * 1000);
    return ArrivalTime{0xFFFF'F000 + static_cast<uint32_t>(us / 250)};
  }
  // Delays that grow by so many ms with each packet.
  void packets(int count, double growth_ms) {
    for (int i = 0; i < count; ++i) packet(delay_ += growth_ms);
  }

  DelayTrend trend;
  Instant now_ = Instant::from_us(7'000'000);
  double delay_ = 20;
};

TEST_F(DelayTrendTest, SteadyDelayIsNormal) {
  for (int i = 0; i < 500; ++i) {
    packets(1, 0);
    ASSERT_EQ(trend.usage(), Usage::kNormal);
  }
  EXPECT_NEAR(trend.slope(), 0, 1e-3);
}

TEST_F(DelayTrendTest, GrowingDelayIsOveruseAndFallingUnderuse) {
  packets(60, 0);
  packets(25, 4);
  EXPECT_EQ(trend.usage(), Usage::kOveruse);
  packets(60, 4);
  EXPECT_EQ(trend.usage(), Usage::kOveruse);
  // Of 24 ms that pass between two arrivals, 4 are delay.
  EXPECT_NEAR(trend.slope(), 4.0 / 24, 0.01);
  packets(25, -4);
  EXPECT_EQ(trend.usage(), Usage::kUnderuse);
  packets(60, 0);
  EXPECT_EQ(trend.usage(), Usage::kNormal);
}

TEST_F(DelayTrendTest, OnePacketThatIsLateIsNothing) {
  packets(60, 0);
  for (int i = 0; i < 20; ++i) {
    packet(delay_ + 30);
    ASSERT_NE(trend.usage(), Usage::kOveruse);
    for (int k = 0; k < 9; ++k) {
      packet(delay_);
      ASSERT_NE(trend.usage(), Usage::kOveruse);
    }
  }
}

TEST_F(DelayTrendTest, AdaptsToJitter) {
  for (const auto& [jitter_ms, longest] : {std::pair{80, 5}, {400, 30}}) {
    for (uint64_t seed = 1; seed <= 10; ++seed) {
      trend = DelayTrend();
      Random random = Random::from_number(seed);
      int overused = 0;
      for (int i = 0; i < 3000; ++i) {
        packet(delay_ + jitter_ms * random.unit());
        overused = trend.usage() == Usage::kOveruse ? overused + 1 : 0;
        ASSERT_TRUE(i < 500 || overused < longest) << jitter_ms << " ms, seed " << seed;
      }
    }
  }
}

TEST_F(DelayTrendTest, PacketsOfAFrameDoNotWaitInAQueue) {
  // 20 packets leave at once, and arrive one after the other; audio comes between frames.
  for (int frame = 0; frame < 200; ++frame) {
    now_ = now_ + Duration::millis(30);
    for (int i = 0; i < 20; ++i) trend.on_packet(now_, arrival(20 + i));
    now_ = now_ + Duration::millis(10);
    trend.on_packet(now_, arrival(30));
    ASSERT_EQ(trend.usage(), Usage::kNormal) << frame;
  }
}

TEST_F(DelayTrendTest, FramesHeldUpTogetherAreOneGroup) {
  for (int i = 0; i < 300; ++i) {
    now_ = now_ + Duration::millis(20);
    // Three of ten packets wait for the fourth.
    const int late = i % 10 < 3 ? 3 - i % 10 : 0;
    trend.on_packet(now_, arrival(20 + 20 * late));
    ASSERT_NE(trend.usage(), Usage::kOveruse) << i;
  }
}

TEST_F(DelayTrendTest, ForgetsWhatWasBeforeAPause) {
  packets(60, 0);
  packets(40, 4);
  ASSERT_EQ(trend.usage(), Usage::kOveruse);
  now_ = now_ + Duration::seconds(10);
  packets(1, 0);
  EXPECT_EQ(trend.usage(), Usage::kNormal);
  delay_ = 300;
  packets(60, 0);
  EXPECT_EQ(trend.usage(), Usage::kNormal);
}

TEST_F(DelayTrendTest, ClockThatJumpsIsNoDelay) {
  for (const double jump : {5e3, -5e3, 1e8, -1e8, 5e8}) {
    packets(60, 0);
    delay_ += jump;
    for (int i = 0; i < 60; ++i) {
      packets(1, 0);
      ASSERT_EQ(trend.usage(), Usage::kNormal) << jump;
    }
  }
}

TEST_F(DelayTrendTest, StaysFiniteWhateverItIsTold) {
  Random random = Random::from_number(2);
  for (int i = 0; i < 200'000; ++i) {
    now_ = now_ + Duration::micros(random.below(40'000));
    const uint32_t ticks = random.below(3) == 0 ? random.u32() : random.below(8000);
    trend.on_packet(now_, ArrivalTime{ticks});
    ASSERT_TRUE(std::isfinite(trend.slope()));
  }
}

}  // namespace
}  // namespace loopcast::rtc
