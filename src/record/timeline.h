// From the RTP clocks of one publisher to the recording's time. The sound's clock leads, so that
// sound never needs mending; pictures follow it by the presenter's sender reports, however the two
// clocks drift apart.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "base/time.h"
#include "rtc/receive_stream.h"

namespace loopcast::record {

// One RTP clock, unwrapped.
class StreamClock {
 public:
  // A step of the timestamps up to this is one as ever, however early the packet comes: what a
  // sender had collected before it was connected comes all at once.
  static constexpr Duration kMaxStep = Duration::millis(500);
  // A longer step that leads so far ahead of the arrivals is a source that began anew: the first
  // timestamp of a source is random (RFC 3550, section 5.1), and lands so near by accident only.
  static constexpr Duration kMaxLead = Duration::seconds(10);
  // ... and so is one that goes further back, as packets come in order. Pictures that are shown
  // before one that was sent earlier go back by less.
  static constexpr Duration kMaxBack = Duration::millis(1500);

  // Nothing is further ahead of its arrival than this, whatever its timestamps say: else a sender
  // could make any length of silence out of a few packets, in steps that are each allowed. No
  // sender collects so much before it is connected, and a clock that is fast by 100 ppm takes 35
  // days to get there.
  static constexpr Duration kMaxBacklog = Duration::seconds(300);

  // `rate` in Hz. What arrives at `at` has the time `start`, which is `ahead` already.
  StreamClock(uint32_t rate, Duration start, Instant at, Duration ahead = Duration())
      : rate_(rate), start_(start), at_(at), ahead_(ahead) {}

  // Time of a packet, in order of sequence. The first one is placed by its arrival, and so is each
  // that begins anew; of all others the RTP clock alone decides.
  Duration advance(uint32_t timestamp, Instant arrival);
  // Time of any timestamp near the last one; nullopt before the first one.
  std::optional<Duration> at(uint32_t timestamp) const;
  // Whether that would leave it where packets arrive, give or take kMaxShiftError.
  bool may_shift(Duration by) const;
  // Everything from now on is so much later.
  void shift(Duration by) {
    base_ += by;
    latest_ += by;
    ++jumps_;
  }
  // The recording's time 0 is so much later.
  void move_origin(Duration by) {
    start_ = start_ - by;
    base_ = base_ - by;
    latest_ = latest_ - by;
  }
  // How often it began anew or was shifted: what it said before is not comparable.
  uint32_t jumps() const { return jumps_; }
  // How much it is ahead of the arrivals, slowly adapted.
  Duration lead() const { return lead_; }
  // How much the last packet is.
  Duration last_lead() const { return base_ + duration(ticks_) - (start_ + (arrival_ - at_)); }
  // Whether `timestamp` goes on from the last one, and does not begin anew.
  bool continues(uint32_t timestamp, Instant arrival) const;
  // How much less the fastest packet so far was held up than the first one, which everything is
  // placed by: an encoder that starts is slow. Not negative.
  Duration head_start() const { return std::max(Duration(), head_start_ - reordered_); }
  bool started() const { return started_; }
  // When that grew last: while a backlog comes in, it says nothing yet.
  Instant head_start_grew() const { return head_start_grew_; }

 private:
  Duration duration(int64_t ticks) const { return Duration::micros(ticks * 1'000'000 / rate_); }

  int64_t rate_;
  Duration start_;
  Instant at_;
  Duration ahead_;
  bool started_ = false;
  Duration base_;           // time of `ticks_` = 0
  int64_t ticks_ = 0;       // since the base, of the last timestamp
  uint32_t timestamp_ = 0;  // the last one
  Duration lead_;           // of the clock over the arrivals, slowly adapted
  Instant arrival_;         // the last one
  uint32_t jumps_ = 0;
  Duration head_start_;
  Instant head_start_grew_;
  // Pictures that are shown later than some that follow come early by so much: that is no head
  // start.
  Duration reordered_;
  Duration latest_;  // of the times since it began
};

// What becomes of sound whose clock is far behind the pictures.
enum class SoundVerdict : uint8_t {
  kGoesOn,      // its clock is right: it was held up, and catches up
  kStoodStill,  // it was paused without its clock going on
  kUnknown,     // what comes next decides
};

class Timeline {
 public:
  // Sound that is this much behind the pictures was held up, or paused without its clock going on.
  static constexpr Duration kMaxLag = Duration::millis(1200);
  // Which of both is known after this long: what was held up comes faster than it was taken.
  static constexpr Duration kLagDecision = Duration::millis(500);
  // Reports by which what arrived together is further apart are not believed.
  static constexpr Duration kMaxApart = Duration::seconds(5);

  // What arrives at `at` has the time `start`. `ahead`: how much that is more than the time that
  // has passed, as a source before was ahead of its arrival; together they stay within
  // StreamClock::kMaxBacklog.
  Timeline(uint32_t audio_rate, uint32_t video_rate, Duration start, Instant at,
           Duration ahead = Duration())
      : audio_(audio_rate, start, at, ahead), video_(video_rate, start, at, ahead) {}

  // Of a piece of sound that is not placed yet, if `last` is the newest that came.
  SoundVerdict judge(Instant now, uint32_t timestamp, Instant arrival, uint32_t last_timestamp,
                     Instant last_arrival);
  // The sound goes on from `timestamp` where the pictures are.
  void resume_sound(uint32_t timestamp);
  // Packets in order.
  Duration audio_time(uint32_t timestamp, Instant arrival);
  Duration video_time(uint32_t timestamp, Instant arrival);

  // Reports whose wall clock does not go, as of a sender that has none, place nothing.
  void on_audio_report(const rtc::ClockMark& mark) {
    on_report(audio_, audio_report_, video_report_, mark);
  }
  void on_video_report(const rtc::ClockMark& mark) {
    on_report(video_, video_report_, audio_report_, mark);
  }

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
  // How often pictures were moved at once, so that those before and after are not comparable.
  uint32_t picture_steps() const { return picture_steps_ + video_.jumps(); }

 private:
  struct Report {
    int64_t lead_us = 0;   // of our time over the presenter's wall clock
    int64_t delay_us = 0;  // of its arrival after the presenter's wall clock, plus a constant
    int64_t ahead_us = 0;  // of the packet before it, over its arrival
    uint32_t jumps = 0;    // of its clock, before it
    uint64_t ntp = 0;
    uint32_t rtp_timestamp = 0;
    bool still = false;  // the wall clock does not go
  };

  void on_report(StreamClock& clock, std::optional<Report>& last, std::optional<Report>& other,
                 const rtc::ClockMark& mark);
  void compare();

  StreamClock audio_;
  StreamClock video_;
  std::optional<Report> audio_report_;
  std::optional<Report> video_report_;
  std::optional<Duration> target_;
  uint32_t target_jumps_ = 0;
  bool doubted_ = false;  // the reports that it is from
  Duration applied_;
  uint32_t picture_steps_ = 0;
  uint32_t video_jumps_ = 0;
  std::optional<Duration> video_last_;  // the latest one, uncorrected
  Duration lag_;                        // of sound behind the pictures, that is believed
};

}  // namespace loopcast::record
