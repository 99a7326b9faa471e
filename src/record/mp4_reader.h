// Walks the boxes of an MP4 file.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "record/file.h"

namespace loopcast::record {

constexpr uint32_t fourcc(const char (&text)[5]) {
  return uint32_t{static_cast<uint8_t>(text[0])} << 24 |
         uint32_t{static_cast<uint8_t>(text[1])} << 16 |
         uint32_t{static_cast<uint8_t>(text[2])} << 8 | static_cast<uint8_t>(text[3]);
}

struct BoxView {
  uint32_t type = 0;
  Bytes contents;
};

// The next box of `r`; nullopt at the end or if it is malformed.
inline std::optional<BoxView> next_box(ByteReader& r) {
  if (r.remaining() < 8) return std::nullopt;
  const uint32_t size = r.u32();
  const uint32_t type = r.u32();
  if (size < 8 || size - 8 > r.remaining()) return std::nullopt;
  return BoxView{type, r.bytes(size - 8)};
}

// Contents of the first box of that type; empty if there is none.
inline Bytes find_box(Bytes contents, uint32_t type) {
  ByteReader r(contents);
  while (const auto box = next_box(r))
    if (box->type == type) return box->contents;
  return {};
}

struct BoxPlace {
  uint32_t type = 0;
  uint64_t at = 0;  // in the file
  uint64_t size = 0;
};
// The box of the file at that offset; nullopt at the end, or if it is malformed.
std::optional<BoxPlace> box_at(const File& file, uint64_t at);

}  // namespace loopcast::record
