#include "rtc/negotiation.h"

#include <fstream>
#include <iterator>
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wire/sdp.h"

namespace loopcast::rtc {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using wire::Codec;
using wire::Direction;
using wire::ExtensionKind;
using wire::SessionDescription;

std::string offer_of(const std::string& name) {
  std::ifstream in(LOOPCAST_OFFERS "/" + name + ".sdp", std::ios::binary);
  EXPECT_TRUE(in.is_open()) << name;
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string replaced(std::string text, std::string_view what, std::string_view by) {
  EXPECT_NE(text.find(what), std::string::npos) << what;
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size())
    text.replace(at, what.size(), by);
  return text;
}

// All lines that begin with `prefix` taken out.
std::string without(const std::string& text, std::string_view prefix) {
  std::string out;
  size_t removed = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at) + 1;
    const std::string_view line = std::string_view(text).substr(at, end - at);
    line.starts_with(prefix) ? void(++removed) : void(out += line);
    at = end;
  }
  EXPECT_GT(removed, 0u) << prefix;
  return out;
}

AnswerOptions test_options() {
  AnswerOptions options;
  options.local_ice = {"serverUfrag", "serverPassword0123456789"};
  options.local_fingerprint = "sha-256 AB:CD:EF";
  options.candidates = {
      *wire::parse_candidate("candidate:1 1 udp 2130706431 203.0.113.1 3478 typ host"),
      *wire::parse_candidate("candidate:2 1 tcp 1671430143 203.0.113.1 3478 typ host tcptype "
                             "passive")};
  options.session_id = 4711;
  options.cname = "theCname";
  options.msid_stream = "theStream";
  options.ssrcs = {Ssrc{1001}, Ssrc{1002}, Ssrc{1003}, Ssrc{1004}};
  return options;
}

struct Result {
  Negotiated negotiated;
  SessionDescription answer;
  std::string sdp;
};

Result checked(const Expected<Answer>& answer) {
  EXPECT_TRUE(answer) << (answer ? "" : answer.error().code + ": " + answer.error().message);
  if (!answer) return {};
  const auto parsed = wire::parse_sdp(answer->sdp);
  EXPECT_TRUE(parsed) << (parsed ? "" : parsed.error().message);
  if (!parsed) return {};
  return {answer->negotiated, *parsed, answer->sdp};
}
Result publish(const std::string& offer, const AnswerOptions& options = test_options()) {
  return checked(answer_publisher(offer, options));
}
const std::vector<SourceMedia> kH264Sources{
    {MediaKind::kAudio, Codec::kOpus, "minptime=10"},
    {MediaKind::kVideo, Codec::kH264,
     "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"}};
Result view(const std::string& offer, std::span<const SourceMedia> sources = kH264Sources) {
  return checked(answer_viewer(offer, sources, test_options()));
}
std::string publish_error(const std::string& offer) {
  const auto answer = answer_publisher(offer, test_options());
  return answer ? "" : answer.error().code;
}
std::string view_error(const std::string& offer, std::span<const SourceMedia> sources) {
  const auto answer = answer_viewer(offer, sources, test_options());
  return answer ? "" : answer.error().code;
}

const NegotiatedMedia& audio_of(const Result& r) {
  static const NegotiatedMedia none;
  const NegotiatedMedia* m = r.negotiated.find(MediaKind::kAudio);
  EXPECT_NE(m, nullptr);
  return m == nullptr ? none : *m;
}
const NegotiatedMedia& video_of(const Result& r) {
  static const NegotiatedMedia none;
  const NegotiatedMedia* m = r.negotiated.find(MediaKind::kVideo);
  EXPECT_NE(m, nullptr);
  return m == nullptr ? none : *m;
}

