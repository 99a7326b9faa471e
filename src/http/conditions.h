// Conditional requests (RFC 9110, section 13).
#pragma once

#include <ctime>
#include <string_view>

#include "http/message.h"

namespace loopcast::http {

// How entity tags are compared (RFC 9110, section 8.8.3.2): the strong comparison finds no weak tag
// equal to anything.
enum class EtagComparison { kStrong, kWeak };

// Whether the value of If-Match or If-None-Match, all lines together, names `etag`, which is quoted
// and not weak. "*" names every one. A list that is malformed names what stands before the fault.
bool names_etag(std::string_view list, std::string_view etag, EtagComparison comparison);

enum class Precondition {
  kMet,
  kNotModified,  // 304, for GET and HEAD
  kFailed,       // 412
};

// What the request's conditions say of a representation with this strong tag that was last changed
// at that second, in the order of RFC 9110, section 13.2.2. If-Range is another matter.
Precondition check_preconditions(const Request& request, std::string_view etag,
                                 std::time_t last_modified);

}  // namespace loopcast::http
