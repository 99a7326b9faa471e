#include "rtc/ice_fragment.h"

#include <utility>

namespace loopcast::rtc {
namespace {

using wire::MediaDescription;
using wire::SessionDescription;
using wire::TransportAttributes;

void take_transport(const TransportAttributes& from, IceFragment& fragment) {
  if (fragment.ice == IceCredentials{}) fragment.ice = {from.ice_ufrag, from.ice_password};
  for (const wire::Candidate& candidate : from.candidates)
    if (fragment.candidates.size() < wire::kMaxSdpCandidates)
      fragment.candidates.push_back(candidate);
  fragment.end_of_candidates = fragment.end_of_candidates || from.end_of_candidates;
}

}  // namespace

Expected<IceFragment> parse_ice_fragment(std::string_view text) {
  const auto sdp = wire::parse_sdp_fragment(text);
  if (!sdp) return sdp.error();

  IceFragment fragment;
  take_transport(sdp->transport, fragment);
  for (const MediaDescription& media : sdp->media) take_transport(media.transport, fragment);
  if (fragment.ice != IceCredentials{} && !fragment.ice.long_enough())
    return Error{"no_ice", "The ICE user name fragment or password is missing or too short."};
  fragment.ice_lite = sdp->ice_lite;
  if (!sdp->bundle_groups.empty()) fragment.bundle = sdp->bundle_groups.front();
  if (!sdp->media.empty()) {
    const MediaDescription& first = sdp->media.front();
    MediaDescription section;
    section.media = first.media;
    section.port = first.port;
    section.protocol = first.protocol;
    section.formats = first.formats;
    section.mid = first.mid;
    fragment.section = std::move(section);
  }
  return fragment;
}

IceFragment answer_ice_restart(const IceFragment& request, const IceCredentials& ice,
                               std::span<const wire::Candidate> candidates) {
  IceFragment answer;
  answer.ice = ice;
  answer.candidates.assign(candidates.begin(), candidates.end());
  answer.end_of_candidates = !candidates.empty();
  answer.ice_lite = true;
  answer.bundle = request.bundle;
  answer.section = request.section;
  return answer;
}

std::string write_ice_fragment(const IceFragment& fragment) {
  SessionDescription sdp;
  sdp.ice_lite = fragment.ice_lite;
  if (!fragment.bundle.empty()) sdp.bundle_groups.push_back(fragment.bundle);
  if (fragment.section) sdp.media.push_back(*fragment.section);
  TransportAttributes& transport = fragment.section ? sdp.media.front().transport : sdp.transport;
  transport.ice_ufrag = fragment.ice.ufrag;
  transport.ice_password = fragment.ice.password;
  transport.candidates = fragment.candidates;
  transport.end_of_candidates = fragment.end_of_candidates;
  return wire::write_sdp_fragment(sdp);
}

}  // namespace loopcast::rtc
