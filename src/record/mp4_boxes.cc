#include "record/mp4_boxes.h"

#include <iterator>

#include "record/opus.h"

namespace loopcast::record {
namespace {

void append_matrix(ByteBuilder& out) {
  for (const uint32_t v : {0x10000u, 0u, 0u, 0u, 0x10000u, 0u, 0u, 0u, 0x40000000u}) out.u32(v);
}

bool is_video(const Track& track) { return wire::is_video(track.codec); }

struct EntryTypes {
  std::string_view entry;
  std::string_view description;
};
EntryTypes types_of(const Track& track) {
  switch (track.codec) {
    case wire::Codec::kVp9:
      return {"vp09", "vpcC"};
    case wire::Codec::kAv1:
      return {"av01", "av1C"};
    case wire::Codec::kH264:
    case wire::Codec::kVp8:
    case wire::Codec::kOpus:
      break;
  }
  return {track.in_band ? "avc3" : "avc1", "avcC"};
}

void append_visual_entry(ByteBuilder& out, const Track& track) {
  const EntryTypes types = types_of(track);
  const Box entry(out, types.entry);
  out.zeros(6);
  out.u16(1);  // data reference
  out.zeros(16);
  out.u16(static_cast<uint16_t>(track.width));
  out.u16(static_cast<uint16_t>(track.height));
  out.u32(0x480000);  // 72 dpi
  out.u32(0x480000);
  out.u32(0);
  out.u16(1);  // picture per sample
  out.zeros(32);
  out.u16(0x18);
  out.u16(0xFFFF);
  const Box description(out, types.description);
  if (track.codec == wire::Codec::kVp9) out.u32(0x01000000);  // version 1
  out.bytes(track.description);
}

// "Encapsulation of Opus in ISO Base Media File Format", section 4.3.
void append_opus_entry(ByteBuilder& out) {
  constexpr uint16_t kChannels = 2;
  const Box entry(out, "Opus");
  out.zeros(6);
  out.u16(1);
  out.zeros(8);
  out.u16(kChannels);
  out.u16(16);
  out.zeros(4);
  out.u32(kOpusRate << 16);
  const Box description(out, "dOps");
  out.u8(0);
  out.u8(kChannels);
  // Nothing is cut off: the encoder has been running for long, and what a decoder adds in delay is
  // the same live.
  out.u16(0);
  out.u32(kOpusRate);
  out.u16(0);  // gain
  out.u8(0);   // mapping family
}

}  // namespace

void append_movie_header(ByteBuilder& out, uint64_t duration, uint32_t next_track) {
  const Box box(out, "mvhd", 1, 0);
  out.zeros(16);
  out.u32(kMovieTimescale);
  out.u64(duration);
  out.u32(0x10000);  // rate
  out.u16(0x100);    // volume
  out.zeros(10);
  append_matrix(out);
  out.zeros(24);
  out.u32(next_track);
}

void append_track_header(ByteBuilder& out, const Track& track, uint64_t duration) {
  constexpr uint32_t kEnabledInMovie = 3;
  const Box box(out, "tkhd", 1, kEnabledInMovie);
  out.zeros(16);
  out.u32(track.id);
  out.u32(0);
  out.u64(duration);
  out.zeros(8);
  out.u16(0);  // layer
  out.u16(0);  // alternate group
  out.u16(is_video(track) ? 0 : 0x100);
  out.u16(0);
  append_matrix(out);
  out.u32(track.width << 16);
  out.u32(track.height << 16);
}

void append_media_header(ByteBuilder& out, const Track& track, uint64_t duration) {
  constexpr uint16_t kUndetermined = 0x55C4;  // "und"
  const Box box(out, "mdhd", 1, 0);
  out.zeros(16);
  out.u32(track.timescale());
  out.u64(duration);
  out.u16(kUndetermined);
  out.u16(0);
}

void append_handler(ByteBuilder& out, const Track& track) {
  const Box box(out, "hdlr", 0, 0);
  out.u32(0);
  out.text(is_video(track) ? "vide" : "soun");
  out.zeros(12);
  out.u8(0);
}

void append_media_information(ByteBuilder& out, const Track& track) {
  if (is_video(track)) {
    const Box box(out, "vmhd", 0, 1);
    out.zeros(8);
  } else {
    const Box box(out, "smhd", 0, 0);
    out.zeros(4);
  }
  const Box information(out, "dinf");
  const Box references(out, "dref", 0, 0);
  out.u32(1);
  const Box here(out, "url ", 0, 1);
}

void append_sample_description(ByteBuilder& out, const Track& track) {
  const Box box(out, "stsd", 0, 0);
  out.u32(1);
  if (is_video(track))
    append_visual_entry(out, track);
  else
    append_opus_entry(out);
}

}  // namespace loopcast::record
