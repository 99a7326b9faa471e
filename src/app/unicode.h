// Normal forms of text (UAX #15), and what looks the same (UTS #39).
#pragma once

#include <string>
#include <string_view>

namespace loopcast::app {

// Both are empty if `text` is empty or no UTF-8, or memory is short.
std::string nfc(std::string_view text);
// NFKC_Casefold (Unicode 3.13, R5): without capitals, full-width letters, ligatures, and what shows
// nothing.
std::string nfkc_casefold(std::string_view text);
// Texts that look the same have the same skeleton (UTS #39, section 4), whatever scripts their
// letters are of. Empty if `text` is, or is no UTF-8, or the tables of the library are not there.
std::string confusable_skeleton(std::string_view text);
// Whether it only changes how a neighbour shows: General_Category Mn, Mc or Me.
bool is_mark(char32_t c);

}  // namespace loopcast::app
