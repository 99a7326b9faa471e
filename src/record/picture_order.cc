#include "record/picture_order.h"

#include <algorithm>
#include <functional>

namespace loopcast::record {

bool PictureOrder::goes_back(uint32_t timestamp, bool keyframe) {
  const auto ahead = static_cast<int32_t>(timestamp - latest_.value_or(timestamp - 1));
  if (!keyframe && ahead < 0 && ahead > -kMaxBack) return true;
  latest_ = timestamp;
  return false;
}

void PictureOrder::measure_depth(const std::vector<Sample>& samples) {
  for (const Sample& sample : samples) {
    if (sample.sync) recent_.clear();
    const auto later =
        std::ranges::count_if(recent_, [&](int64_t time) { return time > sample.time; });
    depth_ = std::max(depth_, static_cast<size_t>(later));
    if (recent_.size() == kMaxDepth) recent_.erase(recent_.begin());
    recent_.push_back(sample.time);
  }
}

int64_t PictureOrder::decode_time(const Sample& sample) {
  // What was still to be shown is shown before the keyframe.
  if (sample.sync) pending_.clear();
  pending_.insert(std::ranges::upper_bound(pending_, sample.time, std::greater()), sample.time);
  int64_t time = sample.sync ? sample.time : last_ + step_;
  if (pending_.size() > depth_) {
    // As many pictures have been shown as have been decoded, less those that are held back.
    time = pending_.back() + static_cast<int64_t>(depth_) * step_;
    pending_.pop_back();
  }
  return std::max({time, sample.time - kMaxOffset, last_ + 1});
}

void PictureOrder::measure_step(const std::vector<Sample>& samples) {
  std::vector<int64_t> times;
  for (const Sample& sample : samples) times.push_back(sample.time);
  std::ranges::sort(times);
  if (depth_ == 0 && last_ >= 0) times.insert(times.begin(), last_);
  std::optional<int64_t> step;
  for (size_t i = 1; i < times.size(); ++i) {
    const int64_t apart = times[i] - times[i - 1];
    // The last one says what comes next, unless some are still missing in between.
    if (apart > 0 && apart < 90'000)
      step = depth_ == 0 ? apart : std::min(step.value_or(apart), apart);
  }
  if (step) step_ = static_cast<uint32_t>(*step);
}

void PictureOrder::place(std::vector<Sample>& samples) {
  if (samples.empty()) return;
  measure_depth(samples);
  measure_step(samples);
  for (size_t i = 0; i < samples.size(); ++i) {
    Sample& sample = samples[i];
    const int64_t shown = sample.time;
    sample.time = decode_time(sample);
    sample.offset =
        static_cast<int32_t>(std::clamp<int64_t>(shown - sample.time, INT32_MIN, INT32_MAX));
    if (i > 0) samples[i - 1].duration = static_cast<uint32_t>(sample.time - samples[i - 1].time);
    last_ = sample.time;
  }
  samples.back().duration = step_;
}

void PictureOrder::shift(int64_t by, int64_t last) {
  for (auto* times : {&recent_, &pending_})
    for (int64_t& time : *times) time += by;
  last_ = last;
}

}  // namespace loopcast::record
