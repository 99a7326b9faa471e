// Payloads of pictures behind the decryption. The first byte chooses the codec; then come payloads:
// flags, a size, and so many bytes.
#include <cstdlib>

#include "record/depacketizer.h"

using namespace loopcast;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  constexpr wire::Codec kCodecs[] = {wire::Codec::kVp8, wire::Codec::kH264, wire::Codec::kVp9,
                                     wire::Codec::kAv1};
  const auto depacketizer = record::make_depacketizer(kCodecs[data[0] & 3]);
  ByteReader r({data + 1, size - 1});
  while (r.remaining() >= 3) {
    const uint8_t flags = r.u8();
    const size_t length = r.u16() % 1400;
    if (!depacketizer->add(r.bytes(std::min(length, r.remaining())))) depacketizer->drop();
    if ((flags & 1) == 0) continue;
    const auto frame = depacketizer->take();
    if (!frame) continue;
    if (frame->data.empty() || frame->data.size() > 2 * record::Depacketizer::kMaxFrame)
      std::abort();
    // A file cannot begin with a picture that says nothing of itself.
    if (frame->keyframe && (!frame->config || frame->config->width == 0)) std::abort();
  }
  return 0;
}
