// H.264 payloads (RFC 6184) of packetization modes 0 and 1.
#include "wire/codec_payloads.h"

namespace loopcast::wire {
namespace {

// NAL unit types (ITU-T H.264, table 7-1; RFC 6184, table 1).
constexpr uint8_t kSlice = 1;
constexpr uint8_t kPartitionA = 2;
constexpr uint8_t kIdrSlice = 5;
constexpr uint8_t kSei = 6;
constexpr uint8_t kSps = 7;
constexpr uint8_t kPps = 8;
constexpr uint8_t kDelimiter = 9;
constexpr uint8_t kLastSingle = 23;
constexpr uint8_t kStapA = 24;
constexpr uint8_t kFuA = 28;

constexpr uint8_t kForbiddenBit = 0x80;
constexpr uint8_t kFuStart = 0x80;

uint8_t type_of(uint8_t header) { return header & 0x1F; }

// A NAL unit that begins here: its header's type and what follows the header.
void take_nal_start(PayloadInfo& info, uint8_t type, Bytes body) {
  info.keyframe |= type == kIdrSlice;
  info.parameter_sets |= type == kSps || type == kPps;
  switch (type) {
    case kSlice:
    case kPartitionA:
    case kIdrSlice:
      // first_mb_in_slice is Exp-Golomb coded: a leading 1 is the value 0, the picture's first
      // slice.
      info.frame_start |= !body.empty() && (body[0] & 0x80) != 0;
      break;
    case kSei:
    case kSps:
    case kPps:
    case kDelimiter:
      info.frame_start = true;
      break;
    default:
      break;
  }
}

bool take_aggregate(PayloadInfo& info, Bytes units) {
  if (units.empty()) return false;
  ByteReader r(units);
  while (r.remaining() > 0) {
    const Bytes nal = r.bytes(r.u16());
    if (!r.ok() || nal.empty() || (nal[0] & kForbiddenBit) != 0) return false;
    const uint8_t type = type_of(nal[0]);
    if (type == 0 || type > kLastSingle) return false;
    take_nal_start(info, type, nal.subspan(1));
  }
  return true;
}

bool take_fragment(PayloadInfo& info, Bytes fragment) {
  if (fragment.empty()) return false;
  const uint8_t type = type_of(fragment[0]);
  if (type == 0 || type > kLastSingle) return false;
  if ((fragment[0] & kFuStart) != 0) take_nal_start(info, type, fragment.subspan(1));
  return true;
}

}  // namespace

std::optional<PayloadInfo> inspect_h264(Bytes payload, bool marker) {
  if ((payload[0] & kForbiddenBit) != 0) return std::nullopt;
  PayloadInfo info;
  info.frame_end = info.layer_end = marker;
  const uint8_t type = type_of(payload[0]);
  const Bytes body = payload.subspan(1);
  bool valid = true;
  if (type == kStapA) {
    valid = take_aggregate(info, body);
  } else if (type == kFuA) {
    valid = take_fragment(info, body);
  } else if (type >= 1 && type <= kLastSingle) {
    take_nal_start(info, type, body);
  } else {
    valid = false;  // interleaved mode, which nobody negotiates, or reserved
  }
  info.layer_start = info.frame_start;
  return valid ? std::optional(info) : std::nullopt;
}

}  // namespace loopcast::wire
