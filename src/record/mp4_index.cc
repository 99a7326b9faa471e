// The part of mp4.h that writes the index of a finished file.
#include <algorithm>
#include <limits>

#include "record/mp4.h"
#include "record/mp4_boxes.h"

namespace loopcast::record {
namespace {

uint64_t in_movie_time(int64_t time, const Track& track) {
  return static_cast<uint64_t>(time) * kMovieTimescale / track.timescale();
}

uint64_t end_of(const TrackIndex& index) {
  return in_movie_time(index.start + index.duration, index.track);
}

// A track that begins later than the file says so by an empty edit.
void append_edits(ByteBuilder& out, const TrackIndex& index) {
  const uint64_t delay = in_movie_time(index.start, index.track);
  if (delay == 0) return;
  const Box edits(out, "edts");
  const Box list(out, "elst", 1, 0);
  out.u32(2);
  out.u64(delay);
  out.u64(std::numeric_limits<uint64_t>::max());
  out.u32(0x10000);
  out.u64(in_movie_time(index.duration, index.track));
  out.u64(0);
  out.u32(0x10000);
}

// Counts how often each value comes in a row.
void append_durations(ByteBuilder& out, const std::vector<uint32_t>& durations) {
  const Box box(out, "stts", 0, 0);
  const size_t count_at = out.position();
  out.u32(0);
  uint32_t entries = 0;
  for (size_t i = 0; i < durations.size(); ++entries) {
    size_t end = i;
    while (end < durations.size() && durations[end] == durations[i]) ++end;
    out.u32(static_cast<uint32_t>(end - i));
    out.u32(durations[i]);
    i = end;
  }
  out.set_u32(count_at, entries);
}

void append_chunks(ByteBuilder& out, const std::vector<Chunk>& chunks) {
  const Box box(out, "stsc", 0, 0);
  const size_t count_at = out.position();
  out.u32(0);
  uint32_t entries = 0, last = 0;
  for (size_t i = 0; i < chunks.size(); ++i) {
    if (chunks[i].samples == last) continue;
    last = chunks[i].samples;
    out.u32(static_cast<uint32_t>(i + 1));
    out.u32(last);
    out.u32(1);
    ++entries;
  }
  out.set_u32(count_at, entries);
}

void append_sizes(ByteBuilder& out, const std::vector<uint32_t>& sizes) {
  const bool small = std::ranges::all_of(sizes, [](uint32_t size) { return size <= 0xFFFF; });
  const Box box(out, small ? "stz2" : "stsz", 0, 0);
  out.u32(small ? 16 : 0);
  out.u32(static_cast<uint32_t>(sizes.size()));
  for (const uint32_t size : sizes) out.number(size, small ? 2 : 4);
}

void append_syncs(ByteBuilder& out, const TrackIndex& index) {
  if (index.syncs.size() == index.sizes.size()) return;
  const Box box(out, "stss", 0, 0);
  out.u32(static_cast<uint32_t>(index.syncs.size()));
  for (const uint32_t sample : index.syncs) out.u32(sample + 1);
}

void append_track(ByteBuilder& out, const TrackIndex& index, std::span<const Range> ranges) {
  const auto duration = static_cast<uint64_t>(index.duration);
  const Box trak(out, "trak");
  append_track_header(out, index.track, end_of(index));
  append_edits(out, index);
  const Box media(out, "mdia");
  append_media_header(out, index.track, duration);
  append_handler(out, index.track);
  const Box information(out, "minf");
  append_media_information(out, index.track);
  const Box table(out, "stbl");
  append_sample_description(out, index.track);
  append_durations(out, index.durations);
  append_syncs(out, index);
  append_chunks(out, index.chunks);
  append_sizes(out, index.sizes);
  const Box offsets(out, "co64", 0, 0);
  out.u32(static_cast<uint32_t>(index.chunks.size()));
  for (const Chunk& chunk : index.chunks) out.u64(ranges[chunk.range].offset + chunk.offset);
}

}  // namespace

std::vector<uint8_t> mp4_index(std::span<const TrackIndex> tracks, std::span<const Range> ranges) {
  std::vector<uint8_t> bytes;
  ByteBuilder out(bytes);
  {
    const Box moov(out, "moov");
    uint64_t duration = 0;
    uint32_t next = 1;
    for (const TrackIndex& index : tracks) {
      duration = std::max(duration, end_of(index));
      next = std::max(next, index.track.id + 1);
    }
    append_movie_header(out, duration, next);
    for (const TrackIndex& index : tracks) append_track(out, index, ranges);
  }
  return bytes;
}

}  // namespace loopcast::record
