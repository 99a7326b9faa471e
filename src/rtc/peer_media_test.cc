// What a peer makes of the packets of its far side, and what it asks for.
#include <deque>
#include <map>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rtc/peer_testing.h"
#include "wire/rtcp.h"
#include "wire/rtp.h"
#include "wire/rtp_extensions.h"

namespace loopcast::rtc {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr size_t kAudio = 0, kVideo = 1;
constexpr PayloadType kOpusType = 111, kVideoType = 96, kRtxType = 97;

Negotiated publishing() {
  NegotiatedMedia audio;
  audio.mid = "0";
  audio.receive = true;
  audio.payload_type = kOpusType;
  audio.clock_rate = 48'000;
  NegotiatedMedia video;
  video.kind = MediaKind::kVideo;
  video.mid = "1";
  video.index = 1;
  video.receive = true;
  video.codec = wire::Codec::kVp8;
  video.payload_type = kVideoType;
  video.rtx_payload_type = kRtxType;
  video.clock_rate = 90'000;
  video.nack = video.pli = true;
  Negotiated negotiated;
  negotiated.media = {audio, video};
  return negotiated;
}

class PeerMediaTest : public ::testing::Test {
 protected:
  struct Packet {
    PayloadType type = kVideoType;
    Ssrc ssrc{5};
    int64_t index = 0;  // roll-over counter and sequence number
    uint32_t timestamp = 0;
    std::vector<wire::RtpExtension> extensions = {};
    std::vector<uint8_t> payload = {1, 2, 3};
  };

  explicit PeerMediaTest(Negotiated negotiated = publishing()) : far(now, std::move(negotiated)) {}

  Received receive(const Packet& packet) {
    std::vector<uint8_t> bytes(200);
    const wire::RtpHeader header{false, packet.type, Seq16{static_cast<uint16_t>(packet.index)},
                                 packet.timestamp, packet.ssrc};
    const size_t size = wire::write_rtp_header(bytes, header, packet.extensions);
    bytes.resize(size);
    bytes.insert(bytes.end(), packet.payload.begin(), packet.payload.end());
    return far.receive_rtp(now, bytes, size, packet.index);
  }
  Received video(int64_t index, Ssrc ssrc = Ssrc{5}) {
    return receive({.ssrc = ssrc, .index = index});
  }
  bool accepted(const Received& received) { return received.kind == Received::Kind::kRtp; }

  // What is asked for within the next 20 ms, by SSRC.
  std::map<uint32_t, std::vector<int>> nacks() {
    std::map<uint32_t, std::vector<int>> asked;
    run(Duration::millis(20), [&](const wire::RtcpPacket& packet) {
      if (const auto nack = wire::parse_nack(packet))
        nack->for_each([&](Seq16 s) { asked[nack->media.value].push_back(s.value); });
    });
    return asked;
  }

  // Time goes on; `f` sees each packet of RTCP that comes.
  template <typename F>
  void run(Duration duration, F&& f) {
    now = now + duration;
    far.peer().handle_timeout(now);
    far.peer().flush(now, far.out());
    for (const auto& compound : far.take_rtcp()) {
      wire::RtcpReader reader(compound);
      while (const auto packet = reader.next()) f(*packet);
    }
  }

