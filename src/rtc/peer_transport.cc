#include "rtc/peer_transport.h"

#include <algorithm>
#include <array>

namespace loopcast::rtc {
namespace {

using wire::Fingerprint;
using wire::MediaDescription;
using wire::SessionDescription;
using wire::SetupRole;
using wire::TransportAttributes;

bool contains(const std::vector<std::string>& mids, std::string_view mid) {
  return std::find(mids.begin(), mids.end(), mid) != mids.end();
}

// The strongest first. SHA-1 and older are refused (RFC 8122, section 5).
struct Hash {
  std::string_view name;
  size_t size;
};
constexpr std::array<Hash, 3> kHashes{{{"sha-512", 64}, {"sha-384", 48}, {"sha-256", 32}}};

const Fingerprint* strongest(const std::vector<Fingerprint>& fingerprints) {
  for (const Hash& hash : kHashes)
    for (const Fingerprint& f : fingerprints)
      if (f.algorithm == hash.name && f.value.size() == hash.size) return &f;
  return nullptr;
}

// Where the attributes of the transport may stand, the nearest first.
std::vector<const TransportAttributes*> levels(const SessionDescription& offer, size_t index) {
  const MediaDescription& section = offer.media[index];
  std::vector<const TransportAttributes*> found{&section.transport};
  for (const auto& mids : offer.bundle_groups) {
    if (section.mid.empty() || !contains(mids, section.mid)) continue;
    for (const MediaDescription& m : offer.media)
      if (m.mid == mids.front() && &m != &section) found.push_back(&m.transport);
  }
  found.push_back(&offer.transport);
  return found;
}

}  // namespace

Expected<std::vector<std::string>> answered_bundle(const SessionDescription& offer,
                                                   std::span<const NegotiatedMedia> media) {
  for (const auto& mids : offer.bundle_groups) {
    const bool has_all = std::all_of(media.begin(), media.end(), [&](const NegotiatedMedia& m) {
      return !m.mid.empty() && contains(mids, m.mid);
    });
    if (!has_all) continue;
    std::vector<std::string> answered;
    for (const std::string& mid : mids) {
      const bool accepted = std::any_of(media.begin(), media.end(),
                                        [&](const NegotiatedMedia& m) { return m.mid == mid; });
      if (accepted && !contains(answered, mid)) answered.push_back(mid);
    }
    return answered;
  }
  if (media.size() > 1 || offer.media[media.front().index].bundle_only)
    return Error{"no_bundle",
                 "The offer does not bundle audio and video on one transport (a=group:BUNDLE)."};
  return std::vector<std::string>{};
}

Expected<PeerTransport> peer_transport(const SessionDescription& offer, size_t index) {
  PeerTransport peer;
  const std::vector<Fingerprint>* fingerprints = nullptr;
  std::optional<SetupRole> setup;
  for (const TransportAttributes* level : levels(offer, index)) {
    if (peer.ice.ufrag.empty()) peer.ice.ufrag = level->ice_ufrag;
    if (peer.ice.password.empty()) peer.ice.password = level->ice_password;
    if (fingerprints == nullptr && !level->fingerprints.empty())
      fingerprints = &level->fingerprints;
    if (!setup) setup = level->setup;
  }
  if (!peer.ice.long_enough())
    return Error{"no_ice", "The offer has no ICE user name fragment and password."};
  // Both sides would wait for the other's checks.
  if (offer.ice_lite)
    return Error{"ice_lite", "The offer is of an ICE-lite agent (a=ice-lite), as this one is."};

  const Fingerprint* fingerprint = fingerprints == nullptr ? nullptr : strongest(*fingerprints);
  if (fingerprint == nullptr)
    return Error{"no_fingerprint",
                 "The offer has no certificate fingerprint of SHA-256, SHA-384 or SHA-512."};
  peer.fingerprint = *fingerprint;

  if (setup == SetupRole::kHoldConn)
    return Error{"bad_sdp", "The offer holds its connection back (a=setup:holdconn)."};
  peer.dtls_active = setup == SetupRole::kPassive;
  return peer;
}

}  // namespace loopcast::rtc
