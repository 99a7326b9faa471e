#include "http/range.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace loopcast::http {
namespace {

std::optional<uint64_t> parse_number(std::string_view text) {
  uint64_t value = 0;
  const char* last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, value);
  if (error != std::errc() || end != last || text.empty()) return std::nullopt;
  return value;
}

constexpr const char* kDateFormat = "%a, %d %b %Y %H:%M:%S GMT";

}  // namespace

RangeResult parse_range(std::string_view value, uint64_t size) {
  constexpr std::string_view kUnit = "bytes=";
  if (!value.starts_with(kUnit)) return {};
  value.remove_prefix(kUnit.size());
  const size_t dash = value.find('-');
  if (dash == std::string_view::npos || value.find(',') != std::string_view::npos) return {};
  const auto first = parse_number(value.substr(0, dash));
  const auto last = parse_number(value.substr(dash + 1));
  const bool has_first = dash > 0;
  const bool has_last = dash + 1 < value.size();
  if ((has_first && !first) || (has_last && !last) || (!has_first && !has_last)) return {};

  if (!has_first) {  // the last so many bytes
    const uint64_t length = std::min(*last, size);
    if (length == 0) return {RangeKind::kUnsatisfiable, {}};
    return {RangeKind::kPart, {size - length, length}};
  }
  if (has_last && *last < *first) return {};
  if (*first >= size) return {RangeKind::kUnsatisfiable, {}};
  const uint64_t end = has_last ? std::min(*last, size - 1) : size - 1;
  return {RangeKind::kPart, {*first, end - *first + 1}};
}

std::string http_date(std::time_t time) {
  std::tm parts{};
  gmtime_r(&time, &parts);
  // The server never calls setlocale(): names of days and months are the C locale's.
  std::array<char, 64> text{};
  const size_t size = std::strftime(text.data(), text.size(), kDateFormat, &parts);
  return std::string(text.data(), size);
}

std::optional<std::time_t> parse_http_date(std::string_view text) {
  std::tm parts{};
  const std::string copy(text);
  const char* end = ::strptime(copy.c_str(), kDateFormat, &parts);
  if (!end || *end != '\0') return std::nullopt;
  return ::timegm(&parts);
}

}  // namespace loopcast::http
