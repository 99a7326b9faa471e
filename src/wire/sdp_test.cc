#include "wire/sdp.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace loopcast::wire {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

const std::string kPreamble = "v=0\r\no=- 42 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";
const std::string kVideo = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n";

MediaDescription parse_video(const std::string& attributes) {
  const auto sdp = parse_sdp(kPreamble + kVideo + attributes);
  EXPECT_TRUE(sdp) << (sdp ? "" : sdp.error().message);
  return sdp ? sdp->media.at(0) : MediaDescription{};
}

std::string error_of(const std::string& text) {
  const auto sdp = parse_sdp(text);
  return sdp ? "" : sdp.error().code + ": " + sdp.error().message;
}
std::string error_of_video(const std::string& attributes) {
  return error_of(kPreamble + kVideo + attributes);
}

TEST(Sdp, ReadsTheSessionLevel) {
  const auto sdp =
      parse_sdp(kPreamble +
                "a=group:BUNDLE 0 video1\r\na=group:LS 0 1\r\na=ice-lite\r\na=recvonly\r\n"
                "a=ice-options:trickle ice2\r\na=setup:actpass\r\na=extmap-allow-mixed\r\n"
                "a=msid-semantic:WMS *\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n"
                "a=fingerprint:SHA-256 0a:Ff\r\na=unknown\r\nb=AS:100\r\n");
  ASSERT_TRUE(sdp) << sdp.error().message;
  EXPECT_EQ(sdp->origin, (Origin{"-", 42, 2, "127.0.0.1"}));
  EXPECT_THAT(sdp->bundle_groups, ElementsAre(ElementsAre("0", "video1")));
  EXPECT_TRUE(sdp->ice_lite);
  EXPECT_EQ(sdp->direction, Direction::kRecvOnly);
  EXPECT_EQ(sdp->msid_semantic, "WMS *");
  EXPECT_THAT(sdp->transport.ice_options, ElementsAre("trickle", "ice2"));
  EXPECT_EQ(sdp->transport.ice_ufrag, "abcd");
  EXPECT_EQ(sdp->transport.ice_password, "0123456789012345678901");
  EXPECT_EQ(sdp->transport.setup, SetupRole::kActPass);
  EXPECT_TRUE(sdp->transport.extmap_allow_mixed);
  EXPECT_THAT(sdp->transport.fingerprints, ElementsAre(Fingerprint{"sha-256", {0x0a, 0xff}}));
}

TEST(Sdp, ReadsASection) {
  const auto m = parse_video(
      "a=mid:1\na=sendonly\na=rtcp-mux\na=rtcp-rsize\na=bundle-only\n"
      "a=rtpmap:96 VP8/90000\na=fmtp:96 max-fs=12288;max-fr=60\na=rtcp-fb:96 nack pli\n"
      "a=rtcp-fb:* ccm fir\na=extmap:3 urn:a\na=extmap:4/recvonly urn:b attribute\n"
      "a=ssrc:1 cname:x y:z\na=ssrc:2 lonely\na=ssrc-group:FID 1 2\na=msid:stream track\n"
      "a=candidate:1 1 udp 1 192.0.2.1 5000 typ host\na=candidate:1 1 udp 1 a.local 5 typ host\n"
      "a=end-of-candidates\n");
  EXPECT_EQ(m.media, "video");
  EXPECT_EQ(m.port, 9);
  EXPECT_EQ(m.protocol, "UDP/TLS/RTP/SAVPF");
  EXPECT_THAT(m.formats, ElementsAre("96"));
  EXPECT_EQ(m.mid, "1");
  EXPECT_EQ(m.direction, Direction::kSendOnly);
  EXPECT_TRUE(m.rtcp_mux && m.rtcp_rsize && m.bundle_only);
  EXPECT_THAT(m.rtpmaps, ElementsAre(RtpMap{96, "VP8", 90000, 1}));
  EXPECT_THAT(m.fmtps, ElementsAre(Fmtp{96, "max-fs=12288;max-fr=60"}));
  EXPECT_THAT(m.feedback,
              ElementsAre(RtcpFeedback{96, "nack pli"}, RtcpFeedback{std::nullopt, "ccm fir"}));
  EXPECT_THAT(m.extmaps, ElementsAre(ExtMap{3, std::nullopt, "urn:a"},
                                     ExtMap{4, Direction::kRecvOnly, "urn:b"}));
  EXPECT_THAT(m.ssrcs, ElementsAre(SsrcAttribute{Ssrc{1}, "cname", "x y:z"},
                                   SsrcAttribute{Ssrc{2}, "lonely", ""}));
  EXPECT_THAT(m.ssrc_groups, ElementsAre(SsrcGroup{"FID", {Ssrc{1}, Ssrc{2}}}));
  EXPECT_THAT(m.msids, ElementsAre(Msid{"stream", "track"}));
  EXPECT_THAT(m.transport.candidates, SizeIs(1));
  EXPECT_TRUE(m.transport.end_of_candidates);
}

