#include "net/framing.h"

#include <cstring>

namespace loopcast::net {

MutableBytes FrameDecoder::space() {
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  return MutableBytes(buffer_).subspan(end_);
}

std::optional<MutableBytes> FrameDecoder::next() {
  while (!failed_ && end_ - begin_ >= kFrameHeader) {
    const size_t size = load_u16(&buffer_[begin_]);
    if (size > kMaxFrame) {
      failed_ = true;
      break;
    }
    if (end_ - begin_ - kFrameHeader < size) break;
    const size_t at = begin_ + kFrameHeader;
    begin_ = at + size;
    if (size > 0) return MutableBytes(buffer_).subspan(at, size);
  }
  return std::nullopt;
}

}  // namespace loopcast::net
