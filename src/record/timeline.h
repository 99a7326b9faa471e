// From the RTP clocks of one publisher to the recording's time. The sound's clock leads, so that
// sound never needs mending; pictures follow it by the presenter's sender reports, however the two
// clocks drift apart.
#pragma once

#include <cstdint>
#include <optional>

#include "base/time.h"
#include "rtc/receive_stream.h"

namespace loopcast::record {

// One RTP clock, unwrapped.
class StreamClock {
 public:
  // A timestamp this far ahead of its arrival is a source that began anew.
  static constexpr Duration kMaxLead = Duration::seconds(2);
  // ... or behind the one before it, as packets come in order.
  static constexpr Duration kMaxBack = Duration::millis(500);

  // `rate` in Hz. What arrives at `at` has the time `start`.
  StreamClock(uint32_t rate, Duration start, Instant at) : rate_(rate), start_(start), at_(at) {}

  // Time of a packet, in order of sequence. The first one is placed by its arrival, and so is each
  // that begins anew.
  Duration advance(uint32_t timestamp, Instant arrival);
  // Time of any timestamp near the last one; nullopt before the first one.
  std::optional<Duration> at(uint32_t timestamp) const;
  // Whether that would leave it where packets arrive, give or take kMaxLead.
  bool may_shift(Duration by) const;
  // Everything from now on is so much later.
  void shift(Duration by) {
    base_ += by;
    ++jumps_;
  }
  // The recording's time 0 is so much later.
  void move_origin(Duration by) {
    start_ = start_ - by;
    base_ = base_ - by;
  }
  // How often it began anew or was shifted: what it said before is not comparable.
  uint32_t jumps() const { return jumps_; }
  // How much it is ahead of the arrivals, slowly adapted.
  Duration lead() const { return lead_; }
  // How much less the fastest packet so far was held up than the first one, which everything is
  // placed by: an encoder that starts is slow. Not negative.
  Duration head_start() const { return head_start_; }

 private:
  Duration duration(int64_t ticks) const { return Duration::micros(ticks * 1'000'000 / rate_); }

  int64_t rate_;
  Duration start_;
  Instant at_;
  bool started_ = false;
  Duration base_;           // time of `ticks_` = 0
  int64_t ticks_ = 0;       // since the base, of the last timestamp
  uint32_t timestamp_ = 0;  // the last one
  Duration lead_;           // of the clock over the arrivals, slowly adapted
  Instant arrival_;         // the last one
  uint32_t jumps_ = 0;
  Duration head_start_;
};

class Timeline {
 public:
  // Sound that is this much behind the pictures was paused without its clock going on.
  static constexpr Duration kMaxLag = Duration::millis(1200);
  // Reports by which what arrived together is further apart are not believed.
  static constexpr Duration kMaxApart = Duration::seconds(5);

  Timeline(uint32_t audio_rate, uint32_t video_rate, Duration start, Instant at)
      : audio_(audio_rate, start, at), video_(video_rate, start, at) {}

  // Packets in order.
  Duration audio_time(uint32_t timestamp, Instant arrival);
  Duration video_time(uint32_t timestamp, Instant arrival);

  void on_audio_report(const rtc::ClockMark& mark) { on_report(audio_, audio_report_, mark); }
  void on_video_report(const rtc::ClockMark& mark) { on_report(video_, video_report_, mark); }

  // The recording's time 0 is so much later: every time from now on is so much less.
  void move_origin(Duration by);

  // What pictures are shifted by to be in time with the sound.
  Duration correction() const { return applied_; }
  // What they should be shifted by, once there are reports of both.
  std::optional<Duration> target() const { return target_; }
  // Shifts by the target from now on: what was placed by a guess is moved as well.
  void settle() { applied_ = target_.value_or(applied_); }
  // How often one of the clocks jumped.
  uint32_t jumps() const { return audio_.jumps() + video_.jumps(); }

 private:
  struct Report {
    int64_t lead_us = 0;   // of our time over the presenter's wall clock
    int64_t delay_us = 0;  // of its arrival after the presenter's wall clock, plus a constant
    uint32_t jumps = 0;    // of its clock, before it
  };

  void on_report(StreamClock& clock, std::optional<Report>& last, const rtc::ClockMark& mark);
  void compare();

  StreamClock audio_;
  StreamClock video_;
  std::optional<Report> audio_report_;
  std::optional<Report> video_report_;
  std::optional<Duration> target_;
  uint32_t target_jumps_ = 0;
  Duration applied_;
  std::optional<Duration> video_last_;  // uncorrected
};

}  // namespace loopcast::record
