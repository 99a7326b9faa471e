#include <algorithm>
#include <array>

#include "record/scan.h"

namespace loopcast::record {
namespace {

constexpr uint64_t kMaxTracks = 1 << 16;
// A fragment of ours is far smaller.
constexpr uint64_t kMaxCluster = 64 << 20;
// A picture's length, of which WebM knows only the beginning.
constexpr int64_t kLastPictureMs = 33;
constexpr int64_t kLastSoundMs = 20;
// Bytes of a cluster that hold its time and the beginning of its first block.
constexpr size_t kBeginning = 64;
// Clusters at the end that are read whole: some seconds of each track.
constexpr size_t kLookedInto = 8;

// Header of the element at `at`; nullopt at the end.
std::optional<EbmlHeader> read_header(const File& file, uint64_t at) {
  std::array<uint8_t, kMaxEbmlHeader> bytes{};
  if (at >= file.size()) return std::nullopt;
  const auto size = static_cast<size_t>(std::min<uint64_t>(bytes.size(), file.size() - at));
  if (!file.read(at, MutableBytes(bytes).first(size))) return std::nullopt;
  const auto header = parse_ebml_header(Bytes(bytes).first(size));
  if (!header || header->size > file.size() - at - header->header_size) return std::nullopt;
  return header;
}

TrackIndex* find(MediaIndex& index, uint32_t id) {
  const auto it =
      std::ranges::find_if(index.tracks, [&](const TrackIndex& t) { return t.track.id == id; });
  return it == index.tracks.end() ? nullptr : &*it;
}

// A block's beginning: track, time after its cluster's, flags.
struct BlockHead {
  TrackIndex* track;
  int64_t time_ms;
  bool key;
};
std::optional<BlockHead> parse_block(MediaIndex& index, int64_t cluster_ms, Bytes head) {
  if (head.size() < 4) return std::nullopt;
  TrackIndex* track = find(index, head[0] & 0x7F);
  if (!track) return std::nullopt;
  return BlockHead{track, cluster_ms + static_cast<int16_t>(load_u16(&head[1])),
                   (head[3] & 0x80) != 0};
}

void extend(TrackIndex& track, int64_t time_ms) {
  const bool video = wire::is_video(track.track.codec);
  const int64_t end_ms = time_ms + (video ? kLastPictureMs : kLastSoundMs);
  track.duration = std::max(track.duration, end_ms * (track.track.timescale() / 1000));
}

// Notes a cluster that begins with a keyframe.
void take_beginning(MediaIndex& index, Bytes contents) {
  int64_t cluster_ms = 0;
  while (const auto header = parse_ebml_header(contents)) {
    contents = contents.subspan(header->header_size);
    if (header->id == webm_id::kSimpleBlock) {
      const auto block = parse_block(index, cluster_ms, contents);
      if (block && block->key && wire::is_video(block->track->track.codec))
        index.cues.push_back({static_cast<uint64_t>(block->time_ms), block->track->track.id,
                              static_cast<uint32_t>(index.ranges.size())});
      return;
    }
    if (header->id != webm_id::kTimestamp || header->size != 4 || contents.size() < 4) return;
    cluster_ms = load_u32(contents.data());
    contents = contents.subspan(4);
  }
}

// Until when its tracks last. False: it is not whole.
bool take_end(MediaIndex& index, Bytes contents) {
  int64_t cluster_ms = 0;
  while (!contents.empty()) {
    const auto header = parse_ebml_header(contents);
    if (!header || header->size > contents.size() - header->header_size) return false;
    const Bytes element = contents.subspan(header->header_size, header->size);
    if (element.size() < 4) return false;
    if (header->id == webm_id::kTimestamp)
      cluster_ms = load_u32(element.data());
    else if (header->id != webm_id::kSimpleBlock)
      return false;
    else if (const auto block = parse_block(index, cluster_ms, element))
      extend(*block->track, block->time_ms);
    contents = contents.subspan(header->header_size + header->size);
  }
  return true;
}

bool take_tracks(MediaIndex& index, const File& file, uint64_t at, uint64_t size) {
  if (size > kMaxTracks) return false;
  std::vector<uint8_t> contents(size);
  if (!file.read(at, contents)) return false;
  auto tracks = parse_webm_tracks(contents);
  if (!tracks) return false;
  for (Track& track : *tracks) {
    if (TrackIndex* known = find(index, track.id))
      known->track = std::move(track);
    else
      index.tracks.push_back({.track = std::move(track)});
  }
  return true;
}

}  // namespace

MediaIndex scan_webm(const File& file) {
  MediaIndex index;
  std::array<uint8_t, kBeginning> beginning{};
  uint64_t at = kWebmFirstCluster;
  index.end = at;
  while (const auto header = read_header(file, at)) {
    const uint64_t contents = at + header->header_size;
    const uint64_t next = contents + header->size;
    if (header->id == webm_id::kTracks) {
      if (!take_tracks(index, file, contents, header->size)) break;
      index.tracks_elements.push_back({at, next - at});
    } else if (header->id == webm_id::kCluster) {
      const auto size = std::min<uint64_t>(beginning.size(), header->size);
      if (header->size > kMaxCluster || !file.read(contents, MutableBytes(beginning).first(size)))
        break;
      take_beginning(index, Bytes(beginning).first(size));
      index.ranges.push_back({at, next - at});
    } else {
      break;
    }
    at = index.end = next;
  }
  // The last ones tell how long it is, and may be what was being written at the end.
  std::vector<uint8_t> cluster;
  for (size_t looked = 0; looked < kLookedInto && looked < index.ranges.size();) {
    const Range range = index.ranges[index.ranges.size() - 1 - looked];
    const auto header = read_header(file, range.offset);
    cluster.resize(header ? header->size : 0);
    if (header && file.read(range.offset + header->header_size, cluster) &&
        take_end(index, cluster)) {
      ++looked;
      continue;
    }
    while (index.ranges.size() > 0 && index.ranges.back().offset >= range.offset)
      index.ranges.pop_back();
    std::erase_if(index.cues, [&](const Cue& cue) { return cue.range >= index.ranges.size(); });
    index.end = range.offset;
    looked = 0;
  }
  index.cut = file.size() > index.end;
  if (index.ranges.empty()) index.tracks.clear();
  return index;
}

}  // namespace loopcast::record
