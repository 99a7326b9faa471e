// SDP fragments of trickle ICE: what is read must be written in a form that reads the same.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/bytes.h"
#include "rtc/ice_fragment.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace loopcast;
  const auto fragment = rtc::parse_ice_fragment(as_text({data, size}));
  if (!fragment) return 0;
  const auto again = rtc::parse_ice_fragment(rtc::write_ice_fragment(*fragment));
  if (again ? *again != *fragment : again.error().code != "offer_too_large") std::abort();
  return 0;
}
