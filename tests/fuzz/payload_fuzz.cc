// Codec payloads behind the decryption. The first byte chooses the codec and the marker.
#include <cstdlib>

#include "wire/codec.h"

using namespace loopcast;
using namespace loopcast::wire;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const auto codec = static_cast<Codec>((data[0] & 0x7F) % 5);
  const auto info = inspect_payload(codec, {data + 1, size - 1}, (data[0] & 0x80) != 0);
  if (info && size == 1) std::abort();
  return 0;
}
