// A time of a receiver's clock, as its transport-wide feedback tells it.
#pragma once

#include <cstdint>

#include "base/time.h"
#include "wire/transport_feedback.h"

namespace loopcast::rtc {

// Ticks of the feedback's deltas since an arbitrary moment. The reference time has 24 bits of 256
// ticks: 32 bits wrap together with it, every 298 hours, so that nothing has to be unwrapped.
struct ArrivalTime {
  uint32_t ticks = 0;

  static ArrivalTime of_reference(int32_t reference_time) {
    return {static_cast<uint32_t>(reference_time) * kTicksPerReference};
  }
  // `d`: a multiple of kFeedbackDeltaUnit, as for_each gives it.
  ArrivalTime operator+(Duration d) const {
    return {ticks + static_cast<uint32_t>(d.us() / wire::kFeedbackDeltaUnit.us())};
  }
  // The shorter way round: -149 to 149 hours.
  Duration operator-(ArrivalTime o) const {
    return wire::kFeedbackDeltaUnit * static_cast<int32_t>(ticks - o.ticks);
  }
  bool operator==(const ArrivalTime&) const = default;

  static constexpr uint32_t kTicksPerReference =
      static_cast<uint32_t>(wire::kFeedbackReferenceUnit.us() / wire::kFeedbackDeltaUnit.us());
};

}  // namespace loopcast::rtc
