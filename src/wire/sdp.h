// Session descriptions (RFC 8866) as far as WebRTC needs them (RFC 8829): ICE (RFC 8839), DTLS
// (RFC 8122, RFC 8842), BUNDLE (RFC 9143), RTP feedback (RFC 4585), header extensions (RFC 8285),
// sources (RFC 5576), msid (RFC 8830), simulcast (RFC 8851, RFC 8853). Everything else is skipped.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/expected.h"
#include "base/units.h"
#include "wire/candidate.h"

namespace loopcast::wire {

// Limits of what is parsed. Chromium's offer with every codec has 7 kB, two sections and 170
// attributes in one of them, and other platforms add more H.264 and H.265 profiles of nine each.
// Reaching one fails the whole description, except that further candidates are ignored: hosts with
// many interfaces are normal, and their candidates do not count as attributes.
inline constexpr size_t kMaxSdpSize = 32 * 1024;
inline constexpr size_t kMaxSdpMediaSections = 16;
inline constexpr size_t kMaxSdpAttributes = 512;  // in one section
inline constexpr size_t kMaxSdpCandidates = 64;   // in one section

enum class Direction : uint8_t { kInactive = 0, kSendOnly = 1, kRecvOnly = 2, kSendRecv = 3 };
constexpr bool sends(Direction d) { return (static_cast<uint8_t>(d) & 1) != 0; }
constexpr bool receives(Direction d) { return (static_cast<uint8_t>(d) & 2) != 0; }
constexpr Direction make_direction(bool send, bool receive) {
  return static_cast<Direction>((send ? 1 : 0) | (receive ? 2 : 0));
}
// "sendrecv", "sendonly", "recvonly", "inactive".
std::string_view direction_name(Direction direction);

// RFC 4145, section 4.
enum class SetupRole : uint8_t { kActPass, kActive, kPassive, kHoldConn };

struct Origin {
  std::string username = "-";
  uint64_t session_id = 0;
  uint64_t session_version = 0;
  std::string address = "0.0.0.0";  // "IP6" is written if it has a colon
  bool operator==(const Origin&) const = default;
};

// RFC 8122, section 5.
struct Fingerprint {
  std::string algorithm;  // lower case, "sha-256"
  std::vector<uint8_t> value;
  bool operator==(const Fingerprint&) const = default;
};
// "sha-256 AB:CD:..." both ways; nullopt if it is malformed. The length is not held against the
// algorithm here.
std::optional<Fingerprint> parse_fingerprint(std::string_view text);
std::string write_fingerprint(const Fingerprint& fingerprint);

// What may stand at the session level and be repeated or overridden in a section.
struct TransportAttributes {
  std::string ice_ufrag;
  std::string ice_password;
  std::vector<std::string> ice_options;
  std::vector<Fingerprint> fingerprints;
  std::optional<SetupRole> setup;
  bool extmap_allow_mixed = false;
  std::vector<Candidate> candidates;  // those that parse_candidate accepts
  bool end_of_candidates = false;
  bool operator==(const TransportAttributes&) const = default;
};

struct RtpMap {
  PayloadType payload_type = 0;
  std::string encoding;  // as written; compared without regard to case
  uint32_t clock_rate = 0;
  uint8_t channels = 1;
  bool operator==(const RtpMap&) const = default;
};

struct Fmtp {
  PayloadType payload_type = 0;
  std::string parameters;  // as written: "minptime=10;useinbandfec=1"
  bool operator==(const Fmtp&) const = default;
};

struct RtcpFeedback {
  std::optional<PayloadType> payload_type;  // nullopt: "*", all of the section
  std::string value;                        // "nack", "nack pli", "ccm fir", "transport-cc"
  bool operator==(const RtcpFeedback&) const = default;
};

struct ExtMap {
  uint16_t id = 0;                     // 1 to 255 (RFC 8285); 4096 to 4351 are not kept
  std::optional<Direction> direction;  // nullopt: that of the section
  std::string uri;
  bool operator==(const ExtMap&) const = default;
};

// RFC 5576: one attribute of one source; `value` is empty where there is none.
struct SsrcAttribute {
  Ssrc ssrc;
  std::string name;   // "cname", "msid"
  std::string value;  // after the colon
  bool operator==(const SsrcAttribute&) const = default;
};

struct SsrcGroup {
  std::string semantics;  // "FID", "SIM"
  std::vector<Ssrc> ssrcs;
  bool operator==(const SsrcGroup&) const = default;
};

// RFC 8830. A stream of "-" means none.
struct Msid {
  std::string stream;
  std::string track;
  bool operator==(const Msid&) const = default;
};

// RFC 8851.
struct Rid {
  std::string id;
  bool send = true;          // from the side that wrote the description
  std::string restrictions;  // as written: "pt=96;max-width=1280"
  bool operator==(const Rid&) const = default;
};

// RFC 8853: streams in order of preference, each a list of alternatives.
struct SimulcastAlternative {
  std::string rid;
  bool paused = false;
  bool operator==(const SimulcastAlternative&) const = default;
};
struct Simulcast {
  std::vector<std::vector<SimulcastAlternative>> send;
  std::vector<std::vector<SimulcastAlternative>> receive;
  bool operator==(const Simulcast&) const = default;
};

struct MediaDescription {
  std::string media;  // "audio", "video", "application"
  uint16_t port = 9;  // 0: rejected, or bundle-only
  std::string protocol;
  std::vector<std::string> formats;  // payload types as text, for they need not be numbers

  std::string mid;
  std::optional<Direction> direction;  // as written here; see direction_of
  bool rtcp_mux = false;
  bool rtcp_rsize = false;
  bool bundle_only = false;
  TransportAttributes transport;
  std::vector<Msid> msids;
  std::vector<RtpMap> rtpmaps;
  std::vector<Fmtp> fmtps;
  std::vector<RtcpFeedback> feedback;
  std::vector<ExtMap> extmaps;
  std::vector<SsrcAttribute> ssrcs;
  std::vector<SsrcGroup> ssrc_groups;
  std::vector<Rid> rids;
  std::optional<Simulcast> simulcast;

  bool operator==(const MediaDescription&) const = default;
};

struct SessionDescription {
  Origin origin;
  TransportAttributes transport;
  bool ice_lite = false;
  std::optional<Direction> direction;
  std::string msid_semantic;                            // as written: "WMS *"
  std::vector<std::vector<std::string>> bundle_groups;  // the mids of each a=group:BUNDLE
  std::vector<MediaDescription> media;

  bool operator==(const SessionDescription&) const = default;
};

// Of the section, else of the session, else sendrecv (RFC 8866, section 6.7).
Direction direction_of(const SessionDescription& session, const MediaDescription& media);

// Lines may end in CRLF or LF. Errors: "offer_too_large" for more than kMaxSdpSize, else "bad_sdp"
// with the number of the line and what is wrong with it. Attributes that are not known are skipped;
// so are malformed ones that offer and answer can do without: candidate, extmap, msid, rid,
// simulcast.
Expected<SessionDescription> parse_sdp(std::string_view text);

// The same for a fragment (RFC 8840, section 9), which begins with attributes or a section.
Expected<SessionDescription> parse_sdp_fragment(std::string_view text);

// Ends every line in CRLF. The strings are written as they are: they come from parse_sdp or from
// this program, and hold no line ends. Parameters and feedback stand with the rtpmap of their
// payload type, and are left out without one.
std::string write_sdp(const SessionDescription& session);
std::string write_sdp_fragment(const SessionDescription& session);

}  // namespace loopcast::wire
