// Which packets of a received stream are missing, and when to ask for each of them again (RFC 4585,
// section 6.2.1).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/time.h"

namespace loopcast::rtc {

class NackGenerator {
 public:
  // More missing packets than this are a broken stream, which only a new keyframe mends.
  static constexpr size_t kMaxMissing = 256;
  // A packet that has not come after this many requests, or this long, will not be waited for.
  static constexpr int kMaxTries = 10;
  static constexpr Duration kMaxAge = Duration::millis(1000);
  // A packet that is merely late by reordering comes within this time; Wi-Fi reorders by little
  // more.
  static constexpr Duration kReorderWait = Duration::millis(8);
  // No request is repeated sooner, however short the round trip seems.
  static constexpr Duration kMinRepeat = Duration::millis(20);

  NackGenerator();

  // A packet has arrived, for the first time or by retransmission; `index` is its extended sequence
  // number. False if the gap before it was too large: everything missing is forgotten and the
  // stream needs a keyframe.
  bool on_packet(Instant now, int64_t index);

  // The numbers begin anew: nothing that is missing will come any more, and it counts as given up.
  void restart();

  // Fills `out` with the extended numbers to ask for now, in order, and returns how many. They are
  // not those of the wire: ReceiveStream::wire_sequence() says under which one to ask.
  size_t take_due(Instant now, Duration round_trip, std::span<int64_t> out);
  Instant next_timeout() const;

  // Packets that were given up since the stream began.
  uint64_t abandoned() const { return abandoned_; }
  size_t missing() const { return missing_.size(); }

 private:
  struct Missing {
    int64_t index;
    Instant since;
    Instant due;
    int tries;
  };

  std::vector<Missing> missing_;  // sorted by index
  int64_t highest_ = -1;
  uint64_t abandoned_ = 0;
};

}  // namespace loopcast::rtc
