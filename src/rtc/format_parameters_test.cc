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

TEST(FormatParameters, SameStream) {
  EXPECT_TRUE(same_stream_format(Codec::kH264, h264("42e01f"), h264("42c034")));
  EXPECT_FALSE(same_stream_format(Codec::kH264, h264("42e01f"), h264("42001f")));
  EXPECT_FALSE(same_stream_format(Codec::kH264, h264("42e01f", 1), h264("42e01f", 0)));
  EXPECT_TRUE(same_stream_format(Codec::kH264, h264("42e01f", 0), "profile-level-id=42e01f"));
  EXPECT_FALSE(same_stream_format(Codec::kH264, h264("bad"), h264("bad")));
  EXPECT_TRUE(same_stream_format(Codec::kVp9, "", "profile-id=0"));
  EXPECT_FALSE(same_stream_format(Codec::kVp9, "profile-id=2", "profile-id=0"));
  EXPECT_TRUE(same_stream_format(Codec::kAv1, "", "level-idx=5;profile=0;tier=0"));
  EXPECT_FALSE(same_stream_format(Codec::kAv1, "profile=1", ""));
  EXPECT_TRUE(same_stream_format(Codec::kVp8, "max-fs=1", ""));
  EXPECT_TRUE(same_stream_format(Codec::kOpus, "stereo=1", ""));
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
