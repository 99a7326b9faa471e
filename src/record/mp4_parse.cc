// The part of mp4.h that reads fragments back.
#include "record/mp4.h"

namespace loopcast::record {
namespace {

constexpr uint32_t kOurRunFlags = 0x701;  // data offset, durations, sizes, flags
constexpr uint32_t kNoSync = 0x00010000;

constexpr uint32_t fourcc(const char (&text)[5]) {
  return uint32_t{static_cast<uint8_t>(text[0])} << 24 |
         uint32_t{static_cast<uint8_t>(text[1])} << 16 |
         uint32_t{static_cast<uint8_t>(text[2])} << 8 | static_cast<uint8_t>(text[3]);
}

struct BoxView {
  uint32_t type = 0;
  Bytes contents;
};

// The next box of `r`; nullopt at the end or if it is malformed.
std::optional<BoxView> next_box(ByteReader& r) {
  if (r.remaining() < 8) return std::nullopt;
  const uint32_t size = r.u32();
  const uint32_t type = r.u32();
  if (size < 8 || size - 8 > r.remaining()) return std::nullopt;
  return BoxView{type, r.bytes(size - 8)};
}

// Contents of the first box of that type; empty if there is none.
Bytes find(Bytes contents, uint32_t type) {
  ByteReader r(contents);
  while (const auto box = next_box(r))
    if (box->type == type) return box->contents;
  return {};
}

std::optional<Track> parse_track(Bytes trak) {
  const Bytes header = find(trak, fourcc("tkhd"));
  const Bytes table = find(find(find(trak, fourcc("mdia")), fourcc("minf")), fourcc("stbl"));
  const Bytes descriptions = find(table, fourcc("stsd"));
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
  if (entry->type == fourcc("avc1")) track.codec = wire::Codec::kH264, box = fourcc("avcC");
  if (entry->type == fourcc("vp09")) track.codec = wire::Codec::kVp9, box = fourcc("vpcC");
  if (entry->type == fourcc("av01")) track.codec = wire::Codec::kAv1, box = fourcc("av1C");
  constexpr size_t kVisualEntry = 78;
  if (box == 0 || entry->contents.size() < kVisualEntry) return std::nullopt;
  Bytes description = find(entry->contents.subspan(kVisualEntry), box);
  if (box == fourcc("vpcC") && description.size() >= 4) description = description.subspan(4);
  if (description.empty()) return std::nullopt;
  track.description.assign(description.begin(), description.end());
  return track;
}

std::optional<Mp4Fragment::Part> parse_part(Bytes traf) {
  const Bytes header = find(traf, fourcc("tfhd"));
  const Bytes time = find(traf, fourcc("tfdt"));
  const Bytes run = find(traf, fourcc("trun"));
  if (header.size() != 8 || time.size() != 12 || run.size() < 12) return std::nullopt;
  Mp4Fragment::Part part;
  part.track = load_u32(&header[4]);
  auto at = static_cast<int64_t>(load_u64(&time[4]));
  ByteReader r(run);
  const uint32_t flags = r.u32();
  const uint32_t count = r.u32();
  part.offset = r.u32();
  if (flags != kOurRunFlags || count == 0 || r.remaining() != size_t{count} * 12 || at < 0)
    return std::nullopt;
  part.samples.reserve(count);
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t duration = r.u32(), size = r.u32();
    part.samples.push_back({at, duration, size, (r.u32() & kNoSync) == 0});
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
