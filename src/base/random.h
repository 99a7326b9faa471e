// Randomness as an argument: a stream of ChaCha20 (libsodium) from a 32-byte seed. Seeded by the
// operating system in the server it is fit for secrets; seeded by a number in tests it repeats.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/bytes.h"

namespace loopcast {

class Random {
 public:
  using Seed = std::array<uint8_t, 32>;

  explicit Random(const Seed& seed) : seed_(seed) {}
  // For tests and simulations only: anybody can guess it.
  static Random from_number(uint64_t number);

  void fill(MutableBytes out);
  uint32_t u32();
  uint64_t u64();
  // Uniform in [0, bound); bound > 0.
  uint32_t below(uint32_t bound);
  // Uniform in [0, 1).
  double unit();
  // `length` characters of A-Z a-z 0-9 - _, 6 bits each: safe in URLs.
  std::string token(size_t length);
  // `length` characters of A-Z a-z 0-9 + / (ice-char of RFC 8839, section 5.4).
  std::string ice_token(size_t length);
  // A seed for another, independent stream.
  Seed fork();

 private:
  void refill();

  Seed seed_;
  uint64_t block_ = 0;
  std::array<uint8_t, 512> buffer_{};
  size_t used_ = buffer_.size();
};

}  // namespace loopcast
