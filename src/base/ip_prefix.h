// Networks of IP addresses, and what one client may have of them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/address.h"

namespace loopcast {

// All addresses that begin with the same `length` bits.
struct IpPrefix {
  IpAddress ip;        // the bits behind the prefix are zero
  uint8_t length = 0;  // in bits: 0 to 32 for IPv4, 0 to 128 for IPv6

  // A length beyond that of the address is the address itself.
  static IpPrefix of(const IpAddress& ip, unsigned length);
  // "10.0.0.0/8", "2001:db8::/32", or an address alone. nullopt for everything else, and for a
  // prefix with bits behind its length, which is more likely a slip than meant.
  static std::optional<IpPrefix> parse(std::string_view text);

  bool contains(const IpAddress& address) const;

  bool operator==(const IpPrefix&) const = default;
};

}  // namespace loopcast

template <>
struct std::hash<loopcast::IpPrefix> {
  size_t operator()(const loopcast::IpPrefix& p) const noexcept {
    return std::hash<loopcast::SocketAddress>()({p.ip, p.length});
  }
};

namespace loopcast {

// One of the networks that a single customer may have to himself, and how many times the allowance
// of a host all its hosts have together.
struct ClientNetwork {
  IpPrefix prefix;
  unsigned hosts = 1;
};

// The networks of an address that limits count by, narrowest first. Of IPv4 it is the address. Of
// IPv6 the /64 counts as one host, and its /56 and /48, which are what providers give to a
// household and to an office (RFC 6177), have the allowance of two and of three: otherwise whoever
// has a /48 has 65,536 times what a host may have.
class ClientNetworks {
 public:
  explicit ClientNetworks(const IpAddress& ip);
  const ClientNetwork* begin() const { return networks_.data(); }
  const ClientNetwork* end() const { return networks_.data() + count_; }

 private:
  std::array<ClientNetwork, 3> networks_;
  size_t count_;
};

// How many of something the networks of each address have now.
class NetworkCounts {
 public:
  // Whether one more fits, where a host may have `per_host`.
  bool has_room(const IpAddress& ip, size_t per_host) const;
  void add(const IpAddress& ip);
  // One that was added.
  void remove(const IpAddress& ip);
  bool empty() const { return counts_.empty(); }

 private:
  std::unordered_map<IpPrefix, size_t> counts_;
};

}  // namespace loopcast
