// HMAC-SHA1 (RFC 2104) truncated to 80 bits, with the two key blocks hashed beforehand.
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"

namespace loopcast::rtc {

// 40 bytes of state; no allocation, unlike the library's own HMAC, which clones its context for
// each message. Wiped when destroyed.
class SrtpHmac {
 public:
  ~SrtpHmac();
  void set_key(Bytes key);  // at most 64 bytes
  // The first kSha1TagSize bytes of the HMAC of the three parts in a row.
  void tag(Bytes a, Bytes b, Bytes c, uint8_t* out) const;
  // The two keyed states, for a library that goes on from them.
  const void* inner() const { return inner_.data(); }
  const void* outer() const { return outer_.data(); }
  bool verify(Bytes a, Bytes b, Bytes c, const uint8_t* tag) const;

 private:
  using Chaining = std::array<uint32_t, 5>;
  Chaining inner_{};  // the state of SHA-1 after the block key XOR ipad
  Chaining outer_{};  // and after key XOR opad
};

}  // namespace loopcast::rtc
