#include <algorithm>
#include <array>

#include "record/scan.h"

namespace loopcast::record {
namespace {

constexpr uint64_t kMaxTracks = 1 << 16;
// A picture's length, of which WebM knows only the beginning.
constexpr int64_t kLastPictureMs = 33;
constexpr int64_t kLastSoundMs = 20;

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

void take_block(MediaIndex& index, int64_t cluster_ms, Bytes head) {
  TrackIndex* track = find(index, head[0] & 0x7F);
  if (!track) return;
  const int64_t time_ms = cluster_ms + static_cast<int16_t>(load_u16(&head[1]));
  const bool video = wire::is_video(track->track.codec);
  const int64_t end_ms = time_ms + (video ? kLastPictureMs : kLastSoundMs);
  const int64_t scale = track->track.timescale() / 1000;
  track->duration = std::max(track->duration, end_ms * scale);
  // Only where a track begins again counts; sizes are not needed.
  if ((head[3] & 0x80) == 0 || !video) return;
  if (!index.cues.empty() && index.cues.back().range == index.ranges.size()) return;
  index.cues.push_back({static_cast<uint64_t>(time_ms), track->track.id,
                        static_cast<uint32_t>(index.ranges.size())});
}

bool take_cluster(MediaIndex& index, const File& file, uint64_t at, uint64_t end) {
  int64_t cluster_ms = 0;
  while (at < end) {
    const auto header = read_header(file, at);
    if (!header) return false;
    const uint64_t contents = at + header->header_size;
    std::array<uint8_t, 4> head{};
    if (header->size < head.size() || contents + header->size > end || !file.read(contents, head))
      return false;
    if (header->id == webm_id::kTimestamp)
      cluster_ms = load_u32(head.data());
    else if (header->id == webm_id::kSimpleBlock)
      take_block(index, cluster_ms, head);
    else
      return false;
    at = contents + header->size;
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
  uint64_t at = kWebmFirstCluster;
  index.end = at;
  while (const auto header = read_header(file, at)) {
    const uint64_t contents = at + header->header_size;
    const uint64_t next = contents + header->size;
    if (header->id == webm_id::kTracks) {
      if (!take_tracks(index, file, contents, header->size)) break;
      index.tracks_elements.push_back({at, next - at});
    } else if (header->id == webm_id::kCluster) {
      if (!take_cluster(index, file, contents, next)) break;
      index.ranges.push_back({at, next - at});
    } else {
      break;
    }
    at = index.end = next;
  }
  index.cut = file.size() > index.end;
  std::erase_if(index.tracks, [](const TrackIndex& track) { return track.duration == 0; });
  // Sound alone is found by any cluster, as often as a keyframe would come.
  const bool has_video = std::ranges::any_of(
      index.tracks, [](const TrackIndex& t) { return wire::is_video(t.track.codec); });
  if (!has_video) index.cues.clear();
  return index;
}

}  // namespace loopcast::record
