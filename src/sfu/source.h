// One presenter on one worker: their packets, and who gets them. Either the presenter is a peer of
// this worker, or another worker relays what they send (sfu/handover.h).
#pragma once

#include <cstdint>
#include <vector>

#include "base/slab.h"
#include "base/time.h"
#include "sfu/handover.h"
#include "sfu/publisher.h"
#include "sfu/rate_bound.h"

namespace loopcast::sfu {

// What Silent and Heard have told of a presenter.
enum class Told : uint8_t { kNothing, kHeard, kSilent };

struct Source {
  MediaId id;
  SlabId member;  // the presenter; none: relayed
  Publisher publisher;
  RateBound rate;
  std::vector<SlabId> subscribers = {};
  uint32_t batches = 0;  // that were handed to them
  Told told = Told::kNothing;
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
