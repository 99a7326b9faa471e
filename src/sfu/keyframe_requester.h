// When to ask a source for a keyframe. All viewers of a source share its requests, so that a crowd
// that joins at once costs the presenter one keyframe.
#pragma once

#include <algorithm>

#include "base/time.h"

namespace loopcast::sfu {

class KeyframeRequester {
 public:
  // The least time between two requests: a keyframe is many times a frame's size, and one more
  // often than this starves the picture for all.
  static constexpr Duration kMinInterval = Duration::millis(300);
  // A request that brought no keyframe within this time was lost. Longer than a round trip and the
  // encoder's turn.
  static constexpr Duration kRetry = Duration::millis(500);
  // After so many requests without a keyframe the source is paused or cannot answer: slow down.
  static constexpr int kFastTries = 10;
  static constexpr Duration kSlowRetry = Duration::seconds(3);

  // Somebody needs a keyframe.
  void want(Instant now) {
    if (wanted_) return;
    wanted_ = true;
    tries_ = 0;
    due_ = last_request_.is_never() ? now : std::max(now, last_request_ + kMinInterval);
  }
  void on_keyframe() { wanted_ = false; }

  // True when a request is to be sent now.
  bool take(Instant now) {
    if (!wanted_ || now < due_) return false;
    last_request_ = now;
    due_ = now + (++tries_ < kFastTries ? kRetry : kSlowRetry);
    return true;
  }
  Instant next_timeout() const { return wanted_ ? due_ : Instant::never(); }

 private:
  bool wanted_ = false;
  int tries_ = 0;
  Instant due_ = Instant::never();
  Instant last_request_ = Instant::never();
};

}  // namespace loopcast::sfu
