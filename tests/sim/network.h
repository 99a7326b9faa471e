// A one-way network path in virtual time: delay, loss, reordering and a bottleneck with its queue,
// all decided by a seed.
#pragma once

#include <array>
#include <cstddef>

#include "base/random.h"
#include "base/time.h"
#include "base/units.h"

namespace loopcast::sim {

struct LinkOptions {
  Duration delay = Duration::millis(5);
  // Added to each datagram, uniform from nothing to this; alone it does not change their order.
  Duration jitter = {};
  double loss = 0;  // of each datagram, independently of the others
  // Loss in bursts (Gilbert): the probability, for each datagram, that a time begins in which
  // everything is lost, and how long that lasts on average. A time, not a number of datagrams: the
  // same five are 30 ms of a picture and seconds of its feedback, which no network loses.
  double burst_enter = 0;
  Duration burst_length = {};
  Bitrate rate = {};                // of the bottleneck; 0: none
  size_t queue_bytes = 256 * 1024;  // before the bottleneck; what does not fit is lost
  double reorder = 0;               // share of datagrams that come `reorder_delay` late
  Duration reorder_delay = Duration::millis(6);
  double duplicate = 0;
};

// When a datagram arrives: never, once or twice.
struct Arrivals {
  std::array<Instant, 2> at;
  size_t count = 0;
};

class Link {
 public:
  Link(const LinkOptions& options, const Random::Seed& seed) : options_(options), random_(seed) {}

  // `size`: bytes of UDP payload.
  Arrivals send(Instant now, size_t size);

  // From the next datagram on.
  void set_options(const LinkOptions& options) { options_ = options; }
  size_t sent() const { return sent_; }
  size_t lost() const { return lost_; }

 private:
  bool lose(Instant now);

  LinkOptions options_;
  Random random_;
  Instant burst_until_;
  Instant bottleneck_free_;  // when the bottleneck has sent all that it was given
  Instant last_in_order_;
  size_t sent_ = 0;
  size_t lost_ = 0;
};

}  // namespace loopcast::sim
