#include "wire/rtp.h"

#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wire/test_bytes.h"

namespace loopcast::wire {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::IsEmpty;
using testing::Pair;

std::vector<std::pair<int, std::vector<uint8_t>>> elements_of(const RtpPacket& packet) {
  std::vector<std::pair<int, std::vector<uint8_t>>> all;
  for_each_extension(packet, [&](uint8_t id, Bytes data) {
    all.emplace_back(id, std::vector<uint8_t>(data.begin(), data.end()));
  });
  return all;
}

TEST(RtpPacket, ParsesTheFixedHeader) {
  const auto raw = hex("80 e0 1234 89abcdef deadbeef 010203");
  const auto packet = RtpPacket::parse(raw);
  ASSERT_TRUE(packet);
  EXPECT_TRUE(packet->marker);
  EXPECT_EQ(packet->payload_type, 96);
  EXPECT_EQ(packet->sequence, Seq16{0x1234});
  EXPECT_EQ(packet->timestamp, 0x89abcdefu);
  EXPECT_EQ(packet->ssrc, Ssrc{0xdeadbeef});
  EXPECT_EQ(packet->header_size, 12u);
  EXPECT_EQ(packet->extension_profile, 0);
  EXPECT_THAT(packet->payload, ElementsAre(1, 2, 3));
  EXPECT_EQ(packet->padding, 0);
}

TEST(RtpPacket, SkipsContributingSourcesAndExtension) {
  const auto raw =
      hex("92 60 0001 00000002 00000003  0000000a 0000000b"
          "bede 0002 10aa 21bbcc 00 00 00  77");
  const auto packet = RtpPacket::parse(raw);
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->header_size, 12u + 8 + 4 + 8);
  EXPECT_EQ(packet->extension_profile, kOneByteExtensions);
  EXPECT_THAT(packet->extension(1), ElementsAre(0xaa));
  EXPECT_THAT(packet->extension(2), ElementsAre(0xbb, 0xcc));
  EXPECT_THAT(packet->extension(3), IsEmpty());
  EXPECT_THAT(packet->payload, ElementsAre(0x77));
}

TEST(RtpPacket, RemovesPadding) {
  const auto raw = hex("a0 60 0001 00000002 00000003 7778 000003");
  const auto packet = RtpPacket::parse(raw);
  ASSERT_TRUE(packet);
  EXPECT_THAT(packet->payload, ElementsAre(0x77, 0x78));
  EXPECT_EQ(packet->padding, 3);
  const auto only_padding = hex("a0 60 0001 00000002 00000003 000003");
  EXPECT_THAT(RtpPacket::parse(only_padding)->payload, IsEmpty());
}

TEST(RtpPacket, RefusesImpossiblePadding) {
  EXPECT_FALSE(RtpPacket::parse(hex("a0 60 0001 00000002 00000003")));
  EXPECT_FALSE(RtpPacket::parse(hex("a0 60 0001 00000002 00000003 7700")));
  EXPECT_FALSE(RtpPacket::parse(hex("a0 60 0001 00000002 00000003 7703")));
}

TEST(RtpPacket, HeaderOfAnEncryptedPacketIgnoresPadding) {
  const auto raw = hex("a0 60 0001 00000002 00000003 77ff");
  EXPECT_FALSE(RtpPacket::parse(raw));
  const auto packet = RtpPacket::parse_header(raw);
  ASSERT_TRUE(packet);
  EXPECT_THAT(packet->payload, ElementsAre(0x77, 0xff));
}

TEST(RtpPacket, RefusesWhatIsCutShort) {
  const auto raw = hex("92 60 0001 00000002 00000003 0000000a 0000000b bede 0001 10aa0000");
  for (size_t size = 0; size < raw.size(); ++size)
    EXPECT_FALSE(RtpPacket::parse(Bytes(raw).first(size))) << size;
  EXPECT_TRUE(RtpPacket::parse(raw));
  EXPECT_FALSE(RtpPacket::parse(hex("40 60 0001 00000002 00000003")));
}

RtpPacket with_extension(uint16_t profile, const std::vector<uint8_t>& block) {
  RtpPacket packet;
  packet.extension_profile = profile;
  packet.extensions = block;
  return packet;
}

TEST(RtpExtensions, OneByteFormSkipsPaddingAndStopsAtId15) {
  const auto block = hex("00 10aa 00 00 20bb f0 30cc");
  EXPECT_THAT(elements_of(with_extension(0xBEDE, block)),
              ElementsAre(Pair(1, ElementsAre(0xaa)), Pair(2, ElementsAre(0xbb))));
}

TEST(RtpExtensions, OneByteFormStopsAtPaddingWithALength) {
  const auto block = hex("10aa 01 0000 20bb 00");
  EXPECT_THAT(elements_of(with_extension(0xBEDE, block)), ElementsAre(Pair(1, ElementsAre(0xaa))));
}

