// Appends numbers in network byte order, and lengths that are known only afterwards.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/bytes.h"

namespace loopcast::record {

class ByteBuilder {
 public:
  explicit ByteBuilder(std::vector<uint8_t>& out) : out_(out) {}

  void u8(uint8_t v) { out_.push_back(v); }
  void u16(uint16_t v) { number(v, 2); }
  void u24(uint32_t v) { number(v, 3); }
  void u32(uint32_t v) { number(v, 4); }
  void u64(uint64_t v) { number(v, 8); }
  // The `size` lowest bytes of `v`.
  void number(uint64_t v, int size) {
    while (size-- > 0) out_.push_back(static_cast<uint8_t>(v >> 8 * size));
  }
  void bytes(Bytes v) { out_.insert(out_.end(), v.begin(), v.end()); }
  void text(std::string_view v) { bytes(as_bytes(v)); }
  void zeros(size_t n) { out_.resize(out_.size() + n); }
  size_t position() const { return out_.size(); }
  void set_u32(size_t position, uint32_t v) { store_u32(&out_[position], v); }
  void set_u64(size_t position, uint64_t v) { store_u64(&out_[position], v); }

 private:
  std::vector<uint8_t>& out_;
};

}  // namespace loopcast::record
