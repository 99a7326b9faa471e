#include "http/utf8.h"

#include <cstdint>

namespace loopcast::http {

size_t utf8_character(std::string_view text) {
  if (text.empty()) return 0;
  const auto at = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const auto continues = [&](size_t i) { return i < text.size() && (at(i) & 0xC0) == 0x80; };
  const uint8_t first = at(0);
  if (first < 0x80) return 1;
  if (first < 0xC2) return 0;
  if (first < 0xE0) return continues(1) ? 2 : 0;
  if (first < 0xF0) {
    if (!continues(1) || !continues(2)) return 0;
    if (first == 0xE0 && at(1) < 0xA0) return 0;
    if (first == 0xED && at(1) >= 0xA0) return 0;
    return 3;
  }
  if (first > 0xF4 || !continues(1) || !continues(2) || !continues(3)) return 0;
  if (first == 0xF0 && at(1) < 0x90) return 0;
  if (first == 0xF4 && at(1) >= 0x90) return 0;
  return 4;
}

bool is_utf8(std::string_view text) { return utf16_length(text).has_value(); }

std::optional<size_t> utf16_length(std::string_view text) {
  size_t units = 0;
  while (!text.empty()) {
    const size_t bytes = utf8_character(text);
    if (bytes == 0) return std::nullopt;
    units += bytes == 4 ? 2 : 1;
    text.remove_prefix(bytes);
  }
  return units;
}

std::optional<size_t> utf16_prefix(std::string_view text, size_t units) {
  size_t position = 0;
  while (units > 0) {
    const size_t bytes = utf8_character(text.substr(position));
    const size_t width = bytes == 4 ? 2 : 1;
    if (bytes == 0 || width > units) return std::nullopt;
    units -= width;
    position += bytes;
  }
  return position;
}

}  // namespace loopcast::http
