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
using wire::MediaDescription;
using wire::SessionDescription;

constexpr std::array kAudioPreference{Codec::kOpus};
constexpr std::array kKinds{MediaKind::kAudio, MediaKind::kVideo};

std::string name_of(MediaKind kind) { return kind == MediaKind::kAudio ? "audio" : "video"; }

// RFC 9143, section 9.1.1: in a BUNDLE group a payload type means one codec. Those that are not
// used do no harm.
Status check_payload_types(std::span<const NegotiatedMedia> media) {
  for (size_t i = 0; i < media.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      for (const auto type : {std::optional(media[i].payload_type), media[i].rtx_payload_type}) {
        if (!type || (*type != media[j].payload_type && type != media[j].rtx_payload_type))
          continue;
        return Error{"bad_sdp", "Payload type " + std::to_string(*type) +
                                    " has one meaning in the " + name_of(media[j].kind) +
                                    " section and another in the " + name_of(media[i].kind) +
                                    " section of one BUNDLE group (RFC 9143, section 9.1.1)."};
      }
    }
  }
  return ok();
}

// Writes the answer to the sections that were chosen, in any order.
Expected<Answer> complete_answer(const SessionDescription& offer,
                                 std::vector<ChosenSection> sections,
                                 const AnswerOptions& options) {
  std::sort(sections.begin(), sections.end(),
            [](const ChosenSection& a, const ChosenSection& b) { return a.index < b.index; });
  std::vector<NegotiatedMedia> media;
  BundleExtensions extensions;
  for (const ChosenSection& section : sections)
    media.push_back(negotiate_section(offer.media[section.index], section, options, extensions));
  if (Status unique = check_payload_types(media); !unique) return unique.error();
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

// The formats of a section as a person would name them: "H264 (profile-level-id=42e01f), VP8".
std::string describe_formats(const MediaDescription& section) {
  constexpr size_t kMost = 16;
  std::vector<std::string> names;
  for (const wire::RtpMap& map : section.rtpmaps) {
    std::string name = map.encoding;
    for (const wire::Fmtp& fmtp : section.fmtps)
      if (fmtp.payload_type == map.payload_type && fmtp.parameters.size() < 100)
        name += " (" + fmtp.parameters + ")";
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    if (names.size() == kMost) break;
  }
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
  return list.empty() ? "none" : list;
}

// `wanted`: what would have done.
Error no_common_codec(const MediaDescription& section, MediaKind kind, const std::string& wanted) {
  return {"no_common_codec", "The " + name_of(kind) + " has to be " + wanted +
                                 "; the offer has: " + describe_formats(section) + "."};
}

std::string describe_source(const SourceMedia& source) {
  std::string text(wire::codec_name(source.codec));
  if (!source.fmtp.empty()) text += " (" + source.fmtp + ")";
  return text;
}

std::string describe_codecs(std::span<const Codec> codecs) {
  std::string text;
  for (const Codec codec : codecs)
    text += (text.empty() ? "" : " or ") + std::string(wire::codec_name(codec));
  return text;
}

// Why none of the sections will do.
Error no_media(const SessionDescription& offer, bool to_send) {
  std::string why;
  for (size_t i = 0; i < offer.media.size(); ++i) {
    const MediaDescription& section = offer.media[i];
    why += " Section " + std::to_string(i + 1) + " (m=" + section.media + ") ";
    if (section.media != "audio" && section.media != "video")
      why += "is neither audio nor video.";
    else if (section.port == 0 && !section.bundle_only)
      why += "is switched off by its port 0.";
    else if (!usable_kind(section))
      why += "has the profile " + section.protocol + ", which is not one of WebRTC.";
    else
      why += "is " + std::string(wire::direction_name(direction_of(offer, section))) + ".";
  }
  if (offer.media.empty()) why = " It has no section at all.";
  return {"no_media", (to_send ? "The offer has no audio or video section that sends."
                               : "The offer has no section that receives what is sent.") +
                          why};
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

  std::vector<ChosenSection> accepted;
  for (const MediaKind kind : kKinds) {
    const std::vector<size_t> sections = sections_of(*offer, kind, wire::sends);
    if (sections.empty()) continue;
    const std::span<const Codec> preference = kind == MediaKind::kAudio
                                                  ? std::span<const Codec>(kAudioPreference)
                                                  : std::span(options.video_preference);
    const auto chosen = first_with_codec(
        *offer, sections,
        [&](const std::vector<OfferedCodec>& codecs) { return choose_codec(codecs, preference); });
    if (!chosen)
      return no_common_codec(offer->media[sections.front()], kind, describe_codecs(preference));
    const auto& [index, codec] = *chosen;
    const bool loopback = receives(direction_of(*offer, offer->media[index]));
    accepted.push_back({index, kind, codec, true, loopback});
  }
  if (accepted.empty()) return no_media(*offer, true);
  return complete_answer(*offer, std::move(accepted), options);
}

Expected<Answer> answer_viewer(std::string_view offer_text, std::span<const SourceMedia> sources,
                               const AnswerOptions& options) {
  const auto offer = wire::parse_sdp(offer_text);
  if (!offer) return offer.error();

  std::vector<ChosenSection> accepted;
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
    if (source != nullptr && !chosen)
      return no_common_codec(offer->media[sections.front()], kind, describe_source(*source));
    if (!chosen) continue;
    const auto& [index, codec] = *chosen;
    accepted.push_back({index, kind, codec, false, source != nullptr});
    sends_something = sends_something || source != nullptr;
  }
  if (!sends_something) return no_media(*offer, false);
  return complete_answer(*offer, std::move(accepted), options);
}

}  // namespace loopcast::rtc
