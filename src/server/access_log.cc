#include "server/access_log.h"

#include <algorithm>

#include <fmt/format.h>

#include "api/present.h"

namespace loopcast::server {
namespace {

constexpr size_t kMaxText = 256;
constexpr size_t kStartLength = 6;

// Printable ASCII without quotes, backslashes and spaces as it is, everything else as %XX.
std::string escaped(std::string_view text, bool spaces) {
  std::string out;
  for (const char c : text.substr(0, kMaxText)) {
    const bool plain = c > ' ' && c < 0x7f && c != '"' && c != '\\';
    if (plain || (spaces && c == ' '))
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<uint8_t>(c));
  }
  if (text.size() > kMaxText) out += "...";
  return out;
}

std::string to_milliseconds(WallTime time) {
  std::string text = api::iso_time(time);
  text.pop_back();
  return fmt::format("{}.{:03}Z", text, time.us / 1000 % 1000);
}

}  // namespace

std::string loggable_target(std::string_view target) {
  const size_t question = std::min(target.find('?'), target.size());
  std::string out = escaped(target.substr(0, question), false);
  std::string_view query = target.substr(question);
  char separator = '?';
  while (query.size() > 1) {
    query.remove_prefix(1);
    const size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(end);
    out += separator;
    out += escaped(pair.substr(0, std::min(pair.find('='), pair.size())), false) + '=';
    separator = '&';
    if (out.size() > 2 * kMaxText) break;
  }
  return out;
}

AccessLog::AccessLog(JobThread& thread, Random& random)
    : file_(thread), start_(random.token(kStartLength)) {}

Status AccessLog::open(const std::string& path) {
  const Status opened = file_.open(path);
  if (opened) return opened;
  return Error{"access_log",
               "The access log " + opened.error().message + " Name another with --access-log."};
}

bool AccessLog::write(WallTime now, const http::AccessEntry& entry) {
  const http::Request& request = entry.request;
  return file_.write(fmt::format("{} {}-{} {} {} {} {} {}{} {} ms \"{}\"", to_milliseconds(now),
                                 start_, next_++, request.remote.ip.to_string(),
                                 escaped(request.method, false), loggable_target(request.target),
                                 entry.status, entry.bytes, entry.complete ? "" : " (cut off)",
                                 entry.time.us() / 1000,
                                 escaped(request.header("user-agent"), true)));
}

}  // namespace loopcast::server
