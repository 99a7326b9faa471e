// Boxes of MP4: four bytes of length, four of type, and contents.
#pragma once

#include <string_view>

#include "record/byte_builder.h"
#include "record/track.h"

namespace loopcast::record {

// A box is open as long as this lives.
class Box {
 public:
  Box(ByteBuilder& out, std::string_view type) : out_(out), start_(out.position()) {
    out_.u32(0);
    out_.text(type);
  }
  // A FullBox.
  Box(ByteBuilder& out, std::string_view type, uint8_t version, uint32_t flags) : Box(out, type) {
    out_.u8(version);
    out_.u24(flags);
  }
  ~Box() { out_.set_u32(start_, static_cast<uint32_t>(out_.position() - start_)); }
  Box(const Box&) = delete;

 private:
  ByteBuilder& out_;
  size_t start_;
};

// Units of a second that the file as a whole is measured in.
constexpr uint32_t kMovieTimescale = 1000;

void append_movie_header(ByteBuilder& out, uint64_t duration, uint32_t next_track);
// `duration` in units of kMovieTimescale.
void append_track_header(ByteBuilder& out, const Track& track, uint64_t duration);
// mdhd, hdlr and the headers inside minf. `duration` in units of the track.
void append_media_header(ByteBuilder& out, const Track& track, uint64_t duration);
void append_handler(ByteBuilder& out, const Track& track);
void append_media_information(ByteBuilder& out, const Track& track);
// stsd: what a decoder must know.
void append_sample_description(ByteBuilder& out, const Track& track);

}  // namespace loopcast::record
