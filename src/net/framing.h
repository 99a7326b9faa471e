// RFC 4571 framing, as ICE-TCP uses it (RFC 6544 section 3): each datagram in the stream is
// preceded by its length, 16 bits in network byte order.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"

namespace loopcast::net {

constexpr size_t kFrameHeader = 2;

// The header of a frame of `size` bytes, at most 65535.
inline std::array<uint8_t, kFrameHeader> frame_header(size_t size) {
  return {static_cast<uint8_t>(size >> 8), static_cast<uint8_t>(size)};
}

// Cuts a stream into datagrams, within a buffer that never grows:
//   decoder.commit(read(fd, decoder.space()));
//   while (auto datagram = decoder.next()) ...
//   if (decoder.failed()) close(fd);
class FrameDecoder {
 public:
  // As much as a UDP datagram of ours may have. A longer frame is no WebRTC: HTTP and TLS, which
  // scanners speak to any port, begin with a "length" above it.
  static constexpr size_t kMaxFrame = 2048;
  // Four of the longest frames: few reads, and 8 MB for a thousand connections.
  static constexpr size_t kCapacity = 4 * (kFrameHeader + kMaxFrame);

  FrameDecoder() : buffer_(kCapacity) {}

  // Where to read to; never empty after next() has returned nullopt, unless failed(). Moves what is
  // left of the buffer to its front, so datagrams got before are gone.
  MutableBytes space();
  // `size` bytes were read to space().
  void commit(size_t size) { end_ += size; }
  // The next whole datagram, never empty (frames without content are skipped); valid until space().
  std::optional<MutableBytes> next();
  // A frame was longer than kMaxFrame: the stream cannot be followed any more.
  bool failed() const { return failed_; }

 private:
  std::vector<uint8_t> buffer_;
  size_t begin_ = 0;  // of what next() has not looked at
  size_t end_ = 0;
  bool failed_ = false;
};

}  // namespace loopcast::net
