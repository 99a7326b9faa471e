#include "rtc/bandwidth_estimator.h"

#include <functional>
#include <vector>

#include <gtest/gtest.h>

#include "base/random.h"

namespace loopcast::rtc {
namespace {

constexpr uint32_t kPacket = 1000;

// Runs of five packets each 20 ms are 2 Mbit/s. How the estimate follows a bottleneck is shown in
// tests/sim.
class BandwidthEstimatorTest : public ::testing::Test {
 protected:
  // Sends for so long; each run arrives 30 ms later, and each second one is followed by feedback on
  // all since the last, except on those numbers that are lost.
  void run_for(
      Duration length, const std::function<bool(int64_t)>& lost = [](int64_t) { return false; }) {
    for (const Instant end = now_ + length; now_ < end; now_ = now_ + Duration::millis(20)) {
      send_run(lost);
      if (++runs_ % 2 == 0) tell_all();
    }
  }
  void send_run(const std::function<bool(int64_t)>& lost) {
    history_.add(now_, run_packets_, run_packets_ * kPacket);
    delay_ += delay_growth_;
    for (size_t i = 0; i < run_packets_; ++i, ++next_)
      if (!lost(next_))
        arrivals_.push_back({next_, now_ + delay_ + Duration::millis(static_cast<int64_t>(i))});
  }
  void tell_all() {
    tell(message(arrivals_));
    arrivals_.clear();
  }
  // Packets in a gap are told as lost.
  std::vector<uint8_t> message(std::span<const wire::PacketArrival> arrivals) {
    std::vector<uint8_t> bytes(1200);
    ByteWriter w(bytes);
    EXPECT_EQ(wire::write_transport_feedback(w, Ssrc{1}, Ssrc{2}, count_++, arrivals),
              arrivals.size());
    bytes.resize(w.position());
    return bytes;
  }
  void tell(Bytes message) {
    wire::RtcpReader reader(message);
    const auto packet = reader.next();
    const auto feedback = packet ? wire::parse_transport_feedback(*packet) : std::nullopt;
    ASSERT_TRUE(feedback);
    estimator.on_feedback(now_, *feedback, history_, Duration::millis(60));
  }
  // A message of fields that write_transport_feedback would not write: all of one status.
  std::vector<uint8_t> run_message(uint16_t base, uint16_t count, uint32_t reference,
                                   uint16_t symbol, uint8_t delta) {
    std::vector<uint8_t> body(16);
    store_u16(&body[8], base);
    store_u16(&body[10], count);
    store_u24(&body[12], reference);
    for (int left = count; left > 0; left -= 0x1FFF) {
      body.resize(body.size() + 2);
      store_u16(&body[body.size() - 2],
                static_cast<uint16_t>(symbol << 13 | std::min(left, 0x1FFF)));
    }
    body.resize(body.size() + size_t{count} * symbol, delta);
    body.resize((body.size() + 3) / 4 * 4);
    std::vector<uint8_t> bytes(body.size() + 4);
    ByteWriter w(bytes);
    wire::write_rtcp_header(w, wire::kFeedbackTransportWide, wire::kRtcpTransportFeedback,
                            body.size());
    w.bytes(body);
    EXPECT_TRUE(w.ok());
    return bytes;
  }
  double mbits() const {
    const auto bitrate = estimator.estimate();
    return bitrate ? static_cast<double>(bitrate->bps) / 1e6 : 0;
  }
  double receive_mbits() const {
    const auto bitrate = estimator.receive_rate();
    return bitrate ? static_cast<double>(bitrate->bps) / 1e6 : 0;
  }

