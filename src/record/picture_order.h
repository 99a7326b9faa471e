// Pictures come in the order in which they are decoded, with the time at which they are shown: with
// B-frames (ITU-T H.264) these are two orders. Gives each picture a time of decoding that ascends,
// from which its time of presentation is an offset (ISO/IEC 14496-12, section 8.6.1.3).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "record/track.h"

namespace loopcast::record {

class PictureOrder {
 public:
  // No decoder holds back more pictures (ITU-T H.264, section A.3.1: MaxDpbFrames).
  static constexpr size_t kMaxDepth = 16;
  // A picture is not shown longer before one that was sent earlier, in units of the RTP clock.
  static constexpr int32_t kMaxBack = 90'000 * 3 / 2;
  // Times of decoding and presentation are not further apart, in units of the track.
  static constexpr int64_t kMaxOffset = 90'000 * 10;

  // Whether a picture, in order of decoding, is shown before one that came earlier. A keyframe
  // never is: all that comes before one is shown before it.
  bool goes_back(uint32_t timestamp, bool keyframe);

  // `samples` of pictures in order of decoding, each with the time at which it is shown: afterwards
  // with the time of decoding, its offset, and durations; that of the last one is a guess. What is
  // shown in the order in which it is decoded keeps its time.
  void place(std::vector<Sample>& samples);
  // Times of presentation are offsets from now on.
  bool reorders() const { return depth_ > 0; }
  // What was placed so far is so much later, and its last picture is decoded at `last`.
  void shift(int64_t by, int64_t last);

 private:
  void measure_depth(const std::vector<Sample>& samples);
  void measure_step(const std::vector<Sample>& samples);
  int64_t decode_time(const Sample& sample);

  std::optional<uint32_t> latest_;  // RTP timestamp of the picture that is shown last
  size_t depth_ = 0;                // pictures that are decoded before one that is shown first
  std::vector<int64_t> recent_;     // times of the pictures from a keyframe on, kMaxDepth at most
  std::vector<int64_t> pending_;    // times that no picture has been decoded at, descending
  int64_t last_ = -1;               // time of decoding
  uint32_t step_ = 3000;            // between two pictures
};

}  // namespace loopcast::record
