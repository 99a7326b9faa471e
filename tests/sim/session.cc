#include "sim/session.h"

#include <algorithm>

#include "wire/sdp.h"

namespace loopcast::sim {
namespace {

using rtc::MediaKind;
using wire::Codec;

constexpr int kAudioLevelId = 1;
constexpr int kAbsSendTimeId = 2;
constexpr int kTransportCcId = 3;
constexpr int kMidId = 4;

std::string extmap(int id, wire::ExtensionKind kind) {
  return "a=extmap:" + std::to_string(id) + ' ' + std::string(wire::extension_uri(kind)) + "\r\n";
}

std::string direction_line(const SessionOptions& options) {
  return "a=" + std::string(direction_name(wire::make_direction(options.send, options.receive))) +
         "\r\n";
}

std::string section_head(const std::string& media, const std::string& formats,
                         const std::string& mid, const SessionOptions& options,
                         const rtc::IceCredentials& ice, const std::string& fingerprint) {
  std::string s = "m=" + media + " 9 UDP/TLS/RTP/SAVPF " + formats +
                  "\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:" + ice.ufrag +
                  "\r\na=ice-pwd:" + ice.password +
                  "\r\na=ice-options:trickle\r\na=fingerprint:" + fingerprint +
                  "\r\na=setup:" + (options.active ? "active" : "actpass") + "\r\na=mid:" + mid +
                  "\r\n";
  if (media == "audio") s += extmap(kAudioLevelId, wire::ExtensionKind::kAudioLevel);
  if (options.congestion_control) {
    s += extmap(kAbsSendTimeId, wire::ExtensionKind::kAbsSendTime);
    s += extmap(kTransportCcId, wire::ExtensionKind::kTransportCc);
  }
  s += extmap(kMidId, wire::ExtensionKind::kMid);
  s += direction_line(options);
  if (options.send) s += "a=msid:stream " + media + "\r\n";
  s += "a=rtcp-mux\r\na=rtcp-rsize\r\n";
  return s;
}

std::string source_lines(Ssrc ssrc) {
  return "a=ssrc:" + std::to_string(ssrc.value) + " cname:simulated\r\n";
}

std::string video_codec(const SessionOptions& options) {
  const bool h264 = options.codec == Codec::kH264;
  const std::string type = h264 ? "102" : "96", rtx = h264 ? "103" : "97";
  std::string s = "a=rtpmap:" + type + (h264 ? " H264/90000\r\n" : " VP8/90000\r\n");
  for (const char* feedback : {"ccm fir", "nack", "nack pli"})
    s += "a=rtcp-fb:" + type + ' ' + feedback + "\r\n";
  if (options.congestion_control)
    for (const char* feedback : {"goog-remb", "transport-cc"})
      s += "a=rtcp-fb:" + type + ' ' + feedback + "\r\n";
  if (h264)
    s += "a=fmtp:" + type +
         " level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n";
  if (options.rtx) s += "a=rtpmap:" + rtx + " rtx/90000\r\na=fmtp:" + rtx + " apt=" + type + "\r\n";
  return s;
}

bool has_feedback(const wire::MediaDescription& section, PayloadType type, std::string_view value) {
  return std::any_of(section.feedback.begin(), section.feedback.end(), [&](const auto& f) {
    return f.value == value && (!f.payload_type || *f.payload_type == type);
  });
}

std::optional<AgreedMedia> read_section(const wire::SessionDescription& session,
                                        const wire::MediaDescription& section) {
  if (section.port == 0 || section.rtpmaps.empty()) return std::nullopt;
  AgreedMedia media;
  media.kind = section.media == "audio" ? MediaKind::kAudio : MediaKind::kVideo;
  media.mid = section.mid;
  media.send = receives(direction_of(session, section));
  media.receive = sends(direction_of(session, section));
  const auto codec = wire::codec_from_name(section.rtpmaps.front().encoding);
  if (!codec) return std::nullopt;
  media.codec = *codec;
  media.payload_type = section.rtpmaps.front().payload_type;
  for (const wire::RtpMap& map : section.rtpmaps)
    if (map.encoding == "rtx") media.rtx_payload_type = map.payload_type;
  media.nack = has_feedback(section, media.payload_type, "nack");
  media.pli = has_feedback(section, media.payload_type, "nack pli");
  media.transport_cc = has_feedback(section, media.payload_type, "transport-cc");
  for (const wire::ExtMap& map : section.extmaps)
    if (const auto kind = wire::extension_kind(map.uri))
      media.extension_ids[static_cast<size_t>(*kind)] = static_cast<uint8_t>(map.id);
  if (!section.ssrcs.empty()) media.remote_ssrc = section.ssrcs.front().ssrc;
  for (const wire::SsrcGroup& group : section.ssrc_groups) {
    if (group.semantics != "FID" || group.ssrcs.size() != 2) continue;
    media.remote_ssrc = group.ssrcs[0];
    media.remote_rtx_ssrc = group.ssrcs[1];
  }
  return media;
}

std::optional<Agreed> read_description(std::string_view sdp) {
  const auto session = wire::parse_sdp(sdp);
  if (!session) return std::nullopt;
  Agreed agreed;
  for (const wire::MediaDescription& section : session->media) {
    const auto media = read_section(*session, section);
    if (!media) continue;
    agreed.media.push_back(*media);
    const wire::TransportAttributes& transport = section.transport;
    agreed.ice = {transport.ice_ufrag, transport.ice_password};
    const auto& fingerprints =
        transport.fingerprints.empty() ? session->transport.fingerprints : transport.fingerprints;
    if (!fingerprints.empty())
      agreed.fingerprint = {fingerprints[0].algorithm, fingerprints[0].value};
    for (const wire::Candidate& candidate : transport.candidates)
      if (candidate.transport == wire::CandidateTransport::kUdp &&
          std::find(agreed.candidates.begin(), agreed.candidates.end(), candidate.address) ==
              agreed.candidates.end())
        agreed.candidates.push_back(candidate.address);
  }
  const bool usable =
      !agreed.media.empty() && agreed.ice.long_enough() && !agreed.candidates.empty();
  return usable ? std::optional(agreed) : std::nullopt;
}

}  // namespace

std::string write_offer(const SessionOptions& options, const Sources& sources,
                        const rtc::IceCredentials& ice, const std::string& fingerprint) {
  std::string s = "v=0\r\no=- 709867376581964980 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";
  s += "a=group:BUNDLE";
  if (options.audio) s += " 0";
  if (options.video) s += " 1";
  s += "\r\na=extmap-allow-mixed\r\na=msid-semantic: WMS stream\r\n";
  if (options.audio) {
    s += section_head("audio", "111", "0", options, ice, fingerprint);
    s += "a=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 nack\r\n"
         "a=fmtp:111 minptime=10;useinbandfec=1\r\n";
    if (options.congestion_control) s += "a=rtcp-fb:111 transport-cc\r\n";
    if (options.send) s += source_lines(sources.audio);
  }
  if (options.video) {
    const std::string formats = options.codec == Codec::kH264 ? "102" : "96";
    const std::string rtx = options.codec == Codec::kH264 ? " 103" : " 97";
    s += section_head("video", formats + (options.rtx ? rtx : ""), "1", options, ice, fingerprint);
    s += video_codec(options);
    if (options.send) {
      if (options.rtx)
        s += "a=ssrc-group:FID " + std::to_string(sources.video.value) + ' ' +
             std::to_string(sources.video_rtx.value) + "\r\n";
      s += source_lines(sources.video);
      if (options.rtx) s += source_lines(sources.video_rtx);
    }
  }
  return s;
}

std::optional<Agreed> read_answer(std::string_view sdp) { return read_description(sdp); }

std::optional<Agreed> read_offer(std::string_view sdp) {
  auto agreed = read_description(sdp);
  if (!agreed) return std::nullopt;
  for (AgreedMedia& media : agreed->media) media.send = false;
  return agreed;
}

std::string write_answer(std::string_view offer, const Agreed& agreed,
                         const SessionOptions& options, const rtc::IceCredentials& ice,
                         const std::string& fingerprint) {
  const auto session = wire::parse_sdp(offer);
  if (!session) return {};
  wire::SessionDescription answer;
  answer.msid_semantic = "WMS *";
  answer.bundle_groups = {{}};
  for (const wire::MediaDescription& offered : session->media) {
    wire::MediaDescription section = offered;
    section.transport = {};
    section.msids.clear();
    section.ssrcs.clear();
    section.ssrc_groups.clear();
    const auto media = std::find_if(agreed.media.begin(), agreed.media.end(),
                                    [&](const AgreedMedia& m) { return m.mid == offered.mid; });
    const bool received = media != agreed.media.end() && media->receive;
    section.direction = wire::make_direction(false, received);
    section.transport.ice_ufrag = ice.ufrag;
    section.transport.ice_password = ice.password;
    section.transport.fingerprints.push_back(*wire::parse_fingerprint(fingerprint));
    section.transport.setup = wire::SetupRole::kActive;
    if (!options.congestion_control) {
      std::erase_if(section.extmaps, [](const wire::ExtMap& map) {
        const auto kind = wire::extension_kind(map.uri);
        return kind == wire::ExtensionKind::kTransportCc ||
               kind == wire::ExtensionKind::kAbsSendTime;
      });
      std::erase_if(section.feedback, [](const wire::RtcpFeedback& feedback) {
        return feedback.value == "transport-cc" || feedback.value == "goog-remb";
      });
    }
    answer.bundle_groups[0].push_back(section.mid);
    answer.media.push_back(std::move(section));
  }
  return write_sdp(answer);
}

std::string write_restart(const rtc::IceCredentials& ice) {
  return "a=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=ice-ufrag:" +
         ice.ufrag + "\r\na=ice-pwd:" + ice.password + "\r\n";
}

std::optional<rtc::IceCredentials> read_restart(std::string_view fragment) {
  const auto session = wire::parse_sdp_fragment(fragment);
  if (!session) return std::nullopt;
  const auto& transport =
      session->media.empty() ? session->transport : session->media.front().transport;
  rtc::IceCredentials ice{transport.ice_ufrag, transport.ice_password};
  return ice.long_enough() ? std::optional(ice) : std::nullopt;
}

}  // namespace loopcast::sim