TEST(AnswerPublisher, Chromium) {
  const Result r = publish(offer_of("chromium_presenter_candidates"));
  const Negotiated& n = r.negotiated;
  EXPECT_EQ(n.remote_ice, (IceCredentials{"l23m", "K1D4dJbWKR0zFfOfivEqASZ6"}));
  EXPECT_EQ(n.fingerprint_algorithm, "sha-256");
  ASSERT_THAT(n.fingerprint, SizeIs(32));
  EXPECT_EQ(n.fingerprint[0], 0x40);
  EXPECT_FALSE(n.dtls_active);
  EXPECT_EQ(n.bundle_mid, "0");
  ASSERT_THAT(n.media, SizeIs(2));

  const NegotiatedMedia& audio = audio_of(r);
  EXPECT_EQ(audio.index, 0u);
  EXPECT_EQ(audio.mid, "0");
  EXPECT_TRUE(audio.receive && audio.send);
  EXPECT_EQ(audio.codec, Codec::kOpus);
  EXPECT_EQ(audio.payload_type, 111);
  EXPECT_EQ(audio.clock_rate, 48000u);
  EXPECT_EQ(audio.fmtp, "minptime=10;useinbandfec=1");
  EXPECT_TRUE(audio.transport_cc);
  EXPECT_FALSE(audio.nack || audio.pli || audio.fir);
  EXPECT_EQ(audio.remote_ssrc, Ssrc{1902136504});
  EXPECT_EQ(audio.local_ssrc, Ssrc{1001});
  EXPECT_EQ(audio.extension_id(ExtensionKind::kAudioLevel), 1);

  const NegotiatedMedia& video = video_of(r);
  EXPECT_EQ(video.index, 1u);
  EXPECT_EQ(video.codec, Codec::kH264);
  EXPECT_EQ(video.payload_type, 108);  // Constrained Baseline, though others come first
  EXPECT_EQ(video.rtx_payload_type, 109);
  EXPECT_EQ(video.clock_rate, 90000u);
  EXPECT_EQ(video.fmtp, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f");
  EXPECT_TRUE(video.nack && video.pli && video.fir && video.transport_cc);
  EXPECT_EQ(video.remote_ssrc, Ssrc{1613573872});
  EXPECT_EQ(video.remote_rtx_ssrc, Ssrc{2471786536});
  EXPECT_EQ(video.local_ssrc, Ssrc{1002});
  EXPECT_EQ(video.local_rtx_ssrc, Ssrc{1004});
  EXPECT_EQ(video.extension_id(ExtensionKind::kMid), 4);
  EXPECT_EQ(video.extension_id(ExtensionKind::kTransportCc), 3);
  EXPECT_EQ(video.extension_id(ExtensionKind::kAbsSendTime), 2);
  EXPECT_EQ(video.extension_id(ExtensionKind::kVideoOrientation), 0);
  EXPECT_EQ(video.extension_id(ExtensionKind::kPlayoutDelay), 0);
  EXPECT_EQ(video.extension_id(ExtensionKind::kRid), 0);
}

// The whole text, so that a change of any line is seen.
TEST(AnswerPublisher, TextOfTheAnswer) {
  const Result r = publish(offer_of("chromium_presenter_candidates"));
  const std::string expected =
      R"(v=0
o=- 4711 1 IN IP4 0.0.0.0
s=-
t=0 0
a=ice-lite
a=group:BUNDLE 0 1
a=msid-semantic: WMS *
a=ice-options:trickle
m=audio 9 UDP/TLS/RTP/SAVPF 111
c=IN IP4 0.0.0.0
a=mid:0
a=ice-ufrag:serverUfrag
a=ice-pwd:serverPassword0123456789
a=fingerprint:sha-256 AB:CD:EF
a=setup:passive
a=candidate:1 1 udp 2130706431 203.0.113.1 3478 typ host
a=candidate:2 1 tcp 1671430143 203.0.113.1 3478 typ host tcptype passive
a=end-of-candidates
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time
a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
a=sendrecv
a=msid:theStream theStream-audio
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:111 opus/48000/2
a=rtcp-fb:111 transport-cc
a=fmtp:111 minptime=10;useinbandfec=1
a=ssrc:1001 cname:theCname
a=ssrc:1001 msid:theStream theStream-audio
m=video 9 UDP/TLS/RTP/SAVPF 108 109
c=IN IP4 0.0.0.0
a=mid:1
a=ice-ufrag:serverUfrag
a=ice-pwd:serverPassword0123456789
a=fingerprint:sha-256 AB:CD:EF
a=setup:passive
a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time
a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
a=sendrecv
a=msid:theStream theStream-video
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:108 H264/90000
a=rtcp-fb:108 nack
a=rtcp-fb:108 nack pli
a=rtcp-fb:108 ccm fir
a=rtcp-fb:108 transport-cc
a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f
a=rtpmap:109 rtx/90000
a=fmtp:109 apt=108
a=ssrc-group:FID 1002 1004
a=ssrc:1002 cname:theCname
a=ssrc:1002 msid:theStream theStream-video
a=ssrc:1004 cname:theCname
a=ssrc:1004 msid:theStream theStream-video
)";
  EXPECT_EQ(r.sdp, replaced(expected, "\n", "\r\n"));
}

