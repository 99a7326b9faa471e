// What viewers are answered.
#include <fstream>
#include <iterator>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rtc/negotiation_testing.h"

namespace loopcast::rtc {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using wire::Codec;
using wire::Direction;
using wire::ExtensionKind;

std::string offer_of(const std::string& name) {
  std::ifstream in(LOOPCAST_OFFERS "/" + name + ".sdp", std::ios::binary);
  EXPECT_TRUE(in.is_open()) << name;
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(AnswerViewer, Chromium) {
  const Result r = view(offer_of("chromium_viewer"));
  ASSERT_THAT(r.negotiated.media, SizeIs(2));
  const NegotiatedMedia& video = video_of(r);
  EXPECT_TRUE(video.send && !video.receive);
  EXPECT_EQ(video.codec, Codec::kH264);
  EXPECT_EQ(video.payload_type, 108);
  EXPECT_EQ(video.rtx_payload_type, 109);
  EXPECT_TRUE(video.nack && video.pli && video.fir);
  EXPECT_TRUE(video.transport_cc && audio_of(r).transport_cc);
  EXPECT_NE(video.extension_id(ExtensionKind::kTransportCc), 0);
  EXPECT_NE(video.extension_id(ExtensionKind::kAbsSendTime), 0);
  EXPECT_EQ(video.extension_id(ExtensionKind::kPlayoutDelay), 0);
  EXPECT_NE(video.extension_id(ExtensionKind::kMid), 0);
  EXPECT_EQ(video.extension_id(ExtensionKind::kVideoOrientation), 0);
  EXPECT_NE(audio_of(r).extension_id(ExtensionKind::kAudioLevel), 0);
  EXPECT_EQ(video.remote_ssrc, std::nullopt);
  for (const auto& m : r.answer.media) {
    EXPECT_EQ(m.direction, Direction::kSendOnly);
    ASSERT_THAT(m.msids, SizeIs(1));
    EXPECT_EQ(m.msids[0].stream, "theStream");
  }
  EXPECT_NE(r.answer.media[0].msids[0].track, r.answer.media[1].msids[0].track);
}

// A packet under a number that was used before has to be the very same.
TEST(AnswerViewer, WithoutRtxNoHeaderTellsWhenItLeaves) {
  const NegotiatedMedia video =
      video_of(view(without(offer_of("chromium_viewer"), "a=rtpmap:109 ")));
  EXPECT_EQ(video.rtx_payload_type, std::nullopt);
  EXPECT_TRUE(video.nack);
  EXPECT_FALSE(video.transport_cc);
  EXPECT_EQ(video.extension_id(ExtensionKind::kTransportCc), 0);
  EXPECT_EQ(video.extension_id(ExtensionKind::kAbsSendTime), 0);
  EXPECT_EQ(video.extension_id(ExtensionKind::kVideoOrientation), 0);
}

TEST(AnswerViewer, SendrecvIsAnsweredSendonly) {
  const Result r = view(offer_of("chromium_presenter"));
  EXPECT_EQ(r.answer.media.at(1).direction, Direction::kSendOnly);
  EXPECT_FALSE(video_of(r).receive);
  EXPECT_EQ(video_of(r).remote_ssrc, std::nullopt);
}

TEST(AnswerViewer, EachSourceInThePayloadTypeOfTheViewer) {
  const auto payload_type = [](const char* offer, Codec codec, const char* fmtp) {
    const std::vector<SourceMedia> sources{{MediaKind::kVideo, codec, fmtp}};
    const Result r = view(offer_of(offer), sources);
    EXPECT_EQ(video_of(r).codec, codec);
    return video_of(r).payload_type;
  };
  EXPECT_EQ(payload_type("chromium_viewer", Codec::kVp8, ""), 96);
  EXPECT_EQ(payload_type("chromium_viewer", Codec::kVp9, "profile-id=0"), 98);
  EXPECT_EQ(payload_type("chromium_viewer", Codec::kVp9, "profile-id=2"), 100);
  EXPECT_EQ(payload_type("chromium_viewer", Codec::kAv1, ""), 45);
  EXPECT_EQ(
      payload_type("chromium_viewer", Codec::kH264, "packetization-mode=1;profile-level-id=4d4028"),
      116);
  EXPECT_EQ(payload_type("firefox_viewer", Codec::kVp9, "profile-id=0"), 121);
  EXPECT_EQ(payload_type("firefox_viewer", Codec::kAv1, "level-idx=5;profile=0;tier=0"), 99);
  EXPECT_EQ(
      payload_type("safari_viewer", Codec::kH264, "packetization-mode=1;profile-level-id=42c028"),
      98);
}

TEST(AnswerViewer, NoCommonCodec) {
  EXPECT_EQ(view_error(offer_of("firefox_viewer"), kH264Sources), "no_common_codec");
  const std::vector<SourceMedia> high{{MediaKind::kVideo, Codec::kVp9, "profile-id=7"}};
  EXPECT_EQ(view_error(offer_of("chromium_viewer"), high), "no_common_codec");
}

// A viewer that can do more than the stream needs is not refused.
TEST(AnswerViewer, AStreamGoesUnderAFormatThatIncludesIt) {
  const auto answered = [](const std::string& offered, const std::string& stream) -> int {
    const std::vector<SourceMedia> sources{{MediaKind::kVideo, Codec::kH264, stream}};
    const std::string sdp = replaced(offer_of("safari_viewer"), "a=fmtp:", "a=x-fmtp:") +
                            "a=fmtp:98 " + offered + "\r\n";
    const auto answer = answer_viewer(sdp, sources, test_options());
    return answer ? answer->negotiated.find(MediaKind::kVideo)->payload_type : 0;
  };
  const std::string mode0 = "packetization-mode=0;profile-level-id=640c1f";
  const std::string mode1 = "packetization-mode=1;profile-level-id=640c1f";
  EXPECT_EQ(answered(mode1, mode1), 98);
  EXPECT_EQ(answered(mode1, mode0), 98);
  EXPECT_EQ(answered(mode0, mode0), 98);
  EXPECT_EQ(answered(mode0, mode1), 0) << "it may not know fragments";
  EXPECT_EQ(answered("packetization-mode=1;profile-level-id=640028", mode1), 98);
  EXPECT_EQ(answered("packetization-mode=1;profile-level-id=4d0028", mode1), 0);
}

TEST(AnswerViewer, SectionWithoutASourceIsInactive) {
  const std::vector<SourceMedia> audio_only{kH264Sources[0]};
  const Result r = view(offer_of("chromium_viewer"), audio_only);
  EXPECT_EQ(r.answer.media.at(0).direction, Direction::kSendOnly);
  EXPECT_EQ(r.answer.media.at(1).direction, Direction::kInactive);
  EXPECT_EQ(r.answer.media.at(1).port, 9);
  EXPECT_THAT(r.answer.media.at(1).ssrcs, IsEmpty());
  EXPECT_THAT(r.answer.bundle_groups, ElementsAre(ElementsAre("0", "1")));
  EXPECT_FALSE(video_of(r).send || video_of(r).receive);
}

TEST(AnswerViewer, SourceWithoutASectionIsLeftOut) {
  std::string offer = offer_of("chromium_viewer");
  offer.erase(offer.find("m=video"));
  offer = replaced(offer, "BUNDLE 0 1", "BUNDLE 0");
  const Result r = view(offer);
  EXPECT_THAT(r.negotiated.media, SizeIs(1));
  const std::vector<SourceMedia> video_only{kH264Sources[1]};
  EXPECT_EQ(view_error(offer, video_only), "no_media");
  EXPECT_EQ(view_error(offer, {}), "no_media");
  EXPECT_EQ(view_error(offer_of("chromium_simulcast"), kH264Sources), "no_media");
}

TEST(AnswerViewer, DataChannelIsRejectedAndSectionsKeepTheirOrder) {
  const std::string offer = offer_of("chromium_viewer_data_channel");
  const auto offered = wire::parse_sdp(offer);
  ASSERT_TRUE(offered);
  const Result r = view(offer);
  ASSERT_THAT(r.answer.media, SizeIs(offered->media.size()));
  for (size_t i = 0; i < r.answer.media.size(); ++i) {
    EXPECT_EQ(r.answer.media[i].mid, offered->media[i].mid);
    EXPECT_EQ(r.answer.media[i].media, offered->media[i].media);
    EXPECT_EQ(r.answer.media[i].port == 0, offered->media[i].media == "application");
  }
}

// What a publisher sends, a viewer of the same browser can be answered with.
TEST(AnswerViewer, TakesWhatAPublisherNegotiated) {
  for (const std::string name : {"chromium", "firefox", "safari"}) {
    const Result publisher = publish(offer_of(name + "_presenter"));
    std::vector<SourceMedia> sources;
    for (const NegotiatedMedia& m : publisher.negotiated.media) sources.push_back(source_of(m));
    const Result viewer = view(offer_of(name + "_viewer"), sources);
    EXPECT_EQ(video_of(viewer).codec, video_of(publisher).codec);
    EXPECT_TRUE(video_of(viewer).send && audio_of(viewer).send);
  }
}

}  // namespace
}  // namespace loopcast::rtc
