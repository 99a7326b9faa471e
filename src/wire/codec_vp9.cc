// VP9 payloads (RFC 9628, section 4).
#include "wire/codec_payloads.h"

namespace loopcast::wire {
namespace {

// Bits of the descriptor's first byte.
constexpr uint8_t kHasPictureId = 0x80;
constexpr uint8_t kInterPicture = 0x40;
constexpr uint8_t kHasLayers = 0x20;
constexpr uint8_t kFlexible = 0x10;
constexpr uint8_t kFrameBegins = 0x08;
constexpr uint8_t kFrameEnds = 0x04;
constexpr uint8_t kHasStructure = 0x02;

constexpr uint8_t kLongPictureId = 0x80;
constexpr uint8_t kSwitchUp = 0x10;
constexpr uint8_t kMoreReferences = 0x01;
constexpr int kMaxReferences = 3;
constexpr uint8_t kStructureSizes = 0x10;
constexpr uint8_t kStructureGroup = 0x08;

void skip_structure(ByteReader& r) {
  const uint8_t first = r.u8();
  const size_t spatial_layers = (first >> 5) + 1u;
  if ((first & kStructureSizes) != 0) r.skip(4 * spatial_layers);
  if ((first & kStructureGroup) == 0) return;
  const unsigned pictures = r.u8();
  for (unsigned i = 0; i < pictures && r.ok(); ++i) r.skip(r.u8() >> 2 & 3);
}

}  // namespace

std::optional<PayloadInfo> inspect_vp9(Bytes payload, bool marker) {
  ByteReader r(payload);
  PayloadInfo info;
  const uint8_t first = r.u8();
  if ((first & kHasPictureId) != 0 && (r.u8() & kLongPictureId) != 0) r.skip(1);
  if ((first & kHasLayers) != 0) {
    const uint8_t layer = r.u8();
    info.temporal_layer = layer >> 5;
    info.switch_up = (layer & kSwitchUp) != 0;
    info.spatial_layer = layer >> 1 & 7;
    if ((first & kFlexible) == 0) r.skip(1);  // TL0PICIDX
  }
  if ((first & kFlexible) != 0 && (first & kInterPicture) != 0) {
    int references = 1;
    while ((r.u8() & kMoreReferences) != 0)
      if (++references > kMaxReferences) return std::nullopt;
  }
  if ((first & kHasStructure) != 0) skip_structure(r);
  if (!r.ok() || r.remaining() == 0) return std::nullopt;

  info.layer_start = (first & kFrameBegins) != 0;
  info.layer_end = (first & kFrameEnds) != 0;
  info.frame_start = info.layer_start && info.spatial_layer == 0;
  info.frame_end = marker;
  info.keyframe = info.frame_start && (first & kInterPicture) == 0;
  return info;
}

}  // namespace loopcast::wire
