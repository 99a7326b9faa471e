#include "base/ip_prefix.h"

#include <algorithm>
#include <charconv>

namespace loopcast {
namespace {

unsigned bits_of(const IpAddress& ip) { return ip.is_v4() ? 32 : ip.is_v6() ? 128 : 0; }

}  // namespace

IpPrefix IpPrefix::of(const IpAddress& ip, unsigned length) {
  IpPrefix prefix{ip, static_cast<uint8_t>(std::min(length, bits_of(ip)))};
  for (size_t i = 0; i < prefix.ip.octets.size(); ++i) {
    const unsigned kept =
        std::clamp<int>(static_cast<int>(prefix.length) - static_cast<int>(i * 8), 0, 8);
    prefix.ip.octets[i] &= static_cast<uint8_t>(0xff00u >> kept);
  }
  return prefix;
}

std::optional<IpPrefix> IpPrefix::parse(std::string_view text) {
  const size_t slash = std::min(text.find('/'), text.size());
  const auto ip = IpAddress::parse(text.substr(0, slash));
  if (!ip) return std::nullopt;
  if (slash == text.size()) return of(*ip, bits_of(*ip));
  const std::string_view digits = text.substr(slash + 1);
  unsigned length = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  if (error != std::errc() || end != digits.data() + digits.size() || length > bits_of(*ip))
    return std::nullopt;
  const IpPrefix prefix = of(*ip, length);
  return prefix.ip == *ip ? std::optional(prefix) : std::nullopt;
}

bool IpPrefix::contains(const IpAddress& address) const {
  return address.family == ip.family && of(address, length).ip == ip;
}

ClientNetworks::ClientNetworks(const IpAddress& ip) : count_(1) {
  if (!ip.is_v6()) {
    networks_[0] = {IpPrefix::of(ip, 32), 1};
    return;
  }
  networks_ = {{{IpPrefix::of(ip, 64), 1}, {IpPrefix::of(ip, 56), 2}, {IpPrefix::of(ip, 48), 3}}};
  count_ = networks_.size();
}

bool NetworkCounts::has_room(const IpAddress& ip, size_t per_host) const {
  return std::ranges::all_of(ClientNetworks(ip), [&](const ClientNetwork& network) {
    const auto it = counts_.find(network.prefix);
    return it == counts_.end() ? per_host > 0 : it->second < per_host * network.hosts;
  });
}

void NetworkCounts::add(const IpAddress& ip) {
  for (const ClientNetwork& network : ClientNetworks(ip)) ++counts_[network.prefix];
}

void NetworkCounts::remove(const IpAddress& ip) {
  for (const ClientNetwork& network : ClientNetworks(ip)) {
    const auto it = counts_.find(network.prefix);
    if (it != counts_.end() && --it->second == 0) counts_.erase(it);
  }
}

}  // namespace loopcast
