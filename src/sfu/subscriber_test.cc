#include "sfu/subscriber.h"

#include <array>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rtc/peer_testing.h"
#include "sfu/media_testing.h"
#include "wire/rtp_extensions.h"

namespace loopcast::sfu {
namespace {

using rtc::Counter;
using ::testing::ElementsAre;

constexpr size_t kAudio = 0, kVideo = 1;
constexpr Instant kStart = Instant::from_us(5'000'000);

// What the viewer got, in the order in which it was sent.
struct Got {
  std::vector<std::vector<uint8_t>> raw;
  std::vector<wire::RtpPacket> packets;
};

class SubscriberTest : public ::testing::Test {
 protected:
  SubscriberTest()
      : viewer(kStart, watching()),
        random(Random::from_number(4)),
        subscriber(publisher, viewer.peer().negotiated(), random) {}

  void accept(int64_t index, uint32_t timestamp, Part part, uint8_t tag = 0, bool marker = true) {
    const auto payload = vp8(part, tag);
    publisher.accept(now, received(kVideo, index, timestamp, payload, marker), viewer.counters());
  }
  void hand_on() {
    publisher.prepare_batch();
    subscriber.forward_batch(now, publisher, viewer.peer(), viewer.counters(), viewer.out());
    publisher.clear_pending();
  }
  void start() { subscriber.start(now, publisher, viewer.peer(), viewer.counters(), viewer.out()); }
  Got got() {
    Got got;
    got.raw = viewer.take_rtp();
    for (const auto& raw : got.raw) got.packets.push_back(*wire::RtpPacket::parse(raw));
    return got;
  }
  std::vector<uint8_t> tags() {
    std::vector<uint8_t> tags;
    for (const auto& packet : got().packets) tags.push_back(packet.payload.back());
    return tags;
  }
  void feedback(const std::function<void(ByteWriter&)>& write) {
    std::array<uint8_t, 1400> buffer;
    ByteWriter w(buffer);
    write(w);
    subscriber.handle_rtcp(now, w.written(), publisher, viewer.peer(), viewer.counters(),
                           viewer.out());
  }
  void nack(std::vector<Seq16> numbers, Ssrc media = Ssrc{0x1111}) {
    feedback([&](ByteWriter& w) { wire::write_nack(w, Ssrc{1}, media, numbers); });
  }
  void pli() {
    feedback([&](ByteWriter& w) { wire::write_pli(w, Ssrc{1}, Ssrc{0x1111}); });
  }
  SourceStream& stream() { return *publisher.stream_of(kVideo); }