TEST(AnswerPublisher, FirefoxWithoutH264GetsTheNextCodec) {
  const Result r = publish(offer_of("firefox_presenter_candidates"));
  EXPECT_EQ(video_of(r).codec, Codec::kVp9);
  EXPECT_EQ(video_of(r).payload_type, 121);
  EXPECT_EQ(video_of(r).rtx_payload_type, 125);
  EXPECT_EQ(video_of(r).remote_ssrc, Ssrc{140302946});
  EXPECT_EQ(video_of(r).remote_rtx_ssrc, Ssrc{2737018534});
  EXPECT_EQ(audio_of(r).payload_type, 109);
  EXPECT_THAT(r.sdp, HasSubstr("a=fmtp:109 stereo=1;useinbandfec=1\r\n"));
  EXPECT_EQ(r.negotiated.remote_ice.ufrag, "148b0801");
  // Other candidates than ours never get into an answer.
  EXPECT_THAT(r.sdp, Not(HasSubstr("192.0.2.2")));
  EXPECT_THAT(r.answer.media[0].transport.candidates, SizeIs(2));
}

TEST(AnswerPublisher, PreferenceIsTheCallers) {
  AnswerOptions options = test_options();
  options.video_preference = {Codec::kAv1, Codec::kVp8};
  EXPECT_EQ(video_of(publish(offer_of("chromium_presenter"), options)).codec, Codec::kAv1);
  options.video_preference = {Codec::kVp8};
  EXPECT_EQ(video_of(publish(offer_of("chromium_presenter"), options)).payload_type, 96);
  options.video_preference = {Codec::kVp9};
  EXPECT_EQ(video_of(publish(offer_of("chromium_presenter"), options)).fmtp, "profile-id=0");
}

TEST(AnswerPublisher, Safari) {
  const Result r = publish(offer_of("safari_presenter"));
  EXPECT_EQ(video_of(r).payload_type, 98);
  EXPECT_EQ(video_of(r).rtx_payload_type, 99);
}

TEST(AnswerPublisher, SimulcastIsAnsweredWithout) {
  for (const char* name : {"chromium_simulcast", "firefox_simulcast"}) {
    const Result r = publish(offer_of(name));
    EXPECT_TRUE(video_of(r).receive);
    EXPECT_FALSE(video_of(r).send);
    EXPECT_EQ(r.answer.media.at(1).direction, Direction::kRecvOnly);
    EXPECT_THAT(r.sdp, Not(HasSubstr("simulcast")));
    EXPECT_THAT(r.sdp, Not(HasSubstr("rid")));
    EXPECT_THAT(r.sdp, Not(HasSubstr("rtp-stream-id")));
    EXPECT_THAT(r.sdp, Not(HasSubstr("a=ssrc")));
    EXPECT_THAT(r.sdp, Not(HasSubstr("a=msid:")));
  }
  const Result r = publish(offer_of("firefox_simulcast"));
  EXPECT_EQ(video_of(r).remote_ssrc, Ssrc{1768698649});
  EXPECT_EQ(video_of(r).remote_rtx_ssrc, Ssrc{711842372});
}

TEST(AnswerPublisher, ObsTakesItsTransportFromTheSession) {
  const Result r = publish(offer_of("obs_whip"));
  EXPECT_EQ(r.negotiated.remote_ice.ufrag, "Wbmx");
  EXPECT_FALSE(r.negotiated.dtls_active);
  const NegotiatedMedia& video = video_of(r);
  EXPECT_TRUE(video.receive && !video.send && video.nack && video.pli && !video.fir);
  // No header extensions, so no transport-wide feedback.
  EXPECT_FALSE(video.transport_cc);
  EXPECT_EQ(video.remote_ssrc, Ssrc{3120741506});
  EXPECT_EQ(video.remote_rtx_ssrc, std::nullopt);
  EXPECT_THAT(r.sdp, Not(HasSubstr("goog-remb")));
}

