#include "rtc/media_section.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "rtc/format_parameters.h"

namespace loopcast::rtc {
namespace {

using wire::Direction;
using wire::ExtensionKind;
using wire::MediaDescription;

// RFC 8829, section 5.1.2. Whatever it is called, it is answered with SRTP keyed by DTLS or not at
// all: without a fingerprint the offer is refused.
constexpr std::array<std::string_view, 8> kProfiles{
    "UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP", "TCP/DTLS/RTP/SAVPF", "TCP/DTLS/RTP/SAVP",
    "RTP/SAVPF",         "RTP/SAVP",         "RTP/AVPF",           "RTP/AVP"};

constexpr uint16_t kDiscardPort = 9;  // RFC 8829, section 5.3.1: the real ones are the candidates
// RFC 8285, section 4.2: the one-byte header, which is all that we write.
constexpr uint16_t kMaxOneByteExtensionId = 14;
constexpr size_t kMaxOneByteExtensionValue = 16;

bool has_feedback(const MediaDescription& section, PayloadType type, std::string_view value) {
  return std::any_of(section.feedback.begin(), section.feedback.end(), [&](const auto& f) {
    return f.value == value && (!f.payload_type || *f.payload_type == type);
  });
}

Direction reversed(Direction d) { return wire::make_direction(receives(d), sends(d)); }

// Whether the extension may stand in every packet that will flow.
bool covers(const wire::ExtMap& map, const NegotiatedMedia& media) {
  const Direction direction = map.direction.value_or(Direction::kSendRecv);
  return (!media.receive || sends(direction)) && (!media.send || receives(direction));
}

// What is done with the extensions that are known. Not among them are rids (without simulcast in
// the answer one plain stream is sent), the orientation of pictures (3GPP TS 26.114: a phone then
// sends them upright, also when it is turned meanwhile, and a recording, which could not tell its
// players, has them as they should be) and the time of capture, which nobody here asks for.
struct ExtensionUse {
  ExtensionKind kind;
  bool read;     // of what comes
  bool written;  // to what leaves
};
constexpr std::array<ExtensionUse, 3> kExtensionUses{{
    {ExtensionKind::kTransportCc, true, true},
    {ExtensionKind::kAbsSendTime, false, true},
    {ExtensionKind::kAudioLevel, true, true},
}};

bool is_used(ExtensionKind kind, const NegotiatedMedia& media) {
  // RFC 9143, section 9.1 wants it in every section of a bundle. What is sent tells it in reports
  // alone, which is one of the two ways of section 15 (decision 23).
  if (kind == ExtensionKind::kMid) return true;
  for (const ExtensionUse& use : kExtensionUses)
    if (use.kind == kind) return (media.receive && use.read) || (media.send && use.written);
  return false;
}

void agree_extensions(const MediaDescription& offered, const BundleExtensions& elsewhere,
                      NegotiatedMedia& media) {
  for (const wire::ExtMap& map : offered.extmaps) {
    const auto kind = wire::extension_kind(map.uri);
    if (!kind || map.id > kMaxOneByteExtensionId || media.extension_id(*kind) != 0) continue;
    if (!is_used(*kind, media) || !covers(map, media)) continue;
    if (elsewhere[map.id].value_or(*kind) != *kind) continue;
    if (*kind == ExtensionKind::kMid &&
        (media.mid.empty() || media.mid.size() > kMaxOneByteExtensionValue))
      continue;
    const auto id = static_cast<uint8_t>(map.id);
    const bool taken = std::find(media.extension_ids.begin(), media.extension_ids.end(), id) !=
                       media.extension_ids.end();
    if (!taken) media.extension_ids[static_cast<size_t>(*kind)] = id;
  }
}

void agree_feedback(const MediaDescription& offered, NegotiatedMedia& media) {
  const auto offers = [&](std::string_view value) {
    return has_feedback(offered, media.payload_type, value);
  };
  media.nack = offers("nack");
  const bool video = media.kind == MediaKind::kVideo;
  media.pli = video && offers("nack pli");
  media.fir = video && offers("ccm fir");
  // The extension and its feedback are of no use without each other.
  uint8_t& extension = media.extension_ids[static_cast<size_t>(ExtensionKind::kTransportCc)];
  media.transport_cc = extension != 0 && offers("transport-cc");
  if (!media.transport_cc) extension = 0;
}

// A packet that is sent again under its own number, without RTX, must be the very same (see
// SrtpSender::protect_rtp): nothing in its header may tell of when it leaves.
void keep_repeatable(NegotiatedMedia& media) {
  if (!media.send || !media.nack || media.rtx_payload_type) return;
  for (const auto kind : {ExtensionKind::kTransportCc, ExtensionKind::kAbsSendTime})
    media.extension_ids[static_cast<size_t>(kind)] = 0;
  media.transport_cc = false;
}

void find_remote_ssrcs(const MediaDescription& offered, NegotiatedMedia& media) {
  if (media.rtx_payload_type) {
    for (const wire::SsrcGroup& group : offered.ssrc_groups) {
      if (group.semantics != "FID" || group.ssrcs.size() != 2) continue;
      media.remote_ssrc = group.ssrcs[0];
      media.remote_rtx_ssrc = group.ssrcs[1];
      return;
    }
  }
  if (!offered.ssrcs.empty()) media.remote_ssrc = offered.ssrcs.front().ssrc;
}

void write_codec(const MediaDescription& offered, const NegotiatedMedia& media,
                 MediaDescription& section) {
  const PayloadType type = media.payload_type;
  section.formats.push_back(std::to_string(type));
  section.rtpmaps.push_back({type, std::string(wire::codec_name(media.codec)), media.clock_rate,
                             static_cast<uint8_t>(media.kind == MediaKind::kAudio ? 2 : 1)});
  if (auto fmtp = answered_parameters(media.codec, media.fmtp); !fmtp.empty())
    section.fmtps.push_back({type, std::move(fmtp)});
  if (media.nack) section.feedback.push_back({type, "nack"});
  if (media.pli) section.feedback.push_back({type, "nack pli"});
  if (media.fir) section.feedback.push_back({type, "ccm fir"});
  if (media.transport_cc) section.feedback.push_back({type, "transport-cc"});
  if (media.rtx_payload_type) {
    const PayloadType rtx = *media.rtx_payload_type;
    section.formats.push_back(std::to_string(rtx));
    section.rtpmaps.push_back({rtx, "rtx", media.clock_rate, 1});
    section.fmtps.push_back({rtx, "apt=" + std::to_string(type)});
  }
  for (const wire::ExtMap& map : offered.extmaps) {
    const auto kind = wire::extension_kind(map.uri);
    if (!kind || media.extension_id(*kind) != map.id) continue;
    wire::ExtMap answered = map;
    if (map.direction) answered.direction = reversed(*map.direction);
    section.extmaps.push_back(std::move(answered));
  }
}

void write_sources(const NegotiatedMedia& media, const AnswerOptions& options,
                   MediaDescription& section) {
  const std::string track =
      options.msid_stream + (media.kind == MediaKind::kAudio ? "-audio" : "-video");
  section.msids.push_back({options.msid_stream, track});
  const auto write = [&](Ssrc ssrc) {
    section.ssrcs.push_back({ssrc, "cname", options.cname});
    section.ssrcs.push_back({ssrc, "msid", options.msid_stream + ' ' + track});
  };
  write(media.local_ssrc);
  if (media.rtx_payload_type) {
    section.ssrc_groups.push_back({"FID", {media.local_ssrc, media.local_rtx_ssrc}});
    write(media.local_rtx_ssrc);
  }
}

}  // namespace

std::optional<MediaKind> usable_kind(const MediaDescription& offered) {
  if (offered.port == 0 && !offered.bundle_only) return std::nullopt;
  if (std::find(kProfiles.begin(), kProfiles.end(), offered.protocol) == kProfiles.end())
    return std::nullopt;
  if (offered.media == "audio") return MediaKind::kAudio;
  if (offered.media == "video") return MediaKind::kVideo;
  return std::nullopt;
}

NegotiatedMedia negotiate_section(const MediaDescription& offered, const ChosenSection& chosen,
                                  const AnswerOptions& options, BundleExtensions& extensions) {
  const bool video = chosen.kind == MediaKind::kVideo;
  const OfferedCodec& codec = chosen.codec;
  NegotiatedMedia media;
  media.kind = chosen.kind;
  media.mid = offered.mid;
  media.index = chosen.index;
  media.receive = chosen.receive;
  media.send = chosen.send;
  media.codec = codec.codec;
  media.payload_type = codec.payload_type;
  if (video) media.rtx_payload_type = codec.rtx_payload_type;
  media.clock_rate = wire::codec_clock_rate(codec.codec);
  media.fmtp = codec.fmtp;
  agree_extensions(offered, extensions, media);
  agree_feedback(offered, media);
  keep_repeatable(media);
  for (size_t kind = 0; kind < media.extension_ids.size(); ++kind)
    if (const uint8_t id = media.extension_ids[kind]; id != 0)
      extensions[id] = static_cast<ExtensionKind>(kind);
  if (chosen.receive) find_remote_ssrcs(offered, media);
  media.local_ssrc = options.ssrcs[video ? 1 : 0];
  media.local_rtx_ssrc = options.ssrcs[video ? 3 : 2];
  return media;
}

MediaDescription accepted_section(const MediaDescription& offered, const NegotiatedMedia& media,
                                  const AnswerOptions& options) {
  MediaDescription section;
  section.media = offered.media;
  section.port = kDiscardPort;
  section.protocol = offered.protocol;
  section.mid = offered.mid;
  section.direction = wire::make_direction(media.send, media.receive);
  section.rtcp_mux = true;
  section.rtcp_rsize = offered.rtcp_rsize;
  write_codec(offered, media, section);
  if (media.send) write_sources(media, options, section);
  return section;
}

MediaDescription rejected_section(const MediaDescription& offered) {
  MediaDescription section;
  section.media = offered.media;
  section.port = 0;
  section.protocol = offered.protocol;
  // RFC 3264, section 6: there must be one, and it means nothing.
  section.formats.push_back(offered.formats.front());
  section.mid = offered.mid;
  section.direction = Direction::kInactive;
  return section;
}

}  // namespace loopcast::rtc
