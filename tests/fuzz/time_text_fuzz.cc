// Times and durations of queries, as anybody may write them.
#include <cstdlib>

#include "api/rest_recordings.h"
#include "api/time_text.h"
#include "base/bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace loopcast;
  const std::string_view text = as_text({data, size});
  (void)api::parse_iso_time(text);
  (void)api::parse_seconds(text);
  // What it reads, it writes, and reads again as the same.
  const auto local = api::parse_local_time(text);
  if (local && api::parse_local_time(api::local_time(*local)) != local) std::abort();
  return 0;
}