TEST(AnswerPublisher, GStreamerHasVideoFirstAndABundleOnlySection) {
  const Result r = publish(offer_of("gstreamer_whip"));
  ASSERT_THAT(r.answer.media, SizeIs(2));
  EXPECT_THAT(r.answer.bundle_groups, ElementsAre(ElementsAre("video0", "audio1")));
  EXPECT_EQ(r.negotiated.bundle_mid, "video0");
  EXPECT_EQ(r.negotiated.media[0].kind, MediaKind::kVideo);
  EXPECT_EQ(r.answer.media[1].port, 9);
  EXPECT_THAT(r.answer.media[0].transport.candidates, SizeIs(2));
  EXPECT_THAT(r.answer.media[1].transport.candidates, IsEmpty());
  EXPECT_TRUE(audio_of(r).nack);
  EXPECT_EQ(audio_of(r).codec, Codec::kOpus);
  EXPECT_THAT(r.sdp, Not(HasSubstr("sprop")));
}

// Nothing here writes the messages of REMB.
TEST(AnswerPublisher, WithoutTransportWideFeedbackThereIsNoneOfTheBandwidth) {
  const std::string offer = offer_of("chromium_presenter");
  for (const std::string& less :
       {without(offer, "a=extmap:3 "), without(offer, "a=rtcp-fb:108 t")}) {
    ASSERT_THAT(less, HasSubstr("goog-remb"));
    const Result r = publish(less);
    EXPECT_FALSE(video_of(r).transport_cc);
    EXPECT_EQ(video_of(r).extension_id(ExtensionKind::kTransportCc), 0);
    EXPECT_THAT(r.sdp, Not(HasSubstr("remb")));
  }
}

TEST(AnswerPublisher, AgreesOnlyToExtensionsThatAreUsed) {
  // Nobody here reads when a packet was sent or captured; the loopback is told the first.
  const std::string offer = offer_of("chromium_presenter");
  const std::string capture = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time";
  const std::string both = replaced(offer, "urn:3gpp:video-orientation", capture);
  const Result loopback = publish(both);
  EXPECT_THAT(loopback.sdp, Not(HasSubstr(capture)));
  EXPECT_NE(video_of(loopback).extension_id(ExtensionKind::kAbsSendTime), 0);
  const Result one_way = publish(replaced(both, "a=sendrecv", "a=sendonly"));
  EXPECT_THAT(one_way.sdp, Not(HasSubstr(capture)));
  EXPECT_EQ(video_of(one_way).extension_id(ExtensionKind::kAbsSendTime), 0);
  EXPECT_NE(video_of(one_way).extension_id(ExtensionKind::kTransportCc), 0);
  EXPECT_NE(video_of(one_way).extension_id(ExtensionKind::kMid), 0);
  EXPECT_NE(audio_of(one_way).extension_id(ExtensionKind::kAudioLevel), 0);
}

// One table of extensions for the transport is what several stacks keep.
TEST(AnswerPublisher, AnExtensionIdHasOneMeaningInTheWholeBundle) {
  const std::string level = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
  const std::string offer =
      replaced(offer_of("chromium_presenter"), "a=extmap:1 " + level, "a=extmap:3 " + level);
  // 3 is transport-wide feedback in the video section, and was in the audio section before.
  const Result r = publish(without(offer, "a=rtcp-fb:111 transport-cc"));
  EXPECT_EQ(audio_of(r).extension_id(ExtensionKind::kAudioLevel), 3);
  EXPECT_EQ(video_of(r).extension_id(ExtensionKind::kTransportCc), 0);
  EXPECT_FALSE(video_of(r).transport_cc) << "it is of no use without its numbers";
  std::map<std::string, std::set<std::string>> uris;
  for (const auto& section : r.answer.media)
    for (const auto& map : section.extmaps) uris[std::to_string(map.id)].insert(map.uri);
  for (const auto& [id, meanings] : uris) EXPECT_THAT(meanings, SizeIs(1)) << id;
}

