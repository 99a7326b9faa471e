// What a presenter sends in all benchmarks, so that one packet costs the same in each.
#pragma once

#include "base/units.h"
#include "sim/media_sender.h"

namespace loopcast::bench {

// Frames of `video` bits a second, keyframes included, and sound beside it. A browser spreads its
// keyframes (sim/burst_pacer.h); an encoder that speaks WHIP may send `whole_frames`.
inline sim::SenderOptions presenter(Bitrate video, bool whole_frames) {
  constexpr int64_t kFramesPerSecond = 30;
  constexpr int64_t kKeyframeSeconds = 2;
  constexpr int64_t kFrames = kFramesPerSecond * kKeyframeSeconds;
  // A keyframe is as large as this many others.
  constexpr int64_t kKeyframeSize = 4;
  sim::SenderOptions options;
  options.frame_interval = Duration::micros(1'000'000 / kFramesPerSecond);
  options.frame_bytes =
      static_cast<size_t>(video.bps / 8 * kKeyframeSeconds / (kFrames - 1 + kKeyframeSize));
  options.keyframe_bytes = options.frame_bytes * kKeyframeSize;
  options.keyframe_interval = Duration::seconds(kKeyframeSeconds);
  options.packet_bytes = 1150;
  // libwebrtc's factor.
  if (!whole_frames) options.pacing.bps = video.bps * 5 / 2;
  return options;
}

}  // namespace loopcast::bench
