// How the HTTP side of the server is set up from its options.
#pragma once

#include <string>
#include <vector>

#include "base/address.h"
#include "base/expected.h"
#include "http/message.h"
#include "http/server.h"
#include "http/static_files.h"
#include "server/options.h"

namespace loopcast::server {

// What of HTTP options says by itself: addresses, proxies, limits, the certificate. `announced`:
// the addresses that clients reach this machine at. Errors: "tls_write_failed".
Expected<http::ServerOptions> http_options(const Options& options,
                                           const std::vector<IpAddress>& announced);

// The connections, and the sessions, that all who have signed in may have: --max-connections, or
// two for each viewer as far as descriptors go.
size_t max_users(const Options& options);

// Makes a self-signed certificate again if that of the options is one and no longer fits. True: it
// has been made, and is to be read.
Expected<bool> renew_certificate(const Options& options, const std::vector<IpAddress>& announced);

// The web app's files.
http::StaticOptions web_options(const Options& options);

// Whether /metrics is for this request: from this machine, not passed on by a proxy, and for a name
// of this machine, so that no page in a browser here reads it under a name of its own.
bool is_local(const http::Request& request);

}  // namespace loopcast::server
