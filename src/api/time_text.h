// Times as clients write them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"

namespace loopcast::api {

// ISO 8601 as in RFC 3339: "2026-01-31T12:00:00Z", with a fraction, with "+08:00"; or a date alone,
// which is its first moment in UTC. Years 1970 to 9999.
std::optional<WallTime> parse_iso_time(std::string_view text);

// "2026-01-31 12:00:00" in the server's time zone, as the first-generation client writes it.
std::optional<WallTime> parse_local_time(std::string_view text);
// The same way back.
std::string local_time(WallTime time);

}  // namespace loopcast::api
