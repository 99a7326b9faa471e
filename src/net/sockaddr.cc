#include "net/sockaddr.h"

#include <cstring>

namespace loopcast::net {

socklen_t to_sockaddr(const SocketAddress& address, Sockaddr& out) {
  if (address.ip.is_v4()) {
    out.v4 = {};
    out.v4.sin_family = AF_INET;
    out.v4.sin_port = htons(address.port);
    std::memcpy(&out.v4.sin_addr, address.ip.octets.data(), 4);
    return sizeof out.v4;
  }
  if (address.ip.is_v6()) {
    out.v6 = {};
    out.v6.sin6_family = AF_INET6;
    out.v6.sin6_port = htons(address.port);
    std::memcpy(&out.v6.sin6_addr, address.ip.octets.data(), 16);
    return sizeof out.v6;
  }
  return 0;
}

IpAddress from_in_addr(const in_addr& in) {
  IpAddress ip;
  ip.family = IpAddress::Family::kV4;
  std::memcpy(ip.octets.data(), &in, 4);
  return ip;
}

IpAddress from_in6_addr(const in6_addr& in) {
  std::array<uint8_t, 16> octets;
  std::memcpy(octets.data(), &in, 16);
  return IpAddress::v6(octets);
}

SocketAddress from_sockaddr(const Sockaddr& in) {
  if (in.any.sa_family == AF_INET) return {from_in_addr(in.v4.sin_addr), ntohs(in.v4.sin_port)};
  if (in.any.sa_family == AF_INET6) return {from_in6_addr(in.v6.sin6_addr), ntohs(in.v6.sin6_port)};
  return {};
}

SocketAddress bound_address(int fd) {
  Sockaddr name{};
  socklen_t length = sizeof name;
  if (::getsockname(fd, &name.any, &length) != 0) return {};
  return from_sockaddr(name);
}

}  // namespace loopcast::net
