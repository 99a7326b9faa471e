#include "http/conditions.h"

#include <string>

#include "http/range.h"

namespace loopcast::http {

bool names_etag(std::string_view list, std::string_view etag, EtagComparison comparison) {
  for (;;) {
    // Empty elements are ignored (RFC 9110, section 5.6.1.2).
    const size_t begin = list.find_first_not_of(" \t,");
    if (begin == std::string_view::npos) return false;
    list.remove_prefix(begin);
    if (list.starts_with('*')) return true;
    const bool weak = list.starts_with("W/");
    if (weak) list.remove_prefix(2);
    if (!list.starts_with('"')) return false;
    // A tag may hold commas, and knows no escapes.
    const size_t end = list.find('"', 1);
    if (end == std::string_view::npos) return false;
    const bool counts = !weak || comparison == EtagComparison::kWeak;
    if (counts && list.substr(0, end + 1) == etag) return true;
    list.remove_prefix(end + 1);
  }
}

Precondition check_preconditions(const Request& request, std::string_view etag,
                                 std::time_t last_modified) {
  const Headers& headers = request.headers;
  if (headers.has("if-match")) {
    if (!names_etag(headers.list("if-match"), etag, EtagComparison::kStrong))
      return Precondition::kFailed;
  } else if (const auto since = parse_http_date(headers.get("if-unmodified-since"))) {
    if (last_modified > *since) return Precondition::kFailed;
  }
  const bool reads = request.method == "GET" || request.method == "HEAD";
  if (headers.has("if-none-match")) {
    if (!names_etag(headers.list("if-none-match"), etag, EtagComparison::kWeak))
      return Precondition::kMet;
    return reads ? Precondition::kNotModified : Precondition::kFailed;
  }
  if (!reads) return Precondition::kMet;
  const auto since = parse_http_date(headers.get("if-modified-since"));
  return since && last_modified <= *since ? Precondition::kNotModified : Precondition::kMet;
}

}  // namespace loopcast::http