// What the first section in the order of the m-lines says stands, whatever its kind.
TEST(AnswerPublisher, TheFirstSectionDecidesOfAnExtensionId) {
  const std::string offer = replaced(offer_of("gstreamer_whip"), "a=extmap:", "a=x-extmap:");
  const auto with = [&](const std::string& section, const std::string& uri) {
    const size_t at = offer.find("\r\n", offer.find("m=" + section)) + 2;
    return std::pair(at, "a=extmap:5 " + uri + "\r\n");
  };
  const auto video = with("video", "urn:ietf:params:rtp-hdrext:sdes:mid");
  const auto audio = with("audio", "urn:ietf:params:rtp-hdrext:ssrc-audio-level");
  ASSERT_LT(video.first, audio.first);
  std::string conflicting = offer;
  conflicting.insert(audio.first, audio.second);
  conflicting.insert(video.first, video.second);
  const Result r = publish(conflicting);
  EXPECT_EQ(video_of(r).extension_id(ExtensionKind::kMid), 5);
  EXPECT_EQ(audio_of(r).extension_id(ExtensionKind::kAudioLevel), 0);
}

// RFC 9143, section 9.1 allows one extension under two ids, but not two under one.
TEST(AnswerPublisher, OneExtensionMayHaveAnIdInEachSection) {
  std::string offer = offer_of("chromium_presenter");
  const size_t video = offer.find("m=video");
  offer = offer.substr(0, video) + replaced(offer.substr(video), "a=extmap:3 ", "a=extmap:14 ");
  const Result r = publish(offer);
  EXPECT_EQ(audio_of(r).extension_id(ExtensionKind::kTransportCc), 3);
  EXPECT_EQ(video_of(r).extension_id(ExtensionKind::kTransportCc), 14);
}

// RFC 8829, section 5.1.2.
TEST(AnswerPublisher, ProfilesOfEarlierTimesAreAcceptedAndRepeated) {
  for (const std::string profile :
       {"RTP/AVP", "RTP/AVPF", "RTP/SAVP", "RTP/SAVPF", "TCP/DTLS/RTP/SAVP", "TCP/DTLS/RTP/SAVPF",
        "UDP/TLS/RTP/SAVP"}) {
    const Result r = publish(replaced(offer_of("obs_whip"), "UDP/TLS/RTP/SAVPF", profile));
    ASSERT_THAT(r.answer.media, SizeIs(2));
    for (const auto& section : r.answer.media) EXPECT_EQ(section.protocol, profile);
  }
}

// RFC 9143, section 9.1.1.
TEST(AnswerPublisher, OnePayloadTypeForTwoCodecsIsRefused) {
  const std::string offer = offer_of("obs_whip");
  const auto answer = answer_publisher(
      replaced(replaced(offer, "SAVPF 111", "SAVPF 96"), ":111 ", ":96 "), test_options());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, "bad_sdp");
  EXPECT_THAT(answer.error().message, HasSubstr("Payload type 96"));
}

TEST(AnswerPublisher, SaysWhatIsWrongWithAnOffer) {
  const std::string offer = offer_of("obs_whip");
  const auto why = [](const std::string& sdp) {
    const auto answer = answer_publisher(sdp, test_options());
    return answer ? "" : answer.error().message;
  };
  EXPECT_THAT(why(replaced(offer, "UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/FOO")),
              HasSubstr("Section 1 (m=audio) has the profile UDP/TLS/RTP/FOO"));
  EXPECT_THAT(why(replaced(offer, "a=sendonly", "a=recvonly")), HasSubstr("is recvonly"));
  EXPECT_THAT(why(replaced(offer, "H264/", "H265/")), HasSubstr("the offer has: H265"));
  EXPECT_THAT(why(replaced(offer, "a=setup:actpass", "a=setup:perhaps")),
              HasSubstr("a=setup is malformed"));
  EXPECT_THAT(why(replaced(offer, "t=0 0", "t=0 0\r\na=ice-lite")), HasSubstr("ICE-lite"));
}

TEST(AnswerPublisher, FeedbackForAllFormats) {
  std::string offer = without(offer_of("obs_whip"), "a=rtcp-fb");
  EXPECT_FALSE(video_of(publish(offer)).nack);
  offer += "a=rtcp-fb:* nack\r\na=rtcp-fb:* nack pli\r\n";
  EXPECT_TRUE(video_of(publish(offer)).nack && video_of(publish(offer)).pli);
}

