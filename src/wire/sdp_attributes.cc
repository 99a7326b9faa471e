#include "wire/sdp_attributes.h"

#include <array>
#include <utility>

#include "wire/text.h"

namespace loopcast::wire {
namespace {

constexpr PayloadType kMaxPayloadType = 127;  // RFC 3550, section 5.1: 7 bits
constexpr size_t kMaxIcePassword = 256;       // RFC 8839, section 5.4
constexpr size_t kMaxIceOptions = 16;         // "trickle", "ice2", "renomination" are all there are
constexpr size_t kMaxFingerprints = 8;        // one for each hash function of RFC 8122
constexpr size_t kMaxToken = 128;             // mids, rids, hash names; UUIDs in braces have 38
constexpr size_t kMaxBundleGroups = kMaxSdpMediaSections;
constexpr uint16_t kMaxExtensionId = 255;  // RFC 8285, section 5: the two-byte header
constexpr size_t kMaxSsrcsInGroup = 32;

constexpr std::array<std::pair<Direction, std::string_view>, 4> kDirections{{
    {Direction::kInactive, "inactive"},
    {Direction::kSendOnly, "sendonly"},
    {Direction::kRecvOnly, "recvonly"},
    {Direction::kSendRecv, "sendrecv"},
}};

std::optional<Direction> direction_from(std::string_view name) {
  for (const auto& [direction, n] : kDirections)
    if (n == name) return direction;
  return std::nullopt;
}

std::optional<SetupRole> setup_from(std::string_view name) {
  if (name == "actpass") return SetupRole::kActPass;
  if (name == "active") return SetupRole::kActive;
  if (name == "passive") return SetupRole::kPassive;
  if (name == "holdconn") return SetupRole::kHoldConn;
  return std::nullopt;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (lower(c) >= 'a' && lower(c) <= 'f') return lower(c) - 'a' + 10;
  return -1;
}

const char* read_rtpmap(std::string_view value, MediaDescription& media) {
  const auto payload_type = parse_decimal<PayloadType>(take_word(value), kMaxPayloadType);
  std::string_view encoding = trim(value);
  RtpMap map;
  map.encoding = take_until(encoding, '/');
  const auto clock_rate = parse_decimal<uint32_t>(take_until(encoding, '/'));
  const auto channels = encoding.empty() ? uint8_t{1} : parse_decimal<uint8_t>(encoding);
  if (!payload_type || !is_token(map.encoding, kMaxToken) || !clock_rate || *clock_rate == 0 ||
      !channels)
    return "a=rtpmap is malformed";
  map.payload_type = *payload_type;
  map.clock_rate = *clock_rate;
  map.channels = *channels;
  for (const RtpMap& other : media.rtpmaps)
    if (other.payload_type == map.payload_type)
      return other == map ? nullptr : "a=rtpmap gives a payload type a second meaning";
  media.rtpmaps.push_back(std::move(map));
  return nullptr;
}

const char* read_fmtp(std::string_view value, MediaDescription& media) {
  const auto payload_type = parse_decimal<PayloadType>(take_word(value), kMaxPayloadType);
  if (!payload_type) return "the payload type of a=fmtp is malformed";
  media.fmtps.push_back({*payload_type, std::string(trim(value))});
  return nullptr;
}

const char* read_feedback(std::string_view value, MediaDescription& media) {
  const std::string_view target = take_word(value);
  RtcpFeedback feedback;
  if (target != "*") {
    feedback.payload_type = parse_decimal<PayloadType>(target, kMaxPayloadType);
    if (!feedback.payload_type) return "the payload type of a=rtcp-fb is malformed";
  }
  feedback.value = trim(value);
  media.feedback.push_back(std::move(feedback));
  return nullptr;
}

void read_extmap(std::string_view value, MediaDescription& media) {
  std::string_view id = take_word(value);
  ExtMap map;
  const auto number = parse_decimal<uint16_t>(take_until(id, '/'), kMaxExtensionId);
  if (!id.empty()) {
    map.direction = direction_from(id);
    if (!map.direction) return;
  }
  map.uri = take_word(value);
  if (!number || *number == 0 || map.uri.empty()) return;
  map.id = *number;
  media.extmaps.push_back(std::move(map));
}

const char* read_ssrc(std::string_view value, MediaDescription& media) {
  const auto ssrc = parse_decimal<uint32_t>(take_word(value));
  if (!ssrc) return "the source of a=ssrc is malformed";
  SsrcAttribute attribute{Ssrc{*ssrc}, {}, {}};
  attribute.name = take_until(value, ':');
  attribute.value = value;
  media.ssrcs.push_back(std::move(attribute));
  return nullptr;
}

const char* read_ssrc_group(std::string_view value, MediaDescription& media) {
  SsrcGroup group{std::string(take_word(value)), {}};
  for (std::string_view word = take_word(value); !word.empty(); word = take_word(value)) {
    const auto ssrc = parse_decimal<uint32_t>(word);
    if (!ssrc || group.ssrcs.size() == kMaxSsrcsInGroup) return "a=ssrc-group is malformed";
    group.ssrcs.push_back(Ssrc{*ssrc});
  }
  media.ssrc_groups.push_back(std::move(group));
  return nullptr;
}

void read_msid(std::string_view value, MediaDescription& media) {
  Msid msid;
  msid.stream = take_word(value);
  msid.track = take_word(value);
  if (!msid.stream.empty()) media.msids.push_back(std::move(msid));
}

void read_rid(std::string_view value, MediaDescription& media) {
  Rid rid;
  rid.id = take_word(value);
  const std::string_view direction = take_word(value);
  if (!is_token(rid.id, kMaxToken) || (direction != "send" && direction != "recv")) return;
  rid.send = direction == "send";
  rid.restrictions = trim(value);
  media.rids.push_back(std::move(rid));
}

// "1;~2,3": streams are separated by semicolons, alternatives by commas, "~" is paused.
bool read_simulcast_streams(std::string_view list,
                            std::vector<std::vector<SimulcastAlternative>>& streams) {
  if (list.empty() || !streams.empty()) return false;
  while (!list.empty()) {
    std::string_view alternatives = take_until(list, ';');
    std::vector<SimulcastAlternative> stream;
    while (!alternatives.empty()) {
      std::string_view rid = take_until(alternatives, ',');
      const bool paused = rid.starts_with('~');
      if (paused) rid.remove_prefix(1);
      if (!is_token(rid, kMaxToken)) return false;
      stream.push_back({std::string(rid), paused});
    }
    if (stream.empty()) return false;
    streams.push_back(std::move(stream));
  }
  return true;
}

void read_simulcast(std::string_view value, MediaDescription& media) {
  Simulcast simulcast;
  for (std::string_view word = take_word(value); !word.empty(); word = take_word(value)) {
    if (word != "send" && word != "recv") return;
    auto& streams = word == "send" ? simulcast.send : simulcast.receive;
    if (!read_simulcast_streams(take_word(value), streams)) return;
  }
  if (!simulcast.send.empty() || !simulcast.receive.empty()) media.simulcast = std::move(simulcast);
}

const char* read_group(std::string_view value, SessionDescription& session) {
  if (take_word(value) != "BUNDLE") return nullptr;
  if (session.bundle_groups.size() == kMaxBundleGroups) return "there are too many BUNDLE groups";
  std::vector<std::string> mids;
  for (std::string_view mid = take_word(value); !mid.empty(); mid = take_word(value)) {
    if (!is_token(mid, kMaxToken)) return "a mid of a=group is malformed";
    if (mids.size() == kMaxSdpMediaSections) return "a=group names too many sections";
    mids.emplace_back(mid);
  }
  session.bundle_groups.push_back(std::move(mids));
  return nullptr;
}

}  // namespace

std::string_view direction_name(Direction direction) {
  return kDirections[static_cast<size_t>(direction)].second;
}

std::optional<Fingerprint> parse_fingerprint(std::string_view text) {
  constexpr size_t kMaxHash = 64;  // bytes of SHA-512, the longest hash of RFC 8122
  const std::string_view algorithm = take_word(text);
  std::string_view hex = trim(text);
  if (!is_token(algorithm, kMaxToken) || hex.empty()) return std::nullopt;
  Fingerprint fingerprint;
  for (const char c : algorithm) fingerprint.algorithm += lower(c);
  while (!hex.empty()) {
    const bool last = hex.size() == 2;
    if (fingerprint.value.size() == kMaxHash || hex.size() < 2 || (!last && hex.size() < 5))
      return std::nullopt;
    const int high = hex_digit(hex[0]);
    const int low = hex_digit(hex[1]);
    if (high < 0 || low < 0 || (!last && hex[2] != ':')) return std::nullopt;
    fingerprint.value.push_back(static_cast<uint8_t>(high * 16 + low));
    hex.remove_prefix(last ? 2 : 3);
  }
  return fingerprint;
}

std::string write_fingerprint(const Fingerprint& fingerprint) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out = fingerprint.algorithm;
  char separator = ' ';
  for (const uint8_t byte : fingerprint.value) {
    out += separator;
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
    separator = ':';
  }
  return out;
}

