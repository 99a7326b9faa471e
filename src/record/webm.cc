#include "record/webm.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "record/byte_builder.h"
#include "record/opus.h"

namespace loopcast::record {
namespace {

// RFC 8794, section 13 and RFC 9559, section 5.
constexpr uint32_t kEbml = 0x1A45DFA3;
constexpr uint32_t kSeekHead = 0x114D9B74, kSeek = 0x4DBB, kSeekId = 0x53AB, kSeekPosition = 0x53AC;
constexpr uint32_t kInfo = 0x1549A966;
constexpr uint32_t kTrackEntry = 0xAE, kTrackNumber = 0xD7, kCodecId = 0x86, kCodecPrivate = 0x63A2;
constexpr uint32_t kVideo = 0xE0, kWidth = 0xB0, kHeight = 0xBA;
constexpr uint32_t kCues = 0x1C53BB6B;

constexpr uint64_t kUnknownSize = 0x01FF'FFFF'FFFF'FFFF;
constexpr uint64_t kSizeMarker = uint64_t{1} << 56;
// Times of blocks are 16 bits after their cluster's.
constexpr int64_t kMaxClusterMs = 30'000;
constexpr char kProgram[] = "Loopcast";

int bytes_of(uint64_t v) {
  int size = 1;
  while (size < 8 && v >> 8 * size != 0) ++size;
  return size;
}

void put_id(ByteBuilder& out, uint32_t id) { out.number(id, bytes_of(id)); }

// An element is open as long as this lives; its length takes 8 bytes.
class Element {
 public:
  Element(ByteBuilder& out, uint32_t id) : out_(out) {
    put_id(out, id);
    start_ = out.position();
    out.u64(0);
  }
  ~Element() { out_.set_u64(start_, kSizeMarker | (out_.position() - start_ - 8)); }
  Element(const Element&) = delete;