TEST(AnswerPublisher, SetupIsMirrored) {
  const std::string offer = offer_of("obs_whip");
  const auto answered = [&](const std::string& text, bool active) {
    const Result r = publish(text);
    EXPECT_EQ(r.negotiated.dtls_active, active);
    for (const auto& m : r.answer.media)
      EXPECT_EQ(m.transport.setup, active ? wire::SetupRole::kActive : wire::SetupRole::kPassive);
  };
  answered(offer, false);
  answered(replaced(offer, "a=setup:actpass", "a=setup:active"), false);
  answered(replaced(offer, "a=setup:actpass", "a=setup:passive"), true);
  answered(without(offer, "a=setup"), false);
  EXPECT_EQ(publish_error(replaced(offer, "a=setup:actpass", "a=setup:holdconn")), "bad_sdp");
}

TEST(AnswerPublisher, StrongestFingerprint) {
  const auto fingerprint = [](const std::string& name, size_t size) {
    return wire::write_fingerprint({name, std::vector<uint8_t>(size, 0x5a)});
  };
  const std::string offer = without(offer_of("obs_whip"), "a=fingerprint");
  const std::string sha1 = "a=fingerprint:" + fingerprint("sha-1", 20) + "\r\n";
  const std::string sha256 = "a=fingerprint:" + fingerprint("SHA-256", 32) + "\r\n";
  const std::string sha512 = "a=fingerprint:" + fingerprint("sha-512", 64) + "\r\n";
  const std::string wrong = "a=fingerprint:" + fingerprint("sha-384", 32) + "\r\n";
  const auto chosen = [&](const std::string& lines) {
    return publish(replaced(offer, "t=0 0\r\n", "t=0 0\r\n" + lines)).negotiated;
  };
  EXPECT_EQ(chosen(sha1 + sha256).fingerprint_algorithm, "sha-256");
  EXPECT_EQ(chosen(sha256 + sha512).fingerprint_algorithm, "sha-512");
  EXPECT_THAT(chosen(sha256 + sha512).fingerprint, SizeIs(64));
  EXPECT_EQ(chosen(wrong + sha256).fingerprint_algorithm, "sha-256");
  EXPECT_EQ(publish_error(replaced(offer, "t=0 0\r\n", "t=0 0\r\n" + sha1)), "no_fingerprint");
  EXPECT_EQ(publish_error(offer), "no_fingerprint");
}

TEST(AnswerPublisher, RejectsFurtherSections) {
  std::string offer = offer_of("obs_whip");
  const size_t video = offer.find("m=video");
  std::string second = replaced(offer.substr(video), "a=mid:1", "a=mid:2");
  offer = replaced(offer, "BUNDLE 0 1", "BUNDLE 3 2 0 1") + second +
          "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:3\r\n";
  const Result r = publish(offer);
  ASSERT_THAT(r.answer.media, SizeIs(4));
  EXPECT_THAT(r.answer.bundle_groups, ElementsAre(ElementsAre("0", "1")));
  EXPECT_EQ(r.negotiated.bundle_mid, "0");
  for (const size_t i : {2u, 3u}) {
    EXPECT_EQ(r.answer.media[i].port, 0);
    EXPECT_EQ(r.answer.media[i].direction, Direction::kInactive);
  }
  EXPECT_EQ(r.answer.media[2].mid, "2");
  EXPECT_EQ(r.answer.media[3].media, "application");
  EXPECT_EQ(r.answer.media[3].protocol, "UDP/DTLS/SCTP");
  EXPECT_THAT(r.answer.media[3].formats, ElementsAre("webrtc-datachannel"));
}

TEST(AnswerPublisher, TransportOfABundleOnlySectionIsThatOfTheFirst) {
  // The section that the offerer tagged is switched off here, but it alone describes the transport.
  std::string offer = offer_of("obs_whip");
  std::string transport;
  for (const char* line : {"a=setup", "a=ice-ufrag", "a=ice-pwd", "a=fingerprint"}) {
    const size_t at = offer.find(line);
    transport += offer.substr(at, offer.find('\n', at) + 1 - at);
    offer = without(offer, line);
  }
  offer = replaced(offer, "BUNDLE 0 1", "BUNDLE 2 0 1");
  offer += "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:2\r\n" + transport;
  EXPECT_EQ(publish(offer).negotiated.remote_ice.ufrag, "Wbmx");
}