  Instant now = Instant::from_us(10'000'000);
  ConnectedPeer far;
};

TEST_F(PeerMediaTest, AsksForWhatIsMissingByItsNumberOnTheWire) {
  const int64_t first = video(100).index;
  EXPECT_EQ(video(102).index, first + 2);
  EXPECT_THAT(nacks()[5], ElementsAre(101));
}

TEST_F(PeerMediaTest, AsksInTheNewNumbersAfterTheSenderBeganAnew) {
  const int64_t first = video(100).index;
  video(102);  // 101 is missing and will never come
  EXPECT_FALSE(accepted(video(20'000)));
  EXPECT_EQ(video(20'001).index, first + 3) << "the numbers that are given out go on";
  EXPECT_THAT(nacks(), IsEmpty()) << "of the old sequence nothing can be had any more";
  EXPECT_EQ(video(20'003).index, first + 5);
  EXPECT_THAT(nacks()[5], ElementsAre(20'002));
  // The retransmission under the number that was asked for fills the gap.
  const Received again = receive(
      {.type = kRtxType, .ssrc = Ssrc{6}, .index = 1, .payload = {20'002 >> 8, 20'002 & 0xff, 7}});
  EXPECT_TRUE(again.recovered);
  EXPECT_EQ(again.index, first + 4);
  EXPECT_THAT(nacks(), IsEmpty());
}

TEST_F(PeerMediaTest, IgnoresRetransmissionsOfWhatWasNeverMissing) {
  const int64_t first = video(100).index;
  const uint16_t far_ahead = 100 + 20'000;
  EXPECT_FALSE(accepted(receive({.type = kRtxType,
                                 .ssrc = Ssrc{6},
                                 .index = 1,
                                 .payload = {far_ahead >> 8, far_ahead & 0xff, 7}})));
  EXPECT_EQ(video(101).index, first + 1);
  EXPECT_EQ(video(103).index, first + 3);
  EXPECT_THAT(nacks()[5], ElementsAre(102)) << "the highest number has not moved";
}

// Which stream a packet belongs to.

class PeerMidTest : public PeerMediaTest {
 protected:
  static constexpr uint8_t kMidId = 4;
  static Negotiated with_mid() {
    Negotiated negotiated = publishing();
    for (NegotiatedMedia& media : negotiated.media)
      media.extension_ids[static_cast<size_t>(wire::ExtensionKind::kMid)] = kMidId;
    negotiated.media[kVideo].remote_ssrc = Ssrc{5};
    negotiated.media[kVideo].remote_rtx_ssrc = Ssrc{6};
    return negotiated;
  }
  PeerMidTest() : PeerMediaTest(with_mid()) {}

  // Of video, with a MID.
  Packet named(int64_t index, Ssrc ssrc, const std::string& mid = "1") {
    mids_.push_back(mid);
    return {.ssrc = ssrc,
            .index = index,
            .timestamp = static_cast<uint32_t>(index) * 3000,
            .extensions = {{kMidId, as_bytes(mids_.back())}}};
  }
  Packet retransmission(int64_t index, uint16_t original, Ssrc ssrc) {
    Packet packet = named(index, ssrc);
    packet.type = kRtxType;
    packet.payload = {static_cast<uint8_t>(original >> 8), static_cast<uint8_t>(original), 7};
    return packet;
  }
  // Others, of no section, take all places that are to be had.
  void fill_sources() {
    for (uint32_t i = 0; i < 2 * SrtpReceiver::kMaxSources; ++i)
      receive({.type = 120, .ssrc = Ssrc{100'000 + i}, .index = 1});
  }
  uint64_t unknown() { return far.counters().get(Counter::kDropRtpUnknownStream); }

 private:
  std::deque<std::string> mids_;
};

TEST_F(PeerMidTest, TheMidDecidesWhateverSsrcWasSignalled) {
  EXPECT_EQ(receive(named(100, Ssrc{2222})).media, kVideo);
  EXPECT_EQ(unknown(), 0u);
  EXPECT_TRUE(accepted(video(101, Ssrc{2222}))) << "its later packets need no MID";
  video(103, Ssrc{2222});
  EXPECT_THAT(nacks()[2222], ElementsAre(102));
}

TEST_F(PeerMidTest, ThePayloadTypeDecidesWhereNothingElseDoes) {
  EXPECT_EQ(video(100, Ssrc{2222}).media, kVideo);
  EXPECT_EQ(receive({.type = kOpusType, .ssrc = Ssrc{4}, .index = 7}).media, kAudio);
  EXPECT_EQ(unknown(), 0u);
}

TEST_F(PeerMidTest, AMidOfNoSectionOrTheWrongPayloadTypeIsDropped) {
  EXPECT_FALSE(accepted(receive(named(100, Ssrc{5}, "2"))));
  EXPECT_FALSE(accepted(receive(named(101, Ssrc{5}, "0")))) << "a picture for the sound";
  EXPECT_EQ(unknown(), 2u);
}

TEST_F(PeerMidTest, AnSsrcThatBelongsToOneSectionIsNotTakenForAnother) {
  EXPECT_TRUE(accepted(video(100)));
  EXPECT_FALSE(accepted(receive({.type = kOpusType, .ssrc = Ssrc{5}, .index = 101})));
}

TEST_F(PeerMidTest, ASourceWithTheMidTakesOverAtOnce) {
  const int64_t first = receive(named(100, Ssrc{5})).index;
  receive(named(102, Ssrc{5}));
  now = now + Duration::millis(33);
  const Received next = receive(named(30'000, Ssrc{7777}));
  EXPECT_EQ(next.index, first + 3) << "the numbers go on";
  EXPECT_EQ(next.rtp.timestamp, 102u * 3000 + 33 * 90) << "and so do the timestamps";
  EXPECT_EQ(receive(named(30'002, Ssrc{7777})).index, first + 5);
  // Feedback is on the new source alone, in its numbers.
  auto asked = nacks();
  EXPECT_THAT(asked[7777], ElementsAre(30'001));
  EXPECT_THAT(asked[5], IsEmpty());
  // What is left of the old one, and what it sends again, belongs to nothing.
  EXPECT_FALSE(accepted(receive(named(103, Ssrc{5}))));
  EXPECT_FALSE(accepted(video(104)));
  EXPECT_EQ(receive(named(30'003, Ssrc{7777})).index, first + 6);
}

TEST_F(PeerMidTest, RetransmissionsOfTheSourceBeforeAreIgnored) {
  receive(named(29'900, Ssrc{5}));
  EXPECT_TRUE(accepted(receive(retransmission(1, 29'899, Ssrc{6}))));
  const int64_t first = receive(named(30'000, Ssrc{7777})).index;
  receive(named(30'002, Ssrc{7777}));
  EXPECT_FALSE(accepted(receive(retransmission(2, 30'001, Ssrc{6}))));
  const Received again = receive(retransmission(1, 30'001, Ssrc{8888}));
  EXPECT_TRUE(again.recovered);
  EXPECT_EQ(again.index, first + 1);
  EXPECT_EQ(again.rtp.ssrc, Ssrc{7777});
  // A program may keep the source of its retransmissions.
  now = now + RtpInput::kSourceTakeover;
  EXPECT_TRUE(accepted(receive(named(30'003, Ssrc{7777}))));
  receive(named(30'005, Ssrc{7777}));
  EXPECT_EQ(receive(retransmission(3, 30'004, Ssrc{6})).index, first + 4);
}

// What is given up loses its place to others.
TEST_F(PeerMidTest, RetransmissionsOnTheSourceOfTheMediaDoNotEndIt) {
  EXPECT_FALSE(accepted(receive(retransmission(99, 98, Ssrc{5})))) << "there is no stream yet";
  const int64_t first = receive(named(100, Ssrc{5})).index;
  receive(named(102, Ssrc{5}));
  EXPECT_TRUE(accepted(receive(retransmission(1, 101, Ssrc{6})))) << "from now on from its own";
  EXPECT_EQ(receive(retransmission(103, 101, Ssrc{5})).index, first + 1);
  EXPECT_TRUE(accepted(receive(retransmission(2, 101, Ssrc{6}))));
  EXPECT_TRUE(accepted(receive(retransmission(1, 101, Ssrc{7}))));
  fill_sources();
  EXPECT_TRUE(accepted(receive(named(104, Ssrc{5}))));
}

TEST_F(PeerMidTest, TheMediaMayGoOnFromTheSourceOfRetransmissions) {
  receive(named(100, Ssrc{5}));
  EXPECT_TRUE(accepted(receive(retransmission(1, 99, Ssrc{6}))));
  EXPECT_TRUE(accepted(receive(named(200, Ssrc{6}))));
  fill_sources();
  EXPECT_TRUE(accepted(receive(named(201, Ssrc{6}))));
}

TEST_F(PeerMidTest, TwoSourcesOfOneSectionDoNotTakeTurns) {
  receive(named(100, Ssrc{5}));
  receive(named(200, Ssrc{15}));
  receive(named(300, Ssrc{25}));
  int taken = 0;
  for (int i = 1; i < 50; ++i) {
    now = now + Duration::millis(30);
    taken += accepted(receive(named(100 + i, Ssrc{5}))) ? 1 : 0;
    taken += accepted(receive(named(200 + i, Ssrc{15}))) ? 1 : 0;
    EXPECT_TRUE(accepted(receive(named(300 + i, Ssrc{25}))));
  }
  EXPECT_EQ(taken, 0);
  // The last one has gone: another may go on.
  now = now + RtpInput::kSourceTakeover;
  EXPECT_TRUE(accepted(receive(named(150, Ssrc{5}))));
}

TEST_F(PeerMidTest, WithoutAMidASourceWaitsUntilTheOneBeforeHasGone) {
  EXPECT_TRUE(accepted(video(100, Ssrc{50})));
  EXPECT_FALSE(accepted(video(100, Ssrc{60})));
  EXPECT_TRUE(accepted(video(100, Ssrc{5}))) << "the signalled one";
  EXPECT_FALSE(accepted(video(101, Ssrc{60})));
  now = now + RtpInput::kSourceTakeover;
  EXPECT_TRUE(accepted(video(102, Ssrc{60})));
}

TEST_F(PeerMidTest, AGoodbyeMakesRoomAtOnce) {
  EXPECT_TRUE(accepted(video(100)));
  std::array<uint8_t, 64> compound;
  ByteWriter w(compound);
  wire::write_receiver_report(w, Ssrc{5}, {});
  const Ssrc ssrc{5};
  wire::write_bye(w, {&ssrc, 1});
  far.receive_rtcp(now, w.written());
  EXPECT_TRUE(accepted(video(101))) << "it overtook the last packets";
  EXPECT_TRUE(accepted(video(7, Ssrc{60})));
}

TEST_F(PeerMidTest, ASourceThatGoesOnAfterItsGoodbyeKeepsItsPlace) {
  EXPECT_TRUE(accepted(video(100)));
  std::array<uint8_t, 64> compound;
  ByteWriter w(compound);
  wire::write_receiver_report(w, Ssrc{5}, {});
  const Ssrc ssrc{5};
  wire::write_bye(w, {&ssrc, 1});
  far.receive_rtcp(now, w.written());
  now = now + RtpInput::kByeReordering;
  EXPECT_TRUE(accepted(video(101)));
  EXPECT_FALSE(accepted(video(7, Ssrc{60})));
  EXPECT_TRUE(accepted(video(102)));
}

TEST_F(PeerMidTest, AProbeOfTheBandwidthBeginsNoSource) {
  receive(named(100, Ssrc{5}));
  Packet probe = named(1, Ssrc{99});
  probe.payload = {};
  EXPECT_FALSE(accepted(receive(probe)));
  EXPECT_TRUE(accepted(receive(named(101, Ssrc{5}))));
}

TEST_F(PeerMidTest, NorDoesAProbeThatComesFirst) {
  Packet probe = named(1, Ssrc{99});
  probe.payload = {};
  EXPECT_FALSE(accepted(receive(probe)));
  EXPECT_TRUE(accepted(video(100, Ssrc{50}))) << "nobody has to go before";
}

TEST_F(PeerMidTest, SourcesMayChangeAllDay) {
  for (uint32_t i = 0; i < 100; ++i) {
    ASSERT_TRUE(accepted(receive(named(100, Ssrc{1000 + i})))) << i;
    now = now + Duration::seconds(60);
  }
}

// Feedback on what arrives.

class PeerTransportTest : public PeerMediaTest {
 protected:
  static constexpr uint8_t kAudioId = 3, kVideoId = 5;
  static Negotiated with_transport_cc() {
    Negotiated negotiated = publishing();
    for (const size_t i : {kAudio, kVideo}) {
      negotiated.media[i].transport_cc = true;
      negotiated.media[i].extension_ids[static_cast<size_t>(wire::ExtensionKind::kTransportCc)] =
          i == kAudio ? kAudioId : kVideoId;
    }
    return negotiated;
  }
  PeerTransportTest() : PeerMediaTest(with_transport_cc()) {}
};

TEST_F(PeerTransportTest, EachSectionHasItsOwnIdOfTheTransportWideNumber) {
  std::deque<std::array<uint8_t, 2>> numbers;
  for (uint16_t i = 0; i < 20; ++i) {
    numbers.push_back(wire::encode_transport_cc(i));
    const bool audio = i % 2 == 0;
    receive({.type = audio ? kOpusType : kVideoType,
             .ssrc = Ssrc{audio ? 4u : 5u},
             .index = 100 + i / 2,
             .extensions = {{audio ? kAudioId : kVideoId, numbers.back()}}});
  }
  std::vector<int> told, lost;
  run(FeedbackRecorder::kInterval, [&](const wire::RtcpPacket& packet) {
    if (const auto feedback = wire::parse_transport_feedback(packet))
      feedback->for_each([&](Seq16 sequence, bool arrived, Duration) {
        (arrived ? told : lost).push_back(sequence.value);
      });
  });
  EXPECT_EQ(told.size(), 20u);
  EXPECT_THAT(lost, IsEmpty());
}

// What is sent.

TEST(PeerReports, CountNoPaddingAsPayload) {
  NegotiatedMedia video;
  video.kind = MediaKind::kVideo;
  video.send = true;
  video.codec = wire::Codec::kVp8;
  video.payload_type = kVideoType;
  video.clock_rate = 90'000;
  video.local_ssrc = Ssrc{7};
  Negotiated negotiated;
  negotiated.media = {video};
  const Instant now = Instant::from_us(10'000'000);
  ConnectedPeer far(now, negotiated);
  far.take_rtcp();
  const std::vector<uint8_t> payload{1, 2, 3, 1};
  const std::array<PlainPacket, 2> packets{{{.index = 100, .payload = Bytes(payload).first(3)},
                                            {.index = 101, .padding = 1, .payload = payload}}};
  ASSERT_EQ(far.peer().send_rtp(now, far.out(), 0, packets, {}), 2u);
  const std::array<std::optional<uint32_t>, 1> clocks{0};
  far.peer().send_reports(now, WallTime{1'000'000}, clocks, far.out());
  const auto compounds = far.take_rtcp();
  ASSERT_EQ(compounds.size(), 1u);
  wire::RtcpReader reader(compounds[0]);
  const auto packet = reader.next();
  ASSERT_TRUE(packet);
  const auto report = wire::parse_sender_report(*packet);
  ASSERT_TRUE(report);
  EXPECT_EQ(report->packets, 2u);
  EXPECT_EQ(report->octets, 6u);
}

// What comes before the address is validated.

TEST(PeerDtls, IsHeldBackInAFewDatagramsOnly) {
  const DtlsIdentity identity = DtlsIdentity::generate();
  const auto crypto = SrtpCrypto::make_best();
  Counters counters;
  const Instant now = Instant::from_us(10'000'000);
  Peer peer(now, {identity, *crypto, counters}, {"near", "password-of-the-near-side"}, publishing(),
            Random::from_number(1).fork());
  constexpr size_t kFlood = 1'000;
  for (size_t i = 0; i < kFlood; ++i) {
    std::array<uint8_t, 100> hello{22, 254, 253};
    peer.handle_datagram(now, {{IpAddress::v4(192, 0, 2, 9), 9000}, {}, 0}, hello);
  }
  EXPECT_EQ(counters.get(Counter::kDropDtlsUnvalidated), kFlood - Peer::kMaxHeldDatagrams);
}

}  // namespace
}  // namespace loopcast::rtc
