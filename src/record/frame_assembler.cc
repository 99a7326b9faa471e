#include "record/frame_assembler.h"

#include <utility>

namespace loopcast::record {

void FrameAssembler::push(const JitterBuffer::Packet& packet) {
  if (packet.gap) {
    if (started_ && !broken_) drop();
    needs_keyframe_ = true;
  }
  // It only keeps a place in the numbering.
  if (packet.payload.empty()) return;
  // Not every sender sets the marker.
  if (started_ && packet.meta.timestamp != timestamp_) {
    if (!broken_) finish(arrival_);
    started_ = broken_ = false;
  }
  started_ = true;
  timestamp_ = packet.meta.timestamp;
  arrival_ = packet.meta.arrival;
  if (!broken_ && !depacketizer_->add(packet.payload)) drop();
  if (!packet.meta.marker) return;
  if (!broken_) finish(packet.meta.arrival);
  started_ = broken_ = false;
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
