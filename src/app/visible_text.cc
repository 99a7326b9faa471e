#include "app/visible_text.h"

#include <algorithm>
#include <iterator>

#include "app/utf8.h"

namespace loopcast::app {
namespace {

struct Range {
  char32_t first;
  char32_t last;
};

// Sorted. Default_Ignorable_Code_Point of Unicode 15 and what else shows nothing or changes how
// its neighbours show: controls, separators of lines, bidirectional controls, variation selectors,
// tags, fillers, private use and noncharacters. Not the joiners and the selectors of emoji, which
// telephones type, and without which Persian and Indic words cannot be spelled.
constexpr Range kForbidden[] = {
    {0x0000, 0x001F},   {0x007F, 0x009F},   {0x00AD, 0x00AD},    {0x034F, 0x034F}, {0x061C, 0x061C},
    {0x115F, 0x1160},   {0x17B4, 0x17B5},   {0x180B, 0x180F},    {0x200B, 0x200B}, {0x200E, 0x200F},
    {0x2028, 0x202E},   {0x2060, 0x206F},   {0x2800, 0x2800},    {0x3164, 0x3164}, {0xE000, 0xF8FF},
    {0xFDD0, 0xFDEF},   {0xFE00, 0xFE0D},   {0xFEFF, 0xFEFF},    {0xFFA0, 0xFFA0}, {0xFFF0, 0xFFFF},
    {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A}, {0xE0000, 0x10FFFF},
};

bool is_forbidden(char32_t c) {
  const auto after = std::upper_bound(std::begin(kForbidden), std::end(kForbidden), c,
                                      [](char32_t v, const Range& r) { return v < r.first; });
  // The last two code points of every plane are noncharacters.
  return (after != std::begin(kForbidden) && c <= std::prev(after)->last) || (c & 0xFFFE) == 0xFFFE;
}

}  // namespace

Glyph glyph_of(char32_t c) {
  if (is_space_separator(c)) return Glyph::kSpace;
  if (c == '\n' || c == '\r' || c == '\t') return Glyph::kLine;
  if (c == 0x200C || c == 0x200D) return Glyph::kJoiner;
  if (c == 0xFE0E || c == 0xFE0F) return Glyph::kVariation;
  return is_forbidden(c) ? Glyph::kForbidden : Glyph::kVisible;
}

bool is_visible_text(std::string_view text, size_t max_code_points, bool lines) {
  size_t count = 0;
  while (!text.empty()) {
    const auto c = next_code_point(text);
    if (!c || ++count > max_code_points) return false;
    const Glyph glyph = glyph_of(*c);
    if (glyph == Glyph::kForbidden || (glyph == Glyph::kLine && !lines)) return false;
  }
  return true;
}

std::string visible_text(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::string_view before = text;
    const auto c = next_code_point(text);
    if (!c) {
      text.remove_prefix(1);
      continue;
    }
    const Glyph glyph = glyph_of(*c);
    if (glyph != Glyph::kForbidden && glyph != Glyph::kLine)
      out.append(before.substr(0, before.size() - text.size()));
  }
  return out;
}

}  // namespace loopcast::app
