// For tests: VP8 packets of a presenter, and what negotiation would have made of them.
#pragma once

#include <string>
#include <vector>

#include "rtc/negotiated_media.h"
#include "rtc/peer.h"

namespace loopcast::sfu {

inline rtc::NegotiatedMedia video_media(bool receive, bool send) {
  rtc::NegotiatedMedia media;
  media.kind = rtc::MediaKind::kVideo;
  media.mid = "1";
  media.index = 1;
  media.receive = receive;
  media.send = send;
  media.codec = wire::Codec::kVp8;
  media.payload_type = 96;
  media.rtx_payload_type = 97;
  media.clock_rate = 90'000;
  media.nack = media.pli = true;
  media.local_ssrc = Ssrc{0x1111};
  media.local_rtx_ssrc = Ssrc{0x2222};
  return media;
}

inline rtc::NegotiatedMedia audio_media(bool receive, bool send) {
  rtc::NegotiatedMedia media;
  media.mid = "0";
  media.receive = receive;
  media.send = send;
  media.payload_type = 111;
  media.clock_rate = 48'000;
  media.local_ssrc = Ssrc{0x3333};
  return media;
}

inline rtc::Negotiated publishing() {
  rtc::Negotiated negotiated;
  negotiated.media = {audio_media(true, false), video_media(true, false)};
  return negotiated;
}

inline rtc::Negotiated watching() {
  rtc::Negotiated negotiated;
  negotiated.media = {audio_media(false, true), video_media(false, true)};
  return negotiated;
}

enum class Part { kKeyframe, kDelta, kInside };

// RFC 7741: a descriptor of one byte and the frame tag; the last byte is `tag`.
inline std::vector<uint8_t> vp8(Part part, uint8_t tag = 0) {
  if (part == Part::kInside) return {0x00, 0xAA, tag};
  std::vector<uint8_t> payload{0x10, static_cast<uint8_t>(part == Part::kKeyframe ? 0x10 : 0x11)};
  payload.resize(12, 0xBB);
  payload.push_back(tag);
  return payload;
}

// RFC 6184: NAL units, each in a packet of its own.
enum class Nal : uint8_t { kSlice = 0x41, kIdr = 0x65, kSps = 0x67, kPps = 0x68 };
inline std::vector<uint8_t> h264(Nal nal, uint8_t tag = 0) {
  if (nal == Nal::kSps) return {static_cast<uint8_t>(nal), 0x42, 0xe0, 0x1f, 0x88, tag};
  return {static_cast<uint8_t>(nal), 0x88, 0x84, tag};
}

inline rtc::Negotiated publishing_h264(const std::string& fmtp = "packetization-mode=1") {
  rtc::Negotiated negotiated = publishing();
  negotiated.media[1].codec = wire::Codec::kH264;
  negotiated.media[1].fmtp = fmtp;
  return negotiated;
}

// As rtc::Peer hands it over.
inline rtc::Received received(size_t media, int64_t index, uint32_t timestamp, Bytes payload,
                              bool marker = true) {
  rtc::Received packet{.kind = rtc::Received::Kind::kRtp, .media = media, .index = index};
  packet.rtp.sequence = Seq16{static_cast<uint16_t>(index)};
  packet.rtp.timestamp = timestamp;
  packet.rtp.marker = marker;
  packet.rtp.payload = payload;
  return packet;
}

}  // namespace loopcast::sfu