TEST(RtpExtensions, StopsAtALengthPastTheEnd) {
  EXPECT_THAT(elements_of(with_extension(0xBEDE, hex("10aa 2fbb"))), testing::SizeIs(1));
  EXPECT_THAT(elements_of(with_extension(0x1000, hex("0101aa 0205bb"))), testing::SizeIs(1));
  EXPECT_THAT(elements_of(with_extension(0x1000, hex("0101aa 02"))), testing::SizeIs(1));
}

TEST(RtpExtensions, TwoByteFormHasEmptyElementsAndId15) {
  const auto block = hex("0100 00 0f02aabb ff01cc 00");
  EXPECT_THAT(elements_of(with_extension(0x100F, block)),
              ElementsAre(Pair(1, IsEmpty()), Pair(15, ElementsAre(0xaa, 0xbb)),
                          Pair(255, ElementsAre(0xcc))));
}

TEST(RtpExtensions, UnknownProfileHasNoElements) {
  EXPECT_THAT(elements_of(with_extension(0x1234, hex("10aa0000"))), IsEmpty());
}

constexpr RtpHeader kHeader{true, 96, Seq16{0x1234}, 0x89abcdef, Ssrc{0xdeadbeef}};

std::vector<uint8_t> written(std::vector<RtpExtension> extensions) {
  std::vector<uint8_t> out(1500);
  out.resize(write_rtp_header(out, kHeader, extensions));
  return out;
}

TEST(WriteRtpHeader, WithoutExtensions) {
  EXPECT_THAT(written({}), ElementsAreArray(hex("80 e0 1234 89abcdef deadbeef")));
}

TEST(WriteRtpHeader, OneByteForm) {
  const auto a = hex("aa");
  const auto b = hex("0102030405060708090a0b0c0d0e0f10");
  EXPECT_THAT(written({{1, a}, {14, b}}),
              ElementsAreArray(hex("90 e0 1234 89abcdef deadbeef bede 0005 10aa ef "
                                   "0102030405060708090a0b0c0d0e0f10 00")));
}

TEST(WriteRtpHeader, TwoByteFormForABigIdOrSizeOrNoValue) {
  const auto a = hex("aa");
  const std::vector<uint8_t> long_value(17, 0x55);
  EXPECT_THAT(written({{15, a}}),
              ElementsAreArray(hex("90 e0 1234 89abcdef deadbeef 1000 0001 0f01aa 00")));
  EXPECT_THAT(written({{1, {}}, {2, a}}),
              ElementsAreArray(hex("90 e0 1234 89abcdef deadbeef 1000 0002 0100 0201aa 000000")));
  const auto raw = written({{1, long_value}, {2, a}});
  const auto packet = RtpPacket::parse(raw);
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->extension_profile, kTwoByteExtensions);
  EXPECT_THAT(packet->extension(1), ElementsAreArray(long_value));
  EXPECT_THAT(packet->extension(2), ElementsAre(0xaa));
  EXPECT_EQ(packet->header_size, raw.size());
}

TEST(WriteRtpHeader, RefusesWhatDoesNotFit) {
  const auto a = hex("aa");
  const std::vector<uint8_t> too_long(256);
  EXPECT_THAT(written({{0, a}}), IsEmpty());
  EXPECT_THAT(written({{1, too_long}}), IsEmpty());
  const std::vector<RtpExtension> one{{1, a}};
  std::vector<uint8_t> out(20);
  EXPECT_EQ(write_rtp_header(out, kHeader, one), 20u);
  EXPECT_EQ(write_rtp_header(MutableBytes(out).first(19), kHeader, one), 0u);
  EXPECT_EQ(write_rtp_header({}, kHeader, {}), 0u);
}

TEST(Classify, ByTheFirstBytes) {
  const auto kind = [](std::string_view text) { return classify(hex(text)); };
  EXPECT_EQ(kind(""), DatagramKind::kUnknown);
  EXPECT_EQ(kind("00"), DatagramKind::kStun);
  EXPECT_EQ(kind("03"), DatagramKind::kStun);
  EXPECT_EQ(kind("04"), DatagramKind::kUnknown);
  EXPECT_EQ(kind("13"), DatagramKind::kUnknown);
  EXPECT_EQ(kind("14"), DatagramKind::kDtls);
  EXPECT_EQ(kind("3f"), DatagramKind::kDtls);
  EXPECT_EQ(kind("40"), DatagramKind::kUnknown);
  EXPECT_EQ(kind("7f00"), DatagramKind::kUnknown);
  EXPECT_EQ(kind("80"), DatagramKind::kUnknown);
  EXPECT_EQ(kind("80c0"), DatagramKind::kRtcp);
  EXPECT_EQ(kind("80df"), DatagramKind::kRtcp);
  EXPECT_EQ(kind("80e0"), DatagramKind::kRtp);
  EXPECT_EQ(kind("8060"), DatagramKind::kRtp);
  EXPECT_EQ(kind("803f"), DatagramKind::kRtp);
  EXPECT_EQ(kind("bfc8"), DatagramKind::kRtcp);
  EXPECT_EQ(kind("c0c8"), DatagramKind::kUnknown);
}

}  // namespace
}  // namespace loopcast::wire
