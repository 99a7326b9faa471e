// Now, on both clocks.
#pragma once

#include "base/time.h"

namespace loopcast::app {

struct Moment {
  Instant now;    // for deadlines
  WallTime wall;  // for people
};

}  // namespace loopcast::app