TEST(AnswerPublisher, SectionsThatOnlyReceiveAreRejected) {
  std::string offer = offer_of("obs_whip");
  const size_t audio = offer.find("a=sendonly");
  offer.replace(audio, 10, "a=recvonly");
  const Result r = publish(offer);
  EXPECT_EQ(r.answer.media.at(0).port, 0);
  EXPECT_THAT(r.answer.bundle_groups, ElementsAre(ElementsAre("1")));
  EXPECT_THAT(r.negotiated.media, SizeIs(1));
  EXPECT_EQ(publish_error(offer_of("chromium_viewer")), "no_media");
}

TEST(AnswerPublisher, OneSectionNeedsNoBundle) {
  std::string offer = offer_of("obs_whip");
  const size_t audio = offer.find("m=audio");
  offer.erase(audio, offer.find("m=video") - audio);
  offer = without(without(offer, "a=group"), "a=mid");
  const Result r = publish(offer);
  EXPECT_THAT(r.answer.bundle_groups, IsEmpty());
  EXPECT_EQ(r.answer.media.at(0).mid, "");
  EXPECT_EQ(video_of(r).extension_id(ExtensionKind::kMid), 0);
}

TEST(AnswerPublisher, Errors) {
  const std::string offer = offer_of("obs_whip");
  EXPECT_EQ(publish_error("nonsense"), "bad_sdp");
  EXPECT_EQ(publish_error(offer + std::string(wire::kMaxSdpSize, '\n')), "offer_too_large");
  EXPECT_EQ(publish_error(without(offer, "a=group")), "no_bundle");
  EXPECT_EQ(publish_error(replaced(offer, "BUNDLE 0 1", "BUNDLE 0")), "no_bundle");
  EXPECT_EQ(publish_error(without(offer, "a=rtcp-mux")), "no_rtcp_mux");
  EXPECT_EQ(publish_error(without(offer, "a=ice-ufrag")), "no_ice");
  EXPECT_EQ(publish_error(without(offer, "a=ice-pwd")), "no_ice");
  EXPECT_EQ(publish_error(replaced(offer, "a=ice-ufrag:Wbmx", "a=ice-ufrag:Wbm")), "no_ice");
  EXPECT_EQ(publish_error(replaced(offer, "t=0 0", "t=0 0\r\na=ice-lite")), "ice_lite");
  EXPECT_EQ(publish_error(offer.substr(0, offer.find("m=audio"))), "no_media");
  EXPECT_EQ(publish_error(replaced(offer, "UDP/TLS/RTP/SAVPF", "UDP/RTP")), "no_media");
  EXPECT_EQ(publish_error(replaced(offer, "H264/", "H265/")), "no_common_codec");
  EXPECT_EQ(publish_error(replaced(offer, "opus/48000/2", "PCMU/8000")), "no_common_codec");
  EXPECT_EQ(publish_error(replaced(offer, "opus/48000/2", "opus/48000")), "no_common_codec");
}

TEST(AnswerPublisher, PayloadTypesThatLookLikeRtcpAreNotUsed) {
  const std::string offer = offer_of("obs_whip");
  EXPECT_EQ(publish_error(replaced(replaced(offer, "SAVPF 96 97", "SAVPF 72 97"), ":96 ", ":72 ")),
            "no_common_codec");
}

TEST(AnswerPublisher, ExtensionsOfOneDirectionOrWithLongIdsAreNotUsed) {
  const std::string uri = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
  const auto level = [&](const std::string& by) {
    const Result r =
        publish(replaced(offer_of("chromium_presenter"), "a=extmap:1 " + uri, by + uri));
    const uint8_t id = audio_of(r).extension_id(ExtensionKind::kAudioLevel);
    EXPECT_EQ(r.sdp.find(uri) != std::string::npos, id != 0);
    return id;
  };
  EXPECT_EQ(level("a=extmap:13 "), 13);
  EXPECT_EQ(level("a=extmap:13/sendrecv "), 13);
  EXPECT_EQ(level("a=extmap:13/recvonly "), 0);
  EXPECT_EQ(level("a=extmap:13/sendonly "), 0);  // the loopback would not have it
  EXPECT_EQ(level("a=extmap:15 "), 0);
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
