// The part of mp4.h that writes a file while it grows.
#include "record/mp4.h"
#include "record/mp4_boxes.h"

namespace loopcast::record {
namespace {

// tfhd, trun (ISO/IEC 14496-12, sections 8.8.7 and 8.8.8).
constexpr uint32_t kDefaultBaseIsMoof = 0x020000;
constexpr uint32_t kHasDataOffset = 0x000001;
constexpr uint32_t kHasDuration = 0x000100;
constexpr uint32_t kHasSize = 0x000200;
constexpr uint32_t kHasFlags = 0x000400;
constexpr uint32_t kHasOffsets = 0x000800;
// Sample flags: depends on others and is no sync sample, or depends on none.
constexpr uint32_t kDependent = 0x01010000;
constexpr uint32_t kSync = 0x02000000;
constexpr size_t kMdatHeader = 8;

void append_track(ByteBuilder& out, const Track& track) {
  const Box trak(out, "trak");
  append_track_header(out, track, 0);
  const Box media(out, "mdia");
  append_media_header(out, track, 0);
  append_handler(out, track);
  const Box information(out, "minf");
  append_media_information(out, track);
  const Box table(out, "stbl");
  append_sample_description(out, track);
  for (const char* empty : {"stts", "stsc", "stco"}) {
    const Box box(out, empty, 0, 0);
    out.u32(0);
  }
  const Box sizes(out, "stsz", 0, 0);
  out.zeros(8);
}

// Returns where the offset of the run's bytes is to be written.
size_t append_run(ByteBuilder& out, const Run& run) {
  const Box traf(out, "traf");
  {
    const Box header(out, "tfhd", 0, kDefaultBaseIsMoof);
    out.u32(run.track);
  }
  {
    const Box time(out, "tfdt", 1, 0);
    out.u64(static_cast<uint64_t>(run.samples.front().time));
  }
  // In version 1 offsets have a sign, so that presentation begins when decoding does.
  const Box samples(
      out, "trun", run.reordered ? 1 : 0,
      kHasDataOffset | kHasDuration | kHasSize | kHasFlags | (run.reordered ? kHasOffsets : 0));
  out.u32(static_cast<uint32_t>(run.samples.size()));
  const size_t offset = out.position();
  out.u32(0);
  for (const Sample& sample : run.samples) {
    out.u32(sample.duration);
    out.u32(sample.size);
    out.u32(sample.sync ? kSync : kDependent);
    if (run.reordered) out.u32(static_cast<uint32_t>(sample.offset));
  }
  return offset;
}

}  // namespace

std::vector<uint8_t> mp4_file_type() {
  std::vector<uint8_t> bytes;
  ByteBuilder out(bytes);
  const Box box(out, "ftyp");
  out.text("isom");
  out.u32(0x200);
  out.text("isomiso6mp41avc1");
  return bytes;
}

std::vector<uint8_t> mp4_head() {
  std::vector<uint8_t> bytes = mp4_file_type();
  ByteBuilder out(bytes);
  out.u32(kMp4IndexRoom);
  out.text("free");
  return bytes;
}

void append_mp4_tracks(std::vector<uint8_t>& bytes, std::span<const Track> tracks) {
  ByteBuilder out(bytes);
  const Box moov(out, "moov");
  append_movie_header(out, 0, static_cast<uint32_t>(tracks.size() + 1));
  for (const Track& track : tracks) append_track(out, track);
  const Box fragments(out, "mvex");
  for (const Track& track : tracks) {
    const Box defaults(out, "trex", 0, 0);
    out.u32(track.id);
    out.u32(1);
    out.zeros(12);
  }
}

void append_mp4_fragment_head(std::vector<uint8_t>& bytes, uint32_t sequence,
                              std::span<const Run> runs) {
  ByteBuilder out(bytes);
  const size_t start = out.position();
  std::vector<size_t> offsets;
  {
    const Box moof(out, "moof");
    {
      const Box header(out, "mfhd", 0, 0);
      out.u32(sequence);
    }
    for (const Run& run : runs) offsets.push_back(append_run(out, run));
  }
  size_t at = out.position() - start + kMdatHeader;
  for (size_t i = 0; i < runs.size(); ++i) {
    out.set_u32(offsets[i], static_cast<uint32_t>(at));
    for (const Sample& sample : runs[i].samples) at += sample.size;
  }
}

void append_mp4_fragment(std::vector<uint8_t>& bytes, uint32_t sequence,
                         std::span<const Run> runs) {
  append_mp4_fragment_head(bytes, sequence, runs);
  ByteBuilder out(bytes);
  const Box mdat(out, "mdat");
  for (const Run& run : runs) out.bytes(run.bytes);
}

}  // namespace loopcast::record
