#include "app/nickname.h"

#include <algorithm>
#include <iterator>
#include <optional>

#include "app/messages.h"
#include "app/unicode.h"
#include "app/utf8.h"

namespace loopcast::app {
namespace {

struct Range {
  char32_t first;
  char32_t last;
};

// Sorted. Default_Ignorable_Code_Point of Unicode 15 and what else shows nothing or changes how
// its neighbours show: controls, separators of lines, bidirectional controls, variation selectors,
// tags, fillers, private use and noncharacters.
constexpr Range kForbidden[] = {
    {0x0000, 0x001F},   {0x007F, 0x009F},    {0x00AD, 0x00AD}, {0x034F, 0x034F}, {0x061C, 0x061C},
    {0x115F, 0x1160},   {0x17B4, 0x17B5},    {0x180B, 0x180F}, {0x200B, 0x200F}, {0x2028, 0x202E},
    {0x2060, 0x206F},   {0x2800, 0x2800},    {0x3164, 0x3164}, {0xE000, 0xF8FF}, {0xFDD0, 0xFDEF},
    {0xFE00, 0xFE0F},   {0xFEFF, 0xFEFF},    {0xFFA0, 0xFFA0}, {0xFFF0, 0xFFFF}, {0x1BCA0, 0x1BCA3},
    {0x1D173, 0x1D17A}, {0xE0000, 0x10FFFF},
};

bool is_forbidden(char32_t c) {
  const auto after = std::upper_bound(std::begin(kForbidden), std::end(kForbidden), c,
                                      [](char32_t v, const Range& r) { return v < r.first; });
  // The last two code points of every plane are noncharacters.
  return (after != std::begin(kForbidden) && c <= std::prev(after)->last) || (c & 0xFFFE) == 0xFFFE;
}

// Space_Separator of Unicode 15.
bool is_space(char32_t c) {
  return c == ' ' || c == 0x00A0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x202F ||
         c == 0x205F || c == 0x3000;
}

// Longer input is refused unread: white space around a nickname does not need kilobytes.
constexpr size_t kMaxInputBytes = 1024;

// Without spaces at the ends, with single ones inside: a run of spaces shows as one in a page.
// nullopt if it is malformed or has what a nickname must not have.
std::optional<std::string> tidy(std::string_view text) {
  std::string out;
  bool space_pending = false;
  while (!text.empty()) {
    const char* const start = text.data();
    const std::optional<char32_t> c = next_code_point(text);
    if (!c || is_forbidden(*c)) return std::nullopt;
    if (is_space(*c)) {
      space_pending = !out.empty();
      continue;
    }
    if (space_pending) out += ' ';
    space_pending = false;
    out.append(start, text.data());
  }
  return out;
}

size_t count_code_points(std::string_view text) {
  size_t count = 0;
  while (next_code_point(text)) ++count;
  return count;
}

}  // namespace

Expected<Nickname> parse_nickname(std::string_view text) {
  if (text.size() > kMaxInputBytes) return make_error(Code::kNicknameTooLong);
  const std::optional<std::string> spelled = tidy(text);
  if (!spelled || spelled->empty()) return make_error(Code::kNicknameInvalid);

  Nickname nickname;
  nickname.shown = nfc(*spelled);
  if (count_code_points(nickname.shown) > kMaxNicknameCodePoints)
    return make_error(Code::kNicknameTooLong);
  // Some characters stand for a space and something above it: tidied once more.
  const std::optional<std::string> folded = tidy(nfkc_casefold(nickname.shown));
  if (!folded || folded->empty()) return make_error(Code::kNicknameInvalid);
  nickname.key = *folded;

  nickname.former_key = *spelled;
  for (char& c : nickname.former_key)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  return nickname;
}

}  // namespace loopcast::app
