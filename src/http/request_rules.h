// What makes a request head unacceptable although it parses: its framing and its mandatory fields
// (RFC 9112). A request that fails here is answered and its connection closed: where a request ends
// is not known for sure then, and what comes behind it may be somebody else's.
#pragma once

#include <optional>
#include <string_view>

#include "http/message.h"

namespace loopcast::http {

struct RequestFault {
  unsigned status = 400;
  std::string_view code = "bad_request";
  std::string_view title;
};

// `version` as Beast has it: 10 or 11. Looks at the method, the target and the headers.
std::optional<RequestFault> find_fault(const Request& request, unsigned version);

// A host with an optional port as it may stand in Host: uri-host [":" port] (RFC 9110, section
// 7.2; RFC 3986, section 3.2). Empty is valid.
bool is_host(std::string_view text);

// That without its port.
std::string_view host_name(std::string_view host);

// Whether a page of this site sent the request: by Sec-Fetch-Site (W3C Fetch Metadata), or where a
// browser leaves that out, by Origin. nullopt: no page did, or it cannot be told.
std::optional<bool> is_same_site(const Request& request);

// Whether the client waits for 100 Continue: only since HTTP/1.1 (RFC 9110, section 10.1.1).
bool expects_continue(const Request& request, unsigned version);

}  // namespace loopcast::http
