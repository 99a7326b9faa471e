// Who the client is behind proxies that are trusted.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/ip_prefix.h"
#include "http/message.h"

namespace loopcast::http {

bool is_trusted(const std::vector<IpPrefix>& proxies, const IpAddress& ip);

// An address as proxies write it: "192.0.2.1", "192.0.2.1:51000", "2001:db8::1", "[2001:db8::1]",
// "[2001:db8::1]:443". The port is left out: it is that of a connection that ends at the proxy.
std::optional<IpAddress> parse_forwarded(std::string_view text);

// The address that the proxies of a request from `peer`, one of them, name as the client's; `peer`
// itself if they name none. Each proxy adds the address that it saw: all lines of X-Forwarded-For
// are one list, and from the right the first that is no trusted proxy is the client. What stands
// left of it the client has written. A proxy that keeps no list names one address in X-Real-IP.
SocketAddress find_client(const Headers& headers, const SocketAddress& peer,
                          const std::vector<IpPrefix>& proxies);

// Whether the request says that a proxy has passed it on, whichever header that proxy uses.
bool is_forwarded(const Headers& headers);

}  // namespace loopcast::http
