// What an uploaded picture is, and what of it a decoder may see.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"

namespace loopcast::app {

enum class ImageFormat : uint8_t { kPng, kJpeg, kWebp };

// By the first bytes; the rest may be anything.
std::optional<ImageFormat> image_format(Bytes image);

// The chunks of a PNG that make the picture: compressed profiles and texts in the others unpack to
// a thousand times their size. Ends where the file stops being chunks.
std::vector<uint8_t> essential_png(Bytes png);

// How many scans a JPEG may have: each goes over the whole picture, and an empty one costs its
// sender 20 bytes. Encoders make about ten.
inline constexpr size_t kMaxJpegScans = 32;
size_t count_jpeg_scans(Bytes jpeg);

}  // namespace loopcast::app
