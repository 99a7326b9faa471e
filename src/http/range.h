// The Range header (RFC 9110, section 14) and HTTP dates.
#pragma once

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

namespace loopcast::http {

struct ByteRange {
  uint64_t first = 0;
  uint64_t length = 0;
  bool operator==(const ByteRange&) const = default;
};

enum class RangeKind {
  kWhole,          // no range, several, or not understood: answer with everything
  kPart,           // 206
  kUnsatisfiable,  // 416
};
struct RangeResult {
  RangeKind kind = RangeKind::kWhole;
  ByteRange range;
  bool operator==(const RangeResult&) const = default;
};

// "bytes=0-499", "bytes=500-", "bytes=-500" of something `size` bytes long.
RangeResult parse_range(std::string_view value, uint64_t size);

// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, section 5.6.7); the obsolete forms are not understood.
std::string http_date(std::time_t time);
std::optional<std::time_t> parse_http_date(std::string_view text);

}  // namespace loopcast::http
