// UTF-8 (RFC 3629), one code point at a time.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace loopcast::app {

// The first code point of `text`, which is removed from it. nullopt, with `text` unchanged, if it
// is empty or does not start with a well-formed one (overlong forms and surrogates are not).
std::optional<char32_t> next_code_point(std::string_view& text);

// How many code points `text` begins with: all of them, if it is well-formed.
size_t count_code_points(std::string_view text);

// Space_Separator (Zs) of Unicode 15.
bool is_space_separator(char32_t c);

// `c`: a code point that next_code_point() returned.
std::string to_utf8(char32_t c);

}  // namespace loopcast::app
