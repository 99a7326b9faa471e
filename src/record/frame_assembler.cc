#include "record/frame_assembler.h"

#include <utility>

namespace loopcast::record {

void FrameAssembler::push(const JitterBuffer::Packet& packet) {
  // It only keeps a place in the numbering, and says nothing of the picture.
  if (packet.payload.empty()) {
    if (packet.gap) lose_packets();
    return;
  }
  const bool goes_on = started_ && packet.meta.timestamp == timestamp_ &&
                       !(marked_ && depacketizer_->begins_picture(packet.payload));
  // Of what is lost behind a marker it is not known whether it belongs to the picture.
  if (packet.gap && started_ && !broken_ && (goes_on || !marked_)) drop();
  if (!goes_on) end_picture();
  if (packet.gap) needs_keyframe_ = true;
  started_ = true;
  timestamp_ = packet.meta.timestamp;
  arrival_ = packet.meta.arrival;
  if (!broken_ && !depacketizer_->add(packet.payload)) drop();
  marked_ = packet.meta.marker;
}

void FrameAssembler::lose_packets() {
  if (started_ && !broken_ && !marked_) drop();
  if (is_marked()) end_picture();
  needs_keyframe_ = true;
}

void FrameAssembler::flush(Instant arrived) {
  if (is_marked() && arrival_ <= arrived) end_picture();
}

void FrameAssembler::end_picture() {
  if (started_ && !broken_) finish(arrival_);
  started_ = marked_ = broken_ = false;
}

void FrameAssembler::drop() {
  depacketizer_->drop();
  broken_ = true;
  needs_keyframe_ = true;
  ++dropped_;
}

void FrameAssembler::finish(Instant arrival) {
  auto frame = depacketizer_->take();
  if (!frame) needs_keyframe_ = true;
  if (!frame || (needs_keyframe_ && !frame->keyframe)) {
    ++dropped_;
    return;
  }
  needs_keyframe_ = false;
  frames_.push_back({std::move(*frame), timestamp_, arrival});
}

std::optional<TimedFrame> FrameAssembler::pop() {
  if (frames_.empty()) return std::nullopt;
  TimedFrame frame = std::move(frames_.front());
  frames_.pop_front();
  return frame;
}

}  // namespace loopcast::record
