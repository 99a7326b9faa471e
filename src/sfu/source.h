// One presenter on one worker: their packets, and who gets them. Either the presenter is a peer of
// this worker, or another worker relays what they send (sfu/handover.h).
#pragma once

#include <vector>

#include "base/slab.h"
#include "base/time.h"
#include "sfu/handover.h"
#include "sfu/publisher.h"

namespace loopcast::sfu {

struct Source {
  MediaId id;
  SlabId member;  // the presenter; none: relayed
  Publisher publisher;
  std::vector<SlabId> subscribers = {};
  uint32_t batches = 0;  // that were handed to them
  bool silent = false;   // as the last Silent or Heard told
  Instant connected_at = {};
  Handover handover = {};

  bool relayed() const { return !member; }
  // Who is served first, of all subscribers: somebody else each time, far from the one before, so
  // that nobody always waits for all others.
  size_t next_first() {
    constexpr uint32_t kGoldenRatio = 0x9E3779B9;
    return static_cast<size_t>((uint64_t{batches++ * kGoldenRatio} * subscribers.size()) >> 32);
  }
};

}  // namespace loopcast::sfu
