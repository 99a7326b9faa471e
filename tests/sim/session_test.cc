#include "sim/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wire/sdp.h"

namespace loopcast::sim {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kFingerprint =
    "sha-256 B8:F5:6A:3A:6B:DA:5F:5A:62:7D:D3:63:CA:61:CF:53:16:94:2A:8C:85:C5:0F:91:96:B6:54:BC:"
    "FB:9E:E7:D3";
const rtc::IceCredentials kTheirs{"abcd", "EwMwzoF2BhCZ/hYio7nZUuWm"};
const rtc::IceCredentials kOurs{"efgh", "/zXh+KypDfP7fceMLuz1KhAA"};

// What a server offers that speaks first, with its candidate.
std::string offer() {
  SessionOptions options;
  options.send = true;
  options.receive = false;
  return write_offer(options, {Ssrc{1}, Ssrc{2}, Ssrc{3}}, kTheirs, kFingerprint) +
         "a=candidate:1 1 udp 2015363327 198.18.0.1 46431 typ host\r\n";
}

TEST(Session, AnOfferToSendIsAnsweredByReceiving) {
  const auto agreed = read_offer(offer());
  ASSERT_TRUE(agreed);
  ASSERT_EQ(agreed->media.size(), 2u);
  EXPECT_EQ(agreed->ice, kTheirs);
  for (const AgreedMedia& media : agreed->media) {
    EXPECT_TRUE(media.receive);
    EXPECT_FALSE(media.send);
  }
  EXPECT_EQ(agreed->media[1].remote_rtx_ssrc, Ssrc{3});

  const std::string text = write_answer(offer(), *agreed, {}, kOurs, kFingerprint);
  const auto answer = wire::parse_sdp(text);
  ASSERT_TRUE(answer);
  ASSERT_EQ(answer->media.size(), 2u);
  for (const wire::MediaDescription& section : answer->media) {
    EXPECT_EQ(section.direction, wire::Direction::kRecvOnly);
    EXPECT_EQ(section.transport.setup, wire::SetupRole::kActive);
    EXPECT_EQ(section.transport.ice_ufrag, kOurs.ufrag);
    EXPECT_TRUE(section.transport.candidates.empty());
    EXPECT_TRUE(section.ssrcs.empty());
  }
  EXPECT_THAT(text, HasSubstr("transport-wide-cc"));
}

TEST(Session, AnAnswerWithoutCongestionControlTakesNoneOfItsFeedback) {
  SessionOptions options;
  options.congestion_control = false;
  const auto agreed = read_offer(offer());
  ASSERT_TRUE(agreed);
  const std::string text = write_answer(offer(), *agreed, options, kOurs, kFingerprint);
  EXPECT_THAT(text, Not(HasSubstr("transport-wide-cc")));
  EXPECT_THAT(text, Not(HasSubstr("abs-send-time")));
  EXPECT_THAT(text, Not(HasSubstr("goog-remb")));
  EXPECT_THAT(text, HasSubstr("nack pli"));
}

TEST(Session, AFingerprintOfTheWholeSessionCounts) {
  std::string text = offer();
  const std::string line = std::string("a=fingerprint:") + kFingerprint + "\r\n";
  for (size_t at = text.find(line); at != std::string::npos; at = text.find(line))
    text.erase(at, line.size());
  text.insert(text.find("t=0 0\r\n") + 7, line);
  const auto agreed = read_answer(text);
  ASSERT_TRUE(agreed);
  EXPECT_EQ(agreed->fingerprint.digest.size(), 32u);
}

}  // namespace
}  // namespace loopcast::sim
