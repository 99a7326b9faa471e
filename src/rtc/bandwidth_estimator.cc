#include "rtc/bandwidth_estimator.h"

#include <algorithm>

namespace loopcast::rtc {
namespace {

// What is left of what arrives when a queue builds up, so that it drains.
constexpr double kDecrease = 0.85;
// A delay that grows more slowly may be jitter: the estimate goes down only if it lasts, and a step
// of kDecrease at a time.
constexpr double kSteep = 0.1;
constexpr Duration kShallowPatience = Duration::millis(200);
// Growth in a second, far from what is known as the limit.
constexpr double kGrowth = 1.08;
// The limit of growth: so much more than arrives.
constexpr double kHeadroom = 1.5;
constexpr double kHeadroomBps = 10'000;
// An estimate above this share of the known limit grows by one packet each response time.
constexpr double kNear = 0.85;
constexpr double kPacketBits = 1200 * 8;
constexpr Duration kResponse = Duration::millis(100);  // beside the round trip
// More than this arrives without a queue: the limit has moved.
constexpr double kLimitMoved = 1.15;
// Loss up to here is no sign of congestion, above it stops growth, from here on it lowers the
// estimate.
constexpr double kLowLoss = 0.02;
constexpr double kHighLoss = 0.1;
// Fewer packets tell nothing of loss.
constexpr double kMinLossPackets = 20;
constexpr Duration kLossInterval = Duration::millis(300);  // beside the round trip
constexpr Duration kMaxElapsed = Duration::seconds(1);

}  // namespace

std::optional<Bitrate> BandwidthEstimator::estimate() const {
  if (estimate_bps_ == 0) return std::nullopt;
  return Bitrate{static_cast<int64_t>(estimate_bps_)};
}

double BandwidthEstimator::loss() const {
  return told_packets_ < kMinLossPackets ? 0 : std::clamp(lost_packets_ / told_packets_, 0.0, 1.0);
}

void BandwidthEstimator::on_feedback(Instant now, const wire::TransportFeedback& feedback,
                                     const SendHistory& history, Duration round_trip) {
  const Seq16 last = feedback.base_sequence + (feedback.status_count - 1);
  auto run = history.find(last);
  if (!run) return;
  const int64_t end =
      run->first + static_cast<uint16_t>(last.value - static_cast<uint16_t>(run->first));
  // Nothing new: at most some of the last few numbers, late.
  if (end <= highest_ && feedback.status_count > kRemembered) return;

  const Duration elapsed =
      first_feedback_ ? std::clamp(now - last_feedback_, Duration(), kMaxElapsed) : Duration();
  if (!first_feedback_) first_feedback_ = now;
  last_feedback_ = now;
  forget_old_packets(elapsed);

  int64_t index = end - feedback.status_count;
  ArrivalTime arrived = ArrivalTime::of_reference(feedback.reference_time);
  feedback.for_each([&](Seq16 sequence, bool received, Duration delta) {
    ++index;
    if (received) arrived = arrived + delta;
    if (!run || index < run->first || index >= run->first + run->packets)
      run = history.find(sequence);
    if (!run) return;
    const bool newest = index > highest_;
    if (!note(index, received) || !received) return;
    rate_.add(arrived, run->bytes / run->packets);
    if (newest) trend_.on_packet(run->at, arrived);
  });
  adjust(now, elapsed, std::clamp(round_trip, Duration(), Duration::seconds(1)));
}

bool BandwidthEstimator::note(int64_t index, bool received) {
  if (index > highest_) {
    const int64_t ahead = index - highest_;
    received_ = ahead < kRemembered ? received_ << ahead : 0;
    lost_ = ahead < kRemembered ? lost_ << ahead : 0;
    highest_ = index;
  }
  const int64_t behind = highest_ - index;
  if (behind >= kRemembered) return false;
  const uint64_t bit = uint64_t{1} << behind;
  if ((received_ & bit) != 0 || (!received && (lost_ & bit) != 0)) return false;
  if ((lost_ & bit) != 0) {  // it was only late
    lost_ &= ~bit;
    received_ |= bit;
    lost_packets_ = std::max(0.0, lost_packets_ - 1);
    return true;
  }
  (received ? received_ : lost_) |= bit;
  told_packets_ += 1;
  if (!received) lost_packets_ += 1;
  packets_ = std::min(packets_ + 1, kMinPackets);
  return true;
}

void BandwidthEstimator::forget_old_packets(Duration elapsed) {
  const double kept = 1 / (1 + elapsed.as_seconds());
  told_packets_ *= kept;
  lost_packets_ *= kept;
}

void BandwidthEstimator::adjust(Instant now, Duration elapsed, Duration round_trip) {
  if (!overused())
    overused_since_.reset();
  else if (!overused_since_)
    overused_since_ = now;

  auto arriving = rate_.over(ReceiveRate::kLong);
  if (!arriving || now - *first_feedback_ < kWarmUp || packets_ < kMinPackets) return;
  // Packets that were lost without a queue have been carried most of the way.
  if (loss() <= kHighLoss)
    arriving->bps = static_cast<int64_t>(static_cast<double>(arriving->bps) / (1 - loss()));
  const auto arriving_bps = static_cast<double>(arriving->bps);
  if (estimate_bps_ == 0) estimate_bps_ = arriving_bps;

  switch (trend_.usage()) {
    case DelayTrend::Usage::kOveruse:
      decrease(now);
      break;
    case DelayTrend::Usage::kNormal:
      estimate_bps_ = std::max(estimate_bps_, arriving_bps);
      if (loss() <= kLowLoss) increase(elapsed, round_trip, *arriving);
      break;
    case DelayTrend::Usage::kUnderuse:
      break;  // the queue drains
  }
  limit_by_loss(now, round_trip, *arriving);
  estimate_bps_ =
      std::clamp(estimate_bps_, static_cast<double>(kMin.bps), static_cast<double>(kMax.bps));
}

void BandwidthEstimator::decrease(Instant now) {
  const auto carried = rate_.over(ReceiveRate::kShort);
  if (!carried) return;
  const auto carried_bps = static_cast<double>(carried->bps);
  const double target = kDecrease * carried_bps;
  if (trend_.slope() >= kSteep) {
    estimate_bps_ = std::min(estimate_bps_, target);
  } else {
    if (now - *overused_since_ < kShallowPatience || now - last_decrease_ < kShallowPatience)
      return;
    estimate_bps_ = std::min(estimate_bps_, std::max(target, kDecrease * estimate_bps_));
  }
  capacity_bps_ = carried_bps;
  last_decrease_ = now;
}

void BandwidthEstimator::increase(Duration elapsed, Duration round_trip, Bitrate arriving) {
  const auto arriving_bps = static_cast<double>(arriving.bps);
  if (arriving_bps > kLimitMoved * capacity_bps_) capacity_bps_ = 0;
  const double limit = kHeadroom * arriving_bps + kHeadroomBps;
  if (estimate_bps_ >= limit) return;
  const bool near = capacity_bps_ > 0 && estimate_bps_ > kNear * capacity_bps_;
  const double step =
      near ? kPacketBits * elapsed.as_seconds() / (round_trip + kResponse).as_seconds()
           : estimate_bps_ * (kGrowth - 1) * elapsed.as_seconds();
  estimate_bps_ = std::min(estimate_bps_ + step, limit);
}

void BandwidthEstimator::limit_by_loss(Instant now, Duration round_trip, Bitrate arriving) {
  if (loss() <= kHighLoss || now - last_loss_decrease_ < kLossInterval + round_trip) return;
  const auto arriving_bps = static_cast<double>(arriving.bps);
  if (estimate_bps_ > arriving_bps)
    estimate_bps_ = std::max(arriving_bps, estimate_bps_ * (1 - 0.5 * loss()));
  last_loss_decrease_ = now;
}

}  // namespace loopcast::rtc