 private:
  ByteBuilder& out_;
  size_t start_;
};

void put_size(ByteBuilder& out, size_t size) { out.u8(static_cast<uint8_t>(0x80 | size)); }
void put_number(ByteBuilder& out, uint32_t id, uint64_t value, int size = 0) {
  put_id(out, id);
  if (size == 0) size = bytes_of(value);
  put_size(out, static_cast<size_t>(size));
  out.number(value, size);
}
void put_float(ByteBuilder& out, uint32_t id, double value) {
  put_number(out, id, std::bit_cast<uint64_t>(value), 8);
}
void put_text(ByteBuilder& out, uint32_t id, std::string_view text) {
  put_id(out, id);
  put_size(out, text.size());
  out.text(text);
}

int64_t to_ms(int64_t time, const Track& track) { return time * 1000 / track.timescale(); }

void append_opus_private(ByteBuilder& out) {
  // RFC 7845, section 5.1, little endian.
  put_id(out, kCodecPrivate);
  put_size(out, 19);
  out.text("OpusHead");
  out.u8(1);
  out.u8(2);
  out.u16(0);  // nothing is cut off, as in MP4
  out.number(0x80BB0000, 4);
  out.u16(0);
  out.u8(0);
}

void append_track(ByteBuilder& out, const Track& track) {
  const Element entry(out, kTrackEntry);
  put_number(out, kTrackNumber, track.id);
  put_number(out, 0x73C5, track.id);  // TrackUID
  put_number(out, 0x9C, 0);           // FlagLacing
  if (wire::is_video(track.codec)) {
    put_number(out, 0x83, 1);  // TrackType
    put_text(out, kCodecId, "V_VP8");
    const Element video(out, kVideo);
    put_number(out, kWidth, track.width);
    put_number(out, kHeight, track.height);
    return;
  }
  put_number(out, 0x83, 2);
  put_text(out, kCodecId, "A_OPUS");
  append_opus_private(out);
  put_number(out, 0x56BB, 80'000'000);  // SeekPreRoll
  const Element audio(out, 0xE1);
  put_float(out, 0xB5, kOpusRate);
  put_number(out, 0x9F, 2);
}

struct Block {
  int64_t time_ms;     // of presentation, as WebM has it
  int64_t decoded_ms;  // which is the order of blocks (RFC 9559, section 10.2)
  const Track* track;
  size_t run, sample;
  size_t at;  // of its bytes in the run's
  uint32_t size;
  bool sync;
  bool first_key;  // of pictures, and the first one
};

std::vector<Block> in_order(std::span<const Track> tracks, std::span<const Run> runs) {
  std::vector<Block> blocks;
  for (size_t i = 0; i < runs.size(); ++i) {
    const auto track = std::ranges::find(tracks, runs[i].track, &Track::id);
    if (track == tracks.end()) continue;
    size_t at = 0;
    for (size_t j = 0; j < runs[i].samples.size(); ++j) {
      const Sample& sample = runs[i].samples[j];
      const bool first_key = sample.sync && at == 0 && wire::is_video(track->codec);
      blocks.push_back({to_ms(sample.time + sample.offset, *track), to_ms(sample.time, *track),
                        &*track, i, j, at, sample.size, sample.sync, first_key});
      at += sample.size;
    }
  }
  // A keyframe that a fragment begins with comes first, whatever sound was taken before it: so the
  // beginning of a cluster tells whether a player can begin there.
  std::ranges::stable_sort(blocks, {}, [](const Block& block) {
    return block.first_key ? std::numeric_limits<int64_t>::min() : block.decoded_ms;
  });
  return blocks;
}

// Number of the blocks from `i` on that are one cluster.
size_t in_one_cluster(std::span<const Block> blocks, size_t i) {
  size_t count = 1;
  while (i + count < blocks.size() && blocks[i + count].time_ms - blocks[i].time_ms < kMaxClusterMs)
    ++count;
  return count;
}

void append_info(ByteBuilder& out, uint64_t duration_ms) {
  const Element info(out, kInfo);
  put_number(out, 0x2AD7B1, 1'000'000);  // TimestampScale: milliseconds
  put_text(out, 0x4D80, kProgram);
  put_text(out, 0x5741, kProgram);
  put_float(out, 0x4489, static_cast<double>(duration_ms));
}

void append_seek(ByteBuilder& out, uint32_t id, uint64_t position) {
  const Element seek(out, kSeek);
  put_number(out, kSeekId, id, 4);
  put_number(out, kSeekPosition, position, 8);
}

void append_cues(ByteBuilder& out, std::span<const Cue> cues, std::span<const Range> clusters) {
  const Element element(out, kCues);
  for (const Cue& cue : cues) {
    // Of fixed size, so that positions do not change the length.
    put_id(out, 0xBB);  // CuePoint
    put_size(out, 6 + 2 + 3 + 10);
    put_number(out, 0xB3, cue.time_ms, 4);  // CueTime
    put_id(out, 0xB7);                      // CueTrackPositions
    put_size(out, 3 + 10);
    put_number(out, 0xF7, cue.track, 1);  // CueTrack
    put_number(out, 0xF1, clusters[cue.range].offset - kWebmSegment, 8);
  }
}

uint64_t number_of(Bytes bytes) {
  uint64_t value = 0;
  for (const uint8_t b : bytes) value = value << 8 | b;
  return value;
}

std::optional<Track> parse_track(Bytes contents) {
  Track track;
  Bytes video;
  while (!contents.empty()) {
    const auto header = parse_ebml_header(contents);
    if (!header || header->size > contents.size() - header->header_size) return std::nullopt;
    const Bytes value = contents.subspan(header->header_size, header->size);
    if (header->id == kTrackNumber) track.id = static_cast<uint32_t>(number_of(value));
    if (header->id == kCodecId && as_text(value) == "V_VP8") track.codec = wire::Codec::kVp8;
    if (header->id == kVideo) video = value;
    contents = contents.subspan(header->header_size + header->size);
  }
  while (!video.empty()) {
    const auto header = parse_ebml_header(video);
    if (!header || header->size > video.size() - header->header_size) return std::nullopt;
    const Bytes value = video.subspan(header->header_size, header->size);
    if (header->id == kWidth) track.width = static_cast<uint32_t>(number_of(value));
    if (header->id == kHeight) track.height = static_cast<uint32_t>(number_of(value));
    video = video.subspan(header->header_size + header->size);
  }
  return track.id != 0 ? std::optional(track) : std::nullopt;
}

}  // namespace

std::vector<uint8_t> webm_size(uint64_t size) {
  std::vector<uint8_t> bytes;
  ByteBuilder(bytes).u64(kSizeMarker | size);
  return bytes;
}

std::vector<uint8_t> webm_void(uint64_t size) {
  std::vector<uint8_t> bytes;
  ByteBuilder out(bytes);
  put_id(out, webm_id::kVoid);
  out.u64(kSizeMarker | (size - kVoidHeader));
  return bytes;
}

std::vector<uint8_t> webm_segment() {
  std::vector<uint8_t> bytes;
  ByteBuilder out(bytes);
  {
    const Element ebml(out, kEbml);
    put_number(out, 0x4286, 1);
    put_number(out, 0x42F7, 1);
    put_number(out, 0x42F2, 4);
    put_number(out, 0x42F3, 8);
    put_text(out, 0x4282, "webm");
    put_number(out, 0x4287, 4);
    put_number(out, 0x4285, 2);
  }
  put_id(out, webm_id::kSegment);
  out.u64(kUnknownSize);
  return bytes;
}

void append_webm_tracks(std::vector<uint8_t>& bytes, std::span<const Track> tracks) {
  ByteBuilder out(bytes);
  const Element element(out, webm_id::kTracks);
  for (const Track& track : tracks) append_track(out, track);
}

void append_webm_clusters(std::vector<uint8_t>& bytes, std::span<const Track> tracks,
                          std::span<const Run> runs) {
  ByteBuilder out(bytes);
  const std::vector<Block> blocks = in_order(tracks, runs);
  for (size_t i = 0, count; i < blocks.size(); i += count) {
    const Element cluster(out, webm_id::kCluster);
    const int64_t start = blocks[i].time_ms;
    put_number(out, webm_id::kTimestamp, static_cast<uint64_t>(start), 4);
    count = in_one_cluster(blocks, i);
    for (const Block& block : std::span(blocks).subspan(i, count)) {
      put_id(out, webm_id::kSimpleBlock);
      out.u64(kSizeMarker | (4 + block.size));
      put_size(out, block.track->id);
      out.u16(static_cast<uint16_t>(block.time_ms - start));
      out.u8(block.sync ? 0x80 : 0);
      out.bytes(Bytes(runs[block.run].bytes).subspan(block.at, block.size));
    }
  }
}

std::vector<Patch> webm_times(std::span<const Track> tracks, std::span<const Run> was,
                              std::span<const Run> now) {
  // Id and length, and the time as the first element.
  constexpr uint64_t kClusterHead = 4 + 8 + 6;
  // Id, length and number of the track; time and flags.
  constexpr uint64_t kBlockHead = 1 + 8 + 1, kTimeAndFlags = 3;
  using Limits = std::numeric_limits<int16_t>;
  std::vector<Patch> patches;
  const std::vector<Block> blocks = in_order(tracks, was);
  uint64_t at = 0;
  for (size_t i = 0, count; i < blocks.size(); i += count) {
    const int64_t start = blocks[i].time_ms;
    at += kClusterHead;
    count = in_one_cluster(blocks, i);
    for (const Block& block : std::span(blocks).subspan(i, count)) {
      const Sample& sample = now[block.run].samples[block.sample];
      const int64_t time = to_ms(sample.time + sample.offset, *block.track);
      Patch patch{at + kBlockHead, {}};
      ByteBuilder(patch.bytes)
          .u16(static_cast<uint16_t>(
              std::clamp<int64_t>(time - start, Limits::min(), Limits::max())));
      patches.push_back(std::move(patch));
      at += kBlockHead + kTimeAndFlags + block.size;
    }
  }
  return patches;
}

std::vector<uint8_t> webm_index(std::span<const Track> tracks, std::span<const Cue> cues,
                                std::span<const Range> clusters, uint64_t duration_ms) {
  std::vector<uint8_t> bytes, info, track_list;
  ByteBuilder out(bytes), info_out(info);
  append_info(info_out, duration_ms);
  append_webm_tracks(track_list, tracks);
  constexpr uint64_t kSeekSize = 10 + 7 + 11;
  constexpr uint64_t kSeekHeadSize = 12 + 3 * kSeekSize;
  // Positions count from the segment's contents; a Void header comes first in either layout.
  const uint64_t after = kVoidHeader + kSeekHeadSize;
  {
    const Element seek_head(out, kSeekHead);
    append_seek(out, kInfo, after);
    append_seek(out, webm_id::kTracks, after + info.size());
    append_seek(out, kCues, after + info.size() + track_list.size());
  }
  out.bytes(info);
  out.bytes(track_list);
  append_cues(out, cues, clusters);
  return bytes;
}

std::optional<EbmlHeader> parse_ebml_header(Bytes bytes) {
  if (bytes.empty()) return std::nullopt;
  EbmlHeader header;
  const int id_size = std::countl_zero(bytes[0]) + 1;
  if (id_size > 4 || bytes.size() <= static_cast<size_t>(id_size)) return std::nullopt;
  header.id = static_cast<uint32_t>(number_of(bytes.first(static_cast<size_t>(id_size))));
  const Bytes rest = bytes.subspan(static_cast<size_t>(id_size));
  const int size = std::countl_zero(rest[0]) + 1;
  if (size > 8 || rest.size() < static_cast<size_t>(size)) return std::nullopt;
  const uint64_t all_ones = (uint64_t{1} << 7 * size) - 1;
  header.size = number_of(rest.first(static_cast<size_t>(size))) & all_ones;
  if (header.size == all_ones) header.size = std::numeric_limits<uint64_t>::max();
  header.header_size = static_cast<uint32_t>(id_size + size);
  return header;
}

std::optional<std::vector<Track>> parse_webm_tracks(Bytes contents) {
  std::vector<Track> tracks;
  while (!contents.empty()) {
    const auto header = parse_ebml_header(contents);
    if (!header || header->size > contents.size() - header->header_size) return std::nullopt;
    if (header->id == kTrackEntry) {
      auto track = parse_track(contents.subspan(header->header_size, header->size));
      if (!track) return std::nullopt;
      tracks.push_back(std::move(*track));
    }
    contents = contents.subspan(header->header_size + header->size);
  }
  return tracks;
}

}  // namespace loopcast::record
