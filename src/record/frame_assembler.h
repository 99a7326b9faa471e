// From the packets of a video stream in order to its pictures. After a loss nothing comes before
// the next keyframe: what refers to a lost picture would be garbage in the file.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>

#include "record/depacketizer.h"
#include "record/jitter_buffer.h"

namespace loopcast::record {

struct TimedFrame {
  Frame frame;
  uint32_t timestamp = 0;  // RTP
  Instant arrival;         // of its last packet
};

class FrameAssembler {
 public:
  explicit FrameAssembler(wire::Codec codec, std::string_view fmtp = {})
      : depacketizer_(make_depacketizer(codec, fmtp)) {}

  // A picture ends with its timestamp. The marker is a hint that it has ended (RFC 6184, section
  // 5.1), which holds if nothing of that timestamp follows: with the next packet, or by flush().
  void push(const JitterBuffer::Packet& packet);
  // The picture whose last packet so far had the marker is over if that came until `arrived`.
  void flush(Instant arrived);
  // There is such a picture.
  bool is_marked() const { return started_ && marked_ && !broken_; }
  std::optional<TimedFrame> pop();

  // What comes next has nothing to refer to.
  void require_keyframe() { needs_keyframe_ = true; }
  bool needs_keyframe() const { return needs_keyframe_; }
  // Pictures that were left out, whole or not.
  uint64_t dropped() const { return dropped_; }

 private:
  void lose_packets();
  void end_picture();
  void finish(Instant arrival);
  void drop();

  std::unique_ptr<Depacketizer> depacketizer_;
  std::deque<TimedFrame> frames_;
  bool started_ = false;  // of the picture of timestamp_
  bool marked_ = false;   // its last packet so far had the marker
  bool broken_ = false;   // the rest of that picture is left out
  uint32_t timestamp_ = 0;
  Instant arrival_;
  bool needs_keyframe_ = true;
  uint64_t dropped_ = 0;
};

}  // namespace loopcast::record
