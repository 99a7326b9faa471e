// What a peer makes of the packets of its far side, and what it asks for.
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rtc/peer_testing.h"
#include "wire/rtcp.h"
#include "wire/rtp.h"

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

}  // namespace
}  // namespace loopcast::rtc
