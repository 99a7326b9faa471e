#include "rtc/ice_fragment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace loopcast::rtc {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

// RFC 9725, section 4.3.1.
const std::string kTrickle =
    "a=group:BUNDLE 0 1\r\n"
    "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"
    "a=mid:0\r\n"
    "a=ice-ufrag:EsAw\r\n"
    "a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n"
    "a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw "
    "network-id 1\r\n"
    "a=candidate:3471623853 1 udp 2122194687 198.51.100.2 61765 typ host generation 0\r\n"
    "a=candidate:473322822 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active generation 0\r\n"
    "a=candidate:2 1 udp 1 1c2d.local 9 typ host\r\n"
    "a=end-of-candidates\r\n";

TEST(IceFragment, ReadsTrickledCandidates) {
  const auto f = parse_ice_fragment(kTrickle);
  ASSERT_TRUE(f) << f.error().message;
  EXPECT_EQ(f->ice, (IceCredentials{"EsAw", "P2uYro0UCOQ4zxjKXaWCBui1"}));
  EXPECT_THAT(f->candidates, SizeIs(3));
  EXPECT_EQ(f->candidates[0].address.to_string(), "192.0.2.1:61764");
  EXPECT_TRUE(f->end_of_candidates);
  EXPECT_THAT(f->bundle, ElementsAre("0", "1"));
  ASSERT_TRUE(f->section);
  EXPECT_EQ(f->section->mid, "0");
}

TEST(IceFragment, ReadsTheSessionLevelAlone) {
  const auto f = parse_ice_fragment(
      "a=ice-ufrag:abcd\na=ice-pwd:0123456789012345678901\n"
      "a=candidate:1 1 udp 1 192.0.2.1 5 typ host\n");
  ASSERT_TRUE(f) << f.error().message;
  EXPECT_EQ(f->ice.ufrag, "abcd");
  EXPECT_THAT(f->candidates, SizeIs(1));
  EXPECT_FALSE(f->end_of_candidates);
  EXPECT_FALSE(f->section);
}

TEST(IceFragment, MayHaveNoCredentials) {
  const auto f = parse_ice_fragment("m=audio 9 RTP/AVP 0\na=mid:0\n");
  ASSERT_TRUE(f) << f.error().message;
  EXPECT_EQ(f->ice, IceCredentials{});
}

TEST(IceFragment, RejectsNonsense) {
  const auto code = [](const std::string& text) {
    const auto f = parse_ice_fragment(text);
    return f ? std::string() : f.error().code;
  };
  EXPECT_EQ(code("{\"candidate\":\"\"}"), "bad_sdp");
  EXPECT_EQ(code("a=ice-ufrag:abcd\n"), "no_ice");
  EXPECT_EQ(code("a=ice-pwd:0123456789012345678901\n"), "no_ice");
  EXPECT_EQ(code("a=ice-ufrag:abc\na=ice-pwd:0123456789012345678901\n"), "no_ice");
  EXPECT_EQ(code("a=ice-ufrag:abcd\na=ice-pwd:012345678901234567890\n"), "no_ice");
  EXPECT_EQ(code(std::string(wire::kMaxSdpSize + 1, 'a')), "offer_too_large");
}

TEST(IceFragment, CandidatesOfAllSectionsAreBounded) {
  std::string text;
  for (int section = 0; section < 16; ++section) {
    text += "m=audio 9 RTP/AVP 0\n";
    for (int i = 0; i < 40; ++i) text += "a=candidate:1 1 udp 1 1.2.3.4 5 typ host\n";
  }
  ASSERT_LE(text.size(), wire::kMaxSdpSize);
  const auto f = parse_ice_fragment(text);
  ASSERT_TRUE(f) << f.error().message;
  EXPECT_THAT(f->candidates, SizeIs(wire::kMaxSdpCandidates));
}

TEST(IceFragment, AnswersARestartInTheSameTerms) {
  const auto request = parse_ice_fragment(kTrickle);
  ASSERT_TRUE(request);
  const auto candidate = wire::parse_candidate("candidate:1 1 udp 1 203.0.113.1 3478 typ host");
  ASSERT_TRUE(candidate);
  const IceFragment answer =
      answer_ice_restart(*request, {"ours", "ABCDEFGHIJKLMNOPQRSTUV"}, std::span(&*candidate, 1));
  const std::string text = write_ice_fragment(answer);
  EXPECT_EQ(text,
            "a=ice-lite\r\na=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n"
            "a=ice-ufrag:ours\r\na=ice-pwd:ABCDEFGHIJKLMNOPQRSTUV\r\n"
            "a=candidate:1 1 udp 1 203.0.113.1 3478 typ host\r\na=end-of-candidates\r\n");
  const auto again = parse_ice_fragment(text);
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, answer);
  EXPECT_EQ(
      write_ice_fragment(answer_ice_restart(*request, {"ours", "ABCDEFGHIJKLMNOPQRSTUV"}, {})),
      "a=ice-lite\r\na=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n"
      "a=ice-ufrag:ours\r\na=ice-pwd:ABCDEFGHIJKLMNOPQRSTUV\r\n");
}

}  // namespace
}  // namespace loopcast::rtc
