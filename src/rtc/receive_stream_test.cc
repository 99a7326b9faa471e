#include "rtc/receive_stream.h"

#include <gtest/gtest.h>

namespace loopcast::rtc {
namespace {

constexpr uint32_t kClockRate = 90'000;
constexpr Instant at(int64_t ms) { return Instant::from_us(1'000'000 + ms * 1000); }

class ReceiveStreamTest : public ::testing::Test {
 protected:
  std::optional<int64_t> packet(int sequence, int64_t ms = 0, uint32_t timestamp = 0) {
    wire::RtpPacket rtp;
    rtp.sequence = Seq16{static_cast<uint16_t>(sequence)};
    rtp.timestamp = timestamp;
    return stream.on_packet(at(ms), rtp);
  }
  ReceiveStream stream{Ssrc{7}, kClockRate};
};

TEST_F(ReceiveStreamTest, ReportsNothingBeforeTheFirstPacket) {
  const wire::ReportBlock block = stream.take_report(at(0));
  EXPECT_EQ(block.ssrc, Ssrc{7});
  EXPECT_EQ(block.highest_sequence, 0u);
  EXPECT_EQ(block.cumulative_lost, 0);
}

TEST_F(ReceiveStreamTest, CountsLossAsRfc3550AppendixA3) {
  // 10 of 14 come.
  for (const int s : {100, 101, 102, 104, 105, 107, 108, 111, 112, 113}) packet(s);
  wire::ReportBlock block = stream.take_report(at(0));
  EXPECT_EQ(block.highest_sequence, 113u);
  EXPECT_EQ(block.cumulative_lost, 4);
  EXPECT_EQ(block.fraction_lost, 4 * 256 / 14);
  // All of the next ones, and one that was missing.
  for (const int s : {114, 115, 103}) packet(s);
  block = stream.take_report(at(0));
  EXPECT_EQ(block.cumulative_lost, 3);
  EXPECT_EQ(block.fraction_lost, 0) << "more came than were expected";
  // Nothing at all.
  EXPECT_EQ(stream.take_report(at(0)).fraction_lost, 0);
  // Half.
  packet(117);
  EXPECT_EQ(stream.take_report(at(0)).fraction_lost, 128);
}

TEST_F(ReceiveStreamTest, DuplicatesMakeLossNegative) {
  packet(10);
  packet(11);
  packet(11);
  packet(11);
  EXPECT_EQ(stream.take_report(at(0)).cumulative_lost, -2);
}

TEST_F(ReceiveStreamTest, FractionIsBelowOne) {
  packet(10);
  stream.take_report(at(0));
  packet(2900);
  EXPECT_EQ(stream.take_report(at(0)).fraction_lost, 255);
}

TEST_F(ReceiveStreamTest, CountsWraps) {
  const int64_t first = *packet(65'534);
  EXPECT_EQ(packet(65'535), first + 1);
  EXPECT_EQ(packet(0), first + 2);
  EXPECT_EQ(packet(65'533), first - 1) << "from before the first";
  EXPECT_EQ(packet(1), first + 3);
  const wire::ReportBlock block = stream.take_report(at(0));
  EXPECT_EQ(block.highest_sequence, 0x1'0001u);
}

TEST_F(ReceiveStreamTest, NumbersRetransmissionsLikePackets) {
  const int64_t first = *packet(65'535);
  packet(1);
  EXPECT_EQ(stream.extend(Seq16{0}), first + 1);
  EXPECT_EQ(stream.take_report(at(0)).cumulative_lost, 1) << "extend() receives nothing";
}

TEST_F(ReceiveStreamTest, JitterFollowsRfc3550AppendixA8) {
  // Sent each 20 ms (1800 ticks); every other one comes 10 ms (900 ticks) late.
  double expected = 0;
  for (int i = 0; i < 50; ++i) {
    packet(i, i * 20 + (i % 2) * 10, static_cast<uint32_t>(i) * 1800);
    if (i > 0) expected += (900 - expected) / 16;
  }
  EXPECT_EQ(stream.take_report(at(0)).jitter, static_cast<uint32_t>(expected));
  EXPECT_GT(stream.take_report(at(0)).jitter, 800u);
}

TEST_F(ReceiveStreamTest, TimestampThatWrapsIsNoJitter) {
  const uint32_t start = 0xFFFF'FFFFu - 9000;
  for (int i = 0; i < 50; ++i) packet(i, i * 20, start + static_cast<uint32_t>(i) * 1800);
  EXPECT_EQ(stream.take_report(at(0)).jitter, 0u);
}

TEST_F(ReceiveStreamTest, JumpOfTheTimestampIsNoJitter) {
  packet(0, 0, 0);
  packet(1, 20, 1800);
  packet(2, 40, 1'000'000'000);
  packet(3, 60, 1'000'001'800);
  EXPECT_EQ(stream.take_report(at(0)).jitter, 0u);
}

TEST_F(ReceiveStreamTest, SenderThatStartsAnewGoesOnAfterTwoPackets) {
  packet(100);
  const int64_t last = *packet(101);
  EXPECT_FALSE(packet(40'000)) << "may be a stray one";
  EXPECT_EQ(packet(102), last + 1) << "it was";
  EXPECT_FALSE(packet(40'000));
  EXPECT_FALSE(packet(40'002)) << "does not follow";
  EXPECT_EQ(stream.restarts(), 0u);
  EXPECT_EQ(packet(40'003), last + 2);
  EXPECT_EQ(packet(40'004), last + 3);
  EXPECT_EQ(stream.restarts(), 1u);
  const wire::ReportBlock block = stream.take_report(at(0));
  EXPECT_EQ(block.highest_sequence & 0xffff, 40'004u);
  EXPECT_EQ(block.cumulative_lost, 0) << "counted anew";
}

TEST_F(ReceiveStreamTest, NumbersNeverGoBackAtARestart) {
  const int64_t last = *packet(50'000);
  EXPECT_FALSE(packet(10));
  EXPECT_EQ(packet(11), last + 1);
  EXPECT_EQ(stream.extend(Seq16{12}), last + 2);
  EXPECT_FALSE(packet(60'000));
  EXPECT_EQ(packet(60'001), last + 2);
}

TEST_F(ReceiveStreamTest, RetransmissionsOfWhatCannotBeMissingAreRefused) {
  const int64_t first = *packet(1000);
  EXPECT_EQ(stream.extend(Seq16{1000 + 256}), first + 256);
  EXPECT_FALSE(stream.extend(Seq16{1000 + 257}));
  EXPECT_FALSE(stream.extend(Seq16{1000 + 32'767}));
  EXPECT_EQ(stream.extend(Seq16{900}), first - 100);
}

TEST_F(ReceiveStreamTest, WhatCameBeforeANewStartHasNoPlaceBehindIt) {
  const int64_t last = *packet(50'000);
  packet(10);
  EXPECT_EQ(packet(11), last + 1);
  EXPECT_EQ(stream.wire_sequence(last + 1), Seq16{11});
  EXPECT_FALSE(packet(9)) << "its number is that of a packet of before";
  EXPECT_FALSE(stream.extend(Seq16{10}));
  EXPECT_FALSE(stream.extend(Seq16{49'999})) << "sent again from before";
  EXPECT_EQ(packet(12), last + 2);
}

TEST_F(ReceiveStreamTest, AnotherSourceTakesOver) {
  const int64_t last = *packet(100, 0, 90'000);
  wire::SenderReport report;
  report.ntp = uint64_t{5} << 32;
  stream.on_sender_report(at(0), report);
  EXPECT_TRUE(stream.clock_mark());
  stream.take_over(Ssrc{8});
  EXPECT_EQ(stream.ssrc(), Ssrc{8});
  EXPECT_FALSE(stream.clock_mark()) << "the other's clock";
  EXPECT_EQ(packet(30'000, 100, 4'000'000'000), last + 1);
  EXPECT_EQ(stream.timestamp(4'000'000'000), 99'000u) << "100 ms on";
  EXPECT_EQ(packet(30'001, 120, 4'000'001'800), last + 2);
  EXPECT_EQ(stream.timestamp(4'000'001'800), 100'800u);
  EXPECT_EQ(stream.take_report(at(0)).cumulative_lost, 0);
  report.rtp_timestamp = 4'000'001'800;
  stream.on_sender_report(at(120), report);
  EXPECT_EQ(stream.clock_mark()->rtp_timestamp, 100'800u) << "in the timestamps that are given out";
}

TEST_F(ReceiveStreamTest, TimestampsThatGoOnAreLeftAlone) {
  packet(100, 0, 90'000);
  wire::SenderReport report;
  report.ntp = uint64_t{5} << 32;
  stream.on_sender_report(at(0), report);
  // The sequence jumps, the clock does not: the presenter's way was cut for 20 s.
  packet(40'000, 20'000, 90'000 + 20 * 90'000 + 700);
  EXPECT_TRUE(packet(40'001, 20'000, 90'000 + 20 * 90'000 + 700));
  EXPECT_EQ(stream.timestamp(5), 5u);
  EXPECT_TRUE(stream.clock_mark());
  // Both begin anew: an encoder that was started again.
  packet(5, 20'020, 77);
  EXPECT_TRUE(packet(6, 20'020, 77));
  EXPECT_EQ(stream.timestamp(77), 90'000u + 20 * 90'000 + 700 + 1'800);
  EXPECT_FALSE(stream.clock_mark());
}

TEST_F(ReceiveStreamTest, AReportWithoutATimePlacesNothing) {
  packet(1);
  wire::SenderReport report;
  report.rtp_timestamp = 77;
  stream.on_sender_report(at(100), report);
  EXPECT_FALSE(stream.clock_mark());
  EXPECT_EQ(stream.last_heard(), at(100)) << "but the sender lives";
  wire::ReportBlock block = stream.take_report(at(1600));
  EXPECT_EQ(block.last_sr, 0u);
  EXPECT_EQ(block.delay_since_last_sr, 0u);
  // Nor does it take away what another one told.
  report.ntp = uint64_t{5} << 32;
  stream.on_sender_report(at(200), report);
  report.ntp = 0;
  stream.on_sender_report(at(300), report);
  ASSERT_TRUE(stream.clock_mark());
  EXPECT_EQ(stream.clock_mark()->at, at(200));
}

TEST_F(ReceiveStreamTest, TheDelaySinceALongGoneReportStaysAtItsMaximum) {
  packet(1);
  wire::SenderReport report;
  report.ntp = uint64_t{5} << 32;
  stream.on_sender_report(at(0), report);
  EXPECT_EQ(stream.take_report(at(65'537'000)).delay_since_last_sr, 0xFFFF'FFFFu);
}

TEST_F(ReceiveStreamTest, JitterIsMeasuredAfterYearsOfUptime) {
  const int64_t years = int64_t{10} * 365 * 24 * 3600 * 1000;
  for (int i = 0; i < 50; ++i) packet(i, years + i * 20, static_cast<uint32_t>(i) * 1800);
  EXPECT_EQ(stream.take_report(at(years)).jitter, 0u);
}

TEST_F(ReceiveStreamTest, TellsWhenTheLastSenderReportCame) {
  packet(1);
  wire::SenderReport report;
  report.ntp = 0x1234'5678'9ABC'DEF0;
  report.rtp_timestamp = 77;
  stream.on_sender_report(at(100), report);
  const wire::ReportBlock block = stream.take_report(at(1600));
  EXPECT_EQ(block.last_sr, 0x5678'9ABCu);
  EXPECT_EQ(block.delay_since_last_sr, 65'536u + 32'768u);
  ASSERT_TRUE(stream.clock_mark());
  EXPECT_EQ(stream.clock_mark()->rtp_timestamp, 77u);
  EXPECT_EQ(stream.clock_mark()->at, at(100));
}

TEST_F(ReceiveStreamTest, KeepsTheTimeOfTheLastPacket) {
  packet(1, 5);
  packet(2, 9);
  EXPECT_EQ(stream.last_packet(), at(9));
  EXPECT_EQ(stream.packets(), 2u);
}

}  // namespace
}  // namespace loopcast::rtc
