// Reads a file that has grown back from the disk: what it holds, up to where it is whole. The same
// after an orderly end, a kill or a power cut, so that there is one way to finish a recording.
#pragma once

#include <cstdint>
#include <vector>

#include "base/time.h"
#include "record/file.h"
#include "record/track.h"
#include "record/webm.h"

namespace loopcast::record {

struct MediaIndex {
  std::vector<TrackIndex> tracks;
  std::vector<Range> ranges;           // MP4: contents of each mdat; WebM: each cluster
  std::vector<Cue> cues;               // of WebM
  std::vector<Range> tracks_elements;  // of WebM
  uint64_t end = 0;                    // behind the last fragment that is whole
  bool cut = false;                    // there is more in the file, and it is not whole

  Duration duration() const;
};

MediaIndex scan_mp4(const File& file);
MediaIndex scan_webm(const File& file);

}  // namespace loopcast::record
