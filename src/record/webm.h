// WebM (RFC 8794, RFC 9559): clusters while a recording grows, and an index when it is finished.
//
// A file that grows:  EBML | Segment of unknown size | Void (room) | Tracks, and then Clusters
// Tracks come again when one has joined. The index is written into the room, behind the back of the
// Void; then one write of the eight bytes of its length shows it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "record/track.h"

namespace loopcast::record {

// Cues take some 20 bytes for each keyframe: this is for a day. A hole in the file until then.
constexpr uint64_t kWebmIndexRoom = 512 << 10;
// Id and length of a Void as we write it.
constexpr size_t kVoidHeader = 9;

struct Cue {
  uint64_t time_ms = 0;
  uint32_t track = 0;
  uint32_t range = 0;  // number of its cluster
};

// The beginning of a file: EBML and Segment, up to the segment's contents.
std::vector<uint8_t> webm_segment();
// The header of a Void of `size` bytes in all.
std::vector<uint8_t> webm_void(uint64_t size);
constexpr size_t kWebmSegment = 55;  // length of webm_segment()
// Where the eight bytes of the segment's length are, and what they are for so many bytes of
// contents.
constexpr size_t kWebmSegmentSizeAt = kWebmSegment - 8;
std::vector<uint8_t> webm_size(uint64_t size);
constexpr uint64_t kWebmFirstCluster = kWebmSegment + kWebmIndexRoom;

void append_webm_tracks(std::vector<uint8_t>& out, std::span<const Track> tracks);
void append_webm_clusters(std::vector<uint8_t>& out, std::span<const Track> tracks,
                          std::span<const Run> runs);
// Where the times of what was appended like that are, from its beginning, and what they are when
// its samples have those of `now` instead: each block's, the cluster's own stays. Knows the
// samples, not the bytes. Order stays, and what goes further than a block can tell is cut off.
std::vector<Patch> webm_times(std::span<const Track> tracks, std::span<const Run> was,
                              std::span<const Run> now);

// SeekHead, Info, Tracks and Cues of a finished file that has them at its beginning.
std::vector<uint8_t> webm_index(std::span<const Track> tracks, std::span<const Cue> cues,
                                std::span<const Range> clusters, uint64_t duration_ms);

// Reading what was written above.
struct EbmlHeader {
  uint32_t id = 0;
  uint64_t size = 0;         // of the contents; unknown: the largest number
  uint32_t header_size = 0;  // bytes of id and size
};
constexpr size_t kMaxEbmlHeader = 12;
std::optional<EbmlHeader> parse_ebml_header(Bytes bytes);
// Contents of a Tracks element.
std::optional<std::vector<Track>> parse_webm_tracks(Bytes contents);

namespace webm_id {
constexpr uint32_t kSegment = 0x18538067;
constexpr uint32_t kVoid = 0xEC;
constexpr uint32_t kTracks = 0x1654AE6B;
constexpr uint32_t kCluster = 0x1F43B675;
constexpr uint32_t kTimestamp = 0xE7;
constexpr uint32_t kSimpleBlock = 0xA3;
}  // namespace webm_id

}  // namespace loopcast::record
