// Views of bytes, and a reader and a writer in network byte order that never run past their end.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

namespace loopcast {

using Bytes = std::span<const uint8_t>;
using MutableBytes = std::span<uint8_t>;

inline Bytes as_bytes(std::string_view s) {
  return {reinterpret_cast<const uint8_t*>(s.data()), s.size()};
}
inline std::string_view as_text(Bytes b) {
  return {reinterpret_cast<const char*>(b.data()), b.size()};
}

namespace detail {
// Compilers see one instruction in these, not in shifts of single bytes.
template <typename T>
constexpr T swapped(T v) {
  if constexpr (std::endian::native == std::endian::big)
    return v;
  else if constexpr (sizeof v == 8)
    return __builtin_bswap64(v);
  else
    return __builtin_bswap32(v);
}
}  // namespace detail

constexpr uint16_t load_u16(const uint8_t* p) { return static_cast<uint16_t>((p[0] << 8) | p[1]); }
constexpr uint32_t load_u24(const uint8_t* p) {
  return (uint32_t{p[0]} << 16) | (uint32_t{p[1]} << 8) | p[2];
}
constexpr uint32_t load_u32(const uint8_t* p) {
  return (uint32_t{p[0]} << 24) | (uint32_t{p[1]} << 16) | (uint32_t{p[2]} << 8) | p[3];
}
constexpr uint64_t load_u64(const uint8_t* p) {
  return (uint64_t{load_u32(p)} << 32) | load_u32(p + 4);
}
constexpr void store_u16(uint8_t* p, uint16_t v) {
  p[0] = static_cast<uint8_t>(v >> 8);
  p[1] = static_cast<uint8_t>(v);
}
constexpr void store_u24(uint8_t* p, uint32_t v) {
  p[0] = static_cast<uint8_t>(v >> 16);
  p[1] = static_cast<uint8_t>(v >> 8);
  p[2] = static_cast<uint8_t>(v);
}
constexpr void store_u32(uint8_t* p, uint32_t v) {
  if (std::is_constant_evaluated()) {
    store_u16(p, static_cast<uint16_t>(v >> 16));
    store_u16(p + 2, static_cast<uint16_t>(v));
  } else {
    v = detail::swapped(v);
    std::memcpy(p, &v, sizeof v);
  }
}
constexpr void store_u64(uint8_t* p, uint64_t v) {
  if (std::is_constant_evaluated()) {
    store_u32(p, static_cast<uint32_t>(v >> 32));
    store_u32(p + 4, static_cast<uint32_t>(v));
  } else {
    v = detail::swapped(v);
    std::memcpy(p, &v, sizeof v);
  }
}

// Reads in network byte order. Reading past the end yields zeros and makes ok() false for good, so
// that a parser checks once, at its end.
class ByteReader {
 public:
  explicit ByteReader(Bytes in) : in_(in) {}

  uint8_t u8() { return need(1) ? in_[pos_++] : uint8_t{0}; }
  uint16_t u16() { return advance(2) ? load_u16(&in_[pos_ - 2]) : uint16_t{0}; }
  uint32_t u24() { return advance(3) ? load_u24(&in_[pos_ - 3]) : 0; }
  uint32_t u32() { return advance(4) ? load_u32(&in_[pos_ - 4]) : 0; }
  uint64_t u64() { return advance(8) ? load_u64(&in_[pos_ - 8]) : 0; }
  Bytes bytes(size_t n) { return advance(n) ? in_.subspan(pos_ - n, n) : Bytes{}; }
  void skip(size_t n) { advance(n); }

  bool ok() const { return ok_; }
  size_t position() const { return pos_; }
  size_t remaining() const { return in_.size() - pos_; }
  Bytes rest() const { return in_.subspan(pos_); }

 private:
  bool need(size_t n) {
    if (n > remaining()) ok_ = false;
    return ok_;
  }
  bool advance(size_t n) {
    if (!need(n)) return false;
    pos_ += n;
    return true;
  }
  Bytes in_;
  size_t pos_ = 0;
  bool ok_ = true;
};

// Writes in network byte order into the caller's buffer. Writing past the end writes nothing and
// makes ok() false for good.
class ByteWriter {
 public:
  explicit ByteWriter(MutableBytes out) : out_(out) {}

  void u8(uint8_t v) {
    if (need(1)) out_[pos_++] = v;
  }
  void u16(uint16_t v) {
    if (need(2)) store_u16(&out_[pos_], v), pos_ += 2;
  }
  void u24(uint32_t v) {
    if (need(3)) store_u24(&out_[pos_], v), pos_ += 3;
  }
  void u32(uint32_t v) {
    if (need(4)) store_u32(&out_[pos_], v), pos_ += 4;
  }
  void u64(uint64_t v) {
    if (need(8)) store_u64(&out_[pos_], v), pos_ += 8;
  }
  void bytes(Bytes v) {
    if (need(v.size()) && !v.empty())
      std::memcpy(&out_[pos_], v.data(), v.size()), pos_ += v.size();
  }
  void zeros(size_t n) {
    if (need(n) && n > 0) std::memset(&out_[pos_], 0, n), pos_ += n;
  }

  bool ok() const { return ok_; }
  size_t position() const { return pos_; }
  size_t remaining() const { return out_.size() - pos_; }
  MutableBytes written() const { return out_.first(pos_); }

 private:
  bool need(size_t n) {
    if (n > out_.size() - pos_) ok_ = false;
    return ok_;
  }
  MutableBytes out_;
  size_t pos_ = 0;
  bool ok_ = true;
};

}  // namespace loopcast
