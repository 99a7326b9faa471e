#include "record/timeline.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "wire/ntp.h"

namespace loopcast::record {
namespace {

// A clock that jumps by more between two reports was stopped or set, if its packets say the same.
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
// A sender that is so much further ahead had collected what it sends.
constexpr Duration kBacklog = Duration::seconds(1);
// Differences between arrivals that mean nothing.
constexpr Duration kNoise = Duration::millis(5);
// Head starts that grew longer ago are compared.
constexpr Duration kGuessAfter = Duration::millis(300);
// Sound that is more than this ahead of the time that it took to come was held up.
constexpr Duration kBurst = Duration::millis(100);
// A clock is not shifted to where it would be further off from its arrivals.
constexpr Duration kMaxShiftError = Duration::seconds(2);
// The lead adapts over so many packets, so that a clock that is fast for hours is no new start.
constexpr int64_t kLeadSmoothing = 512;
// ... and by one part in so many of the time at most, which is far more than clocks drift: nobody
// makes a recording longer than it took.
constexpr int64_t kMaxLeadDrift = 500;

Duration clamp(Duration value, Duration limit) { return std::clamp(value, -limit, limit); }

}  // namespace

bool StreamClock::continues(uint32_t timestamp, Instant arrival) const {
  if (!started_) return false;
  const auto step = static_cast<int32_t>(timestamp - timestamp_);
  if (duration(step) < -kMaxBack) return false;
  const Duration lead = base_ + duration(ticks_ + step) - (start_ + (arrival - at_));
  return ahead_ + lead <= kMaxBacklog && (duration(step) <= kMaxStep || lead - lead_ <= kMaxLead);
}

Duration StreamClock::advance(uint32_t timestamp, Instant arrival) {
  const Duration arrived = start_ + (arrival - at_);
  if (continues(timestamp, arrival)) {
    const auto step = static_cast<int32_t>(timestamp - timestamp_);
    ticks_ += step;
    timestamp_ = timestamp;
    const Duration time = base_ + duration(ticks_);
    const Duration lead = time - arrived;
    const Duration most = std::max(arrival - arrival_, Duration()) / kMaxLeadDrift;
    // A backlog that comes in says at once how far ahead the clock is from now on.
    if (duration(step) <= kMaxStep && lead > std::max(lead_, kBacklog))
      lead_ = lead;
    else
      lead_ += clamp((lead - lead_) / kLeadSmoothing, most);
    arrival_ = std::max(arrival_, arrival);
    if (lead > head_start_ + kNoise) head_start_grew_ = arrival;
    head_start_ = std::max(head_start_, lead);
    latest_ = std::max(latest_, time);
    reordered_ = std::max(reordered_, latest_ - time);
    return time;
  }
  if (started_) ++jumps_;
  started_ = true;
  // What came before is as far ahead of its arrival as its backlog made it.
  if (lead_ < kBacklog) lead_ = Duration();
  base_ = arrived + lead_;
  ticks_ = 0;
  timestamp_ = timestamp;
  arrival_ = head_start_grew_ = arrival;
  head_start_ = lead_;
  latest_ = base_;
  reordered_ = Duration();
  return base_;
}

bool StreamClock::may_shift(Duration by) const {
  const Duration off = last_lead() + by - lead_;
  return clamp(off, kMaxShiftError) == off;
}

std::optional<Duration> StreamClock::at(uint32_t timestamp) const {
  if (!started_) return std::nullopt;
  return base_ + duration(ticks_ + static_cast<int32_t>(timestamp - timestamp_));
}

SoundVerdict Timeline::judge(Instant now, uint32_t timestamp, Instant arrival,
                             uint32_t last_timestamp, Instant last_arrival) {
  if (!video_last_ || !audio_.continues(timestamp, arrival)) return SoundVerdict::kGoesOn;
  const Duration behind = *video_last_ + applied_ - *audio_.at(timestamp);
  lag_ = std::clamp(behind, Duration(), lag_);
  if (behind <= lag_ + kMaxLag) return SoundVerdict::kGoesOn;
  const Duration came = *audio_.at(last_timestamp) - *audio_.at(timestamp);
  const Duration took = std::max(last_arrival - arrival, Duration());
  if (behind - came > kMaxLag) {
    if (now - arrival < kLagDecision) return SoundVerdict::kUnknown;
    if (came < took * 3 / 2 + kBurst) return SoundVerdict::kStoodStill;
  }
  lag_ = behind;
  return SoundVerdict::kGoesOn;
}

void Timeline::resume_sound(uint32_t timestamp) {
  const auto time = audio_.at(timestamp);
  if (!time || !video_last_) return;
  audio_.shift(*video_last_ + applied_ - *time);
  audio_report_.reset();
  lag_ = Duration();
}

Duration Timeline::audio_time(uint32_t timestamp, Instant arrival) {
  return audio_.advance(timestamp, arrival);
}

Duration Timeline::video_time(uint32_t timestamp, Instant arrival) {
  const Duration time = video_.advance(timestamp, arrival);
  // Without reports, both are as fast on their way as their fastest packets.
  const Duration guess = audio_.head_start() - video_.head_start();
  const Instant grew = std::max(audio_.head_start_grew(), video_.head_start_grew());
  const bool may_guess = audio_.started() && arrival - grew >= kGuessAfter;
  const Duration wanted = target_ ? *target_ - applied_ : may_guess ? guess - applied_ : Duration();
  if (clamp(wanted, kStep) != wanted) {
    applied_ += wanted;
    ++picture_steps_;
  } else if (video_last_) {
    const int64_t slew = clamp(wanted, kFarOff) == wanted ? kSlew : kFastSlew;
    applied_ += clamp(wanted, std::max(time - *video_last_, Duration()) / slew);
  }
  const bool anew = std::exchange(video_jumps_, video_.jumps()) != video_.jumps();
  video_last_ = anew ? time : std::max(time, video_last_.value_or(time));
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
                         std::optional<Report>& other, const rtc::ClockMark& mark) {
  const auto time = clock.at(mark.rtp_timestamp);
  if (!time) return;
  // RFC 3550, section 6.4.1: a sender that knows no time of day may say 0.
  if (mark.ntp == 0) return;
  if (last && last->ntp == mark.ntp) {
    if (last->rtp_timestamp == mark.rtp_timestamp) return;
    // Nor does one know the time whose wall clock stands still: what it said before is void.
    last->still = true;
    target_.reset();
    return;
  }
  const int64_t wall = wire::wall_from_ntp(mark.ntp).us;
  Report report{time->us() - wall, mark.at.us() - wall, clock.last_lead().us(), clock.jumps(),
                mark.ntp,          mark.rtp_timestamp};
  if (last && last->jumps == report.jumps) {
    const int64_t jump = report.lead_us - last->lead_us;
    const int64_t unlike = report.ahead_us - last->ahead_us - jump;
    if (std::abs(jump) > kJumpUs && std::abs(report.delay_us - last->delay_us) < kJumpUs) {
      if (std::abs(unlike) >= kJumpUs) {
        // The packets go on as before, so the last report was wrong: the first one of a sender that
        // had collected media is late by what it had collected. So may be the other stream's.
        other.reset();
        doubted_ = true;
      } else if (clock.may_shift(Duration::micros(-jump))) {
        clock.shift(Duration::micros(-jump));
        report.lead_us = last->lead_us;
        report.ahead_us = last->ahead_us;
        report.jumps = clock.jumps();
      }
    }
  }
  last = report;
  compare();
}

void Timeline::compare() {
  if (!audio_report_ || !video_report_ || audio_report_->still || video_report_->still) return;
  if (audio_report_->jumps != audio_.jumps() || video_report_->jumps != video_.jumps()) return;
  if (std::abs(audio_report_->delay_us - video_report_->delay_us) > kMaxDelayDifferenceUs) return;
  const Duration measured = Duration::micros(audio_report_->lead_us - video_report_->lead_us);
  const Duration apart = video_.lead() + measured - audio_.lead();
  if (clamp(apart, kMaxApart) != apart) return;
  const bool jumped = std::exchange(target_jumps_, jumps()) != jumps();
  const bool anew = std::exchange(doubted_, false) || jumped || !target_;
  if (anew || clamp(measured - *target_, kStep) != measured - *target_)
    target_ = measured;
  else
    target_ = *target_ + (measured - *target_) / kSmoothing;
}

}  // namespace loopcast::record
