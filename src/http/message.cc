#include "http/message.h"

#include <algorithm>
#include <cmath>

#include <boost/json/parser.hpp>
#include <boost/json/serialize.hpp>
#include <unistd.h>

namespace loopcast::http {
namespace {

// Whether it can be written as JSON again. The parser takes 1E999 for infinity, which JSON cannot
// say; it has bounded the depth.
bool is_finite(const boost::json::value& value) {
  if (const auto* number = value.if_double()) return std::isfinite(*number);
  if (const auto* array = value.if_array()) return std::ranges::all_of(*array, is_finite);
  if (const auto* object = value.if_object())
    return std::ranges::all_of(*object,
                               [](const auto& member) { return is_finite(member.value()); });
  return true;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, lower, lower);
}

std::string_view trim(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

std::string_view take_element(std::string_view& list) {
  const size_t comma = std::min(list.find(','), list.size());
  const std::string_view element = trim(list.substr(0, comma));
  list.remove_prefix(std::min(comma + 1, list.size()));
  return element;
}

bool list_has_token(std::string_view list, std::string_view token) {
  while (!list.empty())
    if (equals_ignoring_case(take_element(list), token)) return true;
  return false;
}

std::optional<std::string_view> Query::find(std::string_view name) const {
  for (const auto& [key, value] : pairs_)
    if (key == name) return value;
  return std::nullopt;
}

void Headers::set(std::string_view name, std::string value) {
  std::erase_if(fields_, [&](const Field& f) { return equals_ignoring_case(f.first, name); });
  add(std::string(name), std::move(value));
}

std::string_view Headers::get(std::string_view name) const {
  for (const auto& [key, value] : fields_)
    if (equals_ignoring_case(key, name)) return value;
  return {};
}

std::string Headers::list(std::string_view name) const {
  std::string all;
  for (const auto& [key, value] : fields_) {
    if (!equals_ignoring_case(key, name)) continue;
    if (!all.empty()) all += ", ";
    all += value;
  }
  return all;
}

size_t Headers::count(std::string_view name) const {
  return static_cast<size_t>(std::ranges::count_if(
      fields_, [&](const Field& f) { return equals_ignoring_case(f.first, name); }));
}

Request Request::brief() const {
  Request brief;
  brief.method = method;
  brief.target = target;
  brief.path = path;
  brief.query = query;
  brief.remote = remote;
  brief.secure = secure;
  for (const std::string_view name :
       {"accept-language", "origin", "user-agent", "host", "sec-fetch-site",
        "access-control-request-method", "access-control-request-headers"})
    if (headers.has(name)) brief.headers.add(std::string(name), headers.list(name));
  return brief;
}

std::string_view Request::param(std::string_view name) const {
  for (const auto& [key, value] : params)
    if (key == name) return value;
  return {};
}

std::string_view Request::bearer_token() const {
  constexpr std::string_view kScheme = "Bearer ";
  std::string_view value = header("authorization");
  if (value.size() < kScheme.size() ||
      !equals_ignoring_case(value.substr(0, kScheme.size()), kScheme))
    return {};
  value.remove_prefix(kScheme.size());
  while (value.starts_with(' ')) value.remove_prefix(1);
  return value;
}

FileBody& FileBody::operator=(FileBody&& o) noexcept {
  std::swap(fd_, o.fd_);
  std::swap(offset_, o.offset_);
  std::swap(length_, o.length_);
  return *this;
}

FileBody::~FileBody() {
  if (fd_ >= 0) ::close(fd_);
}

Response Response::empty(unsigned status) {
  Response response;
  response.status = status;
  return response;
}

Response Response::text(std::string body, unsigned status) {
  Response response = empty(status);
  response.set("Content-Type", "text/plain; charset=UTF-8");
  response.body = std::move(body);
  return response;
}

Response Response::json(const boost::json::value& value, unsigned status) {
  Response response = empty(status);
  response.set("Content-Type", "application/json");
  response.body = boost::json::serialize(value);
  return response;
}

Response Response::problem(unsigned status, std::string_view code, std::string_view title,
                           std::string_view detail) {
  boost::json::object object{
      {"type", "about:blank"}, {"title", title}, {"status", status}, {"code", code}};
  if (!detail.empty()) object["detail"] = detail;
  Response response = json(object, status);
  response.set("Content-Type", "application/problem+json");
  return response;
}

std::optional<boost::json::value> parse_json(std::string_view text) {
  boost::json::parser parser;
  boost::system::error_code error;
  parser.write(text, error);
  if (error) return std::nullopt;
  boost::json::value value = parser.release();
  if (!is_finite(value)) return std::nullopt;
  return value;
}

}  // namespace loopcast::http