const char* read_transport_attribute(std::string_view name, std::string_view value,
                                     TransportAttributes& transport) {
  if (name == "candidate") {
    if (transport.candidates.size() == kMaxSdpCandidates) return nullptr;
    if (auto candidate = parse_candidate("candidate:" + std::string(value)))
      transport.candidates.push_back(*std::move(candidate));
  } else if (name == "end-of-candidates") {
    transport.end_of_candidates = true;
  } else if (name == "ice-ufrag") {
    if (!is_ice_text(value, kMaxIceUfrag)) return "a=ice-ufrag is malformed";
    transport.ice_ufrag = value;
  } else if (name == "ice-pwd") {
    if (!is_ice_text(value, kMaxIcePassword)) return "a=ice-pwd is malformed";
    transport.ice_password = value;
  } else if (name == "ice-options") {
    for (std::string_view option = take_word(value); !option.empty(); option = take_word(value))
      if (transport.ice_options.size() < kMaxIceOptions) transport.ice_options.emplace_back(option);
  } else if (name == "fingerprint") {
    auto fingerprint = parse_fingerprint(value);
    if (!fingerprint) return "a=fingerprint is malformed";
    if (transport.fingerprints.size() < kMaxFingerprints)
      transport.fingerprints.push_back(*std::move(fingerprint));
  } else if (name == "setup") {
    transport.setup = setup_from(value);
    if (!transport.setup) return "a=setup is malformed";
  } else if (name == "extmap-allow-mixed") {
    transport.extmap_allow_mixed = true;
  }
  return nullptr;
}

