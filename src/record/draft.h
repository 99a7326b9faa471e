// The fragments of the last seconds, without their media, while their times are a guess: until the
// presenter's sender reports have told how pictures and sound lie to each other. Then their times
// are written anew where they are in the file.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "base/time.h"
#include "record/track.h"

namespace loopcast::record {

class Draft {
 public:
  // Chromium's first report of sound comes after 2 to 4 s.
  static constexpr Duration kMaxAge = Duration::seconds(6);
  // A browser sends some 80 a second.
  static constexpr size_t kMaxSamples = 4096;

  struct Fragment {
    Instant at;             // when it was cut
    uint64_t offset = 0;    // of its first byte, from the first fragment's
    uint32_t sequence = 0;  // of MP4
    std::vector<Run> runs;  // without bytes
  };

  // From now on fragments are kept. `whole`: nothing of the recording was written before.
  void open(bool whole);
  // No more from now on.
  void close() { open_ = false; }
  bool is_open() const { return open_; }

  void add(Fragment&& fragment);
  // Lets go of the oldest, whose times stay a guess; nullopt if there are none.
  std::optional<Fragment> pop();
  // There are too many, or they are too old.
  bool is_over(Instant now) const;
  // Those from this offset on are not in the file.
  void forget_from(uint64_t offset);

  std::deque<Fragment>& fragments() { return fragments_; }
  // All that was written of the recording is here.
  bool is_whole() const { return whole_; }
  // Pictures were given up that are in no fragment yet.
  void set_partial() { whole_ = false; }

 private:
  std::deque<Fragment> fragments_;
  size_t samples_ = 0;
  bool open_ = false;
  bool whole_ = false;
};

}  // namespace loopcast::record
