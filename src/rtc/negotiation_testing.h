// For tests: changes to offers, and what was made of them.
#pragma once

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "rtc/negotiation.h"
#include "wire/sdp.h"

namespace loopcast::rtc {

inline std::string replaced(std::string text, std::string_view what, std::string_view by) {
  EXPECT_NE(text.find(what), std::string::npos) << what;
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size())
    text.replace(at, what.size(), by);
  return text;
}

// All lines that begin with `prefix` taken out.
inline std::string without(const std::string& text, std::string_view prefix) {
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

inline AnswerOptions test_options() {
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
  wire::SessionDescription answer;
  std::string sdp;
};

inline Result checked(const Expected<Answer>& answer) {
  EXPECT_TRUE(answer) << (answer ? "" : answer.error().code + ": " + answer.error().message);
  if (!answer) return {};
  const auto parsed = wire::parse_sdp(answer->sdp);
  EXPECT_TRUE(parsed) << (parsed ? "" : parsed.error().message);
  if (!parsed) return {};
  return {answer->negotiated, *parsed, answer->sdp};
}
inline Result publish(const std::string& offer, const AnswerOptions& options = test_options()) {
  return checked(answer_publisher(offer, options));
}
inline const std::vector<SourceMedia> kH264Sources{
    {MediaKind::kAudio, wire::Codec::kOpus, "minptime=10"},
    {MediaKind::kVideo, wire::Codec::kH264,
     "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"}};
inline Result view(const std::string& offer, std::span<const SourceMedia> sources = kH264Sources) {
  return checked(answer_viewer(offer, sources, test_options()));
}
inline std::string publish_error(const std::string& offer) {
  const auto answer = answer_publisher(offer, test_options());
  return answer ? "" : answer.error().code;
}
inline std::string view_error(const std::string& offer, std::span<const SourceMedia> sources) {
  const auto answer = answer_viewer(offer, sources, test_options());
  return answer ? "" : answer.error().code;
}

inline const NegotiatedMedia& audio_of(const Result& r) {
  static const NegotiatedMedia none;
  const NegotiatedMedia* m = r.negotiated.find(MediaKind::kAudio);
  EXPECT_NE(m, nullptr);
  return m == nullptr ? none : *m;
}
inline const NegotiatedMedia& video_of(const Result& r) {
  static const NegotiatedMedia none;
  const NegotiatedMedia* m = r.negotiated.find(MediaKind::kVideo);
  EXPECT_NE(m, nullptr);
  return m == nullptr ? none : *m;
}

}  // namespace loopcast::rtc
