// What was sent under which transport-wide number (draft-holmer-rmcat-transport-wide-cc-extensions-
// 01), a run at a time: the packets of one frame to one peer leave in one send.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>

#include "base/prefetch.h"
#include "base/time.h"
#include "base/units.h"

namespace loopcast::rtc {

class SendHistory {
 public:
  // A usual broadcast sends 80 a second: 1.6 s, which is the longest round trip with its feedback.
  static constexpr size_t kRuns = 128;

  struct Run {
    Instant at;         // to 16 us
    int64_t first = 0;  // extended number of its first packet; the very first one sent has 0
    uint32_t packets = 0;
    uint32_t bytes = 0;  // of all its packets
  };

  // Number of the next packet.
  uint16_t next() const { return static_cast<uint16_t>(next_); }

  // `packets`, at most 256, follow on from next(), all sent at `now`, which never goes back.
  // `bytes`: of them together, with headers; more than 65535 count as that.
  void add(Instant now, size_t packets, size_t bytes) {
    if (packets == 0) return;
    constexpr size_t kMaxBytes = std::numeric_limits<uint16_t>::max();
    sent_[runs_ % kRuns] = {tick_of(now), next(),
                            static_cast<uint16_t>(std::min(bytes, kMaxBytes))};
    ++runs_;
    next_ += static_cast<int64_t>(packets);
    latest_ = now;
  }

  // The run that holds this number; nullopt if it is too old or was never sent.
  std::optional<Run> find(Seq16 sequence) const {
    const uint16_t back = back_to(sequence.value);
    const size_t kept = std::min<uint64_t>(runs_, kRuns);
    if (back == 0 || kept == 0 || back > back_to(newest(kept - 1).first)) return std::nullopt;
    // The newest run that begins at or before `sequence`; most are asked for soon.
    size_t low = 0, high = std::min<size_t>(kUsual, kept - 1);
    if (back_to(newest(high).first) < back) low = high + 1, high = kept - 1;
    while (low < high) {
      const size_t middle = (low + high) / 2;
      if (back_to(newest(middle).first) >= back)
        high = middle;
      else
        low = middle + 1;
    }
    const Sent& found = newest(low);
    const uint16_t end = low == 0 ? uint16_t{0} : back_to(newest(low - 1).first);
    const uint16_t begin = back_to(found.first);
    return Run{instant_of(found.at), next_ - begin, static_cast<uint32_t>(begin - end),
               found.bytes};
  }

  // Has what find() reads of the latest runs fetched into the processor's cache.
  void prefetch() const {
    for (size_t i = 0; i <= kUsual; i += 64 / sizeof(Sent)) loopcast::prefetch(&newest(i));
  }

 private:
  // Runs of the last fifth of a second.
  static constexpr size_t kUsual = 16;

  // 8 bytes for each run: this is written for each frame to each peer.
  struct Sent {
    uint32_t at = 0;  // in ticks, which wrap after 19 hours
    uint16_t first = 0;
    uint16_t bytes = 0;
  };
  static constexpr int64_t kTickUs = 16;

  static uint32_t tick_of(Instant at) { return static_cast<uint32_t>(at.us() / kTickUs); }
  Instant instant_of(uint32_t tick) const {
    const uint32_t age = tick_of(latest_) - tick;
    return Instant::from_us((latest_.us() / kTickUs - age) * kTickUs);
  }
  // How many packets ago this number was: 1 is the latest one, 0 has not been sent.
  uint16_t back_to(uint16_t sequence) const { return static_cast<uint16_t>(next() - sequence); }
  // 0: the latest run; `i` < min(runs_, kRuns).
  const Sent& newest(size_t i) const { return sent_[(runs_ - 1 - i) % kRuns]; }

  int64_t next_ = 0;
  uint64_t runs_ = 0;  // ever
  Instant latest_;
  std::array<Sent, kRuns> sent_{};
};

static_assert(sizeof(SendHistory) <= 1600, "it exists once for each viewer");

}  // namespace loopcast::rtc
