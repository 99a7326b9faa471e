// The RTP header extensions that browsers offer: their names in SDP and their values.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"
#include "base/time.h"

namespace loopcast::wire {

enum class ExtensionKind : uint8_t {
  kMid,                   // RFC 9143, section 15: a text
  kRid,                   // RFC 8852, section 3.1: a text
  kRepairedRid,           // RFC 8852, section 3.2: a text
  kAudioLevel,            // RFC 6464
  kAbsSendTime,           // webrtc.org, abs-send-time
  kTransportCc,           // draft-holmer-rmcat-transport-wide-cc-extensions-01: a number of 16 bits
  kVideoOrientation,      // 3GPP TS 26.114, section 7.4.5
  kPlayoutDelay,          // webrtc.org, playout-delay
  kVideoTiming,           // webrtc.org, video-timing
  kColorSpace,            // webrtc.org, color-space
  kAbsCaptureTime,        // webrtc.org, abs-capture-time
  kTransmissionOffset,    // RFC 5450
  kDependencyDescriptor,  // AV1 RTP payload specification, appendix A
  kVideoLayersAllocation,  // webrtc.org, video-layers-allocation00
  kVideoContentType,       // webrtc.org, video-content-type
  kCount
};
constexpr size_t kExtensionKinds = static_cast<size_t>(ExtensionKind::kCount);

// The kind that an extmap attribute (RFC 8285, section 5) names; nullopt for one unknown here.
std::optional<ExtensionKind> extension_kind(std::string_view uri);
// Empty for kCount.
std::string_view extension_uri(ExtensionKind kind);

// The decoders return nullopt if the value has not the size that its specification gives it.

// When a packet leaves: seconds modulo 64, with 18 bits of fraction (about 3.8 us).
using AbsSendTime = std::array<uint8_t, 3>;
AbsSendTime encode_abs_send_time(Instant now);
// The raw 24 bits.
std::optional<uint32_t> decode_abs_send_time(Bytes value);
// The time from `earlier` to `later`, raw values, -32 s to just below 32 s.
Duration abs_send_time_between(uint32_t earlier, uint32_t later);

std::array<uint8_t, 2> encode_transport_cc(uint16_t sequence);
std::optional<uint16_t> decode_transport_cc(Bytes value);

struct AudioLevel {
  bool voice = false;   // the sender believes that it is speech
  uint8_t level = 127;  // 0 (loudest) to 127 (silence), in -dBov
  bool operator==(const AudioLevel&) const = default;
};
std::array<uint8_t, 1> encode_audio_level(AudioLevel level);
std::optional<AudioLevel> decode_audio_level(Bytes value);

struct VideoOrientation {
  bool back_camera = false;
  bool flip = false;      // mirrored horizontally
  uint16_t rotation = 0;  // degrees clockwise: 0, 90, 180 or 270
  bool operator==(const VideoOrientation&) const = default;
};
std::array<uint8_t, 1> encode_video_orientation(VideoOrientation orientation);
std::optional<VideoOrientation> decode_video_orientation(Bytes value);

struct AbsCaptureTime {
  uint64_t ntp = 0;                     // when the frame was captured, by its capturer's clock
  std::optional<int64_t> clock_offset;  // the sender's clock minus that one, in 2^-32 s
  bool operator==(const AbsCaptureTime&) const = default;
};
// The bytes of an encoded value: 8 of them, or 16 with an offset.
struct AbsCaptureTimeValue {
  std::array<uint8_t, 16> raw{};
  size_t size = 0;
  Bytes bytes() const { return Bytes(raw).first(size); }
};
AbsCaptureTimeValue encode_abs_capture_time(const AbsCaptureTime& time);
std::optional<AbsCaptureTime> decode_abs_capture_time(Bytes value);

}  // namespace loopcast::wire