TEST(Sdp, ReadsSimulcast) {
  const auto m = parse_video(
      "a=rid:q send\na=rid:h send pt=96;max-width=640\na=rid:r recv\n"
      "a=simulcast:send q;~h,x recv r\n");
  EXPECT_THAT(m.rids, ElementsAre(Rid{"q", true, ""}, Rid{"h", true, "pt=96;max-width=640"},
                                  Rid{"r", false, ""}));
  ASSERT_TRUE(m.simulcast);
  EXPECT_THAT(m.simulcast->send, ElementsAre(ElementsAre(SimulcastAlternative{"q", false}),
                                             ElementsAre(SimulcastAlternative{"h", true},
                                                         SimulcastAlternative{"x", false})));
  EXPECT_THAT(m.simulcast->receive, ElementsAre(ElementsAre(SimulcastAlternative{"r", false})));
}

TEST(Sdp, SkipsWhatItCanDoWithout) {
  const auto m = parse_video(
      "a=extmap:0 urn:a\na=extmap:4096 urn:b\na=extmap:x urn:c\na=extmap:5\na=extmap:6/up urn:d\n"
      "a=rid:q\na=rid:q sideways\na=simulcast: send rid=1;2\na=simulcast:send\na=msid:\n"
      "a=candidate:nonsense\na=\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\ni=title\n");
  EXPECT_THAT(m.extmaps, SizeIs(0));
  EXPECT_THAT(m.rids, SizeIs(0));
  EXPECT_FALSE(m.simulcast);
  EXPECT_THAT(m.msids, SizeIs(0));
}

TEST(Sdp, FormatsOfDataChannelsAreNoPayloadTypes) {
  const auto sdp = parse_sdp(kPreamble +
                             "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\na=mid:2\n"
                             "a=fmtp:5000 x\na=sctp-port:5000\n");
  ASSERT_TRUE(sdp) << sdp.error().message;
  EXPECT_EQ(sdp->media[0].mid, "2");
  EXPECT_THAT(sdp->media[0].fmtps, SizeIs(0));
}

TEST(Sdp, DirectionComesFromTheSessionIfTheSectionHasNone) {
  const auto sdp = parse_sdp(kPreamble + "a=recvonly\n" + kVideo + kVideo + "a=inactive\n");
  ASSERT_TRUE(sdp);
  EXPECT_EQ(direction_of(*sdp, sdp->media[0]), Direction::kRecvOnly);
  EXPECT_EQ(direction_of(*sdp, sdp->media[1]), Direction::kInactive);
  const auto plain = parse_sdp(kPreamble + kVideo);
  EXPECT_EQ(direction_of(*plain, plain->media[0]), Direction::kSendRecv);
}

TEST(Sdp, ErrorsNameTheLine) {
  EXPECT_EQ(error_of_video("a=mid:1\na=rtpmap:128 VP8/90000\n"),
            "bad_sdp: Line 7: a=rtpmap is malformed.");
  EXPECT_EQ(error_of(""), "bad_sdp: Line 1: the session description ends before its origin.");
  EXPECT_THAT(error_of("<html>"), HasSubstr("Line 1: the line is not of the form type=value"));
  EXPECT_THAT(error_of("o=- 1 1 IN IP4 x\n"), HasSubstr("Line 1: this is no session description"));
  EXPECT_THAT(error_of("v=0\nm=audio 9 RTP/AVP 0\n"), HasSubstr("Line 2: the media section comes"));
  EXPECT_THAT(error_of("v=0\no=- x 1 IN IP4 x\n"), HasSubstr("Line 2: the origin is malformed"));
  EXPECT_THAT(error_of("v=0\no=- 99999999999999999999 1 IN IP4 x\n"), HasSubstr("origin"));
}

TEST(Sdp, RejectsAttributesThatMakeNoSense) {
  for (const char* attribute : {"mid:",
                                "mid:a b",
                                "rtpmap:96",
                                "rtpmap:96 VP8",
                                "rtpmap:96 VP8/0",
                                "rtpmap:96 VP8/9e4",
                                "rtpmap:x VP8/90000",
                                "rtpmap:96 VP8/90000/300",
                                "fmtp:x y",
                                "rtcp-fb:x nack",
                                "ssrc:x y",
                                "ssrc:4294967296 x",
                                "ssrc-group:FID 1 x",
                                "setup:maybe",
                                "ice-ufrag:a b",
                                "ice-ufrag:a:b",
                                "ice-pwd:",
                                "fingerprint:sha-256",
                                "fingerprint:sha-256 A",
                                "fingerprint:sha-256 AB:",
                                "fingerprint:sha-256 AB:C",
                                "fingerprint:sha-256 ABCD",
                                "fingerprint:sha-256 GG",
                                "mid:bell\a",
                                "mid:x\r"})
    EXPECT_THAT(error_of_video("a=" + std::string(attribute) + "\r\n"), HasSubstr("Line 6"))
        << attribute;
  for (const char* line :
       {"m=video", "m=video 9", "m=video 9 RTP/AVP", "m=video 65536 RTP/AVP 0",
        "m=video 9 RTP//AVP 0", "m=vi\"deo 9 RTP/AVP 0", "v=0", "A=x", "a", "=x"})
    EXPECT_THAT(error_of_video(line), HasSubstr("Line 6")) << line;
}

