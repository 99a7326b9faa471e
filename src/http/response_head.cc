#include "http/response_head.h"

#include <ctime>

#include <boost/beast/http/status.hpp>

#include "http/range.h"

namespace loopcast::http {
namespace {

void append_clean(std::string& out, std::string_view text) {
  for (const char c : text)
    if (static_cast<unsigned char>(c) >= 0x20 || c == '\t') out += c;
}

}  // namespace

std::string response_head(const Response& response, bool keep_alive) {
  namespace beast = boost::beast::http;
  std::string out = "HTTP/1.1 " + std::to_string(response.status) + ' ';
  out += beast::obsolete_reason(beast::int_to_status(response.status));
  out += "\r\n";
  for (const auto& [name, value] : response.headers.fields()) {
    append_clean(out, name);
    out += ": ";
    append_clean(out, value);
    out += "\r\n";
  }
  out += "Date: " + http_date(std::time(nullptr)) + "\r\n";
  if (response.status != 204 && response.status != 304) {
    const uint64_t length = response.file ? response.file->length() : response.body.size();
    out += "Content-Length: " + std::to_string(length) + "\r\n";
  }
  out += keep_alive ? "Connection: keep-alive" : "Connection: close";
  // RFC 9110, section 7.8.
  if (response.headers.has("upgrade")) out += ", Upgrade";
  out += "\r\n\r\n";
  return out;
}

}  // namespace loopcast::http
