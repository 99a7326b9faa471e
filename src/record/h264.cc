#include "record/h264.h"

#include <algorithm>
#include <array>
#include <utility>

#include "record/bit_reader.h"
#include "rtc/format_parameters.h"

namespace loopcast::record {
namespace {

// NAL unit types (ITU-T H.264, table 7-1; RFC 6184, table 1).
constexpr uint8_t kSlice = 1;
constexpr uint8_t kIdrSlice = 5;
constexpr uint8_t kSps = 7;
constexpr uint8_t kPps = 8;
constexpr uint8_t kDelimiter = 9;
constexpr uint8_t kLastSingle = 23;
constexpr uint8_t kStapA = 24;
constexpr uint8_t kFuA = 28;

constexpr uint8_t kFuStart = 0x80;
constexpr uint8_t kFuEnd = 0x40;
constexpr size_t kLengthSize = 4;
// Parameter sets have 16 bits of length in avcC.
constexpr size_t kMaxParameterSet = 4096;

uint8_t type_of(uint8_t header) { return header & 0x1F; }

// Without the emulation prevention bytes (section 7.4.1).
std::vector<uint8_t> unescape(Bytes unit) {
  std::vector<uint8_t> out;
  out.reserve(unit.size());
  int zeros = 0;
  for (const uint8_t byte : unit) {
    if (zeros >= 2 && byte == 3) {
      zeros = 0;
      continue;
    }
    zeros = byte == 0 ? zeros + 1 : 0;
    out.push_back(byte);
  }
  return out;
}

void skip_scaling_list(BitReader& r, int size) {
  int64_t last = 8, next = 8;
  for (int i = 0; i < size && r.ok(); ++i) {
    if (next != 0) next = (last + r.signed_exp_golomb() + 256) % 256;
    last = next == 0 ? last : next;
  }
}

bool has_chroma_format(uint32_t profile) {
  for (const uint32_t p : {100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
    if (profile == p) return true;
  return false;
}

// Bytes of avcC behind the parameter sets, for profiles that have them.
struct Chroma {
  uint32_t format = 1;
  uint32_t luma_depth = 8;
  uint32_t chroma_depth = 8;
};

// Section 7.3.2.1.1.
bool parse_sps(Bytes sps, uint32_t& width, uint32_t& height, Chroma& chroma) {
  const std::vector<uint8_t> plain = unescape(sps);
  BitReader r(plain);
  r.skip(8);
  const uint32_t profile = r.bits(8);
  r.skip(16);
  r.exp_golomb();
  bool planes_apart = false;
  if (has_chroma_format(profile)) {
    chroma.format = r.exp_golomb();
    if (chroma.format > 3) return false;
    if (chroma.format == 3) planes_apart = r.bit() != 0;
    chroma.luma_depth = 8 + r.exp_golomb();
    chroma.chroma_depth = 8 + r.exp_golomb();
    if (chroma.luma_depth > 14 || chroma.chroma_depth > 14) return false;
    r.skip(1);
    if (r.bit() != 0) {
      const int lists = chroma.format == 3 ? 12 : 8;
      for (int i = 0; i < lists; ++i)
        if (r.bit() != 0) skip_scaling_list(r, i < 6 ? 16 : 64);
    }
  }
  r.exp_golomb();
  const uint32_t order_type = r.exp_golomb();
  if (order_type == 0) {
    r.exp_golomb();
  } else if (order_type == 1) {
    r.skip(1);
    r.exp_golomb();
    r.exp_golomb();
    const uint32_t cycle = r.exp_golomb();
    for (uint32_t i = 0; i < cycle && r.ok(); ++i) r.exp_golomb();
  }
  r.exp_golomb();
  r.skip(1);
  const uint64_t columns = uint64_t{r.exp_golomb()} + 1;
  const uint64_t rows = uint64_t{r.exp_golomb()} + 1;
  const uint32_t frames_only = r.bit();
  if (frames_only == 0) r.skip(1);
  r.skip(1);
  uint64_t w = columns * 16, h = rows * 16 * (2 - frames_only);
  if (r.bit() != 0) {
    const bool sub = !planes_apart && chroma.format != 0;
    const uint64_t unit_x = sub && chroma.format < 3 ? 2 : 1;
    const uint64_t unit_y = (sub && chroma.format == 1 ? 2 : 1) * (2 - frames_only);
    const uint64_t left = r.exp_golomb(), right = r.exp_golomb();
    const uint64_t top = r.exp_golomb(), bottom = r.exp_golomb();
    const uint64_t cut_x = unit_x * (left + right), cut_y = unit_y * (top + bottom);
    if (cut_x >= w || cut_y >= h) return false;
    w -= cut_x;
    h -= cut_y;
  }
  // What is cut off is decoded all the same.
  if (!r.ok() || !is_sane_size(columns * 16, rows * 16 * (2 - frames_only))) return false;
  width = static_cast<uint32_t>(w);
  height = static_cast<uint32_t>(h);
  return true;
}

void append_set(std::vector<uint8_t>& out, Bytes set) {
  std::array<uint8_t, 2> size;
  store_u16(size.data(), static_cast<uint16_t>(set.size()));
  out.insert(out.end(), size.begin(), size.end());
  out.insert(out.end(), set.begin(), set.end());
}

void prepend_unit(std::vector<uint8_t>& data, Bytes unit) {
  std::array<uint8_t, kLengthSize> size;
  store_u32(size.data(), static_cast<uint32_t>(unit.size()));
  data.insert(data.begin(), unit.begin(), unit.end());
  data.insert(data.begin(), size.begin(), size.end());
}

// RFC 4648, section 4. Empty if it is malformed.
std::vector<uint8_t> from_base64(std::string_view text) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  while (text.ends_with('=')) text.remove_suffix(1);
  std::vector<uint8_t> bytes;
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const size_t value = kAlphabet.find(c);
    if (value == std::string_view::npos) return {};
    bits = bits << 6 | static_cast<uint32_t>(value);
    if ((count += 6) < 8) continue;
    count -= 8;
    bytes.push_back(static_cast<uint8_t>(bits >> count));
  }
  return bytes;
}

// The picture parameter set that a slice refers to (section 7.3.3).
uint32_t pps_of_slice(Bytes unit) {
  constexpr size_t kEnough = 24;
  const std::vector<uint8_t> plain = unescape(unit.first(std::min(unit.size(), kEnough)));
  BitReader r(plain);
  r.skip(8);
  r.exp_golomb();
  r.exp_golomb();
  const uint32_t id = r.exp_golomb();
  return r.ok() ? id : 0;
}

}  // namespace

std::optional<VideoConfig> h264_config(Bytes sps, Bytes pps) {
  if (sps.size() < 4 || pps.empty()) return std::nullopt;
  VideoConfig config;
  Chroma chroma;
  if (!parse_sps(sps, config.width, config.height, chroma)) return std::nullopt;
  // ISO/IEC 14496-15, section 5.3.3.1: lengths of 4 bytes, one set of each kind.
  config.description = {1, sps[1], sps[2], sps[3], 0xFF, 0xE1};
  append_set(config.description, sps);
  config.description.push_back(1);
  append_set(config.description, pps);
  const uint8_t profile = sps[1];
  if (profile == 100 || profile == 110 || profile == 122 || profile == 144) {
    config.description.push_back(static_cast<uint8_t>(0xFC | chroma.format));
    config.description.push_back(static_cast<uint8_t>(0xF8 | (chroma.luma_depth - 8)));
    config.description.push_back(static_cast<uint8_t>(0xF8 | (chroma.chroma_depth - 8)));
    config.description.push_back(0);
  }
  return config;
}

void ParameterSets::keep(Set&& set) {
  std::erase_if(sets_, [&](const Set& old) { return old.id == set.id; });
  if (sets_.size() == kMost) sets_.erase(sets_.begin());
  sets_.push_back(std::move(set));
}

const ParameterSets::Set* ParameterSets::find(uint32_t id) const {
  const auto it = std::ranges::find(sets_, id, &Set::id);
  if (it != sets_.end()) return &*it;
  return sets_.empty() ? nullptr : &sets_.back();
}

void ParameterSets::prepend_missing(std::vector<uint8_t>& data) const {
  for (auto set = sets_.rbegin(); set != sets_.rend(); ++set)
    if (!set->here) prepend_unit(data, set->unit);
}

void ParameterSets::end_picture() {
  for (Set& set : sets_) set.here = false;
}

H264Depacketizer::H264Depacketizer(std::string_view fmtp) {
  constexpr size_t kLongest = 4 * kMaxParameterSet;
  auto sets = rtc::format_parameter(fmtp, "sprop-parameter-sets").value_or("");
  if (sets.size() > kLongest) return;
  while (!sets.empty()) {
    const size_t comma = std::min(sets.find(','), sets.size());
    // One that is malformed may come rightly in the stream.
    static_cast<void>(keep_set(from_base64(sets.substr(0, comma)), false));
    sets.remove_prefix(std::min(comma + 1, sets.size()));
  }
}

bool H264Depacketizer::keep_set(Bytes unit, bool here) {
  if (unit.size() < 2 || unit.size() > kMaxParameterSet) return false;
  const std::vector<uint8_t> plain = unescape(unit);
  BitReader r(plain);
  ParameterSets::Set set;
  set.here = here;
  if (type_of(unit[0]) == kSps) {
    uint32_t width = 0, height = 0;
    Chroma chroma;
    if (!parse_sps(unit, width, height, chroma)) return false;
    r.skip(32);
    set.id = r.exp_golomb();
  } else if (type_of(unit[0]) == kPps) {
    r.skip(8);
    set.id = r.exp_golomb();
    set.refers_to = r.exp_golomb();
  } else {
    return false;
  }
  if (!r.ok()) return false;
  set.unit.assign(unit.begin(), unit.end());
  (type_of(unit[0]) == kSps ? sps_ : pps_).keep(std::move(set));
  return true;
}

bool H264Depacketizer::add(Bytes payload) {
  if (payload.empty() || data_.size() + payload.size() > kMaxFrame) return false;
  const uint8_t type = type_of(payload[0]);
  if (type == kFuA) return add_fragment(payload[0], payload.subspan(1));
  if (open_) return false;
  if (type == kStapA) return add_aggregate(payload.subspan(1));
  return type >= 1 && type <= kLastSingle && add_unit(payload);
}

bool H264Depacketizer::add_aggregate(Bytes units) {
  ByteReader r(units);
  while (r.remaining() > 0) {
    const Bytes unit = r.bytes(r.u16());
    if (!r.ok() || unit.empty() || !add_unit(unit)) return false;
  }
  return true;
}

bool H264Depacketizer::add_fragment(uint8_t indicator, Bytes fragment) {
  if (fragment.size() < 2) return false;
  const uint8_t header = fragment[0];
  const bool start = (header & kFuStart) != 0;
  if (start == open_) return false;
  if (start) {
    unit_start_ = data_.size();
    open_ = true;
    data_.resize(data_.size() + kLengthSize);
    data_.push_back(static_cast<uint8_t>((indicator & 0xE0) | type_of(header)));
  }
  data_.insert(data_.end(), fragment.begin() + 1, fragment.end());
  return (header & kFuEnd) == 0 || end_unit();
}

bool H264Depacketizer::add_unit(Bytes unit) {
  unit_start_ = data_.size();
  data_.resize(data_.size() + kLengthSize);
  data_.insert(data_.end(), unit.begin(), unit.end());
  return end_unit();
}

bool H264Depacketizer::end_unit() {
  open_ = false;
  const Bytes unit = Bytes(data_).subspan(unit_start_ + kLengthSize);
  const uint8_t type = type_of(unit[0]);
  if (type == kDelimiter) {
    data_.resize(unit_start_);
    return true;
  }
  if ((type == kSps || type == kPps) && !keep_set(unit, true)) return false;
  if (type >= kSlice && type <= kIdrSlice) {
    // A leading 1 is first_mb_in_slice = 0: the first slice of a picture. Without it the start is
    // missing.
    if (!has_slice_ && (unit.size() < 2 || (unit[1] & 0x80) == 0)) return false;
    if (!has_slice_) slice_pps_ = pps_of_slice(unit);
    has_slice_ = true;
    keyframe_ |= type == kIdrSlice;
  }
  store_u32(&data_[unit_start_], static_cast<uint32_t>(unit.size()));
  return true;
}

std::optional<Frame> H264Depacketizer::take() {
  std::optional<Frame> frame;
  if (!open_ && has_slice_) {
    frame.emplace(Frame{keyframe_, std::move(data_)});
    if (keyframe_) {
      const auto* pps = pps_.find(slice_pps_);
      const auto* sps = pps ? sps_.find(pps->refers_to) : nullptr;
      if (sps) frame->config = h264_config(sps->unit, pps->unit);
      // A decoder that begins here needs them; not every sender repeats them.
      if (frame->config) {
        pps_.prepend_missing(frame->data);
        sps_.prepend_missing(frame->data);
      } else {
        frame.reset();
      }
    }
  }
  drop();
  return frame;
}

void H264Depacketizer::drop() {
  data_.clear();
  sps_.end_picture();
  pps_.end_picture();
  open_ = keyframe_ = has_slice_ = false;
}

}  // namespace loopcast::record
