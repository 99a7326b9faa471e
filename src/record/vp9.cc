#include "record/vp9.h"

#include <algorithm>

#include "record/bit_reader.h"

namespace loopcast::record {
namespace {

// Bits of the descriptor's first byte (section 4.2).
constexpr uint8_t kHasPictureId = 0x80;
constexpr uint8_t kInterPicture = 0x40;
constexpr uint8_t kHasLayers = 0x20;
constexpr uint8_t kFlexible = 0x10;
constexpr uint8_t kBegins = 0x08;
constexpr uint8_t kEnds = 0x04;
constexpr uint8_t kHasStructure = 0x02;

constexpr int kMaxReferences = 3;
constexpr size_t kMaxLayers = 8;

void skip_structure(ByteReader& r, uint32_t& width, uint32_t& height) {
  const uint8_t first = r.u8();
  const unsigned layers = (first >> 5) + 1u;
  if ((first & 0x10) != 0) {
    for (unsigned i = 0; i < layers; ++i) {
      width = r.u16();
      height = r.u16();
    }
  }
  if ((first & 0x08) == 0) return;
  const unsigned pictures = r.u8();
  for (unsigned i = 0; i < pictures && r.ok(); ++i) r.skip(r.u8() >> 2 & 3);
}

struct Header {
  bool keyframe = false;
  uint32_t profile = 0;
  uint32_t depth = 8;
  uint32_t subsampling = 1;  // as vpcC has it: 1 is 4:2:0 with colocated chroma
  uint32_t full_range = 0;
  uint32_t width = 0;
  uint32_t height = 0;
};

// The beginning of the uncompressed header (VP9 bitstream specification, section 6.2).
std::optional<Header> parse_header(Bytes frame) {
  BitReader r(frame);
  Header h;
  if (r.bits(2) != 2) return std::nullopt;
  h.profile = r.bit();
  h.profile |= r.bit() << 1;
  if (h.profile == 3) r.skip(1);
  if (r.bit() != 0) return h;  // shows an earlier picture
  h.keyframe = r.bit() == 0;
  if (!h.keyframe) return r.ok() ? std::optional(h) : std::nullopt;
  r.skip(2);
  if (r.bits(24) != 0x498342) return std::nullopt;
  if (h.profile >= 2) h.depth = r.bit() != 0 ? 12 : 10;
  constexpr uint32_t kRgb = 7;
  if (r.bits(3) != kRgb) {
    h.full_range = r.bit();
    if (h.profile == 1 || h.profile == 3) {
      const uint32_t x = r.bit(), y = r.bit();
      h.subsampling = x == 0 ? 3 : y == 0 ? 2 : 1;
      r.skip(1);
    }
  } else {
    h.full_range = 1;
    h.subsampling = 3;
    if (h.profile == 1 || h.profile == 3) r.skip(1);
  }
  h.width = r.bits(16) + 1;
  h.height = r.bits(16) + 1;
  return r.ok() ? std::optional(h) : std::nullopt;
}

// The smallest level that allows the picture size (VP9 levels, by luma samples).
uint8_t level_of(uint64_t pixels) {
  constexpr std::pair<uint64_t, uint8_t> kLevels[] = {
      {36'864, 10},  {73'728, 11},  {122'880, 20},   {245'760, 21},
      {552'960, 30}, {983'040, 31}, {2'228'224, 41}, {8'912'896, 51},
  };
  for (const auto& [size, level] : kLevels)
    if (pixels <= size) return level;
  return 61;
}

// Annex B: sizes of all frames in one superframe, so that a decoder takes them apart.
void append_superframe_index(std::vector<uint8_t>& data, const std::vector<size_t>& starts) {
  constexpr uint8_t kFourBytes = 3;
  const auto marker =
      static_cast<uint8_t>(0xC0 | kFourBytes << 3 | static_cast<int>(starts.size() - 1));
  const size_t end = data.size();
  data.push_back(marker);
  for (size_t i = 0; i < starts.size(); ++i) {
    const size_t size = (i + 1 < starts.size() ? starts[i + 1] : end) - starts[i];
    for (int byte = 0; byte < 4; ++byte) data.push_back(static_cast<uint8_t>(size >> 8 * byte));
  }
  data.push_back(marker);
}

}  // namespace

bool Vp9Depacketizer::add(Bytes payload) {
  ByteReader r(payload);
  const uint8_t first = r.u8();
  if ((first & kHasPictureId) != 0 && (r.u8() & 0x80) != 0) r.skip(1);
  if ((first & kHasLayers) != 0) r.skip((first & kFlexible) != 0 ? 1 : 2);
  if ((first & kFlexible) != 0 && (first & kInterPicture) != 0) {
    int references = 1;
    while ((r.u8() & 1) != 0)
      if (++references > kMaxReferences) return false;
  }
  if ((first & kHasStructure) != 0) skip_structure(r, structure_width_, structure_height_);
  const Bytes part = r.rest();
  if (!r.ok() || part.empty() || data_.size() + part.size() > kMaxFrame) return false;
  const bool begins = (first & kBegins) != 0;
  if (begins == open_) return false;
  if (begins) {
    if (layer_starts_.size() == kMaxLayers) return false;
    layer_starts_.push_back(data_.size());
  }
  data_.insert(data_.end(), part.begin(), part.end());
  open_ = (first & kEnds) == 0;
  return true;
}

std::optional<Frame> Vp9Depacketizer::take() {
  std::optional<Frame> frame;
  if (!data_.empty() && !open_) {
    const auto header = parse_header(data_);
    if (header) {
      frame.emplace(Frame{header->keyframe, std::move(data_)});
      if (header->keyframe) {
        const bool layered = layer_starts_.size() > 1;
        VideoConfig config;
        config.width = layered ? std::max(header->width, structure_width_) : header->width;
        config.height = layered ? std::max(header->height, structure_height_) : header->height;
        if (!is_sane_size(config.width, config.height)) {
          drop();
          return std::nullopt;
        }
        // "VP Codec ISO Media File Format Binding", without its version: colours are not specified.
        config.description = {static_cast<uint8_t>(header->profile),
                              level_of(uint64_t{config.width} * config.height),
                              static_cast<uint8_t>(header->depth << 4 | header->subsampling << 1 |
                                                   header->full_range),
                              2,
                              2,
                              2,
                              0,
                              0};
        frame->config = std::move(config);
      }
      if (layer_starts_.size() > 1) append_superframe_index(frame->data, layer_starts_);
    }
  }
  drop();
  return frame;
}

void Vp9Depacketizer::drop() {
  data_.clear();
  layer_starts_.clear();
  open_ = false;
}

}  // namespace loopcast::record
