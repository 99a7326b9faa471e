#include "record/draft.h"

#include <utility>

namespace loopcast::record {
namespace {

size_t samples_of(const Draft::Fragment& fragment) {
  size_t count = 0;
  for (const Run& run : fragment.runs) count += run.samples.size();
  return count;
}

}  // namespace

void Draft::open(bool whole) {
  fragments_.clear();
  samples_ = 0;
  open_ = true;
  whole_ = whole;
}

void Draft::add(Fragment&& fragment) {
  samples_ += samples_of(fragment);
  fragments_.push_back(std::move(fragment));
}

std::optional<Draft::Fragment> Draft::pop() {
  if (fragments_.empty()) return std::nullopt;
  Fragment oldest = std::move(fragments_.front());
  fragments_.pop_front();
  samples_ -= samples_of(oldest);
  whole_ = false;
  return oldest;
}

bool Draft::is_over(Instant now) const {
  return !fragments_.empty() && (samples_ > kMaxSamples || now - fragments_.front().at > kMaxAge);
}

void Draft::forget_from(uint64_t offset) {
  while (!fragments_.empty() && fragments_.back().offset >= offset) {
    samples_ -= samples_of(fragments_.back());
    fragments_.pop_back();
  }
}

}  // namespace loopcast::record
