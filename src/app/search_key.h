// What texts are compared in when somebody searches.
#pragma once

#include <string>
#include <string_view>

namespace loopcast::app {

// Two texts that differ only in capitals, in how their accents were typed, or in the width of their
// letters have the same: NFKC_Casefold, by which ß is ss. Turkish writes I for ı and İ for i,
// others I for i: all four are one here, so that everybody finds what they wrote. Accents count: é
// is É, and not e. What is no UTF-8 has its A to Z folded.
std::string search_key(std::string_view text);

}  // namespace loopcast::app
