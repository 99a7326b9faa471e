#include "app/nickname.h"

#include <optional>

#include "app/messages.h"
#include "app/unicode.h"
#include "app/utf8.h"
#include "app/visible_text.h"

namespace loopcast::app {
namespace {

// Longer input is refused unread: white space around a nickname does not need kilobytes.
constexpr size_t kMaxInputBytes = 1024;

bool is_ascii_letter(char32_t c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// Without spaces at the ends, with single ones inside: a run of spaces shows as one in a page.
// nullopt if it is malformed or has what a nickname must not have: joiners and variation selectors
// too where there is nothing that they could join or change, and show nothing.
std::optional<std::string> tidy(std::string_view text) {
  std::string out;
  bool space_pending = false;
  char32_t before = ' ';
  while (!text.empty()) {
    const char* const start = text.data();
    const std::optional<char32_t> c = next_code_point(text);
    if (!c) return std::nullopt;
    const Glyph glyph = glyph_of(*c);
    if (glyph == Glyph::kForbidden || glyph == Glyph::kLine) return std::nullopt;
    const Glyph last = glyph_of(before);
    const bool joins = glyph == Glyph::kJoiner || glyph == Glyph::kVariation;
    const bool after_joiner = last == Glyph::kJoiner;
    // A joiner stands between two that are visible; only a selector may come before it.
    if (after_joiner && glyph != Glyph::kVisible) return std::nullopt;
    if (joins && (last == Glyph::kSpace || is_ascii_letter(before))) return std::nullopt;
    if (glyph == Glyph::kVariation && last != Glyph::kVisible) return std::nullopt;
    before = *c;
    if (glyph == Glyph::kSpace) {
      space_pending = !out.empty();
      continue;
    }
    if (space_pending) out += ' ';
    space_pending = false;
    out.append(start, text.data());
  }
  if (glyph_of(before) == Glyph::kJoiner) return std::nullopt;
  return out;
}

// Something that is seen by itself comes first: a mark would sit on whatever stands before the
// name.
bool begins_well(std::string_view shown) {
  const std::optional<char32_t> first = next_code_point(shown);
  return first && !is_mark(*first);
}

}  // namespace

Expected<Nickname> parse_nickname(std::string_view text) {
  if (text.size() > kMaxInputBytes) return make_error(Code::kNicknameTooLong);
  const std::optional<std::string> spelled = tidy(text);
  if (!spelled || !begins_well(*spelled)) return make_error(Code::kNicknameInvalid);

  Nickname nickname;
  nickname.shown = nfc(*spelled);
  if (count_code_points(nickname.shown) > kMaxNicknameCodePoints)
    return make_error(Code::kNicknameTooLong);
  // Some characters stand for a space and something above it: tidied once more.
  const std::optional<std::string> folded = tidy(nfkc_casefold(nickname.shown));
  if (!folded || folded->empty()) return make_error(Code::kNicknameInvalid);
  nickname.key = *folded;
  nickname.shape = confusable_skeleton(nickname.key);

  nickname.former_key = *spelled;
  for (char& c : nickname.former_key)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  return nickname;
}

}  // namespace loopcast::app
