// MP4 (ISO/IEC 14496-12): fragments while a recording grows, and one index when it is finished.
//
// A file that grows:   ftyp | free (room for the index) | moov, and then moof and mdat by turns.
// A moov comes again when a track has joined. The index makes of that, in place:
//                      ftyp | free | moov | free | mdat (everything from there to the end).
// Everything is written behind the back of the first `free`; then one write of its four bytes of
// length shows the index and hides the fragments.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "record/track.h"

namespace loopcast::record {

// An hour of 30 pictures a second takes 2 MB of index. The room is a hole in the file until then.
constexpr uint32_t kMp4IndexRoom = 8 << 20;
// A box header with 64 bits of length.
constexpr size_t kMp4LargeHeader = 16;
// The length of mp4_file_type().
constexpr size_t kMp4FileType = 32;

std::vector<uint8_t> mp4_file_type();
// The beginning of a file that grows, without the room itself: the first fragment goes to
// kMp4FirstFragment.
std::vector<uint8_t> mp4_head();
constexpr uint64_t kMp4FirstFragment = kMp4FileType + uint64_t{kMp4IndexRoom};

void append_mp4_tracks(std::vector<uint8_t>& out, std::span<const Track> tracks);
// `sequence` counts fragments, from 1.
void append_mp4_fragment(std::vector<uint8_t>& out, uint32_t sequence, std::span<const Run> runs);
// What such a fragment begins with, its moof. Knows the samples, not the bytes: whatever their
// times, it is of the same size.
void append_mp4_fragment_head(std::vector<uint8_t>& out, uint32_t sequence,
                              std::span<const Run> runs);

// The moov of a finished file. `ranges`: where each range of the media lies in it.
std::vector<uint8_t> mp4_index(std::span<const TrackIndex> tracks, std::span<const Range> ranges);

// No recording lasts nine months; what says so is damaged, and is not calculated with.
constexpr int64_t kMp4MaxTime = int64_t{1} << 41;  // in units of 90 kHz

// Reading what was written above, from a disk that may have lost or mangled anything.
struct Mp4Fragment {
  struct Part {
    uint32_t track = 0;
    uint32_t offset = 0;  // of its bytes, from the start of the moof
    std::vector<Sample> samples;
  };
  std::vector<Part> parts;
};
// Both take whole boxes. nullopt: not of our making.
std::optional<std::vector<Track>> parse_mp4_tracks(Bytes moov);
std::optional<Mp4Fragment> parse_mp4_fragment(Bytes moof);

}  // namespace loopcast::record
