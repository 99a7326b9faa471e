// The SDP fragment of trickle ICE (RFC 8840, section 9), as WHIP and WHEP PATCH requests carry it
// (RFC 9725, section 4.3): more candidates, or an ICE restart and its answer.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/expected.h"
#include "rtc/ice_credentials.h"
#include "wire/candidate.h"
#include "wire/sdp.h"

namespace loopcast::rtc {

struct IceFragment {
  // Of the peer. Other than the ones in use: an ICE restart. Both are empty if there are none.
  IceCredentials ice;
  std::vector<wire::Candidate> candidates;
  bool end_of_candidates = false;
  bool ice_lite = false;
  // How the fragment names the transport; the answer to it says the same.
  std::vector<std::string> bundle;  // mids
  // The first section: its m-line and mid, all else empty.
  std::optional<wire::MediaDescription> section;

  bool operator==(const IceFragment&) const = default;
};

// Candidates and credentials may stand at the session level or in any section; the first
// credentials count. Errors: offer_too_large, bad_sdp with the number of the line, no_ice for a
// user name fragment without a password (or the reverse) or too short ones.
Expected<IceFragment> parse_ice_fragment(std::string_view text);

// The answer to a restart: `request` names the transport, the rest is ours. Candidates are optional
// in it (RFC 9725, section 4.3.3).
IceFragment answer_ice_restart(const IceFragment& request, const IceCredentials& ice,
                               std::span<const wire::Candidate> candidates);

// All in the one section, or at the session level if there is none.
std::string write_ice_fragment(const IceFragment& fragment);

}  // namespace loopcast::rtc
