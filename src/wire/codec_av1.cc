// AV1 payloads (RTP Payload Format For AV1, section 4).
#include "wire/codec_payloads.h"

namespace loopcast::wire {
namespace {

// Bits of the aggregation header.
constexpr uint8_t kContinued = 0x80;
constexpr uint8_t kNewSequence = 0x08;

// OBU types (AV1 bitstream specification, section 6.2.2).
constexpr uint8_t kSequenceHeader = 1;
constexpr uint8_t kTemporalDelimiter = 2;
constexpr uint8_t kFrameHeader = 3;
constexpr uint8_t kFrame = 6;

constexpr uint8_t kObuForbiddenBit = 0x80;
constexpr uint8_t kObuExtensionBit = 0x04;

// A size in 7 bits a byte, least significant first (AV1 specification, section 4.10.5).
size_t leb128(ByteReader& r) {
  constexpr int kMaxBytes = 8;
  uint64_t value = 0;
  for (int i = 0; i < kMaxBytes; ++i) {
    const uint8_t byte = r.u8();
    value |= uint64_t{byte & 0x7Fu} << 7 * i;
    if ((byte & 0x80) == 0) return value;
  }
  r.skip(r.remaining() + 1);  // too long: malformed
  return 0;
}

struct Obus {
  bool sequence_header = false;
  bool frame_start = false;
  bool layers_known = false;  // by the first OBU that tells them
  uint8_t temporal_layer = 0;
  uint8_t spatial_layer = 0;
};

// An OBU that begins in this packet.
bool take_obu(Obus& obus, Bytes obu) {
  if (obu.empty() || (obu[0] & kObuForbiddenBit) != 0) return false;
  const bool extended = (obu[0] & kObuExtensionBit) != 0;
  if (extended && obu.size() < 2) return false;
  const uint8_t type = obu[0] >> 3 & 0x0F;
  obus.sequence_header |= type == kSequenceHeader;
  obus.frame_start |= type == kSequenceHeader || type == kTemporalDelimiter ||
                      type == kFrameHeader || type == kFrame;
  if (extended && !obus.layers_known) {
    obus.layers_known = true;
    obus.temporal_layer = obu[1] >> 5;
    obus.spatial_layer = obu[1] >> 3 & 3;
  }
  return true;
}

}  // namespace

std::optional<PayloadInfo> inspect_av1(Bytes payload, bool marker) {
  ByteReader r(payload);
  const uint8_t header = r.u8();
  const bool continued = (header & kContinued) != 0;
  const bool new_sequence = (header & kNewSequence) != 0;
  const unsigned count = header >> 4 & 3;  // of elements; 0: each one has its size before it
  if ((continued && new_sequence) || r.remaining() == 0) return std::nullopt;

  Obus obus;
  unsigned elements = 0;
  while (r.remaining() > 0) {
    ++elements;
    const Bytes element = r.bytes(elements == count ? r.remaining() : leb128(r));
    if (!r.ok() || element.empty()) return std::nullopt;
    const bool rest_of_earlier = continued && elements == 1;
    if (!rest_of_earlier && !take_obu(obus, element)) return std::nullopt;
  }
  if (count != 0 && elements != count) return std::nullopt;
  PayloadInfo info;
  info.temporal_layer = obus.temporal_layer;
  info.spatial_layer = obus.spatial_layer;
  info.layer_start = obus.frame_start;
  info.frame_start = obus.frame_start && obus.spatial_layer == 0;
  info.frame_end = info.layer_end = marker;
  info.keyframe = new_sequence || obus.sequence_header;
  return info;
}

}  // namespace loopcast::wire
