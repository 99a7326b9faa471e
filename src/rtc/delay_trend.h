// Whether the way to a receiver is building up a queue, from when packets left and when they
// arrived (draft-ietf-rmcat-gcc-02, section 5; the filter is a line fitted through the last delays,
// which took the place of the draft's Kalman filter).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/time.h"
#include "rtc/arrival_time.h"

namespace loopcast::rtc {

class DelayTrend {
 public:
  enum class Usage : uint8_t { kNormal, kOveruse, kUnderuse };

  DelayTrend();

  // A packet that left at `sent` arrived at `arrived`; in order of their numbers, but for some that
  // are told late and join the latest group. Packets that left within kBurst are one group, of
  // which the least delayed packet counts: those behind it wait for each other, which says nothing
  // of the queue that the group met.
  void on_packet(Instant sent, ArrivalTime arrived);

  // Of the group before the last.
  Usage usage() const { return usage_; }
  // By how much of the time that passes the delay grows: 0.2 if a fifth of what is sent stays in
  // the queue. Smoothed; negative while the queue drains.
  double slope() const { return slope_; }

 private:
  // Groups that the line is fitted through.
  static constexpr size_t kWindow = 20;
  // Packets that left within this time are one group.
  static constexpr Duration kBurst = Duration::millis(5);
  // Frames that have been held up together (by a radio link) arrive together, and are one group
  // while they left within this time.
  static constexpr Duration kMaxBurst = Duration::millis(100);
  // Nothing sent for so long: delays from before say nothing of now.
  static constexpr Duration kPause = Duration::seconds(1);
  // A delay does not change by more between two groups; a clock does.
  static constexpr Duration kMaxChange = Duration::seconds(3);

  struct Group {
    Instant first_sent;
    Instant sent;  // of the least delayed packet, as is `arrived`
    ArrivalTime arrived;
    ArrivalTime last_arrived;
  };
  struct Sample {
    ArrivalTime at;
    float delay_ms = 0;  // smoothed
  };

  static Duration delay_change(Instant from_sent, ArrivalTime from_arrived, Instant sent,
                               ArrivalTime arrived) {
    return (arrived - from_arrived) - (sent - from_sent);
  }
  bool belongs_to_group(Instant sent, ArrivalTime arrived, Duration change) const;
  void start(Instant sent, ArrivalTime arrived);
  void finish_group();
  // The slope of the line through the samples.
  double fit() const;
  void detect(double slope, Duration sent_apart, Duration arrived_apart);

  bool started_ = false;
  bool has_previous_ = false;
  Usage usage_ = Usage::kNormal;
  Group group_;
  Group previous_;
  uint32_t samples_ = 0;  // since the start or a pause
  double delay_ms_ = 0;   // since then
  double smoothed_ms_ = 0;
  double slope_ = 0;
  double threshold_;  // of the scaled slope; adapts to the jitter of the way
  double overusing_ms_ = 0;
  uint32_t overusing_groups_ = 0;
  std::array<Sample, kWindow> window_{};
};

}  // namespace loopcast::rtc
