#include "record/measure.h"

#include <algorithm>
#include <bit>
#include <cerrno>

#include "record/file.h"
#include "record/mp4.h"
#include "record/mp4_reader.h"
#include "record/webm.h"

namespace loopcast::record {
namespace {

// An index of ours is smaller.
constexpr uint64_t kMaxIndex = 64 << 20;

struct Contents {
  std::vector<Track> tracks;
  Duration duration;
};

std::optional<Contents> read_mp4(const File& file) {
  std::optional<BoxPlace> box = box_at(file, 0);
  while (box && box->type != fourcc("moov")) box = box_at(file, box->at + box->size);
  if (box) {
    std::vector<uint8_t> moov(std::min(box->size, kMaxIndex));
    if (moov.size() < box->size || !file.read(box->at, moov)) return std::nullopt;
    const Bytes header = find_box(Bytes(moov).subspan(8), fourcc("mvhd"));
    auto tracks = parse_mp4_tracks(moov);
    // Of version 1: after two times of 8 bytes.
    constexpr size_t kTimescaleAt = 20, kDurationAt = 24;
    if (!tracks || header.size() < kDurationAt + 8 || load_u32(&header[kTimescaleAt]) != 1000)
      return std::nullopt;
    const uint64_t duration = load_u64(&header[kDurationAt]);
    return Contents{
        std::move(*tracks),
        Duration::millis(static_cast<int64_t>(std::min<uint64_t>(duration, INT64_MAX / 1000)))};
  }
  return std::nullopt;
}

// Milliseconds, in an Info element.
Duration read_duration(Bytes info) {
  constexpr uint32_t kDuration = 0x4489;
  while (const auto header = parse_ebml_header(info)) {
    if (header->size > info.size() - header->header_size) break;
    const Bytes value = info.subspan(header->header_size, header->size);
    if (header->id == kDuration && value.size() == 8) {
      const auto ms = std::bit_cast<double>(load_u64(value.data()));
      return Duration::millis(ms > 0 && ms < 1e12 ? static_cast<int64_t>(ms) : 0);
    }
    info = info.subspan(header->header_size + header->size);
  }
  return {};
}

std::optional<Contents> read_webm(const File& file) {
  constexpr uint32_t kInfo = 0x1549A966;
  std::vector<uint8_t> head(std::min<uint64_t>(file.size(), kWebmSegment + kWebmIndexRoom));
  if (head.size() < kWebmSegment || !file.read(0, head)) return std::nullopt;
  Contents contents;
  Bytes rest = Bytes(head).subspan(kWebmSegment);
  while (const auto header = parse_ebml_header(rest)) {
    if (header->size > rest.size() - header->header_size) break;
    const Bytes value = rest.subspan(header->header_size, header->size);
    if (header->id == kInfo) contents.duration = read_duration(value);
    if (header->id == webm_id::kTracks) {
      auto tracks = parse_webm_tracks(value);
      if (!tracks) return std::nullopt;
      contents.tracks = std::move(*tracks);
    }
    rest = rest.subspan(header->header_size + header->size);
  }
  return contents;
}

}  // namespace

Expected<Finished> measure(const std::string& path, Format format) {
  const auto file = File::open(path);
  if (!file) return file.error();
  const auto contents = format == Format::kMp4 ? read_mp4(*file) : read_webm(*file);
  if (!contents || contents->tracks.empty() || contents->duration <= Duration())
    return Error{"recording_empty", "Nothing was recorded that could be played."};
  Finished facts;
  facts.path = path;
  facts.format = format;
  facts.duration = contents->duration;
  facts.bytes = file->size();
  for (const Track& track : contents->tracks) {
    if (!wire::is_video(track.codec)) {
      facts.sound = true;
      continue;
    }
    if (!facts.video) facts.video = track.codec;
    if (uint64_t{track.width} * track.height >= uint64_t{facts.width} * facts.height) {
      facts.width = track.width;
      facts.height = track.height;
    }
  }
  return facts;
}

}  // namespace loopcast::record
