#include "rtc/receive_rate.h"

#include <gtest/gtest.h>

namespace loopcast::rtc {
namespace {

// The clock wraps soon after these.
ArrivalTime at(int64_t ms) { return ArrivalTime{0xFFFF'FFFF - 2000} + Duration::millis(ms); }

class ReceiveRateTest : public ::testing::Test {
 protected:
  // `bytes` each 10 ms, from `from` ms on, up to before `to`.
  void receive(int64_t from, int64_t to, uint32_t bytes) {
    for (int64_t ms = from; ms < to; ms += 10) rate.add(at(ms), bytes);
  }
  double kbps(Duration span) const {
    const auto found = rate.over(span);
    return found ? static_cast<double>(found->bps) / 1000 : -1;
  }

  ReceiveRate rate;
};

TEST_F(ReceiveRateTest, IsUnknownAtFirst) {
  EXPECT_FALSE(rate.over(ReceiveRate::kLong));
  receive(0, 200, 1250);
  EXPECT_FALSE(rate.over(ReceiveRate::kLong));
  EXPECT_FALSE(rate.over(ReceiveRate::kShort));
}

TEST_F(ReceiveRateTest, FromItsFirstQuarterOfASecondOn) {
  for (int64_t ms = 300; ms < 5000; ms += 70) {
    ReceiveRate fresh;
    std::swap(rate, fresh);
    receive(0, ms, 1250);
    EXPECT_NEAR(kbps(ReceiveRate::kLong), 1000, 50) << ms;
    EXPECT_NEAR(kbps(ReceiveRate::kShort), 1000, 50) << ms;
  }
}

TEST_F(ReceiveRateTest, ForgetsWhatIsOlder) {
  receive(0, 3000, 1250);
  receive(3000, 3600, 2500);
  EXPECT_NEAR(kbps(ReceiveRate::kShort), 2000, 100);
  EXPECT_NEAR(kbps(ReceiveRate::kLong), 1600, 100);
  receive(3600, 4200, 2500);
  EXPECT_NEAR(kbps(ReceiveRate::kLong), 2000, 100);
}

TEST_F(ReceiveRateTest, OrderDoesNotMatter) {
  for (int64_t ms = 0; ms < 2000; ms += 20) {
    rate.add(at(ms + 10), 1250);
    rate.add(at(ms), 1250);
  }
  EXPECT_NEAR(kbps(ReceiveRate::kLong), 1000, 50);
}

TEST_F(ReceiveRateTest, PauseIsNoPartOfIt) {
  receive(0, 2000, 1250);
  receive(12'000, 12'200, 1250);
  EXPECT_FALSE(rate.over(ReceiveRate::kLong));
  receive(12'200, 12'400, 1250);
  EXPECT_NEAR(kbps(ReceiveRate::kLong), 1000, 50);
}

TEST_F(ReceiveRateTest, ClockThatGoesBackStartsAgain) {
  receive(5000, 7000, 1250);
  rate.add(at(6900), 0);  // merely late
  EXPECT_TRUE(rate.over(ReceiveRate::kLong));
  rate.add(at(3000), 1250);
  EXPECT_FALSE(rate.over(ReceiveRate::kLong));
  receive(3010, 3400, 1250);
  EXPECT_NEAR(kbps(ReceiveRate::kLong), 1000, 50);
}

// 149 hours is half of what the clock can tell apart.
TEST_F(ReceiveRateTest, LastsForWeeks) {
  for (int64_t hours = 0; hours < 24 * 21; ++hours) {
    for (int64_t ms = 0; ms < 3'600'000; ms += 450) rate.add(at(hours * 3'600'000 + ms), 4500);
    ASSERT_NEAR(kbps(ReceiveRate::kLong), 80, 40) << hours;
  }
}

TEST_F(ReceiveRateTest, AllAtOnceIsNoRate) {
  for (int i = 0; i < 1000; ++i) rate.add(at(0), 1250);
  EXPECT_FALSE(rate.over(ReceiveRate::kLong));
}

}  // namespace
}  // namespace loopcast::rtc
