// The request target (RFC 9112, section 3.2) as a safe path and a list of query parameters.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "http/message.h"

namespace loopcast::http {

// More parameters than any client of ours sends.
inline constexpr size_t kMaxQueryPairs = 64;

struct Target {
  std::string path;  // as in Request::path
  Query query;
};

// "/path?query" or "http://host/path?query". nullopt: another form, a bad escape, a path that is
// not as promised at Request::path (a ".." segment or an escaped slash among them), more than
// kMaxQueryPairs parameters. Query values need not be UTF-8: values that are not are left out.
std::optional<Target> parse_target(std::string_view target);

// Percent-encoding undone (RFC 3986, section 2.1), and '+' too if `plus_is_space`. nullopt if a '%'
// is not followed by two hexadecimal digits.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space);

}  // namespace loopcast::http
