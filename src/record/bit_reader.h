// Reads bits, most significant first. Past the end come zeros and ok() is false for good.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace loopcast::record {

class BitReader {
 public:
  explicit BitReader(Bytes in) : in_(in) {}

  uint32_t bit() {
    if (position_ >= in_.size() * 8) {
      ok_ = false;
      return 0;
    }
    const uint32_t value = in_[position_ / 8] >> (7 - position_ % 8) & 1;
    ++position_;
    return value;
  }
  // `count` up to 32.
  uint32_t bits(int count) {
    uint32_t value = 0;
    for (int i = 0; i < count && ok_; ++i) value = value << 1 | bit();
    return value;
  }
  void skip(int count) {
    for (int i = 0; i < count && ok_; ++i) bit();
  }
  // Exp-Golomb codes ue(v) and se(v) (ITU-T H.264, section 9.1).
  uint32_t exp_golomb() {
    int zeros = 0;
    while (ok_ && bit() == 0) ++zeros;
    if (zeros > 31) ok_ = false;
    return ok_ ? (uint32_t{1} << zeros) - 1 + bits(zeros) : 0;
  }
  int64_t signed_exp_golomb() {
    const int64_t code = exp_golomb();
    return code % 2 == 0 ? -code / 2 : (code + 1) / 2;
  }
  bool ok() const { return ok_; }

 private:
  Bytes in_;
  size_t position_ = 0;
  bool ok_ = true;
};

}  // namespace loopcast::record
