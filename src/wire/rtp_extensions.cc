#include "wire/rtp_extensions.h"

namespace loopcast::wire {
namespace {

// In the order of ExtensionKind.
constexpr std::array<std::string_view, kExtensionKinds> kUris = {
    "urn:ietf:params:rtp-hdrext:sdes:mid",
    "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
    "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
    "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
    "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
    "urn:3gpp:video-orientation",
    "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay",
    "http://www.webrtc.org/experiments/rtp-hdrext/video-timing",
    "http://www.webrtc.org/experiments/rtp-hdrext/color-space",
    "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time",
    "urn:ietf:params:rtp-hdrext:toffset",
    "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension",
    "http://www.webrtc.org/experiments/rtp-hdrext/video-layers-allocation00",
    "http://www.webrtc.org/experiments/rtp-hdrext/video-content-type",
};

constexpr int64_t kAbsSendTimePeriodUs = 64'000'000;
constexpr uint32_t kAbsSendTimeMask = 0xFF'FFFF;

}  // namespace

std::optional<ExtensionKind> extension_kind(std::string_view uri) {
  for (size_t i = 0; i < kUris.size(); ++i)
    if (kUris[i] == uri) return static_cast<ExtensionKind>(i);
  return std::nullopt;
}

std::string_view extension_uri(ExtensionKind kind) {
  const auto i = static_cast<size_t>(kind);
  return i < kUris.size() ? kUris[i] : std::string_view{};
}

AbsSendTime encode_abs_send_time(Instant now) {
  int64_t us = now.us() % kAbsSendTimePeriodUs;
  if (us < 0) us += kAbsSendTimePeriodUs;
  const auto raw = static_cast<uint32_t>(((us << 18) + 500'000) / 1'000'000) & kAbsSendTimeMask;
  AbsSendTime value;
  store_u24(value.data(), raw);
  return value;
}

std::optional<uint32_t> decode_abs_send_time(Bytes value) {
  if (value.size() != 3) return std::nullopt;
  return load_u24(value.data());
}

Duration abs_send_time_between(uint32_t earlier, uint32_t later) {
  const auto difference = static_cast<int32_t>((later - earlier) << 8) >> 8;
  return Duration::micros((int64_t{difference} * 1'000'000) >> 18);
}

std::array<uint8_t, 2> encode_transport_cc(uint16_t sequence) {
  std::array<uint8_t, 2> value;
  store_u16(value.data(), sequence);
  return value;
}

std::optional<uint16_t> decode_transport_cc(Bytes value) {
  if (value.size() != 2) return std::nullopt;
  return load_u16(value.data());
}

std::array<uint8_t, 1> encode_audio_level(AudioLevel level) {
  return {static_cast<uint8_t>((level.voice ? 0x80 : 0) | (level.level & 0x7F))};
}

std::optional<AudioLevel> decode_audio_level(Bytes value) {
  if (value.size() != 1) return std::nullopt;
  return AudioLevel{(value[0] & 0x80) != 0, static_cast<uint8_t>(value[0] & 0x7F)};
}

std::array<uint8_t, 1> encode_video_orientation(VideoOrientation orientation) {
  const int quarter_turns = orientation.rotation / 90 & 3;
  return {static_cast<uint8_t>((orientation.back_camera ? 8 : 0) | (orientation.flip ? 4 : 0) |
                               quarter_turns)};
}

std::optional<VideoOrientation> decode_video_orientation(Bytes value) {
  if (value.size() != 1) return std::nullopt;
  return VideoOrientation{(value[0] & 8) != 0, (value[0] & 4) != 0,
                          static_cast<uint16_t>((value[0] & 3) * 90)};
}

AbsCaptureTimeValue encode_abs_capture_time(const AbsCaptureTime& time) {
  AbsCaptureTimeValue value;
  ByteWriter w(value.raw);
  w.u64(time.ntp);
  if (time.clock_offset) w.u64(static_cast<uint64_t>(*time.clock_offset));
  value.size = w.position();
  return value;
}

std::optional<AbsCaptureTime> decode_abs_capture_time(Bytes value) {
  if (value.size() != 8 && value.size() != 16) return std::nullopt;
  ByteReader r(value);
  AbsCaptureTime time{r.u64(), std::nullopt};
  if (r.remaining() > 0) time.clock_offset = static_cast<int64_t>(r.u64());
  return time;
}

}  // namespace loopcast::wire
