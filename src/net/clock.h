// The clocks of the system. Only the I/O shell reads them: once per batch, not per packet.
#pragma once

#include <ctime>

#include "base/time.h"

namespace loopcast::net {

// CLOCK_MONOTONIC.
inline Instant now() {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return Instant::from_us(int64_t{t.tv_sec} * 1'000'000 + t.tv_nsec / 1000);
}

// CLOCK_REALTIME.
inline WallTime wall_now() {
  timespec t{};
  ::clock_gettime(CLOCK_REALTIME, &t);
  return WallTime{int64_t{t.tv_sec} * 1'000'000 + t.tv_nsec / 1000};
}

}  // namespace loopcast::net
