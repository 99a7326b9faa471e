#include <algorithm>
#include <array>
#include <limits>

#include "record/mp4.h"
#include "record/scan.h"

namespace loopcast::record {
namespace {

// Boxes of ours that are read whole are far smaller.
constexpr uint64_t kMaxBox = 16 << 20;

constexpr uint32_t kMoov = 0x6D6F6F76, kMoof = 0x6D6F6F66, kMdat = 0x6D646174;

TrackIndex* find(MediaIndex& index, uint32_t id) {
  const auto it =
      std::ranges::find_if(index.tracks, [&](const TrackIndex& t) { return t.track.id == id; });
  return it == index.tracks.end() ? nullptr : &*it;
}

void take_tracks(MediaIndex& index, std::vector<Track> tracks) {
  for (Track& track : tracks) {
    if (TrackIndex* known = find(index, track.id)) {
      known->track.width = track.width;
      known->track.height = track.height;
      known->track.in_band |= track.in_band;
      if (!track.description.empty()) known->track.description = std::move(track.description);
    } else {
      index.tracks.push_back({.track = std::move(track)});
    }
  }
}

// False if the parts do not lie in the contents of the mdat behind the moof.
bool is_whole(const Mp4Fragment& fragment, uint64_t moof_size, uint64_t mdat_size) {
  for (const auto& part : fragment.parts) {
    uint64_t bytes = 0;
    for (const Sample& sample : part.samples) bytes += sample.size;
    if (part.offset < moof_size + 8 || part.offset + bytes > moof_size + mdat_size) return false;
  }
  return true;
}

void take_part(MediaIndex& index, const Mp4Fragment::Part& part, uint64_t moof_size) {
  TrackIndex* track = find(index, part.track);
  if (!track || track->duration > kMp4MaxTime) return;
  const int64_t begins = part.samples.front().time;
  if (track->sizes.empty()) {
    track->start = begins;
  } else {
    // The last sample before lasts until this one: its duration was a guess. A kill while times
    // were written anew may have left this one before it: what comes next puts that right.
    const int64_t end = track->start + track->duration;
    const int64_t last = std::max<int64_t>(0, track->durations.back() + (begins - end));
    if (last > std::numeric_limits<uint32_t>::max()) return;
    track->duration += last - track->durations.back();
    track->durations.back() = static_cast<uint32_t>(last);
  }
  track->chunks.push_back({static_cast<uint32_t>(index.ranges.size()),
                           static_cast<uint32_t>(part.offset - moof_size - 8),
                           static_cast<uint32_t>(part.samples.size())});
  for (const Sample& sample : part.samples) {
    if (sample.sync) track->syncs.push_back(static_cast<uint32_t>(track->sizes.size()));
    if (sample.offset != 0 || !track->offsets.empty()) {
      track->offsets.resize(track->sizes.size());
      track->offsets.push_back(sample.offset);
    }
    track->sizes.push_back(sample.size);
    track->durations.push_back(sample.duration);
    track->duration += sample.duration;
  }
}

}  // namespace

Duration MediaIndex::duration() const {
  Duration longest;
  for (const TrackIndex& track : tracks)
    longest = std::max(longest, Duration::micros((track.start + track.duration) * 1'000'000 /
                                                 track.track.timescale()));
  return longest;
}

MediaIndex scan_mp4(const File& file) {
  MediaIndex index;
  std::vector<uint8_t> box;
  uint64_t at = kMp4FirstFragment;
  index.end = at;
  std::optional<Mp4Fragment> fragment;
  uint64_t fragment_size = 0;
  std::array<uint8_t, 8> header;
  while (file.read(at, header)) {
    const uint64_t size = load_u32(header.data());
    const uint32_t type = load_u32(&header[4]);
    if (size < 8 || size > file.size() - at) break;
    if (type == kMdat) {
      if (!fragment || !is_whole(*fragment, fragment_size, size)) break;
      for (const auto& part : fragment->parts) take_part(index, part, fragment_size);
      index.ranges.push_back({at + 8, size - 8});
      fragment.reset();
    } else if (type == kMoov || type == kMoof) {
      if (size > kMaxBox || fragment) break;
      box.resize(size);
      if (!file.read(at, box)) break;
      if (type == kMoof) {
        fragment = parse_mp4_fragment(box);
        fragment_size = size;
        if (!fragment) break;
      } else {
        auto tracks = parse_mp4_tracks(box);
        if (!tracks) break;
        take_tracks(index, std::move(*tracks));
      }
    } else {
      break;
    }
    at += size;
    if (!fragment) index.end = at;
  }
  index.cut = file.size() > index.end;
  std::erase_if(index.tracks, [](const TrackIndex& track) { return track.sizes.empty(); });
  return index;
}

}  // namespace loopcast::record
