// VP8 payloads (RFC 7741, section 4).
#include "wire/codec_payloads.h"

namespace loopcast::wire {
namespace {

// Bits of the descriptor's first byte, and of its extension byte.
constexpr uint8_t kExtended = 0x80;
constexpr uint8_t kPartitionStart = 0x10;
constexpr uint8_t kPartitionMask = 0x07;
constexpr uint8_t kHasPictureId = 0x80;
constexpr uint8_t kHasTl0PicIdx = 0x40;
constexpr uint8_t kHasTemporalLayer = 0x20;
constexpr uint8_t kHasKeyIndex = 0x10;
constexpr uint8_t kLongPictureId = 0x80;
constexpr uint8_t kLayerSync = 0x20;
// Of the payload header: set on all but key frames.
constexpr uint8_t kInterFrame = 0x01;
// Frame tag, start code and dimensions of a key frame (RFC 6386, section 9.1). They are never
// split: the first partition of a key frame is far larger than them.
constexpr size_t kKeyFrameHeaderSize = 10;

}  // namespace

std::optional<PayloadInfo> inspect_vp8(Bytes payload, bool marker) {
  ByteReader r(payload);
  PayloadInfo info;
  info.frame_end = info.layer_end = marker;
  const uint8_t first = r.u8();
  if ((first & kExtended) != 0) {
    const uint8_t extension = r.u8();
    if ((extension & kHasPictureId) != 0 && (r.u8() & kLongPictureId) != 0) r.skip(1);
    if ((extension & kHasTl0PicIdx) != 0) r.skip(1);
    if ((extension & (kHasTemporalLayer | kHasKeyIndex)) != 0) {
      const uint8_t layer = r.u8();
      if ((extension & kHasTemporalLayer) != 0) {
        info.temporal_layer = layer >> 6;
        info.switch_up = (layer & kLayerSync) != 0;
      }
    }
  }
  const Bytes frame = r.rest();
  if (!r.ok() || frame.empty()) return std::nullopt;
  info.frame_start = (first & kPartitionStart) != 0 && (first & kPartitionMask) == 0;
  info.layer_start = info.frame_start;
  info.keyframe = info.frame_start && (frame[0] & kInterFrame) == 0;
  if (info.keyframe && frame.size() < kKeyFrameHeaderSize) return std::nullopt;
  return info;
}

}  // namespace loopcast::wire
