// The part of mp4.h that reads fragments back.
#include "record/mp4.h"
#include "record/mp4_reader.h"

namespace loopcast::record {
namespace {

// Data offset, durations, sizes, flags; and the same with offsets, in version 1.
constexpr uint32_t kOurRunFlags = 0x701, kOurReorderedRun = 0x01000F01;
constexpr uint32_t kNoSync = 0x00010000;

std::optional<Track> parse_track(Bytes trak) {
  const Bytes header = find_box(trak, fourcc("tkhd"));
  const Bytes table =
      find_box(find_box(find_box(trak, fourcc("mdia")), fourcc("minf")), fourcc("stbl"));
  const Bytes descriptions = find_box(table, fourcc("stsd"));
  constexpr size_t kTrackHeader = 96, kTrackIdAt = 20;
  if (header.size() != kTrackHeader || descriptions.size() < 8) return std::nullopt;
  Track track;
  track.id = load_u32(&header[kTrackIdAt]);
  track.width = load_u32(&header[kTrackHeader - 8]) >> 16;
  track.height = load_u32(&header[kTrackHeader - 4]) >> 16;
  ByteReader r(descriptions.subspan(8));
  const auto entry = next_box(r);
  if (!entry) return std::nullopt;
  if (entry->type == fourcc("Opus")) return track;
  uint32_t box = 0;
  track.in_band = entry->type == fourcc("avc3");
  if (entry->type == fourcc("avc1") || track.in_band)
    track.codec = wire::Codec::kH264, box = fourcc("avcC");
  if (entry->type == fourcc("vp09")) track.codec = wire::Codec::kVp9, box = fourcc("vpcC");
  if (entry->type == fourcc("av01")) track.codec = wire::Codec::kAv1, box = fourcc("av1C");
  constexpr size_t kVisualEntry = 78;
  if (box == 0 || entry->contents.size() < kVisualEntry) return std::nullopt;
  Bytes description = find_box(entry->contents.subspan(kVisualEntry), box);
  if (box == fourcc("vpcC") && description.size() >= 4) description = description.subspan(4);
  if (description.empty()) return std::nullopt;
  track.description.assign(description.begin(), description.end());
  return track;
}

std::optional<Mp4Fragment::Part> parse_part(Bytes traf) {
  const Bytes header = find_box(traf, fourcc("tfhd"));
  const Bytes time = find_box(traf, fourcc("tfdt"));
  const Bytes run = find_box(traf, fourcc("trun"));
  if (header.size() != 8 || time.size() != 12 || run.size() < 12) return std::nullopt;
  Mp4Fragment::Part part;
  part.track = load_u32(&header[4]);
  auto at = static_cast<int64_t>(load_u64(&time[4]));
  ByteReader r(run);
  const uint32_t flags = r.u32();
  const uint32_t count = r.u32();
  part.offset = r.u32();
  const bool reordered = flags == kOurReorderedRun;
  const size_t entry = reordered ? 16 : 12;
  if ((flags != kOurRunFlags && !reordered) || count == 0 ||
      r.remaining() != size_t{count} * entry || at < 0)
    return std::nullopt;
  part.samples.reserve(count);
  for (uint32_t i = 0; i < count; ++i) {
    if (at > kMp4MaxTime) return std::nullopt;
    const uint32_t duration = r.u32(), size = r.u32();
    const bool sync = (r.u32() & kNoSync) == 0;
    const auto offset = reordered ? static_cast<int32_t>(r.u32()) : 0;
    part.samples.push_back({at, duration, size, sync, offset});
    at += duration;
  }
  return part;
}

}  // namespace

std::optional<std::vector<Track>> parse_mp4_tracks(Bytes moov) {
  if (moov.size() < 8) return std::nullopt;
  std::vector<Track> tracks;
  ByteReader r(moov.subspan(8));
  while (const auto box = next_box(r)) {
    if (box->type != fourcc("trak")) continue;
    auto track = parse_track(box->contents);
    if (!track) return std::nullopt;
    tracks.push_back(std::move(*track));
  }
  return tracks;
}

std::optional<Mp4Fragment> parse_mp4_fragment(Bytes moof) {
  if (moof.size() < 8) return std::nullopt;
  Mp4Fragment fragment;
  ByteReader r(moof.subspan(8));
  while (const auto box = next_box(r)) {
    if (box->type != fourcc("traf")) continue;
    auto part = parse_part(box->contents);
    if (!part) return std::nullopt;
    fragment.parts.push_back(std::move(*part));
  }
  return fragment;
}

}  // namespace loopcast::record
