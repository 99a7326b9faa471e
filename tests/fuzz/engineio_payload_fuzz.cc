// Engine.IO payloads and frames of both revisions: what is decoded encodes to something that
// decodes to the same.
#include <cstdint>
#include <cstdlib>

#include "base/bytes.h"
#include "http/engineio_codec.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace loopcast;
  if (size == 0) return 0;
  const int protocol = (data[0] & 1) ? 4 : 3;
  const bool binary = data[0] & 2;
  const std::string_view input = as_text({data + 1, size - 1});

  const auto packets = http::decode_engine_payload(protocol, input, binary);
  if (packets) {
    for (const bool binary_allowed : {false, true}) {
      const auto frame = http::encode_engine_payload(protocol, *packets, binary_allowed);
      if (http::decode_engine_payload(protocol, frame.data, frame.binary) != packets) std::abort();
    }
  }
  const auto packet = http::decode_engine_frame(protocol, input, binary);
  if (packet) {
    const auto frame = http::encode_engine_frame(protocol, *packet);
    if (http::decode_engine_frame(protocol, frame.data, frame.binary) != packet) std::abort();
  }
  return 0;
}
