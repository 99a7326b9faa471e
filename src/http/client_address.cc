#include "http/client_address.h"

#include <algorithm>
#include <string>

namespace loopcast::http {

bool is_trusted(const std::vector<IpPrefix>& proxies, const IpAddress& ip) {
  return std::ranges::any_of(proxies, [&](const IpPrefix& p) { return p.contains(ip); });
}

std::optional<IpAddress> parse_forwarded(std::string_view text) {
  text = trim(text);
  if (const auto ip = IpAddress::parse(text)) return ip;
  if (const auto address = SocketAddress::parse(text)) return address->ip;
  if (text.size() > 2 && text.front() == '[' && text.back() == ']') {
    const auto ip = IpAddress::parse(text.substr(1, text.size() - 2));
    if (ip && ip->is_v6()) return ip;
  }
  return std::nullopt;
}

SocketAddress find_client(const Headers& headers, const SocketAddress& peer,
                          const std::vector<IpPrefix>& proxies) {
  SocketAddress client = peer;
  const std::string all =
      headers.list(headers.has("x-forwarded-for") ? "x-forwarded-for" : "x-real-ip");
  std::string_view list = all;
  while (!list.empty()) {
    const size_t comma = list.rfind(',');
    const std::string_view item = comma == std::string_view::npos ? list : list.substr(comma + 1);
    list = list.substr(0, comma == std::string_view::npos ? 0 : comma);
    if (trim(item).empty()) continue;
    const auto ip = parse_forwarded(item);
    if (!ip) break;
    client = {*ip, 0};
    if (!is_trusted(proxies, *ip)) break;
  }
  return client;
}

bool is_forwarded(const Headers& headers) {
  return std::ranges::any_of(headers.fields(), [](const Headers::Field& field) {
    const std::string& name = field.first;
    constexpr std::string_view kFamily = "x-forwarded-";
    return equals_ignoring_case(std::string_view(name).substr(0, kFamily.size()), kFamily) ||
           std::ranges::any_of(
               std::initializer_list<std::string_view>{
                   "forwarded", "via", "x-real-ip", "x-client-ip", "x-cluster-client-ip",
                   "true-client-ip", "cf-connecting-ip", "x-original-forwarded-for"},
               [&](std::string_view other) { return equals_ignoring_case(name, other); });
  });
}

}  // namespace loopcast::http
