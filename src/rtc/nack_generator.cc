#include "rtc/nack_generator.h"

#include <algorithm>

namespace loopcast::rtc {

NackGenerator::NackGenerator() { missing_.reserve(kMaxMissing); }

bool NackGenerator::on_packet(Instant now, int64_t index) {
  if (highest_ < 0 || index == highest_ + 1) {
    highest_ = index;
    return true;
  }
  if (index <= highest_) {
    const auto it = std::lower_bound(missing_.begin(), missing_.end(), index,
                                     [](const Missing& m, int64_t i) { return m.index < i; });
    if (it != missing_.end() && it->index == index) missing_.erase(it);
    return true;
  }
  const auto gap = static_cast<uint64_t>(index - highest_ - 1);
  if (missing_.size() + gap > kMaxMissing) {
    abandoned_ += missing_.size() + gap;
    missing_.clear();
    highest_ = index;
    return false;
  }
  for (int64_t i = highest_ + 1; i < index; ++i)
    missing_.push_back({i, now, now + kReorderWait, 0});
  highest_ = index;
  return true;
}

void NackGenerator::restart() {
  abandoned_ += missing_.size();
  missing_.clear();
  highest_ = -1;
}

size_t NackGenerator::take_due(Instant now, Duration round_trip, std::span<int64_t> out) {
  const auto hopeless = [&](const Missing& m) {
    return m.due <= now && (m.tries >= kMaxTries || now - m.since >= kMaxAge);
  };
  abandoned_ += static_cast<uint64_t>(std::erase_if(missing_, hopeless));
  // A retransmission needs a round trip; asking again sooner only doubles it.
  const Duration repeat = std::max(kMinRepeat, round_trip + round_trip / 4);
  size_t count = 0;
  for (Missing& m : missing_) {
    if (m.due > now) continue;
    if (count == out.size()) break;
    out[count++] = m.index;
    m.due = now + repeat;
    ++m.tries;
  }
  return count;
}

Instant NackGenerator::next_timeout() const {
  Instant earliest = Instant::never();
  for (const Missing& m : missing_) earliest = std::min(earliest, m.due);
  return earliest;
}

}  // namespace loopcast::rtc
