// The addresses of this machine.
#pragma once

#include <string_view>
#include <vector>

#include "base/address.h"

namespace loopcast::net {

// What to announce in ICE candidates when nothing is configured: the addresses of all interfaces
// that are up, IPv4 first, without duplicates. Bridges of containers are among them: their guests
// may be the viewers. Left out are link-local addresses (a browser cannot use them without a zone)
// and those IPv6 addresses that are deprecated, temporary (RFC 8981) or not yet known to be unique.
// Loopback only if there is nothing else.
std::vector<IpAddress> local_addresses();

// Whether a socket can be bound to all IPv6 addresses: not where IPv6 is switched off.
bool has_ipv6();

// The IPv6 addresses that /proc/net/if_inet6 (its whole text) shows as unfit: see above.
std::vector<IpAddress> unfit_ipv6_addresses(std::string_view if_inet6);

}  // namespace loopcast::net
