#include "rtc/format_parameters.h"

#include <gtest/gtest.h>

namespace loopcast::rtc {
namespace {

using wire::Codec;

std::string h264(std::string_view profile, int mode = 1) {
  return "level-asymmetry-allowed=1;packetization-mode=" + std::to_string(mode) +
         ";profile-level-id=" + std::string(profile);
}

TEST(FormatParameters, AreFoundByName) {
  EXPECT_EQ(format_parameter("a=1; B = 2 ;c", "b"), "2");
  EXPECT_EQ(format_parameter("a=1; B = 2 ;c", "c"), "");
  EXPECT_EQ(format_parameter("ab=1", "a"), std::nullopt);
  EXPECT_EQ(format_parameter("sprop=Zx==,aM==;a=1", "sprop"), "Zx==,aM==");
  EXPECT_EQ(format_parameter("", "a"), std::nullopt);
}

// RFC 6184, section 8.1, table 5.
TEST(FormatParameters, TellProfilesOfH264) {
  for (const char* id : {"42e01f", "42C01E", "42401f", "4d801f", "4de00a", "58c01f", "58f00c"})
    EXPECT_EQ(h264_profile(h264(id)), kH264ConstrainedBaseline) << id;
  for (const char* id : {"42001f", "42801e", "58801f"}) EXPECT_EQ(h264_profile(h264(id)), 0x4200);
  for (const char* id : {"4d001f", "4d401f", "4d0032"}) EXPECT_EQ(h264_profile(h264(id)), 0x4d00);
  EXPECT_EQ(h264_profile(h264("58001f")), 0x5800);
  EXPECT_EQ(h264_profile(h264("640032")), 0x6400);
  EXPECT_EQ(h264_profile(h264("640c1f")), 0x640c);
  EXPECT_EQ(h264_profile(h264("f4001f")), 0xf400);
  EXPECT_EQ(h264_profile("packetization-mode=1"), kH264ConstrainedBaseline);
  for (const char* id : {"", "42e01", "42e01f0", "42e01g", "0x42e0", "-42e01"})
    EXPECT_EQ(h264_profile(h264(id)), std::nullopt) << id;
}

TEST(FormatDistance, H264Profiles) {
  const auto distance = [](const char* stream, const char* offered) {
    return format_distance(Codec::kH264, h264(stream), h264(offered));
  };
  EXPECT_EQ(distance("42e01f", "42c01f"), 0);
  EXPECT_EQ(distance("42e01f", "4d801f"), 0) << "another name of the same";
  // From the nearest to the farthest.
  int before = 0;
  for (const char* wider : {"42001f", "4d001f", "640c1f", "64001f", "58001f", "f4001f"}) {
    const auto d = distance("42e01f", wider);
    ASSERT_TRUE(d) << wider;
    EXPECT_GT(*d, before) << wider;
    before = *d;
    EXPECT_EQ(distance(wider, "42e01f"), std::nullopt) << wider;
  }
  EXPECT_TRUE(distance("4d001f", "64001f"));
  EXPECT_TRUE(distance("640c1f", "64001f"));
  EXPECT_EQ(distance("64001f", "640c1f"), std::nullopt) << "it may be interlaced";
  EXPECT_EQ(distance("42001f", "4d001f"), std::nullopt) << "slices in any order";
  EXPECT_EQ(distance("4d001f", "42001f"), std::nullopt);
  EXPECT_EQ(distance("6e001f", "6e001f"), 0) << "one that no table has";
  EXPECT_EQ(distance("6e001f", "64001f"), std::nullopt);
  EXPECT_EQ(distance("bad", "bad"), std::nullopt);
}

TEST(FormatDistance, H264PacketizationModes) {
  const auto distance = [](int stream, int offered) {
    return format_distance(Codec::kH264, h264("42e01f", stream), h264("42e01f", offered));
  };
  EXPECT_EQ(distance(0, 0), 0);
  EXPECT_EQ(distance(1, 1), 0);
  EXPECT_GT(distance(0, 1).value_or(0), 0);
  EXPECT_EQ(distance(1, 0), std::nullopt);
  EXPECT_EQ(format_distance(Codec::kH264, h264("42e01f", 0), "profile-level-id=42e01f"), 0);
  EXPECT_EQ(format_distance(Codec::kH264, h264("42e01f", 1), "profile-level-id=42e01f"),
            std::nullopt);
}

TEST(FormatDistance, LevelsAreWishes) {
  const auto distance = [](std::string_view stream, std::string_view offered) {
    return format_distance(Codec::kH264, stream, offered);
  };
  EXPECT_EQ(distance(h264("42e01f"), h264("42e028")), 0);
  EXPECT_EQ(distance(h264("42e028"), h264("42e01f")), 1);
  EXPECT_EQ(distance(h264("42e028"), h264("42e01f") + ";max-recv-level=e028"), 0);
  EXPECT_EQ(format_distance(Codec::kAv1, "level-idx=8", "level-idx=5;profile=0;tier=0"), 1);
  EXPECT_EQ(format_distance(Codec::kAv1, "level-idx=8", ""), 1);
  EXPECT_EQ(format_distance(Codec::kAv1, "level-idx=5", "level-idx=8"), 0);
  EXPECT_EQ(format_distance(Codec::kAv1, "level-idx=5;tier=1", "level-idx=8"), 1);
}

TEST(FormatDistance, OtherCodecs) {
  EXPECT_EQ(format_distance(Codec::kVp9, "", "profile-id=0"), 0);
  EXPECT_EQ(format_distance(Codec::kVp9, "profile-id=2", "profile-id=0"), std::nullopt);
  EXPECT_EQ(format_distance(Codec::kVp9, "profile-id=0", "profile-id=2"), std::nullopt)
      << "of another bit depth";
  EXPECT_EQ(format_distance(Codec::kAv1, "", "level-idx=5;profile=0;tier=0"), 0);
  EXPECT_EQ(format_distance(Codec::kAv1, "profile=1", ""), std::nullopt);
  EXPECT_GT(format_distance(Codec::kAv1, "", "profile=1").value_or(0), 0);
  EXPECT_EQ(format_distance(Codec::kVp8, "max-fs=1", ""), 0);
  EXPECT_EQ(format_distance(Codec::kOpus, "stereo=1;maxplaybackrate=48000", "stereo=0"), 0);
}

TEST(FormatParameters, RankWhatEveryViewerDecodesFirst) {
  const auto rank = [](std::string_view profile, int mode) {
    return format_rank(Codec::kH264, h264(profile, mode)).value();
  };
  EXPECT_EQ(rank("42e01f", 1), 0);
  EXPECT_LT(rank("42e01f", 1), rank("42e01f", 0));
  EXPECT_LT(rank("42e01f", 0), rank("42001f", 1));
  EXPECT_LT(rank("640c1f", 1), rank("640c1f", 0));
  EXPECT_EQ(format_rank(Codec::kH264, h264("42e01f", 2)), std::nullopt);
  EXPECT_EQ(format_rank(Codec::kH264, h264("bad", 1)), std::nullopt);
  EXPECT_LT(format_rank(Codec::kVp9, ""), format_rank(Codec::kVp9, "profile-id=2"));
  EXPECT_EQ(format_rank(Codec::kAv1, "profile=x"), std::nullopt);
}

TEST(FormatParameters, AnswersRepeatOnlyWhatBindsBothSides) {
  EXPECT_EQ(answered_parameters(Codec::kH264,
                                "packetization-mode=1;profile-level-id=42c01f;"
                                "sprop-parameter-sets=Z0LA,aM4=;level-asymmetry-allowed=1"),
            "packetization-mode=1;profile-level-id=42c01f;level-asymmetry-allowed=1");
  EXPECT_EQ(answered_parameters(Codec::kOpus,
                                "minptime=10; maxaveragebitrate=96000;stereo=1;useinbandfec=1"),
            "minptime=10;stereo=1;useinbandfec=1");
  EXPECT_EQ(answered_parameters(Codec::kVp8, "max-fs=12288;max-fr=60"), "");
  EXPECT_EQ(answered_parameters(Codec::kVp9, "max-fs=12288;profile-id=0"), "profile-id=0");
  EXPECT_EQ(answered_parameters(Codec::kAv1, "level-idx=5;profile=0;tier=0"),
            "level-idx=5;profile=0;tier=0");
}

}  // namespace
}  // namespace loopcast::rtc
