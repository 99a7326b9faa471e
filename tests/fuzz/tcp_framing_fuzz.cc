// The ICE-TCP framing: however a stream is cut into reads, the same datagrams come out, and they
// are those that a plain walk over the whole stream finds.
#include <algorithm>
#include <cstdlib>
#include <vector>

#include "base/bytes.h"
#include "net/framing.h"

using loopcast::Bytes;
using loopcast::load_u16;
using loopcast::net::FrameDecoder;
using loopcast::net::kFrameHeader;

namespace {

struct Result {
  std::vector<std::vector<uint8_t>> frames;
  bool failed = false;
};

Result walk(Bytes stream) {
  Result r;
  while (stream.size() >= kFrameHeader) {
    const size_t size = load_u16(stream.data());
    r.failed = size > FrameDecoder::kMaxFrame;
    if (r.failed || stream.size() - kFrameHeader < size) break;
    const Bytes frame = stream.subspan(kFrameHeader, size);
    if (size > 0) r.frames.emplace_back(frame.begin(), frame.end());
    stream = stream.subspan(kFrameHeader + size);
  }
  return r;
}

Result decode(Bytes stream, size_t step) {
  Result r;
  FrameDecoder decoder;
  while (!stream.empty() && !decoder.failed()) {
    const auto space = decoder.space();
    if (space.empty()) std::abort();
    const size_t size = std::min({step, space.size(), stream.size()});
    std::copy_n(stream.begin(), size, space.begin());
    decoder.commit(size);
    stream = stream.subspan(size);
    while (const auto frame = decoder.next()) {
      r.frames.emplace_back(frame->begin(), frame->end());
      std::fill(frame->begin(), frame->end(), uint8_t{0xff});  // as decryption in place does
    }
  }
  r.failed = decoder.failed();
  return r;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const Bytes stream = Bytes(data, size).subspan(1);
  const Result expected = walk(stream);
  for (const size_t step : {size_t{data[0]} + 1, FrameDecoder::kCapacity}) {
    const Result got = decode(stream, step);
    if (got.frames != expected.frames || got.failed != expected.failed) std::abort();
  }
  return 0;
}
