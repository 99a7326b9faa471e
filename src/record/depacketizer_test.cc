#include "record/depacketizer.h"

#include <string_view>

#include <gtest/gtest.h>

#include "record/h264.h"
#include "record/opus.h"

namespace loopcast::record {
namespace {

using Bytes_ = std::vector<uint8_t>;

Bytes_ hex(std::string_view text) {
  Bytes_ bytes;
  int high = -1;
  for (const char c : text) {
    if (c == ' ') continue;
    const int digit = c <= '9' ? c - '0' : c - 'a' + 10;
    if (high < 0) {
      high = digit;
    } else {
      bytes.push_back(static_cast<uint8_t>(high << 4 | digit));
      high = -1;
    }
  }
  return bytes;
}

class Video {
 public:
  explicit Video(wire::Codec codec) : depacketizer_(make_depacketizer(codec)) {}
  bool add(std::string_view payload) { return depacketizer_->add(hex(payload)); }
  std::optional<Frame> take() { return depacketizer_->take(); }

 private:
  std::unique_ptr<Depacketizer> depacketizer_;
};

TEST(H264, ReadsTheSizeFromTheParameterSet) {
  // 640x480 and 1920x1080 with cropping (x264).
  const auto vga =
      h264_config(hex("6742c01ed900a03db0110000030001000003003c0f162e48"), hex("68cb83cb20"));
  ASSERT_TRUE(vga);
  EXPECT_EQ(vga->width, 640u);
  EXPECT_EQ(vga->height, 480u);
  const auto hd = h264_config(hex("67640028acd940780227e5c04400000300040000030 0f03c60c658"),
                              hex("68ebe3cb22c0"));
  ASSERT_TRUE(hd);
  EXPECT_EQ(hd->width, 1920u);
  EXPECT_EQ(hd->height, 1080u);
  EXPECT_EQ(hd->description[1], 0x64) << "profile";
  EXPECT_EQ(hd->description[hd->description.size() - 4], 0xFD) << "4:2:0, for high profiles";
  EXPECT_FALSE(h264_config(hex("6742c01e"), hex("68ce")));
  EXPECT_FALSE(h264_config(hex("67"), hex("68ce")));
}

TEST(H264, PutsAnAggregateAndFragmentsTogether) {
  Video video(wire::Codec::kH264);
  EXPECT_TRUE(video.add("78 0018 6742c01ed900a03db0110000030001000003003c0f162e48 0004 68ce0fc8"));
  EXPECT_TRUE(video.add("7c 85 88 aa"));
  EXPECT_TRUE(video.add("7c 05 bb"));
  EXPECT_TRUE(video.add("7c 45 cc"));
  const auto frame = video.take();
  ASSERT_TRUE(frame);
  EXPECT_TRUE(frame->keyframe);
  ASSERT_TRUE(frame->config);
  EXPECT_EQ(frame->config->width, 640u);
  EXPECT_EQ(frame->data,
            hex("00000018 6742c01ed900a03db0110000030001000003003c0f162e48 00000004 68ce0fc8"
                "00000005 65 88 aa bb cc"));
}

TEST(H264, KeyframeWithoutParameterSetsGetsTheLastOnes) {
  Video video(wire::Codec::kH264);
  EXPECT_TRUE(video.add("65 88"));
  EXPECT_FALSE(video.take()) << "no decoder can begin with it";
  EXPECT_TRUE(video.add("6742c01ed900a03db0110000030001000003003c0f162e48"));
  EXPECT_TRUE(video.add("68ce0fc8"));
  EXPECT_TRUE(video.add("65 88"));
  EXPECT_TRUE(video.take());
  EXPECT_TRUE(video.add("65 88"));
  const auto frame = video.take();
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->data[4], 0x67);
}

TEST(H264, ParameterSetsOfTheOfferCountLikeThoseOfTheStream) {
  const auto depacketizer = make_depacketizer(
      wire::Codec::kH264,
      "packetization-mode=1;sprop-parameter-sets=Z0LAHtkAoD2wEQAAAwABAAADADwPFi5I,aM4PyA==");
  EXPECT_TRUE(depacketizer->add(hex("65 88 aa")));
  const auto frame = depacketizer->take();
  ASSERT_TRUE(frame);
  ASSERT_TRUE(frame->config);
  EXPECT_EQ(frame->config->width, 640u);
  EXPECT_EQ(frame->data, hex("00000018 6742c01ed900a03db0110000030001000003003c0f162e48"
                             "00000004 68ce0fc8 00000003 6588aa"));
  for (const char* bad :
       {"sprop-parameter-sets=", "sprop-parameter-sets=,,", "sprop-parameter-sets=!!",
        "sprop-parameter-sets=Z0LA,aM4=", "sprop-parameter-sets=Zw=="})
    EXPECT_FALSE(make_depacketizer(wire::Codec::kH264, bad)->take());
}

TEST(H264, TakesTheParameterSetsThatAKeyframeRefersTo) {
  Video video(wire::Codec::kH264);
  EXPECT_TRUE(video.add("6742c01ed900a03db0110000030001000003003c0f162e48"));
  EXPECT_TRUE(video.add("68ce0fc8"));  // set 0
  EXPECT_TRUE(video.add("685210"));    // set 1 of the same sequence
  EXPECT_TRUE(video.add("65 88 aa"));  // refers to set 0
  const auto frame = video.take();
  ASSERT_TRUE(frame);
  const auto& description = frame->config->description;
  EXPECT_EQ(description[description.size() - 4], 0x68);
  EXPECT_EQ(description.back(), 0xc8);
  // The next one has none with it: both are put in front.
  EXPECT_TRUE(video.add("65 88 aa"));
  const auto next = video.take();
  ASSERT_TRUE(next);
  EXPECT_EQ(next->data, hex("00000018 6742c01ed900a03db0110000030001000003003c0f162e48"
                            "00000004 68ce0fc8 00000003 685210 00000003 6588aa"));
}

TEST(H264, ParameterSetsWithoutAnIdrAreNoKeyframe) {
  Video video(wire::Codec::kH264);
  EXPECT_TRUE(video.add("78 0018 6742c01ed900a03db0110000030001000003003c0f162e48 0004 68ce0fc8"));
  EXPECT_TRUE(video.add("41 9a"));
  const auto frame = video.take();
  ASSERT_TRUE(frame);
  EXPECT_FALSE(frame->keyframe);
}

TEST(Sizes, NothingIsDecodedThatIsTooLarge) {
  EXPECT_TRUE(is_sane_size(7680, 4320));
  EXPECT_FALSE(is_sane_size(16'384, 16'384));
  EXPECT_FALSE(is_sane_size(20'000, 10));
  EXPECT_FALSE(is_sane_size(0, 10));
  Video vp8(wire::Codec::kVp8);
  EXPECT_TRUE(vp8.add("90 80 81 23 10 02 00 9d012a ff3f ff3f 77"));
  EXPECT_FALSE(vp8.take());
  // 1024 x 1024 macroblocks.
  Video h264(wire::Codec::kH264);
  EXPECT_FALSE(h264.add("6742c01eda001000008019"));
}

TEST(H264, RefusesWhatDoesNotFitTogether) {
  Video video(wire::Codec::kH264);
  EXPECT_FALSE(video.add("7c 05 bb")) << "the start is missing";
  EXPECT_TRUE(video.add("7c 81 9a"));
  EXPECT_FALSE(video.add("7c 81 9a")) << "the end is missing";
  video.take();
  EXPECT_TRUE(video.add("7c 81 9a"));
  EXPECT_FALSE(video.take()) << "the end is missing";
  EXPECT_FALSE(video.add("41 1a")) << "not the first slice";
  video.take();
  EXPECT_FALSE(video.add("78 0009 41"));
  EXPECT_FALSE(video.add("79 0000"));
  EXPECT_FALSE(video.add(""));
}

TEST(H264, LeavesDelimitersOut) {
  Video video(wire::Codec::kH264);
  EXPECT_TRUE(video.add("09 f0"));
  EXPECT_TRUE(video.add("41 9a"));
  EXPECT_EQ(video.take()->data, hex("00000002 419a"));
}

TEST(Vp8, PutsAFrameTogether) {
  Video video(wire::Codec::kVp8);
  EXPECT_TRUE(video.add("90 80 81 23 10 02 00 9d012a 8002 e001 77"));
  EXPECT_TRUE(video.add("80 80 81 23 88"));
  const auto frame = video.take();
  ASSERT_TRUE(frame);
  EXPECT_TRUE(frame->keyframe);
  EXPECT_EQ(frame->config->width, 640u);
  EXPECT_EQ(frame->config->height, 480u);
  EXPECT_EQ(frame->data, hex("10 02 00 9d012a 8002 e001 77 88"));
  EXPECT_TRUE(video.add("10 11 22"));
  EXPECT_FALSE(video.take()->keyframe);
}

TEST(Vp8, RefusesWhatDoesNotFitTogether) {
  Video video(wire::Codec::kVp8);
  EXPECT_FALSE(video.add("00 11")) << "the start is missing";
  EXPECT_TRUE(video.add("10 11"));
  EXPECT_FALSE(video.add("10 11")) << "the start again";
  video.take();
  EXPECT_TRUE(video.add("10 10 02 00 9d012b 8002 e001"));
  EXPECT_FALSE(video.take()) << "no start code";
  EXPECT_FALSE(video.add("90"));
  EXPECT_FALSE(video.add("10"));
  EXPECT_FALSE(video.take());
}

TEST(Vp9, PutsAFrameTogether) {
  Video video(wire::Codec::kVp9);
  // Keyframe of profile 0, 640x480: the size is 16 bits each behind four bits of colours.
  EXPECT_TRUE(video.add("88 01 82498342 0027f01df0"));
  EXPECT_TRUE(video.add("84 01 aabb"));
  const auto frame = video.take();
  ASSERT_TRUE(frame);
  EXPECT_TRUE(frame->keyframe);
  EXPECT_EQ(frame->config->width, 640u);
  EXPECT_EQ(frame->config->height, 480u);
  EXPECT_EQ(frame->config->description, hex("00 1e 82 02 02 02 0000"));
  EXPECT_EQ(frame->data, hex("82498342 0027f01df0 aabb"));
  EXPECT_TRUE(video.add("cc 01 8600"));
  EXPECT_FALSE(video.take()->keyframe);
}

TEST(Vp9, PutsSpatialLayersIntoOneSuperframe) {
  Video video(wire::Codec::kVp9);
  // Non-flexible, two layers of 320x240 and 640x480 by the scalability structure.
  EXPECT_TRUE(video.add("ae 01 00 00 30 0140 00f0 0280 01e0 82498342 0013f00ef0"));
  EXPECT_TRUE(video.add("ac 01 02 00 8600aa"));
  const auto frame = video.take();
  ASSERT_TRUE(frame);
  EXPECT_EQ(frame->config->width, 640u);
  EXPECT_EQ(frame->config->height, 480u);
  EXPECT_EQ(frame->data, hex("82498342 0013f00ef0 8600aa d9 09000000 03000000 d9"));
}

TEST(Vp9, RefusesWhatDoesNotFitTogether) {
  Video video(wire::Codec::kVp9);
  EXPECT_FALSE(video.add("84 01 aabb")) << "the start is missing";
  EXPECT_TRUE(video.add("88 01 82498342 0027f01df0"));
  EXPECT_FALSE(video.add("8c 01 86")) << "the end is missing";
  video.take();
  EXPECT_TRUE(video.add("8c 01 02498342")) << "no frame marker";
  EXPECT_FALSE(video.take());
  EXPECT_FALSE(video.add("dc 01 03 05 07 09 86")) << "more references than there are";
  EXPECT_FALSE(video.add("8c"));
  video.take();
  for (int layer = 0; layer < 8; ++layer) EXPECT_TRUE(video.add("8c 01 86aa")) << layer;
  EXPECT_FALSE(video.add("8c 01 86aa")) << "more layers than there are";
}

TEST(Av1, PutsObusTogether) {
  Video video(wire::Codec::kAv1);
  // A temporal delimiter, a sequence header (640x360, 4:4:4, by libaom) without its size, and a
  // keyframe in two packets.
  EXPECT_TRUE(video.add("70 01 10 0e 08 2000000cc4ff6736be48086801 30 10"));
  EXPECT_TRUE(video.add("90 aabb"));
  const auto frame = video.take();
  ASSERT_TRUE(frame);
  EXPECT_TRUE(frame->keyframe);
  ASSERT_TRUE(frame->config);
  EXPECT_EQ(frame->config->width, 640u);
  EXPECT_EQ(frame->config->height, 360u);
  EXPECT_EQ(frame->config->description, hex("81 21 00 00 0a0d 2000000cc4ff6736be48086801"));
  // The delimiter is left out, sizes are put in.
  EXPECT_EQ(frame->data, hex("0a0d 2000000cc4ff6736be48086801 32 03 10aabb"));
}

TEST(Av1, RefusesWhatDoesNotFitTogether) {
  Video video(wire::Codec::kAv1);
  EXPECT_FALSE(video.add("90 aabb")) << "the start is missing";
  EXPECT_TRUE(video.add("50 30 20"));
  EXPECT_FALSE(video.take()) << "the end is missing";
  EXPECT_FALSE(video.add("10 b0")) << "forbidden bit";
  EXPECT_FALSE(video.add("00 05 30")) << "longer than the packet";
  EXPECT_FALSE(video.add("00"));
  video.take();
  EXPECT_TRUE(video.add("10 30 20aa"));
  const auto frame = video.take();
  ASSERT_TRUE(frame);
  EXPECT_FALSE(frame->keyframe);
  EXPECT_EQ(frame->data, hex("32 02 20aa"));
}

TEST(Opus, TellsItsDuration) {
  const auto duration = [](std::string_view packet) { return opus_duration(hex(packet)); };
  EXPECT_EQ(duration("78"), 960u);      // hybrid 20 ms
  EXPECT_EQ(duration("70"), 480u);      // hybrid 10 ms
  EXPECT_EQ(duration("fc"), 960u);      // CELT 20 ms
  EXPECT_EQ(duration("e0"), 120u);      // CELT 2.5 ms
  EXPECT_EQ(duration("18"), 2880u);     // SILK 60 ms
  EXPECT_EQ(duration("f9 00"), 1920u);  // two frames
  EXPECT_EQ(duration("fb 03 00"), 2880u);
  EXPECT_FALSE(duration(""));
  EXPECT_FALSE(duration("fb"));
  EXPECT_FALSE(duration("fb 00"));
  EXPECT_FALSE(duration("fb 3f")) << "longer than 120 ms";
}

}  // namespace
}  // namespace loopcast::record
