// UTF-8 as JavaScript sees it.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace loopcast::http {

// The length of the first character in bytes (RFC 3629: no surrogates, no overlong forms, at most
// U+10FFFF); 0 if `text` does not begin with one.
size_t utf8_character(std::string_view text);

bool is_utf8(std::string_view text);

// How many UTF-16 code units the text has (String.length); nullopt if it is not UTF-8.
std::optional<size_t> utf16_length(std::string_view text);

// How many bytes the first `units` UTF-16 code units of `text` have; nullopt if there are fewer, if
// the count ends inside a character, or if it is not UTF-8 up to there.
std::optional<size_t> utf16_prefix(std::string_view text, size_t units);

}  // namespace loopcast::http
