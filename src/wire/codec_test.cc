#include "wire/codec.h"

#include <gtest/gtest.h>

#include "wire/test_bytes.h"

namespace loopcast::wire {
namespace {

std::optional<PayloadInfo> inspect(Codec codec, std::string_view payload, bool marker = false) {
  return inspect_payload(codec, hex(payload), marker);
}

TEST(Codec, NamesGoBothWays) {
  for (const Codec codec : {Codec::kOpus, Codec::kVp8, Codec::kVp9, Codec::kH264, Codec::kAv1}) {
    EXPECT_EQ(codec_from_name(codec_name(codec)), codec);
    EXPECT_FALSE(inspect(codec, ""));
  }
  EXPECT_EQ(codec_from_name("OPUS"), Codec::kOpus);
  EXPECT_EQ(codec_from_name("h264"), Codec::kH264);
  EXPECT_FALSE(codec_from_name("H26"));
  EXPECT_FALSE(codec_from_name("H265"));
  EXPECT_FALSE(codec_from_name(""));
  EXPECT_EQ(codec_clock_rate(Codec::kOpus), 48000u);
  EXPECT_EQ(codec_clock_rate(Codec::kAv1), 90000u);
  EXPECT_FALSE(is_video(Codec::kOpus));
  EXPECT_TRUE(is_video(Codec::kVp8));
}

TEST(Opus, EveryPacketIsAFrame) {
  const auto info = inspect(Codec::kOpus, "78");
  ASSERT_TRUE(info);
  EXPECT_TRUE(info->keyframe && info->frame_start && info->frame_end);
}

TEST(H264, SingleUnits) {
  const auto sps = inspect(Codec::kH264, "67 42e01f");
  ASSERT_TRUE(sps);
  EXPECT_TRUE(!sps->keyframe && sps->parameter_sets && sps->frame_start && !sps->frame_end);
  const auto idr = inspect(Codec::kH264, "65 88", true);
  ASSERT_TRUE(idr);
  EXPECT_TRUE(idr->keyframe && idr->frame_start && idr->frame_end && !idr->parameter_sets);
  const auto later_slice = inspect(Codec::kH264, "65 48");
  EXPECT_TRUE(later_slice->keyframe && !later_slice->frame_start);
  const auto pps = inspect(Codec::kH264, "68 ce");
  EXPECT_TRUE(!pps->keyframe && pps->parameter_sets && pps->frame_start);
  const auto inter = inspect(Codec::kH264, "41 9a");
  EXPECT_TRUE(!inter->keyframe && inter->frame_start);
}

TEST(H264, Aggregates) {
  EXPECT_TRUE(inspect(Codec::kH264, "78 0002 6742 0002 68ce")->parameter_sets);
  EXPECT_FALSE(inspect(Codec::kH264, "78 0002 6742 0002 68ce")->keyframe);
  EXPECT_TRUE(inspect(Codec::kH264, "78 0002 6742 0002 68ce 0002 6588")->keyframe);
  EXPECT_FALSE(inspect(Codec::kH264, "78 0002 6742 0002 68ce 0002 419a")->keyframe);
  EXPECT_TRUE(inspect(Codec::kH264, "78 0001 09 0002 6588")->keyframe);
  EXPECT_FALSE(inspect(Codec::kH264, "78 0002 06ff 0002 419a")->keyframe);
  EXPECT_FALSE(inspect(Codec::kH264, "78"));
  EXPECT_FALSE(inspect(Codec::kH264, "78 00"));
  EXPECT_FALSE(inspect(Codec::kH264, "78 0000"));
  EXPECT_FALSE(inspect(Codec::kH264, "78 0003 6742"));
  EXPECT_FALSE(inspect(Codec::kH264, "78 0002 6742 00"));
  EXPECT_FALSE(inspect(Codec::kH264, "78 0001 78"));
}

TEST(H264, Fragments) {
  const auto start = inspect(Codec::kH264, "7c 85 88");
  ASSERT_TRUE(start);
  EXPECT_TRUE(start->keyframe && start->frame_start);
  const auto middle = inspect(Codec::kH264, "7c 05 88");
  EXPECT_TRUE(!middle->keyframe && !middle->frame_start);
  const auto end = inspect(Codec::kH264, "7c 45 88", true);
  EXPECT_TRUE(!end->keyframe && end->frame_end);
  EXPECT_FALSE(inspect(Codec::kH264, "7c 81 9a")->keyframe);
  EXPECT_FALSE(inspect(Codec::kH264, "7c"));
  EXPECT_FALSE(inspect(Codec::kH264, "7c 9c 00"));
}

TEST(H264, RefusesReservedAndInterleavedTypes) {
  for (const auto* payload : {"00 11", "e7 42", "79 11", "7a 11", "7b 11", "7d 85 88", "7e 11"})
    EXPECT_FALSE(inspect(Codec::kH264, payload)) << payload;
}

// Frame tag, start code and dimensions of a key frame of 640x480.
constexpr std::string_view kVp8Key = "50 3100 9d012a 8002 e001";

TEST(Vp8, KeyFrames) {
  const auto plain = inspect(Codec::kVp8, "10" + std::string(kVp8Key));
  ASSERT_TRUE(plain);
  EXPECT_TRUE(plain->keyframe && plain->frame_start && plain->layer_start);
  const auto chromium = inspect(Codec::kVp8, "90 f0 8123 45 6a" + std::string(kVp8Key), true);
  ASSERT_TRUE(chromium);
  EXPECT_TRUE(chromium->keyframe && chromium->frame_end && chromium->switch_up);
  EXPECT_EQ(chromium->temporal_layer, 1);
  const auto short_id = inspect(Codec::kVp8, "90 80 23" + std::string(kVp8Key));
  EXPECT_TRUE(short_id->keyframe);
}

TEST(Vp8, OtherPackets) {
  const auto inter = inspect(Codec::kVp8, "10 51 31");
  EXPECT_TRUE(!inter->keyframe && inter->frame_start);
  const auto continuation = inspect(Codec::kVp8, "00 50 31");
  EXPECT_TRUE(!continuation->keyframe && !continuation->frame_start);
  const auto second_partition = inspect(Codec::kVp8, "11 50 31");
  EXPECT_TRUE(!second_partition->keyframe && !second_partition->frame_start);
  // The layer's byte is there for the key index alone: no temporal layer is told.
  const auto key_index = inspect(Codec::kVp8, "90 10 e3 51");
  EXPECT_TRUE(key_index->temporal_layer == 0 && !key_index->switch_up);
}

TEST(Vp8, RefusesWhatIsCutShort) {
  const auto raw = hex("90 f0 8123 45 6a" + std::string(kVp8Key));
  for (size_t size = 0; size < raw.size(); ++size)
    EXPECT_FALSE(inspect_payload(Codec::kVp8, Bytes(raw).first(size), false)) << size;
}

TEST(Vp9, KeyFrames) {
  const auto plain = inspect(Codec::kVp9, "08 82", false);
  ASSERT_TRUE(plain);
  EXPECT_TRUE(plain->keyframe && plain->frame_start && plain->layer_start && !plain->layer_end);
  // Picture id of 15 bits, layers, a structure of three spatial layers and one picture.
  const auto svc =
      inspect(Codec::kVp9, "aa 8123 00 45 58 0140 00b4 0280 0168 0500 02d0 01 04 01 82");
  ASSERT_TRUE(svc);
  EXPECT_TRUE(svc->keyframe);
  const auto upper_layer = inspect(Codec::kVp9, "ac 8123 03 45 82", true);
  ASSERT_TRUE(upper_layer);
  EXPECT_TRUE(!upper_layer->keyframe && !upper_layer->frame_start && upper_layer->layer_start);
  EXPECT_TRUE(upper_layer->layer_end && upper_layer->frame_end);
  EXPECT_EQ(upper_layer->spatial_layer, 1);
}

TEST(Vp9, InterPictures) {
  const auto inter = inspect(Codec::kVp9, "e8 8123 50 45 82");
  ASSERT_TRUE(inter);
  EXPECT_TRUE(!inter->keyframe && inter->frame_start && inter->switch_up);
  EXPECT_EQ(inter->temporal_layer, 2);
  EXPECT_EQ(inter->spatial_layer, 0);
  const auto flexible = inspect(Codec::kVp9, "f8 12 00 03 05 06 82");
  ASSERT_TRUE(flexible);
  EXPECT_FALSE(inspect(Codec::kVp9, "f8 12 00 03 05 07 06 82"));  // four references
  const auto middle = inspect(Codec::kVp9, "00 82");
  EXPECT_TRUE(!middle->keyframe && !middle->frame_start && !middle->layer_start);
}

TEST(Vp9, RefusesWhatIsCutShort) {
  const auto raw = hex("aa 8123 00 45 58 0140 00b4 0280 0168 0500 02d0 01 04 01 82");
  for (size_t size = 0; size < raw.size(); ++size)
    EXPECT_FALSE(inspect_payload(Codec::kVp9, Bytes(raw).first(size), false)) << size;
}

TEST(Av1, KeyFrames) {
  // New sequence; a sequence header with its size, and the start of a frame.
  const auto first = inspect(Codec::kAv1, "28 03 080000 30 10");
  ASSERT_TRUE(first);
  EXPECT_TRUE(first->keyframe && first->frame_start && !first->frame_end);
  // The same without the flag, and with sizes before all elements.
  const auto sized = inspect(Codec::kAv1, "00 03 080000 02 3010", true);
  ASSERT_TRUE(sized);
  EXPECT_TRUE(sized->keyframe && sized->frame_start && sized->frame_end);
}

TEST(Av1, OtherPackets) {
  const auto inter = inspect(Codec::kAv1, "10 30 10");
  EXPECT_TRUE(!inter->keyframe && inter->frame_start);
  // What continues from the packet before is no header, whatever it looks like.
  const auto continuation = inspect(Codec::kAv1, "90 08 00");
  EXPECT_TRUE(!continuation->keyframe && !continuation->frame_start);
  const auto tile_group = inspect(Codec::kAv1, "10 20 00");
  EXPECT_TRUE(!tile_group->frame_start);
  const auto layer = inspect(Codec::kAv1, "10 34 28 10");
  ASSERT_TRUE(layer);
  EXPECT_TRUE(layer->layer_start && !layer->frame_start);
  EXPECT_EQ(layer->temporal_layer, 1);
  EXPECT_EQ(layer->spatial_layer, 1);
}

TEST(Av1, RefusesWhatDoesNotAddUp) {
  for (const auto* payload : {
           "10",                           // no element
           "98 3010",                      // continued and new
           "00 05 3010",                   // longer than the packet
           "00 00 013010",                 // an empty element
           "20 023010",                    // one element instead of two
           "10 b0",                        // forbidden bit
           "10 34",                        // no room for the extension
           "00 8080808080808080800102 30"  // a size that does not end
       })
    EXPECT_FALSE(inspect(Codec::kAv1, payload)) << payload;
}

}  // namespace
}  // namespace loopcast::wire
