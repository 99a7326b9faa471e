// NTP timestamps and their compact form, as RTCP uses them (RFC 3550, sections 4 and 6.4.1).
#pragma once

#include <cstdint>

#include "base/time.h"

namespace loopcast::wire {

// From 1900-01-01, the start of NTP, to 1970-01-01.
constexpr int64_t kNtpToUnixSeconds = 2'208'988'800;

// 32 bits of seconds since 1900, which wrap in 2036, and 32 bits of fraction. Times before 1900
// wrap as well.
constexpr uint64_t ntp_from_wall(WallTime time) {
  // Floor division, so that times before 1970 keep a positive fraction.
  int64_t seconds = time.us / 1'000'000;
  int64_t micros = time.us % 1'000'000;
  if (micros < 0) {
    micros += 1'000'000;
    --seconds;
  }
  const uint64_t fraction = (static_cast<uint64_t>(micros) << 32) / 1'000'000;
  return (static_cast<uint64_t>(seconds + kNtpToUnixSeconds) << 32) | fraction;
}

// The time in the era that began in 1900 (up to 2036), or in 2036 if the top bit is clear, as RFC
// 4330, section 3 suggests: 1968 to 2104. Rounded to the nearest microsecond.
constexpr WallTime wall_from_ntp(uint64_t ntp) {
  const auto seconds = static_cast<int64_t>(ntp >> 32);
  const int64_t era = seconds < 0x8000'0000 ? int64_t{1} << 32 : 0;
  const auto micros = static_cast<int64_t>(((ntp & 0xFFFF'FFFF) * 1'000'000 + 0x8000'0000) >> 32);
  return WallTime{(seconds + era - kNtpToUnixSeconds) * 1'000'000 + micros};
}

// The middle 32 bits: units of 1/65536 s, wrapping every 18 hours.
constexpr uint32_t compact_ntp(uint64_t ntp) { return static_cast<uint32_t>(ntp >> 16); }

// A length of time in units of 1/65536 s. Negative ones become 0, those beyond the field its
// maximum.
constexpr uint32_t compact_from_duration(Duration d) {
  constexpr int64_t kLongest = int64_t{0xFFFF'FFFF} * 1'000'000 / 65536;
  if (d.us() <= 0) return 0;
  if (d.us() >= kLongest) return 0xFFFF'FFFF;
  return static_cast<uint32_t>((d.us() * 65536 + 500'000) / 1'000'000);
}
constexpr Duration duration_from_compact(uint32_t compact) {
  return Duration::micros((int64_t{compact} * 1'000'000 + 32768) / 65536);
}

// The round trip that a report block tells (RFC 3550, section 6.4.1): `now` minus the time of the
// report it answers (LSR) minus how long the other side kept it (DLSR), all compact. 0 if the
// clocks make it negative.
constexpr Duration round_trip(uint32_t now, uint32_t last_sr, uint32_t delay_since_last_sr) {
  const uint32_t trip = now - last_sr - delay_since_last_sr;
  return trip >= 0x8000'0000 ? Duration() : duration_from_compact(trip);
}

}  // namespace loopcast::wire
