// Request targets: whatever comes in, the path that comes out is safe, and stays what it is when it
// is read again.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/bytes.h"
#include "http/range.h"
#include "http/target.h"
#include "http/utf8.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace loopcast;
  const std::string_view input = as_text({data, size});
  http::parse_range(input, 1000);
  http::parse_http_date(input);
  const auto target = http::parse_target(input);
  if (!target) return 0;
  const std::string& path = target->path;
  if (!path.starts_with('/') || !http::is_utf8(path)) std::abort();
  if (path.find("//") != std::string::npos || (path + '/').find("/../") != std::string::npos)
    std::abort();
  if (path.find('\\') != std::string::npos || path.find('\0') != std::string::npos) std::abort();
  if (target->query.pairs().size() > http::kMaxQueryPairs) std::abort();
  if (path.find_first_of("%?#") == std::string::npos) {
    const auto again = http::parse_target(path);
    if (!again || again->path != path) std::abort();
  }
  return 0;
}
