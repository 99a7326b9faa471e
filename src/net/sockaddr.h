// SocketAddress to and from the kernel's sockaddr.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/address.h"

namespace loopcast::net {

// Either family, without the slack of sockaddr_storage.
union Sockaddr {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
};

// Returns the length to hand to the kernel; 0 for an address without a family.
socklen_t to_sockaddr(const SocketAddress& address, Sockaddr& out);
// Family kNone for what is neither IPv4 nor IPv6.
SocketAddress from_sockaddr(const Sockaddr& in);
IpAddress from_in_addr(const in_addr& in);
IpAddress from_in6_addr(const in6_addr& in);
// The address that a socket is bound to; family kNone if the kernel does not tell.
SocketAddress bound_address(int fd);

}  // namespace loopcast::net
