// Normal forms of text (UAX #15).
#pragma once

#include <string>
#include <string_view>

namespace loopcast::app {

// Both are empty if `text` is empty or no UTF-8, or memory is short.
std::string nfc(std::string_view text);
// NFKC_Casefold (Unicode 3.13, R5): without capitals, full-width letters, ligatures, and what shows
// nothing.
std::string nfkc_casefold(std::string_view text);

}  // namespace loopcast::app
