#include "record/mp4_reader.h"

#include <array>

#include "record/mp4.h"

namespace loopcast::record {

std::optional<BoxPlace> box_at(const File& file, uint64_t at) {
  std::array<uint8_t, kMp4LargeHeader> header{};
  if (at + 8 > file.size() || !file.read(at, MutableBytes(header).first(8))) return std::nullopt;
  uint64_t size = load_u32(header.data());
  if (size == 1) {
    if (!file.read(at, header)) return std::nullopt;
    size = load_u64(&header[8]);
  }
  if (size < 8 || size > file.size() - at) return std::nullopt;
  return BoxPlace{load_u32(&header[4]), at, size};
}

}  // namespace loopcast::record
