#include "http/request_rules.h"

#include <algorithm>
#include <string>

#include "base/address.h"
#include "http/client_address.h"

namespace loopcast::http {
namespace {

constexpr std::string_view kContinue = "100-continue";

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f'); }
bool is_letter(char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; }

// unreserved / pct-encoded / sub-delims (RFC 3986, section 3.2.2).
bool is_registered_name(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '%') {
      if (i + 2 >= text.size() || !is_hex(text[i + 1]) || !is_hex(text[i + 2])) return false;
      i += 2;
    } else if (!is_letter(c) && !is_digit(c) &&
               std::string_view("-._~!$&'()*+,;=").find(c) == std::string_view::npos) {
      return false;
    }
  }
  return true;
}

// The authority of an absolute target must name a host and nobody (RFC 9110, sections 4.2.1 and
// 4.2.4).
bool has_good_authority(std::string_view target) {
  const size_t scheme = target.find("://");
  if (scheme == std::string_view::npos || target.starts_with('/')) return true;
  target.remove_prefix(scheme + 3);
  const std::string_view authority = target.substr(0, target.find_first_of("/?#"));
  return !authority.empty() && !authority.starts_with(':') && is_host(authority);
}

std::optional<RequestFault> find_framing_fault(const Request& request, unsigned version) {
  if (!request.headers.has("transfer-encoding")) return std::nullopt;
  if (version < 11)
    return RequestFault{.title = "HTTP/1.0 knows no transfer codings (RFC 9112, section 6.1)"};
  if (request.headers.has("content-length"))
    return RequestFault{
        .title =
            "Transfer-Encoding and Content-Length contradict each other (RFC 9112, section 6.1)"};
  const std::string codings = request.headers.list("transfer-encoding");
  std::string_view list = codings;
  bool known = true;
  std::string_view last;
  size_t count = 0;
  while (!list.empty()) {
    const std::string_view coding = take_element(list);
    if (coding.empty()) continue;
    known = known && equals_ignoring_case(coding, "chunked");
    last = coding;
    ++count;
  }
  if (!equals_ignoring_case(last, "chunked"))
    return RequestFault{.title = "The last transfer coding is not chunked (RFC 9112, section 6.3)"};
  if (!known)
    return RequestFault{501, "not_implemented",
                        "This transfer coding is not known here (RFC 9112, section 6.1)"};
  if (count > 1) return RequestFault{.title = "A body is chunked once (RFC 9112, section 7.1)"};
  return std::nullopt;
}

}  // namespace

bool is_host(std::string_view text) {
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    if (end == std::string_view::npos) return false;
    const auto ip = IpAddress::parse(text.substr(1, end - 1));
    if (!ip || text.substr(1, end - 1).find(':') == std::string_view::npos) return false;
    text.remove_prefix(end + 1);
    if (text.empty()) return true;
    if (!text.starts_with(':')) return false;
    return std::ranges::all_of(text.substr(1), is_digit);
  }
  const size_t colon = std::min(text.find(':'), text.size());
  return is_registered_name(text.substr(0, colon)) &&
         std::ranges::all_of(text.substr(std::min(colon + 1, text.size())), is_digit);
}

std::string_view host_name(std::string_view host) {
  const size_t colon = host.rfind(':');
  return colon == std::string_view::npos || host.back() == ']' ? host : host.substr(0, colon);
}

std::optional<bool> is_same_site(const Request& request) {
  const std::string_view site = request.header("sec-fetch-site");
  if (!site.empty()) return site != "cross-site";
  // Browsers tell it to servers that they reach by HTTPS only.
  std::string_view origin = request.header("origin");
  if (origin.empty()) return std::nullopt;
  if (const size_t scheme = origin.find("://"); scheme != std::string_view::npos)
    origin.remove_prefix(scheme + 3);
  if (equals_ignoring_case(host_name(origin), host_name(request.header("host")))) return true;
  // The proxy may have written another Host.
  if (is_forwarded(request.headers)) return std::nullopt;
  return false;
}

bool expects_continue(const Request& request, unsigned version) {
  return version >= 11 && equals_ignoring_case(trim(request.header("expect")), kContinue);
}

std::optional<RequestFault> find_fault(const Request& request, unsigned version) {
  if (version != 11 && version != 10) return RequestFault{.title = "This is not HTTP/1.1"};
  const size_t hosts = request.headers.count("host");
  if (hosts == 0 && version >= 11) return RequestFault{.title = "The Host header is missing"};
  if (hosts > 1) return RequestFault{.title = "There is more than one Host header"};
  if (!is_host(request.header("host")))
    return RequestFault{.title = "The Host header names no host"};
  if (!has_good_authority(request.target))
    return RequestFault{.title = "The request target names no host"};
  // Which of two is meant, a proxy and this server may see differently.
  if (request.headers.count("authorization") > 1)
    return RequestFault{.title = "There is more than one Authorization header"};
  if (auto fault = find_framing_fault(request, version)) return fault;
  if (version >= 11 && request.headers.has("expect") && !expects_continue(request, version))
    return RequestFault{417, "expectation_failed", "Nothing but 100-continue can be expected here"};
  return std::nullopt;
}

}  // namespace loopcast::http
