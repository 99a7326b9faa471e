// Comparison of secrets.
#pragma once

#include "base/bytes.h"

namespace loopcast {

// Whether two byte strings are equal, in a time that depends on their lengths only.
inline bool equal_secret(Bytes a, Bytes b) {
  if (a.size() != b.size()) return false;
  volatile uint8_t difference = 0;
  for (size_t i = 0; i < a.size(); ++i)
    difference = static_cast<uint8_t>(difference | (a[i] ^ b[i]));
  return difference == 0;
}
inline bool equal_secret(std::string_view a, std::string_view b) {
  return equal_secret(as_bytes(a), as_bytes(b));
}

}  // namespace loopcast
