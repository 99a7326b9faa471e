#include "record/av1.h"

#include "record/bit_reader.h"

namespace loopcast::record {
namespace {

// OBU types (AV1 bitstream specification, section 6.2.2).
constexpr uint8_t kSequenceHeader = 1;
constexpr uint8_t kTemporalDelimiter = 2;
constexpr uint8_t kFrameHeader = 3;
constexpr uint8_t kFrame = 6;
constexpr uint8_t kTileList = 8;
constexpr uint8_t kPadding = 15;

constexpr uint8_t kForbiddenBit = 0x80;
constexpr uint8_t kExtensionBit = 0x04;
constexpr uint8_t kHasSize = 0x02;

size_t read_leb128(ByteReader& r) {
  constexpr int kMaxBytes = 8;
  uint64_t value = 0;
  for (int i = 0; i < kMaxBytes; ++i) {
    const uint8_t byte = r.u8();
    value |= uint64_t{byte & 0x7Fu} << 7 * i;
    if ((byte & 0x80) == 0) return value;
  }
  r.skip(r.remaining() + 1);
  return 0;
}

void append_leb128(std::vector<uint8_t>& out, size_t value) {
  do {
    const auto low = static_cast<uint8_t>(value & 0x7F);
    value >>= 7;
    out.push_back(value != 0 ? low | 0x80 : low);
  } while (value != 0);
}

void skip_variable(BitReader& r) {  // uvlc()
  int zeros = 0;
  while (r.ok() && r.bit() == 0) ++zeros;
  if (zeros < 32) r.skip(zeros);
}

struct Sequence {
  uint32_t profile = 0, level = 0, tier = 0;
  uint32_t width = 0, height = 0;
  uint32_t high_depth = 0, twelve = 0, mono = 0;
  uint32_t subsampling_x = 1, subsampling_y = 1, position = 0;
};

void parse_operating_points(BitReader& r, Sequence& s) {
  bool decoder_model = false;
  uint32_t delay_length = 0;
  if (r.bit() != 0) {  // timing_info_present_flag
    r.skip(64);
    if (r.bit() != 0) skip_variable(r);
    decoder_model = r.bit() != 0;
    if (decoder_model) {
      delay_length = r.bits(5) + 1;
      r.skip(32 + 5 + 5);
    }
  }
  const bool initial_delay = r.bit() != 0;
  const uint32_t points = r.bits(5) + 1;
  for (uint32_t i = 0; i < points && r.ok(); ++i) {
    r.skip(12);
    const uint32_t level = r.bits(5);
    const uint32_t tier = level > 7 ? r.bit() : 0;
    if (i == 0) s.level = level, s.tier = tier;
    if (decoder_model && r.bit() != 0) r.skip(static_cast<int>(2 * delay_length + 1));
    if (initial_delay && r.bit() != 0) r.skip(4);
  }
}

// color_config(), section 5.5.2.
void parse_colour(BitReader& r, Sequence& s) {
  s.high_depth = r.bit();
  if (s.profile == 2 && s.high_depth != 0) s.twelve = r.bit();
  if (s.profile != 1) s.mono = r.bit();
  uint32_t primaries = 2, transfer = 2, matrix = 2;
  if (r.bit() != 0) {
    primaries = r.bits(8);
    transfer = r.bits(8);
    matrix = r.bits(8);
  }
  if (s.mono != 0) return;
  if (primaries == 1 && transfer == 13 && matrix == 0) {
    s.subsampling_x = s.subsampling_y = 0;
    return;
  }
  r.skip(1);
  if (s.profile == 1) {
    s.subsampling_x = s.subsampling_y = 0;
  } else if (s.profile == 2) {
    s.subsampling_x = s.twelve != 0 ? r.bit() : 1;
    s.subsampling_y = s.twelve != 0 && s.subsampling_x != 0 ? r.bit() : 0;
  }
  if (s.subsampling_x != 0 && s.subsampling_y != 0) s.position = r.bits(2);
}

// sequence_header_obu(), section 5.5.1, without its OBU header.
std::optional<Sequence> parse_sequence(Bytes body) {
  BitReader r(body);
  Sequence s;
  s.profile = r.bits(3);
  r.skip(1);
  const bool reduced = r.bit() != 0;
  if (reduced)
    s.level = r.bits(5);
  else
    parse_operating_points(r, s);
  const uint32_t width_bits = r.bits(4) + 1, height_bits = r.bits(4) + 1;
  s.width = r.bits(static_cast<int>(width_bits)) + 1;
  s.height = r.bits(static_cast<int>(height_bits)) + 1;
  if (!reduced && r.bit() != 0) r.skip(7);  // frame ids
  r.skip(3);
  if (!reduced) {
    r.skip(4);
    const bool order_hint = r.bit() != 0;
    if (order_hint) r.skip(2);
    const bool choose_screen_content = r.bit() != 0;
    const uint32_t screen_content = choose_screen_content ? 2 : r.bit();
    if (screen_content > 0 && r.bit() == 0) r.skip(1);
    if (order_hint) r.skip(3);
  }
  r.skip(3);
  parse_colour(r, s);
  return r.ok() ? std::optional(s) : std::nullopt;
}

}  // namespace

bool Av1Depacketizer::add(Bytes payload) {
  ByteReader r(payload);
  const uint8_t header = r.u8();
  const bool continues = (header & 0x80) != 0, goes_on = (header & 0x40) != 0;
  const unsigned count = header >> 4 & 3;
  if (!r.ok() || r.remaining() == 0 || continues != open_) return false;
  if (data_.size() + fragment_.size() + payload.size() > kMaxFrame) return false;
  for (unsigned element = 1; r.remaining() > 0; ++element) {
    const Bytes part = r.bytes(element == count ? r.remaining() : read_leb128(r));
    if (!r.ok() || part.empty()) return false;
    const bool unfinished = goes_on && r.remaining() == 0;
    if (open_ || unfinished) {
      fragment_.insert(fragment_.end(), part.begin(), part.end());
      open_ = unfinished;
      if (open_) break;
      if (!add_obu(fragment_)) return false;
      fragment_.clear();
    } else if (!add_obu(part)) {
      return false;
    }
  }
  return true;
}

bool Av1Depacketizer::add_obu(Bytes obu) {
  ByteReader r(obu);
  const uint8_t header = r.u8();
  if ((header & kForbiddenBit) != 0) return false;
  const bool extended = (header & kExtensionBit) != 0;
  const uint8_t extension = extended ? r.u8() : uint8_t{0};
  const Bytes body = (header & kHasSize) != 0 ? r.bytes(read_leb128(r)) : r.rest();
  if (!r.ok()) return false;
  const uint8_t type = header >> 3 & 0x0F;
  // Not in files (AV1 Codec ISO Media File Format Binding, section 2.4).
  if (type == kTemporalDelimiter || type == kTileList || type == kPadding) return true;
  const size_t start = data_.size();
  data_.push_back(header | kHasSize);
  if (extended) data_.push_back(extension);
  append_leb128(data_, body.size());
  data_.insert(data_.end(), body.begin(), body.end());
  if (type == kSequenceHeader) {
    const auto s = parse_sequence(body);
    if (!s || !is_sane_size(s->width, s->height)) return false;
    sequence_header_.assign(data_.begin() + static_cast<ptrdiff_t>(start), data_.end());
    VideoConfig config{s->width, s->height, {}};
    config.description = {
        0x81, static_cast<uint8_t>(s->profile << 5 | s->level),
        static_cast<uint8_t>(s->tier << 7 | s->high_depth << 6 | s->twelve << 5 | s->mono << 4 |
                             s->subsampling_x << 3 | s->subsampling_y << 2 | s->position),
        0};
    config.description.insert(config.description.end(), sequence_header_.begin(),
                              sequence_header_.end());
    config_ = std::move(config);
  } else if ((type == kFrame || type == kFrameHeader) && !has_frame_) {
    if (body.empty()) return false;
    has_frame_ = true;
    // show_existing_frame = 0 and frame_type = KEY_FRAME.
    key_ = (body[0] & 0xE0) == 0;
  }
  return true;
}

std::optional<Frame> Av1Depacketizer::take() {
  std::optional<Frame> frame;
  if (!open_ && has_frame_) {
    // A decoder begins where the sequence header is.
    const bool keyframe = key_ && config_.has_value();
    frame.emplace(Frame{keyframe, std::move(data_)});
    if (keyframe) frame->config = std::move(config_);
  }
  drop();
  return frame;
}

void Av1Depacketizer::drop() {
  data_.clear();
  fragment_.clear();
  sequence_header_.clear();
  config_.reset();
  open_ = has_frame_ = key_ = false;
}

}  // namespace loopcast::record
