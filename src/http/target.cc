#include "http/target.h"

#include <algorithm>

#include "http/utf8.h"

namespace loopcast::http {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

std::optional<std::string> parse_path(std::string_view raw) {
  std::string path;
  while (!raw.empty()) {
    raw.remove_prefix(1);  // the slash
    const size_t end = std::min(raw.find('/'), raw.size());
    const auto segment = percent_decode(raw.substr(0, end), false);
    raw.remove_prefix(end);
    if (!segment || *segment == ".." || !is_utf8(*segment)) return std::nullopt;
    for (const char c : *segment)
      if (is_control(c) || c == '/' || c == '\\') return std::nullopt;
    if (!segment->empty() && *segment != ".") path += '/' + *segment;
    // A slash at the end is kept: "/folder/" is not "/folder".
    else if (raw.empty())
      path += '/';
  }
  return path;
}

bool parse_query(std::string_view raw, Query& query) {
  while (!raw.empty()) {
    const size_t end = std::min(raw.find('&'), raw.size());
    const std::string_view pair = raw.substr(0, end);
    raw.remove_prefix(std::min(end + 1, raw.size()));
    if (pair.empty()) continue;
    const size_t equals = std::min(pair.find('='), pair.size());
    auto name = percent_decode(pair.substr(0, equals), true);
    auto value = percent_decode(pair.substr(std::min(equals + 1, pair.size())), true);
    if (!name || !value || query.pairs().size() == kMaxQueryPairs) return false;
    if (is_utf8(*name) && is_utf8(*value)) query.add(std::move(*name), std::move(*value));
  }
  return true;
}

}  // namespace

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = hex_value(text[i + 1]);
      const int low = hex_value(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      out += plus_is_space && text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

std::optional<Target> parse_target(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!target.starts_with(scheme)) continue;
    const size_t slash = target.find('/', scheme.size());
    target = slash == std::string_view::npos ? "/" : target.substr(slash);
    break;
  }
  target = target.substr(0, target.find('#'));
  if (!target.starts_with('/')) return std::nullopt;
  const size_t question = std::min(target.find('?'), target.size());
  Target result;
  auto path = parse_path(target.substr(0, question));
  if (!path) return std::nullopt;
  result.path = std::move(*path);
  if (question < target.size() && !parse_query(target.substr(question + 1), result.query))
    return std::nullopt;
  return result;
}

}  // namespace loopcast::http
