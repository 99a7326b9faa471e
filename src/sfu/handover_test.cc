#include "sfu/handover.h"

#include <gtest/gtest.h>

#include "rtc/peer_testing.h"
#include "sfu/media_testing.h"
#include "wire/rtcp.h"
#include "wire/rtp.h"

namespace loopcast::sfu {
namespace {

constexpr size_t kAudio = 0, kVideo = 1;
constexpr Instant kStart = Instant::from_us(5'000'000);
constexpr MediaId kPublisher = 7;
constexpr TargetId kRecorder = 3;
constexpr Duration kInterval = Duration::seconds(4);

class HandoverTest : public ::testing::Test {
 protected:
  void video(int64_t index, uint32_t timestamp, Part part, uint8_t tag = 0) {
    const auto payload = vp8(part, tag);
    source.accept(now, received(kVideo, index, timestamp, payload), counters);
  }
  void audio(int64_t index) {
    const std::vector<uint8_t> payload{0x78, static_cast<uint8_t>(index)};
    source.accept(now, received(kAudio, index, 1, payload), counters);
  }
  size_t flush() {
    const size_t dropped = handover.copy_pending(now, kPublisher, source, peer.peer(), out);
    source.clear_pending();
    return dropped;
  }
  void tap(TargetId target = kRecorder) {
    handover.add(now, kPublisher, target, kInterval, source, peer.peer(), out);
  }
  PacketBatch take() {
    if (out.empty()) return {};
    PacketBatch batch = std::move(out.front());
    out.pop_front();
    return batch;
  }
  KeyframeRequester& keyframes() { return source.stream_of(kVideo)->keyframes; }

