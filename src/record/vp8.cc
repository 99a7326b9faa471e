#include "record/vp8.h"

namespace loopcast::record {
namespace {

constexpr uint8_t kExtended = 0x80;
constexpr uint8_t kPartitionStart = 0x10;
constexpr uint8_t kPartitionMask = 0x07;

// Frame tag, start code, width and height (RFC 6386, section 9.1).
constexpr size_t kKeyframeHeader = 10;

// What follows the descriptor; empty if it is malformed.
Bytes skip_descriptor(Bytes payload, bool& begins) {
  ByteReader r(payload);
  const uint8_t first = r.u8();
  begins = (first & kPartitionStart) != 0 && (first & kPartitionMask) == 0;
  if ((first & kExtended) != 0) {
    const uint8_t fields = r.u8();
    if ((fields & 0x80) != 0 && (r.u8() & 0x80) != 0) r.skip(1);  // picture id
    if ((fields & 0x40) != 0) r.skip(1);                          // TL0PICIDX
    if ((fields & 0x30) != 0) r.skip(1);                          // TID, KEYIDX
  }
  return r.ok() ? r.rest() : Bytes{};
}

}  // namespace

bool Vp8Depacketizer::begins_picture(Bytes payload) const {
  bool begins = false;
  return !skip_descriptor(payload, begins).empty() && begins;
}

bool Vp8Depacketizer::add(Bytes payload) {
  bool begins = false;
  const Bytes part = skip_descriptor(payload, begins);
  if (part.empty() || begins != data_.empty() || data_.size() + part.size() > kMaxFrame)
    return false;
  data_.insert(data_.end(), part.begin(), part.end());
  return true;
}

std::optional<Frame> Vp8Depacketizer::take() {
  if (data_.empty()) return std::nullopt;
  Frame frame{(data_[0] & 1) == 0, std::move(data_)};
  data_ = {};
  if (!frame.keyframe) return frame;
  const std::vector<uint8_t>& d = frame.data;
  if (d.size() < kKeyframeHeader || d[3] != 0x9D || d[4] != 0x01 || d[5] != 0x2A)
    return std::nullopt;
  // 14 bits each, little endian; the others are a scale for display.
  const uint32_t width = (d[6] | uint32_t{d[7]} << 8) & 0x3FFF;
  const uint32_t height = (d[8] | uint32_t{d[9]} << 8) & 0x3FFF;
  if (!is_sane_size(width, height)) return std::nullopt;
  frame.config = VideoConfig{width, height, {}};
  return frame;
}

}  // namespace loopcast::record
