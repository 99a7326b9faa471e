#include "rtc/bandwidth_estimator.h"

#include <algorithm>

namespace loopcast::rtc {
namespace {

// What is left of what arrives when a queue builds up, so that it drains.
constexpr double kDecrease = 0.85;
// A queue that builds up for less is that of a keyframe.
constexpr Duration kPatience = Duration::millis(250);
// A delay that grows more slowly may be jitter: the estimate goes down by steps of kDecrease, as
// long as it lasts.
constexpr double kSteep = 0.1;
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
constexpr Duration kLossInterval = Duration::millis(300);  // beside the round trip
constexpr Duration kMaxElapsed = Duration::seconds(1);
// More packets in a row that no message told of say that something else is wrong.
constexpr int64_t kMaxUntold = 512;

// The runs of one number after the other, each looked up once.
class RunCursor {
 public:
  explicit RunCursor(const SendHistory& history) : history_(history) {}

  // nullptr if it is forgotten.
  const SendHistory::Run* at(int64_t index) {
    if (!run_ || index < run_->first || index >= run_->first + run_->packets)
      run_ = history_.find(Seq16{static_cast<uint16_t>(index)});
    return run_ ? &*run_ : nullptr;
  }

 private:
  const SendHistory& history_;
  std::optional<SendHistory::Run> run_;
};

}  // namespace

std::optional<Bitrate> BandwidthEstimator::estimate() const {
  if (estimate_bps_ == 0) return std::nullopt;
  return Bitrate{static_cast<int64_t>(estimate_bps_)};
}

void BandwidthEstimator::on_feedback(Instant now, const wire::TransportFeedback& feedback,
                                     const SendHistory& history, Duration round_trip) {
  const Seq16 last = feedback.base_sequence + (feedback.status_count - 1);
  const auto last_run = history.find(last);
  if (!last_run) return;
  const auto last_run_first = Seq16{static_cast<uint16_t>(last_run->first)};
  const int64_t end = last_run->first + last.distance_from(last_run_first) + 1;
  // Nothing new but for some late ones of the last few numbers: not worth a long walk.
  if (end <= loss_.highest() && feedback.status_count > LossMeter::kRemembered) return;

  const Duration elapsed =
      first_feedback_ ? std::clamp(now - last_feedback_, Duration(), kMaxElapsed) : Duration();
  if (!first_feedback_) first_feedback_ = now;
  last_feedback_ = now;
  loss_.pass(elapsed);
  packets_ = std::min(packets_ + feedback.status_count, kMinPackets);

  RunCursor runs(history);
  bool complete = true;
  ArrivalTime arrived = ArrivalTime::of_reference(feedback.reference_time);
  // The packet's run if it is told as received for the first time.
  const auto account = [&](int64_t index, bool received) -> const SendHistory::Run* {
    if (loss_.highest() - index >= LossMeter::kRemembered) return nullptr;
    const SendHistory::Run* run = runs.at(index);
    if (run == nullptr) complete = false;
    if (run == nullptr || !loss_.note(index, received) || !received) return nullptr;
    rate_.add(arrived, run->bytes / run->packets);
    return run;
  };

  int64_t index = end - feedback.status_count;
  // Feedback gets lost as well. What it told of has arrived, as far as anybody knows.
  if (index - loss_.highest() <= kMaxUntold) {
    for (int64_t untold = loss_.highest() + 1; untold < index; ++untold) account(untold, true);
  } else {
    complete = false;
  }
  feedback.for_each([&](Seq16, bool received, Duration delta) {
    if (received) arrived = arrived + delta;
    const SendHistory::Run* run = account(index++, received);
    if (run != nullptr) trend_.on_packet(run->at, arrived);
  });
  if (!complete) rate_.restart();  // how much arrived is unknown
  adjust(now, elapsed, std::clamp(round_trip, Duration(), kMaxElapsed));
}

void BandwidthEstimator::adjust(Instant now, Duration elapsed, Duration round_trip) {
  if (!overused())
    overused_since_.reset();
  else if (!overused_since_)
    overused_since_ = now;

  auto arriving = rate_.over(ReceiveRate::kLong);
  if (!arriving || now - *first_feedback_ < kWarmUp || packets_ < kMinPackets) return;
  // Some loss where there never was a queue is no lack of capacity: as much again would arrive.
  if (capacity_bps_ == 0 && loss() <= kHighLoss)
    arriving->bps = static_cast<int64_t>(static_cast<double>(arriving->bps) / (1 - loss()));
  const auto arriving_bps = static_cast<double>(arriving->bps);
  if (estimate_bps_ == 0) estimate_bps_ = arriving_bps;

  if (overused()) {
    decrease(now);
  } else {
    estimate_bps_ = std::max(estimate_bps_, arriving_bps);
    if (trend_.usage() == DelayTrend::Usage::kNormal && loss() <= kLowLoss)
      increase(elapsed, round_trip, *arriving);
  }
  limit_by_loss(now, round_trip, *arriving);
  estimate_bps_ =
      std::clamp(estimate_bps_, static_cast<double>(kMin.bps), static_cast<double>(kMax.bps));
}

void BandwidthEstimator::decrease(Instant now) {
  const auto carried = rate_.over(ReceiveRate::kShort);
  if (!carried || now - *overused_since_ < kPatience) return;
  const auto carried_bps = static_cast<double>(carried->bps);
  double target = kDecrease * carried_bps;
  if (trend_.slope() < kSteep) {
    if (now - last_decrease_ < kPatience) return;
    target = std::max(target, kDecrease * estimate_bps_);
  }
  estimate_bps_ = std::min(estimate_bps_, target);
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
