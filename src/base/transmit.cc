#include "base/transmit.h"

namespace loopcast {

void TransmitBatch::commit(const Route& route, size_t size) {
  if (size == 0) return;
  const auto length = static_cast<uint32_t>(size);
  const auto offset = static_cast<uint32_t>(used_);
  used_ += size;
  ++datagrams_;
  if (!sends_.empty()) {
    Transmit& last = sends_.back();
    // A run ends with its first shorter segment: size is then no multiple of the segment any more.
    const bool open = last.size % last.segment == 0 && last.size / last.segment < kMaxSegments;
    if (open && length <= last.segment && last.size + length <= kMaxRun && last.route == route) {
      last.size += length;
      return;
    }
  }
  sends_.push_back({route, offset, length, length});
}

}  // namespace loopcast
