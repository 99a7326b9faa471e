#include "net/interfaces.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

#include <ifaddrs.h>
#include <linux/if_addr.h>
#include <net/if.h>

#include "net/fd.h"
#include "net/sockaddr.h"

namespace loopcast::net {
namespace {

constexpr unsigned kUnfit = IFA_F_TEMPORARY | IFA_F_DEPRECATED | IFA_F_TENTATIVE | IFA_F_DADFAILED;

template <typename T>
bool parse_hex(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  return error == std::errc() && end == text.data() + text.size();
}

std::string read_if_inet6() {
  std::ifstream in("/proc/net/if_inet6");
  return {std::istreambuf_iterator<char>(in), {}};
}

IpAddress address_of(const ifaddrs& entry) {
  if (entry.ifa_addr->sa_family == AF_INET)
    return from_in_addr(reinterpret_cast<const sockaddr_in*>(entry.ifa_addr)->sin_addr);
  if (entry.ifa_addr->sa_family == AF_INET6)
    return from_in6_addr(reinterpret_cast<const sockaddr_in6*>(entry.ifa_addr)->sin6_addr);
  return {};
}

}  // namespace

bool has_ipv6() {
  const Fd fd(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  Sockaddr all;
  const socklen_t length = to_sockaddr({IpAddress::v6({}), 0}, all);
  return fd && ::bind(fd.get(), &all.any, length) == 0;
}

std::vector<IpAddress> unfit_ipv6_addresses(std::string_view if_inet6) {
  std::vector<IpAddress> unfit;
  std::istringstream lines{std::string(if_inet6)};
  // address (32 digits), interface, prefix length, scope, flags, name
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string address, interface, prefix, scope, flags;
    fields >> address >> interface >> prefix >> scope >> flags;
    std::array<uint8_t, 16> octets{};
    bool good = address.size() == 32;
    for (size_t i = 0; good && i < octets.size(); ++i)
      good = parse_hex(std::string_view(address).substr(2 * i, 2), octets[i]);
    unsigned bits = 0;
    if (good && parse_hex(flags, bits) && (bits & kUnfit) != 0)
      unfit.push_back(IpAddress::v6(octets));
  }
  return unfit;
}

std::vector<IpAddress> local_addresses() {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return {};
  const std::vector<IpAddress> unfit = unfit_ipv6_addresses(read_if_inet6());
  std::vector<IpAddress> found, loopback;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || (entry->ifa_flags & IFF_UP) == 0) continue;
    const IpAddress ip = address_of(*entry);
    if (ip.family == IpAddress::Family::kNone || ip.is_link_local()) continue;
    if (std::find(unfit.begin(), unfit.end(), ip) != unfit.end()) continue;
    std::vector<IpAddress>& to = ip.is_loopback() ? loopback : found;
    if (std::find(to.begin(), to.end(), ip) == to.end()) to.push_back(ip);
  }
  ::freeifaddrs(list);
  std::vector<IpAddress>& result = found.empty() ? loopback : found;
  std::stable_partition(result.begin(), result.end(), [](const IpAddress& a) { return a.is_v4(); });
  return result;
}

}  // namespace loopcast::net
