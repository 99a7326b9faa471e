// The SDP fragment of trickle ICE (RFC 8840, section 9), as WHIP and WHEP PATCH requests carry it
// (RFC 9725, section 4.3): more candidates, or an ICE restart and its answer.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/expected.h"
#include "rtc/ice_credentials.h"
#include "wire/candidate.h"

namespace loopcast::rtc {

struct IceFragment {
  // Of the peer. Other than the ones in use: an ICE restart. Both are empty if there are none.
  IceCredentials ice;
  std::vector<wire::Candidate> candidates;
  bool end_of_candidates = false;
  // How the first section names itself; the answer to a restart repeats both.
  std::string media;  // "audio 9 UDP/TLS/RTP/SAVPF 111"; empty if there is none
  std::string mid;
};

// Errors: offer_too_large, bad_sdp with the number of the line.
Expected<IceFragment> parse_ice_fragment(std::string_view text);

// The answer to a restart: our new credentials and all candidates. `media` and `mid` as in the
// fragment that is answered; without `mid` everything stands at the session level.
std::string write_ice_fragment(const IceCredentials& ice,
                               std::span<const wire::Candidate> candidates,
                               std::string_view media = {}, std::string_view mid = {});

}  // namespace loopcast::rtc
