#include "base/transmit.h"

namespace loopcast {

void TransmitBatch::append(const Route& route, uint32_t length, bool same_route) {
  const auto offset = static_cast<uint32_t>(used_);
  used_ += length;
  ++datagrams_;
  if (same_route) {
    Transmit& last = sends_.back();
    // A run ends with its first shorter segment: no further one fits it.
    const bool open = last.size == last.segments * last.segment && last.segments < kMaxSegments;
    if (open && length <= last.segment && last.size + length <= kMaxRun) {
      last.size += length;
      ++last.segments;
      return;
    }
  }
  sends_.push_back({route, offset, length, length, 1});
}

void TransmitBatch::commit(const Route& route, size_t size) {
  if (size == 0) return;
  append(route, static_cast<uint32_t>(size), !sends_.empty() && sends_.back().route == route);
}

void TransmitBatch::commit_run(const Route& route, std::span<const uint16_t> sizes) {
  bool same_route = !sends_.empty() && sends_.back().route == route;
  for (const uint16_t size : sizes) {
    append(route, size, same_route);
    same_route = true;
  }
}

}  // namespace loopcast
