// What may stand in a text that others see: a nickname, a title, comments.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace loopcast::app {

enum class Glyph : uint8_t {
  kVisible,
  kSpace,
  kLine,       // a line break or a tabulator
  kJoiner,     // joins its neighbours, or keeps them apart: U+200C, U+200D
  kVariation,  // text or emoji: U+FE0E, U+FE0F
  // Controls, bidirectional controls, by which text reads in another order than it has, and what
  // shows nothing.
  kForbidden,
};
Glyph glyph_of(char32_t c);

// Whether `text` is UTF-8 of at most `max_code_points`, without anything forbidden, and without
// lines unless `lines`.
bool is_visible_text(std::string_view text, size_t max_code_points, bool lines);
// The text without what is forbidden, lines, or malformed.
std::string visible_text(std::string_view text);

}  // namespace loopcast::app