TEST(Sdp, RejectsRepetitions) {
  EXPECT_THAT(error_of_video("a=mid:1\na=mid:2\n"), HasSubstr("Line 7"));
  // What is said twice contradicts nothing.
  EXPECT_EQ(error_of_video("a=mid:1\na=mid:1\n"), "");
  EXPECT_EQ(error_of_video("a=rtpmap:96 VP8/90000\na=rtpmap:96 VP8/90000\n"), "");
  EXPECT_THAT(error_of_video("a=mid:1\n" + kVideo + "a=mid:1\n"), HasSubstr("the same mid"));
  EXPECT_THAT(error_of_video("a=rtpmap:96 VP8/90000\na=rtpmap:96 VP9/90000\n"),
              HasSubstr("second meaning"));
  EXPECT_THAT(error_of(kPreamble + "o=- 1 1 IN IP4 x\n"), HasSubstr("second origin"));
}

TEST(Sdp, IsBounded) {
  const std::string text = kPreamble + kVideo;
  EXPECT_EQ(error_of(text + std::string(kMaxSdpSize - text.size(), '\n')), "");
  EXPECT_THAT(error_of(text + std::string(kMaxSdpSize - text.size() + 1, '\n')),
              HasSubstr("offer_too_large"));

  std::string sections;
  for (size_t i = 0; i < kMaxSdpMediaSections; ++i) sections += kVideo;
  EXPECT_EQ(error_of(kPreamble + sections), "");
  EXPECT_THAT(error_of(kPreamble + sections + kVideo), HasSubstr("too many media sections"));

  std::string attributes;
  for (size_t i = 0; i < kMaxSdpAttributes; ++i) attributes += "a=x\n";
  EXPECT_EQ(error_of_video(attributes), "");
  EXPECT_THAT(error_of_video(attributes + "a=x\n"), HasSubstr("too many attributes"));

  std::string candidates;
  for (size_t i = 0; i < 3 * kMaxSdpCandidates; ++i)
    candidates += "a=candidate:1 1 udp 1 192.0.2.1 5000 typ host\n";
  EXPECT_THAT(parse_video(candidates).transport.candidates, SizeIs(kMaxSdpCandidates));
}

TEST(Sdp, WritesWhatItReads) {
  const std::string text =
      "v=0\r\no=- 42 2 IN IP6 ::1\r\ns=-\r\nt=0 0\r\n"
      "a=ice-lite\r\na=group:BUNDLE 0 1\r\na=msid-semantic: WMS *\r\na=ice-options:trickle ice2\r\n"
      "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=ice-ufrag:abcd\r\n"
      "a=ice-pwd:0123456789012345678901\r\na=fingerprint:sha-256 0A:FF\r\na=setup:passive\r\n"
      "a=candidate:1 1 udp 1 192.0.2.1 5000 typ host\r\na=end-of-candidates\r\n"
      "a=extmap:3 urn:a\r\na=extmap:4/recvonly urn:b\r\na=sendrecv\r\na=msid:s t\r\n"
      "a=rtcp-mux\r\na=rtcp-rsize\r\na=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 nack\r\n"
      "a=fmtp:111 minptime=10\r\na=rtcp-fb:* transport-cc\r\n"
      "a=ssrc-group:FID 1 2\r\na=ssrc:1 cname:x\r\na=ssrc:2 lonely\r\n"
      "m=video 0 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=bundle-only\r\n"
      "a=inactive\r\na=rid:q send\r\na=rid:h send pt=96\r\na=simulcast:send q;~h,x recv r\r\n";
  const auto sdp = parse_sdp(text);
  ASSERT_TRUE(sdp) << sdp.error().message;
  EXPECT_EQ(write_sdp(*sdp), text);
}

TEST(Sdp, FragmentsHaveNoPreamble) {
  const std::string text =
      "a=group:BUNDLE 0\r\na=ice-ufrag:abcd\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n";
  const auto sdp = parse_sdp_fragment(text);
  ASSERT_TRUE(sdp) << sdp.error().message;
  EXPECT_EQ(write_sdp_fragment(*sdp), text);
  EXPECT_FALSE(parse_sdp(text));
}

}  // namespace
}  // namespace loopcast::wire
