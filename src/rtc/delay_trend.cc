#include "rtc/delay_trend.h"

#include <algorithm>
#include <cmath>
#include <span>

namespace loopcast::rtc {
namespace {

// Weight of what was before in the smoothed delay.
constexpr double kSmoothing = 0.9;
// The slope is scaled by the number of samples, up to this many, and by this gain before it is
// compared with the threshold: few samples must be clear.
constexpr uint32_t kMinSamples = 10;
constexpr uint32_t kMaxSamples = 60;
constexpr double kGain = 4;
// The threshold: where it starts, which is its lowest, and by how much of the difference it moves
// each millisecond towards a scaled slope above and below it. What exceeds it by more than kOutlier
// is a queue, to which it must not adapt.
constexpr double kThreshold = 12.5;
constexpr double kMaxThreshold = 600;
constexpr double kThresholdUp = 0.0087;
constexpr double kThresholdDown = 0.039;
constexpr double kOutlier = 15;
constexpr double kMaxStepMs = 100;
// A queue builds up if the threshold is exceeded for longer, by more than one group, and more by
// each: one that grows ever more slowly was a burst, unless it does so for long.
constexpr double kOveruseMs = 10;
constexpr double kLastingMs = 100;

double ms(Duration d) { return static_cast<double>(d.us()) / 1000; }

}  // namespace

DelayTrend::DelayTrend() : threshold_(kThreshold) {}

void DelayTrend::on_packet(Instant sent, ArrivalTime arrived) {
  if (!started_) return start(sent, arrived);
  const Duration change = delay_change(group_.sent, group_.arrived, sent, arrived);
  if (change > kMaxChange || -change > kMaxChange || sent - group_.sent > kPause)
    return start(sent, arrived);
  if (belongs_to_group(sent, arrived, change)) {
    if (change < Duration()) {
      group_.sent = sent;
      group_.arrived = arrived;
    }
    if (arrived - group_.last_arrived > Duration()) group_.last_arrived = arrived;
    return;
  }
  finish_group();
  previous_ = group_;
  has_previous_ = true;
  group_ = {sent, sent, arrived, arrived};
}

bool DelayTrend::belongs_to_group(Instant sent, ArrivalTime arrived, Duration change) const {
  const Duration age = sent - group_.first_sent;
  if (age <= kBurst) return true;
  return change < Duration() && arrived - group_.last_arrived <= kBurst && age <= kMaxBurst;
}

void DelayTrend::start(Instant sent, ArrivalTime arrived) {
  started_ = true;
  has_previous_ = false;
  group_ = {sent, sent, arrived, arrived};
  samples_ = 0;
  delay_ms_ = smoothed_ms_ = slope_ = 0;
  overusing_ms_ = 0;
  overusing_groups_ = 0;
  usage_ = Usage::kNormal;
}

void DelayTrend::finish_group() {
  if (!has_previous_) return;
  delay_ms_ += ms(delay_change(previous_.sent, previous_.arrived, group_.sent, group_.arrived));
  smoothed_ms_ = kSmoothing * smoothed_ms_ + (1 - kSmoothing) * delay_ms_;
  window_[samples_ % kWindow] = {group_.arrived, static_cast<float>(smoothed_ms_)};
  ++samples_;
  if (samples_ >= kMinSamples)
    detect(fit(), group_.sent - previous_.sent, group_.arrived - previous_.arrived);
}

double DelayTrend::fit() const {
  const auto samples = std::span(window_).first(std::min<size_t>(samples_, kWindow));
  const auto n = static_cast<double>(samples.size());
  const ArrivalTime origin = samples[0].at;
  double x = 0, y = 0, xx = 0, xy = 0;
  for (const Sample& sample : samples) {
    const auto us = static_cast<double>((sample.at - origin).us());
    x += us;
    y += sample.delay_ms;
    xx += us * us;
    xy += us * sample.delay_ms;
  }
  const double variance = xx - x * x / n;
  constexpr double kAllAtOnce = 1e6;
  return variance > kAllAtOnce ? 1000 * (xy - x * y / n) / variance : slope_;
}

void DelayTrend::detect(double slope, Duration sent_apart, Duration arrived_apart) {
  const double scaled = std::min(samples_, kMaxSamples) * slope * kGain;
  if (scaled > threshold_) {
    overusing_ms_ += std::clamp(ms(sent_apart), 0.0, kMaxStepMs);
    ++overusing_groups_;
    if (overusing_ms_ > kOveruseMs && overusing_groups_ > 1 &&
        (slope >= slope_ || overusing_ms_ > kLastingMs))
      usage_ = Usage::kOveruse;
  } else {
    overusing_ms_ = 0;
    overusing_groups_ = 0;
    usage_ = scaled < -threshold_ ? Usage::kUnderuse : Usage::kNormal;
  }
  slope_ = slope;

  const double excess = std::abs(scaled) - threshold_;
  if (excess > kOutlier) return;
  const double step = std::clamp(ms(arrived_apart), 0.0, kMaxStepMs);
  threshold_ += (excess < 0 ? kThresholdDown : kThresholdUp) * excess * step;
  threshold_ = std::clamp(threshold_, kThreshold, kMaxThreshold);
}

}  // namespace loopcast::rtc
