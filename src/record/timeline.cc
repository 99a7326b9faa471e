#include "record/timeline.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "wire/ntp.h"

namespace loopcast::record {
namespace {

// A clock that jumps by more between two reports was stopped or set.
constexpr int64_t kJumpUs = 300'000;
// Reports of one presenter that differ by more than the network can explain: their wall clock was
// set in between.
constexpr int64_t kMaxDelayDifferenceUs = 1'000'000;
// Reports are smoothed over so many.
constexpr int64_t kSmoothing = 4;
// Pictures are moved by one part in so many at most: nobody sees it. While they are further off
// than this, which is at the beginning, by more.
constexpr int64_t kSlew = 20;
constexpr int64_t kFastSlew = 3;
constexpr Duration kFarOff = Duration::millis(40);
// Further off than this, they jump.
constexpr Duration kStep = Duration::seconds(1);
// The lead adapts over so many packets, so that a clock that is fast for hours is no new start.
constexpr int64_t kLeadSmoothing = 512;
// ... and by one part in so many of the time at most, which is far more than clocks drift: nobody
// makes a recording longer than it took.
constexpr int64_t kMaxLeadDrift = 500;

Duration clamp(Duration value, Duration limit) { return std::clamp(value, -limit, limit); }

}  // namespace

Duration StreamClock::advance(uint32_t timestamp, Instant arrival) {
  const Duration arrived = start_ + (arrival - at_);
  if (started_) {
    const auto step = static_cast<int32_t>(timestamp - timestamp_);
    const Duration time = base_ + duration(ticks_ + step);
    const Duration lead = time - arrived;
    if (lead - lead_ <= kMaxLead && duration(step) >= -kMaxBack) {
      ticks_ += step;
      timestamp_ = timestamp;
      const Duration most = std::max(arrival - arrival_, Duration()) / kMaxLeadDrift;
      lead_ += clamp((lead - lead_) / kLeadSmoothing, most);
      arrival_ = std::max(arrival_, arrival);
      head_start_ = std::max(head_start_, lead);
      return time;
    }
    ++jumps_;
  }
  started_ = true;
  base_ = arrived;
  ticks_ = 0;
  timestamp_ = timestamp;
  arrival_ = arrival;
  lead_ = head_start_ = Duration();
  return base_;
}

bool StreamClock::may_shift(Duration by) const {
  const Duration ahead = base_ + duration(ticks_) + by - (start_ + (arrival_ - at_));
  return clamp(ahead - lead_, kMaxLead) == ahead - lead_;
}

std::optional<Duration> StreamClock::at(uint32_t timestamp) const {
  if (!started_) return std::nullopt;
  return base_ + duration(ticks_ + static_cast<int32_t>(timestamp - timestamp_));
}

Duration Timeline::audio_time(uint32_t timestamp, Instant arrival) {
  Duration time = audio_.advance(timestamp, arrival);
  if (video_last_ && time + kMaxLag < *video_last_ + applied_) {
    const Duration behind = *video_last_ + applied_ - time;
    audio_.shift(behind);
    audio_report_.reset();
    time += behind;
  }
  return time;
}

Duration Timeline::video_time(uint32_t timestamp, Instant arrival) {
  const Duration time = video_.advance(timestamp, arrival);
  // Without reports, both are as fast on their way as their fastest packets.
  const Duration guess = audio_.head_start() - video_.head_start();
  const Duration wanted = target_.value_or(guess) - applied_;
  if (clamp(wanted, kStep) != wanted) {
    applied_ += wanted;
  } else if (video_last_) {
    const int64_t slew = clamp(wanted, kFarOff) == wanted ? kSlew : kFastSlew;
    applied_ += clamp(wanted, std::max(time - *video_last_, Duration()) / slew);
  }
  video_last_ = time;
  return time + applied_;
}

void Timeline::move_origin(Duration by) {
  audio_.move_origin(by);
  video_.move_origin(by);
  for (auto* report : {&audio_report_, &video_report_})
    if (*report) (*report)->lead_us -= by.us();
  if (video_last_) video_last_ = *video_last_ - by;
}

void Timeline::on_report(StreamClock& clock, std::optional<Report>& last,
                         const rtc::ClockMark& mark) {
  const auto time = clock.at(mark.rtp_timestamp);
  if (!time) return;
  const int64_t wall = wire::wall_from_ntp(mark.ntp).us;
  Report report{time->us() - wall, mark.at.us() - wall, clock.jumps()};
  if (last && last->jumps == report.jumps) {
    const int64_t jump = report.lead_us - last->lead_us;
    if (std::abs(jump) > kJumpUs && std::abs(report.delay_us - last->delay_us) < kJumpUs &&
        clock.may_shift(Duration::micros(-jump))) {
      clock.shift(Duration::micros(-jump));
      report.lead_us = last->lead_us;
      report.jumps = clock.jumps();
    }
  }
  last = report;
  compare();
}

void Timeline::compare() {
  if (!audio_report_ || !video_report_) return;
  if (audio_report_->jumps != audio_.jumps() || video_report_->jumps != video_.jumps()) return;
  if (std::abs(audio_report_->delay_us - video_report_->delay_us) > kMaxDelayDifferenceUs) return;
  const Duration measured = Duration::micros(audio_report_->lead_us - video_report_->lead_us);
  const Duration apart = video_.lead() + measured - audio_.lead();
  if (clamp(apart, kMaxApart) != apart) return;
  const bool anew = std::exchange(target_jumps_, jumps()) != jumps() || !target_;
  if (anew || clamp(measured - *target_, kStep) != measured - *target_)
    target_ = measured;
  else
    target_ = *target_ + (measured - *target_) / kSmoothing;
}

}  // namespace loopcast::record