  BandwidthEstimator estimator;
  SendHistory history_;
  Instant now_ = Instant::from_us(100'000'000);
  int64_t next_ = 0;
  int runs_ = 0;
  size_t run_packets_ = 5;
  Duration delay_ = Duration::millis(30);
  Duration delay_growth_;  // with each run
  uint8_t count_ = 0;
  std::vector<wire::PacketArrival> arrivals_;
};

TEST_F(BandwidthEstimatorTest, HasNoEstimateBeforeASecond) {
  EXPECT_FALSE(estimator.estimate());
  EXPECT_FALSE(estimator.receive_rate());
  EXPECT_FALSE(estimator.overused());
  EXPECT_EQ(estimator.loss(), 0);
  run_for(Duration::millis(900));
  EXPECT_FALSE(estimator.estimate());
  run_for(Duration::millis(200));
  EXPECT_NEAR(mbits(), 2, 0.2);
  EXPECT_NEAR(receive_mbits(), 2, 0.2);
}

TEST_F(BandwidthEstimatorTest, GrowsToHalfAsMuchAgain) {
  run_for(Duration::seconds(3));
  EXPECT_NEAR(mbits(), 2.3, 0.2);
  run_for(Duration::seconds(60));
  EXPECT_NEAR(mbits(), 3.05, 0.1);
}

TEST_F(BandwidthEstimatorTest, LossIsTold) {
  run_for(Duration::seconds(5), [](int64_t i) { return i % 5 == 2; });
  EXPECT_NEAR(estimator.loss(), 0.2, 0.02);
  EXPECT_NEAR(receive_mbits(), 1.6, 0.1);
  EXPECT_NEAR(mbits(), 1.6, 0.15);
  EXPECT_FALSE(estimator.overused());
}

TEST_F(BandwidthEstimatorTest, SomeLossStopsGrowthOnly) {
  run_for(Duration::seconds(3), [](int64_t i) { return i % 20 == 3; });
  const double before = mbits();
  EXPECT_NEAR(before, 2, 0.15);
  run_for(Duration::seconds(20), [](int64_t i) { return i % 20 == 3; });
  EXPECT_NEAR(mbits(), before, 0.1);
}

TEST_F(BandwidthEstimatorTest, QueueWhoseGrowthIsSteepCountsAtOnce) {
  run_for(Duration::seconds(20));
  EXPECT_NEAR(mbits(), 3.05, 0.1);
  delay_growth_ = Duration::millis(8);  // 2 Mbit/s meet 1.43
  run_for(Duration::seconds(1));
  EXPECT_TRUE(estimator.overused());
  EXPECT_NEAR(mbits(), 0.85 * 1.43, 0.1);
}

// Others fill a queue a little while the source is quiet: that it sends little says nothing of what
// it could send.
TEST_F(BandwidthEstimatorTest, QueueWhoseGrowthIsSlowTakesAStepAtATime) {
  run_for(Duration::seconds(20));
  run_packets_ = 1;
  run_for(Duration::seconds(2));
  EXPECT_NEAR(mbits(), 3.05, 0.1);
  delay_growth_ = Duration::micros(1500);
  run_for(Duration::millis(900));
  EXPECT_TRUE(estimator.overused());
  EXPECT_LT(mbits(), 2.7);
  EXPECT_GT(mbits(), 1.5);
}

TEST_F(BandwidthEstimatorTest, MessagesMayComeTwice) {
  for (int i = 0; i < 500; ++i) {
    const auto lost = [](int64_t n) { return n % 20 == 7; };
    send_run(lost);
    now_ = now_ + Duration::millis(20);
    const auto bytes = message(arrivals_);
    arrivals_.clear();
    tell(bytes);
    tell(bytes);
  }
  EXPECT_NEAR(receive_mbits(), 1.9, 0.1);
  EXPECT_NEAR(estimator.loss(), 0.05, 0.02);
}

TEST_F(BandwidthEstimatorTest, MessagesMayComeInAnyOrder) {
  std::vector<uint8_t> held;
  for (int i = 0; i < 500; ++i) {
    send_run([](int64_t) { return false; });
    now_ = now_ + Duration::millis(20);
    const auto bytes = message(arrivals_);
    arrivals_.clear();
    if (i % 2 == 0) {
      held = bytes;
    } else {
      tell(bytes);
      tell(held);
    }
  }
  EXPECT_NEAR(receive_mbits(), 2, 0.15);
  EXPECT_EQ(estimator.loss(), 0);
  EXPECT_FALSE(estimator.overused());
}

TEST_F(BandwidthEstimatorTest, LostMessagesDoNotLowerTheRate) {
  for (int i = 0; i < 500; ++i) {
    send_run([](int64_t) { return false; });
    now_ = now_ + Duration::millis(20);
    if (i % 3 != 1) tell(message(arrivals_));
    arrivals_.clear();
  }
  EXPECT_NEAR(receive_mbits(), 2, 0.15);
  EXPECT_EQ(estimator.loss(), 0);
  EXPECT_GE(mbits(), 1.9);
}

TEST_F(BandwidthEstimatorTest, NumbersThatWereNotSentAreIgnored) {
  run_for(Duration::seconds(5));
  const double before = mbits();
  const double rate = receive_mbits();
  now_ = now_ + Duration::millis(20);
  tell(run_message(history_.next(), 100, 5, 0, 0));
  tell(run_message(static_cast<uint16_t>(history_.next() - 50), 51, 5, 0, 0));
  tell(run_message(static_cast<uint16_t>(history_.next() + 30'000), 8192, 5, 0, 0));
  EXPECT_EQ(mbits(), before);
  EXPECT_EQ(receive_mbits(), rate);
  EXPECT_EQ(estimator.loss(), 0);
}

TEST_F(BandwidthEstimatorTest, ForgottenNumbersChangeNothing) {
  run_for(Duration::seconds(5));
  const double before = mbits();
  for (size_t i = 0; i < 2 * SendHistory::kRuns; ++i) history_.add(now_, 5, size_t{5} * kPacket);
  next_ += int64_t{10} * SendHistory::kRuns;
  const auto forgotten = static_cast<uint16_t>(history_.next() - 6 * SendHistory::kRuns);
  tell(run_message(forgotten, 5, 5, 0, 0));
  EXPECT_EQ(mbits(), before);
  // Known and forgotten ones in one message: the rate is unknown, the estimate stays.
  tell(run_message(forgotten, static_cast<uint16_t>(history_.next() - forgotten), 5, 0, 0));
  EXPECT_NEAR(mbits(), before, 0.01);
  EXPECT_FALSE(estimator.receive_rate());
}

TEST_F(BandwidthEstimatorTest, NumbersWrap) {
  run_for(Duration::seconds(300), [](int64_t i) { return i % 50 == 7; });
  EXPECT_GT(next_, 65536);
  EXPECT_NEAR(receive_mbits(), 1.96, 0.1);
  EXPECT_NEAR(estimator.loss(), 0.02, 0.01);
}

TEST_F(BandwidthEstimatorTest, LongSilenceOfTheReceiver) {
  run_for(Duration::seconds(5));
  for (int i = 0; i < 500; ++i) {
    send_run([](int64_t) { return true; });
    now_ = now_ + Duration::millis(20);
  }
  run_for(Duration::seconds(5));
  EXPECT_NEAR(receive_mbits(), 2, 0.15);
  EXPECT_GE(mbits(), 2);
}

TEST_F(BandwidthEstimatorTest, NothingThatItIsToldBreaksIt) {
  Random random = Random::from_number(3);
  for (int i = 0; i < 20'000; ++i) {
    history_.add(now_, 1 + random.below(16), random.below(20'000));
    now_ = now_ + Duration::micros(random.below(60'000));
    const uint16_t symbol = static_cast<uint16_t>(random.below(3));
    const auto count = static_cast<uint16_t>(1 + random.below(random.below(20) == 0 ? 8192 : 40));
    const auto base = static_cast<uint16_t>(history_.next() - count - random.below(20));
    const uint32_t reference =
        random.below(4) == 0 ? random.u32() & 0xFF'FFFF : static_cast<uint32_t>(i);
    tell(run_message(base, count, reference, symbol, static_cast<uint8_t>(random.u32())));
    ASSERT_GE(estimator.loss(), 0);
    ASSERT_LE(estimator.loss(), 1);
    if (const auto estimate = estimator.estimate()) {
      ASSERT_GE(*estimate, BandwidthEstimator::kMin);
      ASSERT_LE(*estimate, BandwidthEstimator::kMax);
    }
    if (const auto rate = estimator.receive_rate()) {
      ASSERT_GE(rate->bps, 0);
    }
  }
  EXPECT_TRUE(estimator.estimate());
}

}  // namespace
}  // namespace loopcast::rtc
