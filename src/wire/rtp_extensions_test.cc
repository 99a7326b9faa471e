#include "wire/rtp_extensions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wire/test_bytes.h"

namespace loopcast::wire {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;

TEST(ExtensionKind, NamesGoBothWays) {
  for (size_t i = 0; i < kExtensionKinds; ++i) {
    const auto kind = static_cast<ExtensionKind>(i);
    EXPECT_FALSE(extension_uri(kind).empty());
    EXPECT_EQ(extension_kind(extension_uri(kind)), kind);
  }
  EXPECT_EQ(extension_kind("urn:ietf:params:rtp-hdrext:sdes:mid"), ExtensionKind::kMid);
  EXPECT_EQ(extension_kind("urn:3gpp:video-orientation"), ExtensionKind::kVideoOrientation);
  EXPECT_EQ(extension_uri(ExtensionKind::kTransportCc),
            "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01");
  EXPECT_FALSE(extension_kind(""));
  EXPECT_FALSE(extension_kind("urn:ietf:params:rtp-hdrext:sdes"));
  EXPECT_EQ(extension_uri(ExtensionKind::kCount), "");
}

TEST(AbsSendTime, Is6Dot18FixedPointOfSeconds) {
  EXPECT_THAT(encode_abs_send_time(Instant::from_us(1'000'000)), ElementsAre(4, 0, 0));
  EXPECT_THAT(encode_abs_send_time(Instant::from_us(64'500'000)), ElementsAre(2, 0, 0));
  EXPECT_THAT(encode_abs_send_time(Instant::from_us(63'999'999)), ElementsAre(0, 0, 0));
  EXPECT_THAT(encode_abs_send_time(Instant::from_us(-1'000'000)), ElementsAre(0xfc, 0, 0));
  EXPECT_EQ(decode_abs_send_time(hex("040000")), 0x040000u);
  EXPECT_FALSE(decode_abs_send_time(hex("0400")));
}

TEST(AbsSendTime, DifferencesWrap) {
  EXPECT_EQ(abs_send_time_between(0xFC0000, 0x040000), Duration::seconds(2));
  EXPECT_EQ(abs_send_time_between(0x040000, 0xFC0000), Duration::seconds(-2));
  EXPECT_EQ(abs_send_time_between(0, 0x800000), Duration::seconds(-32));
}

TEST(TransportCc, Is16Bits) {
  EXPECT_THAT(encode_transport_cc(0xabcd), ElementsAre(0xab, 0xcd));
  EXPECT_EQ(decode_transport_cc(hex("abcd")), 0xabcd);
  EXPECT_FALSE(decode_transport_cc(hex("abcdef")));
}

TEST(AudioLevel, KeepsVoiceAndLevel) {
  EXPECT_THAT(encode_audio_level({true, 30}), ElementsAre(0x9e));
  EXPECT_EQ(decode_audio_level(hex("9e")), (AudioLevel{true, 30}));
  EXPECT_EQ(decode_audio_level(hex("7f")), (AudioLevel{false, 127}));
  EXPECT_FALSE(decode_audio_level({}));
}

TEST(VideoOrientation, KeepsRotation) {
  for (const int rotation : {0, 90, 180, 270}) {
    const VideoOrientation orientation{true, false, static_cast<uint16_t>(rotation)};
    EXPECT_EQ(decode_video_orientation(encode_video_orientation(orientation)), orientation);
  }
  EXPECT_EQ(decode_video_orientation(hex("07")), (VideoOrientation{false, true, 270}));
  EXPECT_FALSE(decode_video_orientation(hex("0000")));
}

TEST(AbsCaptureTime, WithAndWithoutOffset) {
  const AbsCaptureTime plain{0x0123456789abcdef, std::nullopt};
  EXPECT_THAT(encode_abs_capture_time(plain).bytes(), ElementsAreArray(hex("0123456789abcdef")));
  EXPECT_EQ(decode_abs_capture_time(hex("0123456789abcdef")), plain);
  const AbsCaptureTime with_offset{1, -2};
  const auto value = encode_abs_capture_time(with_offset);
  EXPECT_THAT(value.bytes(), ElementsAreArray(hex("0000000000000001 fffffffffffffffe")));
  EXPECT_EQ(decode_abs_capture_time(value.bytes()), with_offset);
  EXPECT_FALSE(decode_abs_capture_time(hex("00000000000000010000")));
}

}  // namespace
}  // namespace loopcast::wire
