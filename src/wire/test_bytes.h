// For unit tests: bytes from their hexadecimal notation.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace loopcast::wire {

// Pairs of digits; everything else between them is ignored.
inline std::vector<uint8_t> hex(std::string_view text) {
  std::vector<uint8_t> bytes;
  int high = -1;
  for (const char c : text) {
    const size_t digit = std::string_view("0123456789abcdef").find(c);
    if (digit == std::string_view::npos) continue;
    if (high < 0) {
      high = static_cast<int>(digit);
    } else {
      bytes.push_back(static_cast<uint8_t>(high * 16 + static_cast<int>(digit)));
      high = -1;
    }
  }
  return bytes;
}

}  // namespace loopcast::wire