const char* read_session_attribute(std::string_view name, std::string_view value,
                                   SessionDescription& session) {
  if (name == "group") return read_group(value, session);
  if (name == "ice-lite") {
    session.ice_lite = true;
  } else if (name == "msid-semantic") {
    session.msid_semantic = trim(value);
  } else if (const auto direction = direction_from(name)) {
    session.direction = direction;
  } else {
    return read_transport_attribute(name, value, session.transport);
  }
  return nullptr;
}

const char* read_media_attribute(std::string_view name, std::string_view value,
                                 MediaDescription& media) {
  if (name == "mid") {
    if (!is_token(value, kMaxToken)) return "a=mid is malformed";
    if (!media.mid.empty() && media.mid != value) return "the section has a second mid";
    media.mid = value;
    return nullptr;
  }
  if (const auto direction = direction_from(name)) {
    media.direction = direction;
    return nullptr;
  }
  if (name == "bundle-only") {
    media.bundle_only = true;
    return nullptr;
  }
  // The formats of other sections, like data channels, are no payload types.
  if (media.media != "audio" && media.media != "video")
    return read_transport_attribute(name, value, media.transport);

  if (name == "rtpmap") return read_rtpmap(value, media);
  if (name == "fmtp") return read_fmtp(value, media);
  if (name == "rtcp-fb") return read_feedback(value, media);
  if (name == "ssrc") return read_ssrc(value, media);
  if (name == "ssrc-group") return read_ssrc_group(value, media);
  if (name == "rtcp-mux") {
    media.rtcp_mux = true;
  } else if (name == "rtcp-rsize") {
    media.rtcp_rsize = true;
  } else if (name == "extmap") {
    read_extmap(value, media);
  } else if (name == "msid") {
    read_msid(value, media);
  } else if (name == "rid") {
    read_rid(value, media);
  } else if (name == "simulcast") {
    read_simulcast(value, media);
  } else {
    return read_transport_attribute(name, value, media.transport);
  }
  return nullptr;
}

}  // namespace loopcast::wire
