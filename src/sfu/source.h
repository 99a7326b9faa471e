// One presenter on one worker: their packets, and who gets them. Either the presenter is a peer of
// this worker, or another worker relays what they send (sfu/handover.h).
#pragma once

#include <vector>

#include "base/slab.h"
#include "sfu/handover.h"
#include "sfu/publisher.h"

namespace loopcast::sfu {

struct Source {
  MediaId id;
  SlabId member;  // the presenter; none: relayed
  Publisher publisher;
  std::vector<SlabId> subscribers = {};
  Handover handover = {};

  bool relayed() const { return !member; }
};

}  // namespace loopcast::sfu
