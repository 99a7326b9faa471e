// Small tools for the text of session descriptions.
#pragma once

#include <charconv>
#include <concepts>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace loopcast::wire {

// Takes the text up to the first `separator`, or all, off the front of `rest`, and the separator.
inline std::string_view take_until(std::string_view& rest, char separator) {
  const size_t end = rest.find(separator);
  const std::string_view taken = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return taken;
}

inline std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// The next word of `rest`; any number of spaces separates words. Empty at the end.
inline std::string_view take_word(std::string_view& rest) {
  while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
  return take_until(rest, ' ');
}

// Decimal digits and nothing else, 0 to `max`.
template <std::unsigned_integral T>
std::optional<T> parse_decimal(std::string_view text, T max = std::numeric_limits<T>::max()) {
  T value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > max) return std::nullopt;
  return value;
}

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

inline bool equal_ignoring_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (lower(a[i]) != lower(b[i])) return false;
  return true;
}

// RFC 8866, section 9: token-char, 1 to `max` of them.
inline bool is_token(std::string_view text, size_t max) {
  if (text.empty() || text.size() > max) return false;
  for (const char c : text)
    if (c <= 0x20 || c >= 0x7f || std::string_view("\"(),/:;<=>?@[\\]").find(c) != text.npos)
      return false;
  return true;
}

// RFC 8839, section 5.4: ice-char, and the four more that older programs use and browsers accept.
inline bool is_ice_text(std::string_view text, size_t max) {
  if (text.empty() || text.size() > max) return false;
  for (const char c : text) {
    const bool letter_or_digit = (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9');
    if (!letter_or_digit && std::string_view("+/-_=#").find(c) == std::string_view::npos)
      return false;
  }
  return true;
}

}  // namespace loopcast::wire
