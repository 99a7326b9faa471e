// ICE candidate lines: what is read must be written in a form that reads the same.
#include <cstdint>
#include <cstdlib>

#include "base/bytes.h"
#include "wire/candidate.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace loopcast;
  const auto candidate = wire::parse_candidate(as_text({data, size}));
  if (candidate && wire::parse_candidate(wire::write_candidate(*candidate)) != candidate)
    std::abort();
  return 0;
}
