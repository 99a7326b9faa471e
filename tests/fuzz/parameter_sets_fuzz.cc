// Parameter sets of H.264, from an offer and from payloads: what is kept is bounded and can be told
// again. Payloads follow each other, a flag and a size in 16 bits before each.
#include <algorithm>
#include <cstdlib>

#include "wire/codec.h"
#include "wire/h264_parameter_sets.h"

using namespace loopcast;
using wire::H264ParameterSets;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ByteReader in({data, size});
  H264ParameterSets sets;
  while (in.ok() && in.remaining() >= 3) {
    const bool offered = (in.u8() & 1) != 0;
    const Bytes bytes = in.bytes(std::min<size_t>(in.u16(), in.remaining()));
    if (offered) {
      sets.take_offered(as_text(bytes));
    } else {
      const auto info = wire::inspect_payload(wire::Codec::kH264, bytes, false);
      if (info && info->parameter_sets) sets.take(bytes);
    }
    const std::vector<Bytes> units = sets.units();
    if (units.size() > 2 * H264ParameterSets::kMaxSets) std::abort();
    if (sets.complete() && units.size() < 2) std::abort();
    for (const Bytes unit : units)
      if (unit.empty() || unit.size() > H264ParameterSets::kMaxSize) std::abort();
  }
  return 0;
}
