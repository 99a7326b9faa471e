// The monotonic clock of the control thread.
#pragma once

#include <chrono>

#include "base/time.h"

namespace loopcast::http {

inline Instant monotonic_now() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return Instant::from_us(std::chrono::duration_cast<std::chrono::microseconds>(now).count());
}

inline std::chrono::steady_clock::time_point to_time_point(Instant at) {
  using Clock = std::chrono::steady_clock;
  return Clock::time_point(
      std::chrono::duration_cast<Clock::duration>(std::chrono::microseconds(at.us())));
}

inline Duration to_duration(std::chrono::milliseconds d) { return Duration::millis(d.count()); }

}  // namespace loopcast::http
