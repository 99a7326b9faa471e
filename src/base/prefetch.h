// Memory that is read soon, fetched into the processor's cache meanwhile: a trip to memory takes as
// long as a hundred instructions.
#pragma once

#include <cstddef>

namespace loopcast {

// All cache lines of `size` bytes from `at` on. Any address is harmless, nullptr as well.
inline void prefetch(const void* at, size_t size = 1) {
  constexpr size_t kCacheLine = 64;
  const char* const begin = static_cast<const char*>(at);
  for (size_t offset = 0; offset < size; offset += kCacheLine) __builtin_prefetch(begin + offset);
  // GCC 12 takes a function that does nothing but prefetch for one without an effect, and removes
  // calls of it.
  asm volatile("");
}

}  // namespace loopcast