  Publisher publisher{publishing()};
  rtc::ConnectedPeer viewer;
  Random random;
  Subscriber subscriber;
  Instant now = kStart;
};

TEST_F(SubscriberTest, NothingIsSentBeforeTheStart) {
  accept(100, 1, Part::kKeyframe);
  hand_on();
  EXPECT_TRUE(got().packets.empty());
}

TEST_F(SubscriberTest, RewritesNumbersAndKeepsDistances) {
  start();
  accept(100, 9000, Part::kKeyframe, 1);
  accept(101, 12'000, Part::kDelta, 2, false);
  accept(103, 12'000, Part::kInside, 4);
  hand_on();
  const Got first = got();
  ASSERT_EQ(first.packets.size(), 3u);
  const wire::RtpPacket& a = first.packets[0];
  const wire::RtpPacket& c = first.packets[2];
  EXPECT_EQ(a.ssrc, Ssrc{0x1111});
  EXPECT_EQ(a.payload_type, 96);
  EXPECT_LT(a.sequence.value, 1 << 15) << "so that the receiver sees the first wrap";
  EXPECT_TRUE(a.marker);
  EXPECT_FALSE(first.packets[1].marker);
  EXPECT_EQ(c.sequence.distance_from(a.sequence), 3) << "a gap stays a gap";
  EXPECT_EQ(c.timestamp - a.timestamp, 3000u);
  EXPECT_EQ(c.payload.back(), 4);
}

// Told of what arrives, the viewer's packets are numbered across both streams.
class NumberedSubscriberTest : public ::testing::Test {
 protected:
  static constexpr uint8_t kNumber = 3, kTime = 2;

  static rtc::Negotiated numbered() {
    rtc::Negotiated negotiated = watching();
    for (rtc::NegotiatedMedia& media : negotiated.media) {
      media.transport_cc = true;
      media.extension_ids[static_cast<size_t>(wire::ExtensionKind::kTransportCc)] = kNumber;
      media.extension_ids[static_cast<size_t>(wire::ExtensionKind::kAbsSendTime)] = kTime;
    }
    return negotiated;
  }
};

TEST_F(NumberedSubscriberTest, PacketsOfBothStreamsAndAgainAreNumberedInOneRow) {
  Publisher publisher(publishing());
  rtc::ConnectedPeer viewer(kStart, numbered());
  Random random = Random::from_number(4);
  Subscriber subscriber(publisher, viewer.peer().negotiated(), random);
  subscriber.start(kStart, publisher, viewer.peer(), viewer.counters(), viewer.out());
  const auto picture = vp8(Part::kKeyframe, 1);
  const std::vector<uint8_t> sound{0x78, 5};
  publisher.accept(kStart, received(kVideo, 100, 1, picture, true), viewer.counters());
  publisher.accept(kStart, received(kAudio, 7, 1, sound), viewer.counters());
  publisher.prepare_batch();
  subscriber.forward_batch(kStart, publisher, viewer.peer(), viewer.counters(), viewer.out());
  publisher.clear_pending();

  auto raw = viewer.take_rtp();
  ASSERT_EQ(raw.size(), 2u);
  const auto first = wire::RtpPacket::parse(raw[0]);
  const auto second = wire::RtpPacket::parse(raw[1]);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->payload.back(), 1);
  EXPECT_EQ(second->payload.back(), 5);
  EXPECT_EQ(wire::decode_transport_cc(first->extension(kNumber)), 0);
  EXPECT_EQ(wire::decode_transport_cc(second->extension(kNumber)), 1);
  // 5 s, 6 of 24 bits before the point.
  EXPECT_EQ(first->extension(kTime).size(), 3u);
  EXPECT_EQ(wire::decode_abs_send_time(first->extension(kTime)), 5u << 18);

  std::array<uint8_t, 100> buffer;
  ByteWriter w(buffer);
  const std::array missing{first->sequence};
  wire::write_nack(w, Ssrc{1}, Ssrc{0x1111}, missing);
  subscriber.handle_rtcp(kStart, w.written(), publisher, viewer.peer(), viewer.counters(),
                         viewer.out());
  raw = viewer.take_rtp();
  ASSERT_EQ(raw.size(), 1u);
  const auto again = wire::RtpPacket::parse(raw[0]);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->ssrc, Ssrc{0x2222});
  EXPECT_EQ(wire::decode_transport_cc(again->extension(kNumber)), 2);

  // A machine that has been up for two years: 40.177664 s beyond the last wrap of 64 s.
  const Instant late = Instant::from_us(int64_t{1} << 46);
  publisher.accept(late, received(kAudio, 8, 961, sound), viewer.counters());
  publisher.prepare_batch();
  subscriber.forward_batch(late, publisher, viewer.peer(), viewer.counters(), viewer.out());
  publisher.clear_pending();
  raw = viewer.take_rtp();
  ASSERT_EQ(raw.size(), 1u);
  const auto much_later = wire::RtpPacket::parse(raw[0]);
  ASSERT_TRUE(much_later);
  EXPECT_EQ(wire::decode_abs_send_time(much_later->extension(kTime)), 10532334u);
}

TEST_F(SubscriberTest, VideoBeginsWithAKeyframe) {
  start();
  EXPECT_FALSE(stream().keyframes.next_timeout().is_never()) << "one is asked for";
  accept(100, 1, Part::kDelta, 1);
  accept(101, 2, Part::kKeyframe, 2);
  accept(102, 3, Part::kDelta, 3);
  hand_on();
  EXPECT_THAT(tags(), ElementsAre(2, 3));
}

TEST_F(SubscriberTest, AudioBeginsAtOnce) {
  start();
  const std::vector<uint8_t> payload{0x78, 5};
  publisher.accept(now, received(kAudio, 7, 1, payload), viewer.counters());
  hand_on();
  const Got first = got();
  ASSERT_EQ(first.packets.size(), 1u);
  EXPECT_EQ(first.packets[0].payload_type, 111);
}

TEST_F(SubscriberTest, StartReplaysFromTheNewestKeyframe) {
  accept(100, 1, Part::kKeyframe, 1);
  accept(101, 2, Part::kKeyframe, 2);
  accept(102, 3, Part::kDelta, 3);
  hand_on();
  start();
  EXPECT_THAT(tags(), ElementsAre(2, 3));
  EXPECT_EQ(viewer.counters().get(Counter::kKeyframeReplays), 1u);
  EXPECT_TRUE(stream().keyframes.next_timeout().is_never());
}

TEST_F(SubscriberTest, StartLeavesWhatIsPendingToTheNextBatch) {
  accept(100, 1, Part::kKeyframe, 1);
  accept(101, 2, Part::kDelta, 2);
  hand_on();
  accept(102, 3, Part::kDelta, 3);
  start();
  hand_on();
  EXPECT_THAT(tags(), ElementsAre(1, 2, 3));
}

TEST_F(SubscriberTest, StartReplaysAllWhileARepairedPacketIsPending) {
  accept(100, 1, Part::kKeyframe, 1, false);
  accept(102, 2, Part::kDelta, 3);
  accept(103, 3, Part::kDelta, 4);
  hand_on();
  // The rest of the keyframe comes by retransmission just when the viewer starts.
  accept(101, 1, Part::kInside, 2);
  start();
  hand_on();
  EXPECT_THAT(tags(), ::testing::UnorderedElementsAre(1, 2, 3, 4));
}

TEST_F(SubscriberTest, LatePacketsOfTheFirstFrameFollowOlderOnesDoNot) {
  start();
  accept(102, 2, Part::kKeyframe, 3);
  hand_on();
  const Got first = got();
  ASSERT_EQ(first.packets.size(), 1u);
  accept(101, 2, Part::kInside, 2, false);
  accept(100, 1, Part::kDelta, 1);
  hand_on();
  const Got late = got();
  ASSERT_EQ(late.packets.size(), 1u);
  EXPECT_EQ(late.packets[0].payload.back(), 2);
  EXPECT_EQ(late.packets[0].sequence, first.packets[0].sequence - 1);
}

TEST_F(SubscriberTest, AnswersANackByRtx) {
  start();
  accept(100, 1000, Part::kKeyframe, 1);
  hand_on();
  const Got first = got();
  nack({first.packets[0].sequence});
  nack({first.packets[0].sequence});
  const Got again = got();
  ASSERT_EQ(again.packets.size(), 2u);
  for (const wire::RtpPacket& packet : again.packets) {
    EXPECT_EQ(packet.ssrc, Ssrc{0x2222});
    EXPECT_EQ(packet.payload_type, 97);
    EXPECT_EQ(packet.timestamp, first.packets[0].timestamp);
    EXPECT_EQ(packet.marker, first.packets[0].marker);
    ASSERT_EQ(packet.payload.size(), first.packets[0].payload.size() + 2);
    EXPECT_EQ(load_u16(packet.payload.data()), first.packets[0].sequence.value);
    EXPECT_EQ(packet.payload.back(), 1);
  }
  EXPECT_EQ(again.packets[1].sequence, again.packets[0].sequence + 1);
  EXPECT_EQ(viewer.counters().get(Counter::kRetransmissionsSent), 2u);
}

TEST_F(SubscriberTest, NackOfWhatWasNeverSentIsNotAnswered) {
  nack({Seq16{1}});
  start();
  accept(99, 0, Part::kDelta, 1);
  accept(100, 1, Part::kKeyframe, 2);
  nack({Seq16{1}});
  hand_on();
  const Seq16 sent = got().packets.at(0).sequence;
  nack({sent - 1, sent + 1, sent + 200, sent - 3000});
  nack({sent}, Ssrc{0x9999});
  EXPECT_TRUE(got().packets.empty());
  EXPECT_EQ(viewer.counters().get(Counter::kDropRetransmissionGone), 4u);
}

TEST_F(SubscriberTest, RetransmissionsHaveABudgetThatRefills) {
  start();
  accept(100, 1, Part::kKeyframe, 1);
  hand_on();
  const Seq16 sent = got().packets.at(0).sequence;
  for (int i = 0; i < 1000; ++i) nack({sent});
  EXPECT_EQ(got().packets.size(), static_cast<size_t>(Subscriber::kRetransmissionBurst));
  EXPECT_GT(viewer.counters().get(Counter::kDropRetransmissionLimit), 0u);
  now = now + Duration::millis(100);
  for (int i = 0; i < 1000; ++i) nack({sent});
  EXPECT_EQ(got().packets.size(), static_cast<size_t>(Subscriber::kRetransmissionsPerSecond / 10));
  // Refilled in steps that are smaller than one retransmission each.
  size_t earned = 0;
  for (int i = 0; i < 1000; ++i) {
    now = now + Duration::micros(100);
    nack({sent});
    earned += got().packets.size();
  }
  EXPECT_NEAR(static_cast<double>(earned), Subscriber::kRetransmissionsPerSecond / 10.0, 2);
}

TEST_F(NumberedSubscriberTest, AWayThatIsFullGetsFewAgainAtOnce) {
  Publisher publisher(publishing());
  rtc::ConnectedPeer viewer(kStart, numbered());
  Random random = Random::from_number(4);
  Subscriber subscriber(publisher, viewer.peer().negotiated(), random);
  Instant now = kStart;
  subscriber.start(now, publisher, viewer.peer(), viewer.counters(), viewer.out());
  Seq16 latest{};
  std::vector<wire::PacketArrival> arrivals;
  const auto frame = [&](int64_t i) {
    const auto picture = vp8(i == 0 ? Part::kKeyframe : Part::kDelta);
    publisher.accept(now, received(kVideo, 100 + i, static_cast<uint32_t>(1 + 900 * i), picture),
                     viewer.counters());
    publisher.prepare_batch();
    subscriber.forward_batch(now, publisher, viewer.peer(), viewer.counters(), viewer.out());
    publisher.clear_pending();
    const auto sent = viewer.take_rtp();
    ASSERT_EQ(sent.size(), 1u);
    latest = wire::RtpPacket::parse(sent[0])->sequence;
    // Each is held up by 5 ms more than the one before.
    arrivals.push_back({i, now + Duration::millis(20 + 5 * i)});
  };
  for (int64_t i = 0; i < 60; ++i, now = now + Duration::millis(10)) {
    frame(i);
    if (arrivals.size() < 5) continue;
    std::array<uint8_t, 400> buffer;
    ByteWriter w(buffer);
    wire::write_receiver_report(w, Ssrc{1}, {});
    wire::write_transport_feedback(w, Ssrc{1}, Ssrc{0x1111}, static_cast<uint8_t>(i / 5), arrivals);
    viewer.receive_rtcp(now, w.written());
    arrivals.clear();
  }
  ASSERT_TRUE(viewer.peer().estimator()->overused());
  for (int i = 0; i < 1000; ++i) {
    std::array<uint8_t, 100> buffer;
    ByteWriter w(buffer);
    wire::write_nack(w, Ssrc{1}, Ssrc{0x1111}, {&latest, 1});
    subscriber.handle_rtcp(now, w.written(), publisher, viewer.peer(), viewer.counters(),
                           viewer.out());
  }
  EXPECT_LE(viewer.take_rtp().size(),
            static_cast<size_t>(2 * Subscriber::kRetransmissionsWhenFull));
}

TEST_F(SubscriberTest, KeyframeRequestsOfOneViewerAreLimited) {
  start();
  accept(100, 1, Part::kKeyframe, 1);
  pli();
  EXPECT_FALSE(stream().keyframes.next_timeout().is_never());
  stream().keyframes.on_keyframe();
  now = now + Subscriber::kKeyframeInterval - Duration::micros(1);
  pli();
  EXPECT_TRUE(stream().keyframes.next_timeout().is_never());
  now = now + Duration::micros(1);
  feedback([&](ByteWriter& w) {
    const wire::FirEntry entry{Ssrc{0x1111}, 3};
    wire::write_fir(w, Ssrc{1}, {&entry, 1});
  });
  EXPECT_FALSE(stream().keyframes.next_timeout().is_never());
  EXPECT_EQ(viewer.counters().get(Counter::kKeyframeRequestsReceived), 2u);
}

// The frame was not complete when its parameter sets left.
TEST_F(SubscriberTest, AKeyframeWhoseBeginningHasLeftAlreadyIsSentWhole) {
  publisher = Publisher(publishing_h264());
  const auto nal = [&](int64_t index, uint32_t timestamp, Nal of, uint8_t tag) {
    const auto payload = h264(of, tag);
    publisher.accept(now, received(kVideo, index, timestamp, payload, false), viewer.counters());
  };
  start();
  nal(99, 1, Nal::kSlice, 1);
  nal(100, 2, Nal::kSps, 2);
  nal(101, 2, Nal::kPps, 3);
  hand_on();
  EXPECT_THAT(tags(), ElementsAre());
  nal(102, 2, Nal::kIdr, 4);
  nal(103, 2, Nal::kIdr, 5);
  hand_on();
  EXPECT_THAT(tags(), ElementsAre(2, 3, 4, 5));
  nal(104, 3, Nal::kSlice, 6);
  hand_on();
  EXPECT_THAT(tags(), ElementsAre(6));
}

TEST_F(SubscriberTest, ParameterSetsOfAnOrdinaryPictureAreNoBeginning) {
  publisher = Publisher(publishing_h264());
  start();
  for (const auto& [index, of] : {std::pair(100, Nal::kSps), std::pair(101, Nal::kSlice)}) {
    const auto payload = h264(of);
    publisher.accept(now, received(kVideo, index, 2, payload), viewer.counters());
  }
  hand_on();
  EXPECT_THAT(tags(), ElementsAre());
  EXPECT_FALSE(stream().keyframes.next_timeout().is_never()) << "one is asked for";
}

}  // namespace
}  // namespace loopcast::sfu
