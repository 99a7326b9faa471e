#include "wire/sdp.h"

namespace loopcast::wire {
namespace {

class Writer {
 public:
  void write_preamble(const SessionDescription& session);
  void write_attributes(const SessionDescription& session);
  void write_media(const MediaDescription& media, bool fragment);
  std::string take() { return std::move(out_); }

 private:
  template <typename... Parts>
  void line(const Parts&... parts) {
    (append(parts), ...);
    out_ += "\r\n";
  }
  void append(std::string_view text) { out_ += text; }
  void append(uint64_t number) { out_ += std::to_string(number); }

  void write_transport(const TransportAttributes& transport);
  void write_codecs(const MediaDescription& media);
  void write_sources(const MediaDescription& media);
  void write_simulcast(const MediaDescription& media);
  void append_streams(std::string_view direction,
                      const std::vector<std::vector<SimulcastAlternative>>& streams);

  std::string out_;
};

std::string_view setup_name(SetupRole role) {
  switch (role) {
    case SetupRole::kActPass:
      return "actpass";
    case SetupRole::kActive:
      return "active";
    case SetupRole::kPassive:
      return "passive";
    case SetupRole::kHoldConn:
      return "holdconn";
  }
  return "actpass";
}

void Writer::write_preamble(const SessionDescription& session) {
  const Origin& origin = session.origin;
  const bool v6 = origin.address.find(':') != std::string::npos;
  line("v=0");
  line("o=", origin.username, " ", origin.session_id, " ", origin.session_version,
       v6 ? " IN IP6 " : " IN IP4 ", origin.address);
  line("s=-");
  line("t=0 0");
}

void Writer::write_attributes(const SessionDescription& session) {
  if (session.ice_lite) line("a=ice-lite");
  for (const auto& mids : session.bundle_groups) {
    out_ += "a=group:BUNDLE";
    for (const std::string& mid : mids) out_ += ' ' + mid;
    line();
  }
  if (!session.msid_semantic.empty()) line("a=msid-semantic: ", session.msid_semantic);
  if (session.direction) line("a=", direction_name(*session.direction));
  write_transport(session.transport);
}

void Writer::write_transport(const TransportAttributes& transport) {
  if (!transport.ice_ufrag.empty()) line("a=ice-ufrag:", transport.ice_ufrag);
  if (!transport.ice_password.empty()) line("a=ice-pwd:", transport.ice_password);
  if (!transport.ice_options.empty()) {
    out_ += "a=ice-options:";
    std::string_view separator;
    for (const std::string& option : transport.ice_options) {
      append(separator);
      append(option);
      separator = " ";
    }
    line();
  }
  for (const Fingerprint& f : transport.fingerprints) line("a=fingerprint:", write_fingerprint(f));
  if (transport.setup) line("a=setup:", setup_name(*transport.setup));
  if (transport.extmap_allow_mixed) line("a=extmap-allow-mixed");
  for (const Candidate& candidate : transport.candidates) line("a=", write_candidate(candidate));
  if (transport.end_of_candidates) line("a=end-of-candidates");
}

void Writer::write_codecs(const MediaDescription& media) {
  for (const RtpMap& map : media.rtpmaps) {
    append("a=rtpmap:");
    append(map.payload_type);
    append(" ");
    append(map.encoding);
    append("/");
    append(map.clock_rate);
    if (map.channels != 1) {
      append("/");
      append(map.channels);
    }
    line();
    for (const RtcpFeedback& feedback : media.feedback)
      if (feedback.payload_type == map.payload_type)
        line("a=rtcp-fb:", map.payload_type, " ", feedback.value);
    for (const Fmtp& fmtp : media.fmtps)
      if (fmtp.payload_type == map.payload_type)
        line("a=fmtp:", map.payload_type, " ", fmtp.parameters);
  }
  for (const RtcpFeedback& feedback : media.feedback)
    if (!feedback.payload_type) line("a=rtcp-fb:* ", feedback.value);
}

void Writer::write_sources(const MediaDescription& media) {
  for (const SsrcGroup& group : media.ssrc_groups) {
    append("a=ssrc-group:");
    append(group.semantics);
    for (const Ssrc ssrc : group.ssrcs) {
      append(" ");
      append(ssrc.value);
    }
    line();
  }
  for (const SsrcAttribute& source : media.ssrcs)
    line("a=ssrc:", source.ssrc.value, " ", source.name, source.value.empty() ? "" : ":",
         source.value);
}

void Writer::append_streams(std::string_view direction,
                            const std::vector<std::vector<SimulcastAlternative>>& streams) {
  std::string_view before = " ";
  append(direction);
  for (const auto& alternatives : streams) {
    for (const SimulcastAlternative& alternative : alternatives) {
      append(before);
      append(alternative.paused ? "~" : "");
      append(alternative.rid);
      before = ",";
    }
    before = ";";
  }
}

void Writer::write_simulcast(const MediaDescription& media) {
  for (const Rid& rid : media.rids)
    line("a=rid:", rid.id, rid.send ? " send" : " recv", rid.restrictions.empty() ? "" : " ",
         rid.restrictions);
  if (!media.simulcast) return;
  const Simulcast& simulcast = *media.simulcast;
  append("a=simulcast:");
  if (!simulcast.send.empty()) append_streams("send", simulcast.send);
  if (!simulcast.send.empty() && !simulcast.receive.empty()) append(" ");
  if (!simulcast.receive.empty()) append_streams("recv", simulcast.receive);
  line();
}

void Writer::write_media(const MediaDescription& media, bool fragment) {
  append("m=");
  append(media.media);
  append(" ");
  append(media.port);
  append(" ");
  append(media.protocol);
  for (const std::string& format : media.formats) {
    append(" ");
    append(format);
  }
  line();
  if (!fragment) line("c=IN IP4 0.0.0.0");
  if (!media.mid.empty()) line("a=mid:", media.mid);
  if (media.bundle_only) line("a=bundle-only");
  write_transport(media.transport);
  for (const ExtMap& map : media.extmaps)
    line("a=extmap:", map.id, map.direction ? "/" : "",
         map.direction ? direction_name(*map.direction) : "", " ", map.uri);
  if (media.direction) line("a=", direction_name(*media.direction));
  for (const Msid& msid : media.msids)
    line("a=msid:", msid.stream, msid.track.empty() ? "" : " ", msid.track);
  if (media.rtcp_mux) line("a=rtcp-mux");
  if (media.rtcp_rsize) line("a=rtcp-rsize");
  write_codecs(media);
  write_sources(media);
  write_simulcast(media);
}

}  // namespace

std::string write_sdp(const SessionDescription& session) {
  Writer writer;
  writer.write_preamble(session);
  writer.write_attributes(session);
  for (const MediaDescription& media : session.media) writer.write_media(media, false);
  return writer.take();
}

std::string write_sdp_fragment(const SessionDescription& session) {
  Writer writer;
  writer.write_attributes(session);
  for (const MediaDescription& media : session.media) writer.write_media(media, true);
  return writer.take();
}

}  // namespace loopcast::wire
