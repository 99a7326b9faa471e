// The one transport of an offer: which section it is described by, and what it says.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/expected.h"
#include "rtc/ice_credentials.h"
#include "rtc/negotiated_media.h"
#include "wire/sdp.h"

namespace loopcast::rtc {

// RFC 9143, section 7.3: the sections of `media` in one BUNDLE group, in its order, as the answer
// lists them. Empty if there is one section alone and no group has it. Error: no_bundle.
Expected<std::vector<std::string>> answered_bundle(const wire::SessionDescription& offer,
                                                   std::span<const NegotiatedMedia> media);

struct PeerTransport {
  IceCredentials ice;
  wire::Fingerprint fingerprint;
  bool dtls_active = false;  // we are the DTLS client
};

// Of the section with the m-line `index`, else of the first of its BUNDLE group, else of the
// session. Errors: no_ice, ice_lite, no_fingerprint, bad_sdp.
Expected<PeerTransport> peer_transport(const wire::SessionDescription& offer, size_t index);

}  // namespace loopcast::rtc
