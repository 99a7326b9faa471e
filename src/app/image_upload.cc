#include "app/image_upload.h"

#include <algorithm>
#include <string_view>

namespace loopcast::app {
namespace {

using namespace std::string_view_literals;

constexpr auto kPngSignature = "\x89PNG\r\n\x1A\n"sv;
constexpr auto kJpegStart = "\xFF\xD8\xFF"sv;
constexpr auto kScanMarker = "\xFF\xDA"sv;

bool is_essential(std::string_view type) {
  return type == "IHDR" || type == "PLTE" || type == "tRNS" || type == "IDAT" || type == "IEND";
}

}  // namespace

std::optional<ImageFormat> image_format(Bytes image) {
  const std::string_view text = as_text(image);
  if (text.starts_with(kPngSignature)) return ImageFormat::kPng;
  if (text.starts_with(kJpegStart)) return ImageFormat::kJpeg;
  if (text.starts_with("RIFF") && text.substr(4).size() > 8 && text.substr(8, 4) == "WEBP")
    return ImageFormat::kWebp;
  return std::nullopt;
}

std::vector<uint8_t> essential_png(Bytes png) {
  constexpr size_t kHead = 8;  // length and type
  constexpr size_t kCrc = 4;
  std::vector<uint8_t> out(png.begin(), png.begin() + std::min(png.size(), kPngSignature.size()));
  png = png.subspan(out.size());
  while (png.size() >= kHead + kCrc) {
    const size_t length = load_u32(png.data());
    if (length > png.size() - kHead - kCrc) break;
    const Bytes chunk = png.first(kHead + length + kCrc);
    if (is_essential(as_text(chunk.subspan(4, 4))))
      out.insert(out.end(), chunk.begin(), chunk.end());
    png = png.subspan(chunk.size());
  }
  return out;
}

size_t count_jpeg_scans(Bytes jpeg) {
  // In coded data a byte FF is followed by 00, so the marker stands for itself wherever it is.
  std::string_view rest = as_text(jpeg);
  size_t scans = 0;
  for (size_t at; (at = rest.find(kScanMarker)) != rest.npos; rest.remove_prefix(at + 2)) ++scans;
  return scans;
}

}  // namespace loopcast::app
