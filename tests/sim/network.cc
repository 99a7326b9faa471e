#include "sim/network.h"

#include <algorithm>
#include <cmath>

namespace loopcast::sim {
namespace {

constexpr size_t kIpAndUdp = 20 + 8;

}  // namespace

bool Link::lose(Instant now) {
  // One draw for each question and datagram, so that a change of one option leaves the others'
  // fate as it was.
  const double burst = random_.unit(), single = random_.unit();
  if (now >= burst_until_ && burst < options_.burst_enter) {
    // Where it lies below the threshold is uniform, which makes an exponential time.
    const double times = -std::log(1 - burst / options_.burst_enter);
    burst_until_ = now + Duration::micros(static_cast<int64_t>(
                             times * static_cast<double>(options_.burst_length.us())));
  }
  return now < burst_until_ || single < options_.loss;
}

Arrivals Link::send(Instant now, size_t size) {
  ++sent_;
  Arrivals arrivals;
  const bool lost = lose(now);
  const double jitter = random_.unit(), reorder = random_.unit(), duplicate = random_.unit();
  Instant leaves = now;
  if (options_.rate.bps > 0) {
    const auto bits = static_cast<int64_t>((size + kIpAndUdp) * 8);
    const Instant begins = std::max(now, bottleneck_free_);
    const int64_t queued = (begins - now).us() * options_.rate.bps / 8'000'000;
    if (queued > static_cast<int64_t>(options_.queue_bytes)) {
      ++lost_;
      return arrivals;
    }
    bottleneck_free_ = begins + Duration::micros(bits * 1'000'000 / options_.rate.bps);
    leaves = bottleneck_free_;
  }
  if (lost) {
    ++lost_;
    return arrivals;
  }
  const auto wobble = static_cast<int64_t>(jitter * static_cast<double>(options_.jitter.us()));
  Instant at = leaves + options_.delay + Duration::micros(wobble);
  if (reorder < options_.reorder) {
    at = at + options_.reorder_delay;
  } else {
    at = std::max(at, last_in_order_);
    last_in_order_ = at;
  }
  arrivals.at[arrivals.count++] = at;
  if (duplicate < options_.duplicate) arrivals.at[arrivals.count++] = at + Duration::millis(1);
  return arrivals;
}

}  // namespace loopcast::sim
