#include "rtc/feedback_recorder.h"

#include <algorithm>

namespace loopcast::rtc {
namespace {

// Two arrivals that one message can name: their delta has 16 bits of 250 us.
constexpr Duration kMaxApart = Duration::seconds(8);

bool within_one_message(const wire::PacketArrival& before, const wire::PacketArrival& after) {
  const Duration apart = after.at - before.at;
  return after.sequence - before.sequence < wire::kMaxFeedbackStatuses && apart <= kMaxApart &&
         -apart <= kMaxApart;
}

}  // namespace

void FeedbackRecorder::record(Instant now, Seq16 sequence) {
  if (arrivals_.size() == kMaxArrivals) return;
  const wire::PacketArrival arrival{sequence_.extend(sequence), now};
  if (!arrivals_.empty() && arrival.sequence <= arrivals_.back().sequence) sorted_ = false;
  arrivals_.push_back(arrival);
}

bool FeedbackRecorder::write(ByteWriter& w, Ssrc sender, Ssrc media) {
  if (arrivals_.empty()) return false;
  if (!sorted_) {
    std::stable_sort(arrivals_.begin(), arrivals_.end(),
                     [](const auto& a, const auto& b) { return a.sequence < b.sequence; });
    const auto same = [](const auto& a, const auto& b) { return a.sequence == b.sequence; };
    arrivals_.erase(std::unique(arrivals_.begin(), arrivals_.end(), same), arrivals_.end());
    sorted_ = true;
  }
  // A message tells of losses only between the arrivals it names: the last one told before a gap is
  // told once more, so that a loss between two messages is not passed over in silence.
  const bool gap = last_told_ && arrivals_.front().sequence > last_told_->sequence + 1 &&
                   within_one_message(*last_told_, arrivals_.front());
  if (gap) arrivals_.insert(arrivals_.begin(), *last_told_);
  const size_t told = wire::write_transport_feedback(w, sender, media, count_, arrivals_);
  const size_t progress = gap ? 1 : 0;
  if (told > progress) {
    ++count_;
    last_told_ = arrivals_[told - 1];
  }
  // A repeated arrival that could not be told together with a newer one is not worth keeping.
  arrivals_.erase(arrivals_.begin(),
                  arrivals_.begin() + static_cast<long>(std::max(told, progress)));
  return told > progress;
}

}  // namespace loopcast::rtc
