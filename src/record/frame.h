// A coded picture as a file keeps it.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "wire/codec.h"

namespace loopcast::record {

// Larger pictures are not recorded: a decoder takes several times as many bytes for each.
constexpr uint64_t kMaxPixels = 36'000'000;

// False: nothing that is decoded may be so large, or it is nothing.
constexpr bool is_sane_size(uint64_t width, uint64_t height) {
  constexpr uint64_t kMaxSide = 16'384;
  return width > 0 && height > 0 && width <= kMaxSide && height <= kMaxSide &&
         width * height <= kMaxPixels;
}

// What a decoder must know before the first picture.
struct VideoConfig {
  uint32_t width = 0;  // pixels
  uint32_t height = 0;
  // Contents of the box avcC (ISO/IEC 14496-15), vpcC or av1C; empty for VP8.
  std::vector<uint8_t> description;
  bool operator==(const VideoConfig&) const = default;
};

struct Frame {
  bool keyframe = false;
  // As MP4 and WebM store it: H.264 in units with 4 bytes of length, AV1 in OBUs with their sizes.
  std::vector<uint8_t> data;
  std::optional<VideoConfig> config = std::nullopt;  // of keyframes
};

}  // namespace loopcast::record
