// The head of a request as lines of "name:value": one that is accepted has one good host and a body
// whose end is known; and lists in headers are read without running past their end.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/bytes.h"
#include "http/client_address.h"
#include "http/conditions.h"
#include "http/request_rules.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace loopcast;
  if (size == 0) return 0;
  const unsigned version = data[0] % 2 == 0 ? 11 : 10;
  std::string_view text = as_text({data + 1, size - 1});
  http::Request request;
  request.method = "POST";
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const size_t colon = std::min(line.find(':'), line.size());
    if (request.target.empty())
      request.target = line;
    else
      request.headers.add(std::string(line.substr(0, colon)),
                          std::string(http::trim(line.substr(std::min(colon + 1, line.size())))));
  }
  if (!http::find_fault(request, version)) {
    if (request.headers.count("host") > 1 || !http::is_host(request.header("host"))) std::abort();
    if (request.headers.has("transfer-encoding") &&
        (version == 10 || request.headers.has("content-length") ||
         !http::list_has_token(request.headers.list("transfer-encoding"), "chunked")))
      std::abort();
  }
  const std::string tags = request.headers.list("if-match");
  const bool strong = http::names_etag(tags, "\"a\"", http::EtagComparison::kStrong);
  if (strong && !http::names_etag(tags, "\"a\"", http::EtagComparison::kWeak)) std::abort();
  const std::vector<IpPrefix> proxies = {*IpPrefix::parse("10.0.0.0/8"), *IpPrefix::parse("::/0")};
  const auto client = http::find_client(request.headers, {IpAddress::v4(10, 0, 0, 1), 1}, proxies);
  if (client.ip.family == IpAddress::Family::kNone) std::abort();
  (void)http::is_forwarded(request.headers);
  (void)IpPrefix::parse(request.header("host"));
  return 0;
}
