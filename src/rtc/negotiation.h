// Offer and answer (RFC 3264, RFC 8829) from the side that answers: browsers and WHIP or WHEP
// programs (RFC 9725) offer, this side is ICE-lite with all its candidates in the answer.
//
// Common rules: all sections on one transport (BUNDLE) with rtcp-mux; at most one audio and one
// video section are accepted, the first usable of each kind, and the others answered with port 0.
// The answer keeps the number and order of the sections and their mids, and carries one codec per
// section with its RTX. No address of the offer is trusted or repeated.
//
// Error codes: bad_sdp, offer_too_large, no_bundle, no_rtcp_mux, no_fingerprint, no_ice, ice_lite,
// no_media, no_common_codec; the message says which line or section it is and why.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/expected.h"
#include "base/units.h"
#include "rtc/negotiated_media.h"
#include "wire/candidate.h"

namespace loopcast::rtc {

struct AnswerOptions {
  IceCredentials local_ice;
  std::string local_fingerprint;  // "sha-256 AB:CD:..."
  std::vector<wire::Candidate> candidates;
  uint64_t session_id = 0;  // below 2^63 (RFC 8829, section 5.2.1)
  std::string cname;        // RTCP CNAME of all our sources
  std::string msid_stream;  // the one stream that audio and video belong to
  // Fresh random values: audio, video, audio RTX (not used), video RTX.
  std::array<Ssrc, 4> ssrcs;
  // Of a publisher, best first. H.264 leads because every browser decodes it and recordings play
  // everywhere.
  std::vector<wire::Codec> video_preference{wire::Codec::kH264, wire::Codec::kVp9,
                                            wire::Codec::kAv1, wire::Codec::kVp8};
};

struct Answer {
  std::string sdp;
  Negotiated negotiated;
};

// Somebody who sends. What they offer as sendrecv is sent back to them (loopback). Video gets the
// first of video_preference that is offered, audio Opus. Simulcast is answered without, so that one
// plain stream is sent. Sections that the offer only receives are rejected.
Expected<Answer> answer_publisher(std::string_view offer, const AnswerOptions& options);

// Somebody who watches; sendrecv is answered sendonly. Each source is answered with its own codec,
// profile and the payload type of the viewer. A source that the viewer has no section for is
// left out as long as another remains; a section that there is no source for is answered inactive.
// no_common_codec: a section that receives has no codec that fits its source.
Expected<Answer> answer_viewer(std::string_view offer, std::span<const SourceMedia> sources,
                               const AnswerOptions& options);

}  // namespace loopcast::rtc
