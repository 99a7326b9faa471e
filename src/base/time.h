// Instants and durations of the core. The core never asks what time it is: an Instant comes in as
// an argument, from a monotonic clock outside (net/clock.h) or from a simulation.
#pragma once

#include <compare>
#include <cstdint>
#include <limits>

namespace loopcast {

// A signed length of time, in microseconds.
class Duration {
 public:
  constexpr Duration() = default;
  static constexpr Duration micros(int64_t v) { return Duration(v); }
  static constexpr Duration millis(int64_t v) { return Duration(v * 1000); }
  static constexpr Duration seconds(int64_t v) { return Duration(v * 1'000'000); }

  constexpr int64_t us() const { return us_; }
  constexpr int64_t ms() const { return us_ / 1000; }
  constexpr double as_seconds() const { return static_cast<double>(us_) / 1e6; }

  constexpr auto operator<=>(const Duration&) const = default;
  constexpr Duration operator+(Duration o) const { return Duration(us_ + o.us_); }
  constexpr Duration operator-(Duration o) const { return Duration(us_ - o.us_); }
  constexpr Duration operator-() const { return Duration(-us_); }
  constexpr Duration operator*(int64_t f) const { return Duration(us_ * f); }
  constexpr Duration operator/(int64_t f) const { return Duration(us_ / f); }
  constexpr Duration& operator+=(Duration o) {
    us_ += o.us_;
    return *this;
  }

 private:
  constexpr explicit Duration(int64_t us) : us_(us) {}
  int64_t us_ = 0;
};

// A point on a monotonic clock, in microseconds since an arbitrary start.
class Instant {
 public:
  constexpr Instant() = default;
  static constexpr Instant from_us(int64_t v) { return Instant(v); }
  // Later than every real instant: the deadline of something that is not due at all.
  static constexpr Instant never() { return Instant(std::numeric_limits<int64_t>::max()); }

  constexpr int64_t us() const { return us_; }
  constexpr bool is_never() const { return *this == never(); }

  constexpr auto operator<=>(const Instant&) const = default;
  constexpr Instant operator+(Duration d) const { return Instant(us_ + d.us()); }
  constexpr Instant operator-(Duration d) const { return Instant(us_ - d.us()); }
  constexpr Duration operator-(Instant o) const { return Duration::micros(us_ - o.us_); }
  // The last multiple of `grid` since the beginning of time: what need not be exact and is due for
  // many, once a second or so, then wakes nobody more often than that.
  constexpr Instant floor(Duration grid) const { return Instant(us_ - us_ % grid.us()); }

 private:
  constexpr explicit Instant(int64_t us) : us_(us) {}
  int64_t us_ = 0;
};

// Wall-clock time in microseconds since 1970-01-01 UTC: for people and for NTP, never for
// deadlines.
struct WallTime {
  int64_t us = 0;
  constexpr auto operator<=>(const WallTime&) const = default;
};

}  // namespace loopcast