  rtc::ConnectedPeer peer{kStart, publishing()};
  Publisher source{peer.peer().negotiated()};
  rtc::Counters counters;
  Handover handover;
  std::deque<PacketBatch> out;
  Instant now = kStart;
};

TEST_F(HandoverTest, FirstBatchDescribesTheStreams) {
  tap();
  const PacketBatch first = take();
  EXPECT_EQ(first.target, kRecorder);
  EXPECT_EQ(first.publisher, kPublisher);
  ASSERT_EQ(first.streams.size(), 2u);
  EXPECT_EQ(first.streams[0].codec, wire::Codec::kOpus);
  EXPECT_EQ(first.streams[1].codec, wire::Codec::kVp8);
  EXPECT_EQ(first.streams[1].clock_rate, 90'000u);
  EXPECT_TRUE(keyframes().take(now)) << "there is none to replay";
  tap();
  EXPECT_TRUE(out.empty()) << "once is enough";
}

TEST_F(HandoverTest, CopiesWhatIsPending) {
  video(1, 90, Part::kKeyframe, 11);
  audio(1);
  EXPECT_EQ(flush(), 0u);
  EXPECT_TRUE(out.empty()) << "nobody listens";
  tap();
  take();
  video(2, 180, Part::kDelta, 22);
  audio(2);
  EXPECT_EQ(flush(), 0u);
  const PacketBatch batch = take();
  EXPECT_TRUE(batch.streams.empty());
  ASSERT_EQ(batch.packets.size(), 2u);
  EXPECT_EQ(batch.packets[0].stream, 0u);
  EXPECT_EQ(batch.payload(batch.packets[0]).back(), 2);
  EXPECT_EQ(batch.packets[1].meta.timestamp, 180u);
  EXPECT_EQ(batch.payload(batch.packets[1]).back(), 22);
}

TEST_F(HandoverTest, BeginsWithTheNewestKeyframeAndWhatFollowed) {
  audio(1);
  video(1, 1, Part::kKeyframe);
  flush();
  now = now + Duration::millis(500);
  video(2, 2, Part::kKeyframe, 2);
  audio(2);
  video(3, 3, Part::kDelta, 3);
  flush();
  now = now + Duration::millis(20);
  audio(3);  // pending
  tap();
  const PacketBatch first = take();
  ASSERT_EQ(first.packets.size(), 3u);
  EXPECT_EQ(first.packets[0].meta.index, 2);
  EXPECT_EQ(first.payload(first.packets[1]).back(), 2);
  EXPECT_EQ(first.payload(first.packets[2]).back(), 3);
  EXPECT_FALSE(keyframes().take(now));
  flush();
  EXPECT_EQ(take().packets.size(), 1u);
}

TEST_F(HandoverTest, KeepsKeyframesComing) {
  video(1, 1, Part::kKeyframe);
  flush();
  tap();
  take();
  for (int i = 2; i < 5; ++i) {
    now = now + kInterval / 4;
    video(i, static_cast<uint32_t>(i), Part::kDelta);
    flush();
    EXPECT_FALSE(keyframes().take(now)) << i;
  }
  now = now + kInterval / 2;
  video(6, 6, Part::kDelta);
  flush();
  EXPECT_TRUE(keyframes().take(now));
  video(7, 7, Part::kKeyframe);
  flush();
  now = now + kInterval / 2;
  video(8, 8, Part::kDelta);
  flush();
  EXPECT_FALSE(keyframes().take(now));
}

TEST_F(HandoverTest, TellsTheClockOncePerReport) {
  tap();
  EXPECT_TRUE(take().clocks.empty());
  std::array<uint8_t, 64> buffer;
  const wire::RtpHeader header{true, 96, Seq16{9}, 4321, Ssrc{77}};
  const size_t size = wire::write_rtp_header(buffer, header, {});
  const auto payload = vp8(Part::kKeyframe);
  std::copy(payload.begin(), payload.end(), buffer.begin() + static_cast<ptrdiff_t>(size));
  peer.receive_rtp(now, Bytes(buffer).first(size + payload.size()), size, 9);
  ByteWriter report(buffer);
  wire::write_sender_report(report, Ssrc{77}, 0xABCDEF, 1234, 1, 1, {});
  peer.receive_rtcp(now, report.written());
  video(9, 4321, Part::kKeyframe);
  flush();
  const PacketBatch batch = take();
  ASSERT_EQ(batch.clocks.size(), 1u);
  EXPECT_EQ(batch.clocks[0].stream, 1u);
  ASSERT_TRUE(batch.clocks[0].mark);
  EXPECT_EQ(batch.clocks[0].mark->rtp_timestamp, 1234u);
  video(10, 4322, Part::kDelta);
  flush();
  EXPECT_TRUE(take().clocks.empty());
}

TEST_F(HandoverTest, TellsAllThatAClockIsLost) {
  tap();
  take();
  std::array<uint8_t, 64> buffer;
  const auto receive = [&](Ssrc ssrc, uint32_t timestamp) {
    const wire::RtpHeader header{true, 96, Seq16{9}, timestamp, ssrc};
    const size_t size = wire::write_rtp_header(buffer, header, {});
    const auto payload = vp8(Part::kKeyframe);
    std::copy(payload.begin(), payload.end(), buffer.begin() + static_cast<ptrdiff_t>(size));
    peer.receive_rtp(now, Bytes(buffer).first(size + payload.size()), size, 9);
  };
  receive(Ssrc{77}, 4321);
  ByteWriter report(buffer);
  wire::write_sender_report(report, Ssrc{77}, 0xABCDEF, 1234, 1, 1, {});
  peer.receive_rtcp(now, report.written());
  video(9, 4321, Part::kKeyframe);
  flush();
  EXPECT_EQ(take().clocks.size(), 1u);
  now = now + rtc::RtpInput::kSourceTakeover;
  receive(Ssrc{78}, 0x4000'0000);  // another source, which has reported nothing yet
  tap(kRecorder + 1);
  EXPECT_TRUE(take().clocks.empty());
  video(10, 4322, Part::kDelta);
  flush();
  const PacketBatch batch = take();
  EXPECT_EQ(batch.target, kRecorder);
  ASSERT_EQ(batch.clocks.size(), 1u) << "whoever joins meanwhile changes nothing about that";
  EXPECT_EQ(batch.clocks[0].stream, 1u);
  EXPECT_FALSE(batch.clocks[0].mark);
  out.clear();
  video(11, 4323, Part::kDelta);
  flush();
  EXPECT_TRUE(take().clocks.empty()) << "once";
}

TEST_F(HandoverTest, EndsOnce) {
  tap();
  tap(kRecorder + 1);
  out.clear();
  video(1, 1, Part::kKeyframe);
  flush();
  EXPECT_EQ(take().target, kRecorder);
  EXPECT_EQ(take().target, kRecorder + 1);
  handover.remove(now, kPublisher, kRecorder, out);
  EXPECT_TRUE(take().last);
  handover.remove(now, kPublisher, kRecorder, out);
  EXPECT_TRUE(out.empty());
  handover.end(now, kPublisher, out);
  const PacketBatch last = take();
  EXPECT_TRUE(last.last && last.target == kRecorder + 1);
  EXPECT_TRUE(out.empty());
}

TEST_F(HandoverTest, AShellThatDoesNotDrainCostsNothing) {
  tap();
  for (uint32_t i = 1; i < Handover::kMaxWaiting; ++i) {
    video(i, i, Part::kKeyframe);
    EXPECT_EQ(flush(), 0u);
  }
  video(99'999, 1, Part::kKeyframe);
  EXPECT_EQ(flush(), 1u);
  EXPECT_EQ(out.size(), Handover::kMaxWaiting);
}

}  // namespace
}  // namespace loopcast::sfu
