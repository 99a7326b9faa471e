#include "app/search_key.h"

#include "app/unicode.h"

namespace loopcast::app {
namespace {

constexpr std::string_view kDotless = "ı", kCombiningDot = "\u0307";

// Whether nothing but A to Z has a case, or another spelling: ASCII, and U+4000 to U+9FFF, which
// are all Chinese. Most titles are, and a library of a million is read at start.
bool is_plain(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x80) continue;
    if (c < 0xE4 || c > 0xE9 || text.size() - i < 3) return false;
    const auto is_more = [](char b) { return (static_cast<unsigned char>(b) & 0xC0) == 0x80; };
    if (!is_more(text[i + 1]) || !is_more(text[i + 2])) return false;
    i += 2;
  }
  return true;
}

std::string fold_ascii(std::string_view text) {
  std::string folded(text);
  for (char& c : folded)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  return folded;
}

}  // namespace

std::string search_key(std::string_view text) {
  if (is_plain(text)) return fold_ascii(text);
  std::string key = nfkc_casefold(text);
  if (key.empty()) return fold_ascii(text);
  for (size_t at = 0; (at = key.find(kDotless, at)) != std::string::npos;)
    key.replace(at, kDotless.size(), "i");
  // İ has become i and the dot above it.
  for (size_t at = 0; (at = key.find(kCombiningDot, at)) != std::string::npos;) {
    if (at > 0 && key[at - 1] == 'i')
      key.erase(at, kCombiningDot.size());
    else
      at += kCombiningDot.size();
  }
  return key;
}

}  // namespace loopcast::app
