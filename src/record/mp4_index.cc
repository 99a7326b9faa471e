// The part of mp4.h that writes the index of a finished file.
#include <algorithm>
#include <limits>

#include "record/mp4.h"
#include "record/mp4_boxes.h"
#include "record/opus.h"

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

// When each sample is shown after it is decoded, or before: signed offsets, with what they lie
// between (ISO/IEC 14496-12, sections 8.6.1.3 and 8.6.1.4).
void append_offsets(ByteBuilder& out, const TrackIndex& index) {
  if (index.offsets.empty()) return;
  {
    const Box box(out, "ctts", 1, 0);
    const size_t count_at = out.position();
    out.u32(0);
    uint32_t entries = 0;
    for (size_t i = 0; i < index.offsets.size(); ++entries) {
      size_t end = i;
      while (end < index.offsets.size() && index.offsets[end] == index.offsets[i]) ++end;
      out.u32(static_cast<uint32_t>(end - i));
      out.u32(static_cast<uint32_t>(index.offsets[i]));
      i = end;
    }
    out.set_u32(count_at, entries);
  }
  int64_t at = 0, first = 0, last = 0;
  for (size_t i = 0; i < index.offsets.size(); ++i) {
    const int64_t shown = at + index.offsets[i];
    first = i == 0 ? shown : std::min(first, shown);
    last = std::max(last, shown + index.durations[i]);
    at += index.durations[i];
  }
  const auto [least, greatest] = std::ranges::minmax(index.offsets);
  const Box box(out, "cslg", 1, 0);
  out.u64(static_cast<uint64_t>(std::max<int64_t>(0, -int64_t{least})));
  for (const int64_t value : {int64_t{least}, int64_t{greatest}, first, last})
    out.u64(static_cast<uint64_t>(value));
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

// Always as `stsz`: the compact `stz2` is in the standard (ISO/IEC 14496-12, section 8.7.3), but
// Firefox does not know it and refuses the whole file.
void append_sizes(ByteBuilder& out, const std::vector<uint32_t>& sizes) {
  const Box box(out, "stsz", 0, 0);
  out.u32(0);
  out.u32(static_cast<uint32_t>(sizes.size()));
  for (const uint32_t size : sizes) out.u32(size);
}

// A decoder of Opus that begins anywhere is right after 80 ms only ("Encapsulation of Opus in ISO
// Base Media File Format", section 4.3.6): how many samples that are, as a sample group.
void append_pre_roll(ByteBuilder& out, const TrackIndex& index) {
  if (index.track.codec != wire::Codec::kOpus || index.durations.empty()) return;
  constexpr uint32_t kPreRoll = kOpusRate * 80 / 1000;
  const uint32_t shortest = std::max(120u, std::ranges::min(index.durations));
  const uint32_t samples = (kPreRoll + shortest - 1) / shortest;
  {
    const Box description(out, "sgpd", 1, 0);
    out.text("roll");
    out.u32(2);  // bytes of each entry
    out.u32(1);
    out.u16(static_cast<uint16_t>(-static_cast<int>(samples)));
  }
  const Box groups(out, "sbgp", 0, 0);
  out.text("roll");
  out.u32(1);
  out.u32(static_cast<uint32_t>(index.sizes.size()));
  out.u32(1);
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
  append_offsets(out, index);
  append_syncs(out, index);
  append_chunks(out, index.chunks);
  append_sizes(out, index.sizes);
  append_pre_roll(out, index);
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
