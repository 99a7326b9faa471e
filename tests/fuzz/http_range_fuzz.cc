// "bytes=0-499" of files of any size: a part never lies outside the file.
#include <cstdlib>

#include "base/bytes.h"
#include "http/range.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace loopcast;
  ByteReader in({data, size});
  const uint64_t length = in.u64();
  const std::string_view text = as_text(in.rest());
  const auto range = http::parse_range(text, length);
  if (range.kind == http::RangeKind::kPart &&
      (range.range.length == 0 || range.range.first >= length ||
       range.range.length > length - range.range.first))
    std::abort();
  (void)http::parse_http_date(text);
  return 0;
}
