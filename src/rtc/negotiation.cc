#include "rtc/negotiation.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "rtc/media_section.h"
#include "rtc/offered_codec.h"
#include "rtc/peer_transport.h"
#include "wire/sdp.h"

namespace loopcast::rtc {
namespace {

using wire::Codec;
using wire::ExtensionKind;
using wire::MediaDescription;
using wire::SessionDescription;

// Rids are left out: without simulcast in the answer one plain stream is sent. So is the
// orientation of pictures (3GPP TS 26.114): a phone then sends them upright, also when it is turned
// meanwhile, and a recording, which could not tell its players, has them as they should be.
constexpr std::array kExtensions{
    ExtensionKind::kMid,        ExtensionKind::kTransportCc,    ExtensionKind::kAbsSendTime,
    ExtensionKind::kAudioLevel, ExtensionKind::kAbsCaptureTime,
};
constexpr SectionPolicy kPublisherPolicy{kExtensions, true};
constexpr SectionPolicy kViewerPolicy{kExtensions, false};

constexpr std::array kAudioPreference{Codec::kOpus};
constexpr std::array kKinds{MediaKind::kAudio, MediaKind::kVideo};

// Writes the answer to what was agreed on; `media` is in no particular order.
Expected<Answer> complete_answer(const SessionDescription& offer,
                                 std::vector<NegotiatedMedia> media, const AnswerOptions& options) {
  std::sort(media.begin(), media.end(),
            [](const NegotiatedMedia& a, const NegotiatedMedia& b) { return a.index < b.index; });
  for (const NegotiatedMedia& m : media)
    if (!offer.media[m.index].rtcp_mux)
      return Error{"no_rtcp_mux", "The offer does not multiplex RTP and RTCP (a=rtcp-mux)."};
  auto bundle = answered_bundle(offer, media);
  if (!bundle) return bundle.error();
  size_t tagged = media.front().index;
  for (const NegotiatedMedia& m : media)
    if (!bundle->empty() && m.mid == bundle->front()) tagged = m.index;
  auto peer = peer_transport(offer, tagged);
  if (!peer) return peer.error();
  const auto fingerprint = wire::parse_fingerprint(options.local_fingerprint);
  if (!fingerprint)
    return Error{"internal_error", "The fingerprint of the local certificate is malformed."};

  SessionDescription answer;
  answer.origin.session_id = options.session_id;
  answer.origin.session_version = 1;
  answer.ice_lite = true;
  answer.msid_semantic = "WMS *";
  answer.transport.ice_options = {"trickle"};
  if (!bundle->empty()) answer.bundle_groups.push_back(*bundle);
  for (const MediaDescription& offered : offer.media)
    answer.media.push_back(rejected_section(offered));
  for (const NegotiatedMedia& m : media) {
    MediaDescription& section = answer.media[m.index];
    section = accepted_section(offer.media[m.index], m, options);
    wire::TransportAttributes& transport = section.transport;
    transport.ice_ufrag = options.local_ice.ufrag;
    transport.ice_password = options.local_ice.password;
    transport.fingerprints = {*fingerprint};
    transport.setup = peer->dtls_active ? wire::SetupRole::kActive : wire::SetupRole::kPassive;
    if (m.index == tagged) {
      transport.candidates = options.candidates;
      transport.end_of_candidates = true;
    }
  }

  Negotiated negotiated;
  negotiated.remote_ice = std::move(peer->ice);
  negotiated.fingerprint_algorithm = std::move(peer->fingerprint.algorithm);
  negotiated.fingerprint = std::move(peer->fingerprint.value);
  negotiated.dtls_active = peer->dtls_active;
  negotiated.bundle_mid = offer.media[tagged].mid;
  negotiated.media = std::move(media);
  return Answer{wire::write_sdp(answer), std::move(negotiated)};
}

Error no_common_codec(MediaKind kind) {
  return {"no_common_codec", kind == MediaKind::kAudio
                                 ? "The offer has no audio codec that can be used here."
                                 : "The offer has no video codec that can be used here."};
}

const SourceMedia* find_source(std::span<const SourceMedia> sources, MediaKind kind) {
  for (const SourceMedia& source : sources)
    if (source.kind == kind) return &source;
  return nullptr;
}

// Indices of the sections of one kind that can be accepted and, as the offerer sees it, `flow`.
std::vector<size_t> sections_of(const SessionDescription& offer, MediaKind kind,
                                bool (*flow)(wire::Direction)) {
  std::vector<size_t> found;
  for (size_t i = 0; i < offer.media.size(); ++i)
    if (usable_kind(offer.media[i]) == kind && flow(direction_of(offer, offer.media[i])))
      found.push_back(i);
  return found;
}

// The first of `sections` in which `choose` finds a codec.
template <typename Choose>
std::optional<std::pair<size_t, OfferedCodec>> first_with_codec(const SessionDescription& offer,
                                                                std::span<const size_t> sections,
                                                                Choose choose) {
  for (const size_t index : sections)
    if (const std::optional<OfferedCodec> codec = choose(offered_codecs(offer.media[index])))
      return std::pair(index, *codec);
  return std::nullopt;
}

}  // namespace

Expected<Answer> answer_publisher(std::string_view offer_text, const AnswerOptions& options) {
  const auto offer = wire::parse_sdp(offer_text);
  if (!offer) return offer.error();

  std::vector<NegotiatedMedia> media;
  for (const MediaKind kind : kKinds) {
    const std::vector<size_t> sections = sections_of(*offer, kind, wire::sends);
    if (sections.empty()) continue;
    const std::span<const Codec> preference = kind == MediaKind::kAudio
                                                  ? std::span<const Codec>(kAudioPreference)
                                                  : std::span(options.video_preference);
    const auto chosen = first_with_codec(
        *offer, sections,
        [&](const std::vector<OfferedCodec>& codecs) { return choose_codec(codecs, preference); });
    if (!chosen) return no_common_codec(kind);
    const auto& [index, codec] = *chosen;
    const bool loopback = receives(direction_of(*offer, offer->media[index]));
    media.push_back(negotiate_section(offer->media[index], index, kind, codec, true, loopback,
                                      kPublisherPolicy, options));
  }
  if (media.empty())
    return Error{"no_media", "The offer has no audio or video section that sends."};
  return complete_answer(*offer, std::move(media), options);
}

Expected<Answer> answer_viewer(std::string_view offer_text, std::span<const SourceMedia> sources,
                               const AnswerOptions& options) {
  const auto offer = wire::parse_sdp(offer_text);
  if (!offer) return offer.error();

  std::vector<NegotiatedMedia> media;
  bool sends_something = false;
  for (const MediaKind kind : kKinds) {
    const std::vector<size_t> sections = sections_of(*offer, kind, wire::receives);
    if (sections.empty()) continue;
    const SourceMedia* source = find_source(sources, kind);
    const auto chosen =
        first_with_codec(*offer, sections, [&](const std::vector<OfferedCodec>& codecs) {
          if (source != nullptr) return match_codec(codecs, source->codec, source->fmtp);
          // Inactive, but the section must have a format.
          return codecs.empty() ? std::nullopt : std::optional(codecs.front());
        });
    if (source != nullptr && !chosen) return no_common_codec(kind);
    if (!chosen) continue;
    const auto& [index, codec] = *chosen;
    media.push_back(negotiate_section(offer->media[index], index, kind, codec, false,
                                      source != nullptr, kViewerPolicy, options));
    sends_something = sends_something || source != nullptr;
  }
  if (!sends_something)
    return Error{"no_media", "The offer has no section that receives what is sent."};
  return complete_answer(*offer, std::move(media), options);
}

}  // namespace loopcast::rtc
