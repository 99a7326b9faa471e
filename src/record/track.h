// Tracks, samples and fragments of a media file, whatever its format.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/time.h"
#include "wire/codec.h"

namespace loopcast::record {

enum class Format : uint8_t { kMp4, kWebm };

struct Track {
  uint32_t id = 0;  // from 1
  wire::Codec codec = wire::Codec::kOpus;
  uint32_t width = 0;  // pixels, of the largest picture so far
  uint32_t height = 0;
  std::vector<uint8_t> description;  // VideoConfig::description of that
  // H.264 whose parameter sets change: they are in the pictures (ISO/IEC 14496-15, `avc3`).
  bool in_band = false;

  // Units of a second that its samples are measured in.
  uint32_t timescale() const { return wire::codec_clock_rate(codec); }
};

struct Sample {
  int64_t time = 0;  // of decoding, since the beginning of the recording, in units of the track
  uint32_t duration = 0;  // the same; of the last one of a fragment it is a guess
  uint32_t size = 0;      // bytes
  bool sync = false;      // a decoder can begin here
  int32_t offset = 0;     // from the time of decoding to that of presentation
};

// Consecutive samples of one track.
struct Run {
  uint32_t track = 0;  // Track::id
  std::vector<Sample> samples = {};
  std::vector<uint8_t> bytes = {};
  // Of pictures whose times are a guess: what their clock says of each, uncorrected.
  std::vector<Duration> clock = {};
  // Its samples have offsets. Others have none.
  bool reordered = false;
};

// Bytes that take the place of others.
struct Patch {
  uint64_t offset = 0;
  std::vector<uint8_t> bytes;
};

// What a finished file holds. Media lie in ranges of it, one of each fragment.
struct Range {
  uint64_t offset = 0;  // in the file
  uint64_t size = 0;
};
struct Chunk {
  uint32_t range = 0;   // number of the range, from 0
  uint32_t offset = 0;  // in the range
  uint32_t samples = 0;
};
struct TrackIndex {
  Track track;
  int64_t start = 0;  // of the first sample, in units of the track
  std::vector<uint32_t> sizes = {};
  std::vector<uint32_t> durations = {};
  std::vector<int32_t> offsets = {};  // empty: all are 0
  std::vector<uint32_t> syncs = {};   // samples that a decoder can begin with, from 0, ascending
  std::vector<Chunk> chunks = {};
  int64_t duration = 0;  // sum of `durations`
};

}  // namespace loopcast::record
