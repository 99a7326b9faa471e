// What the options of the server mean for each of its parts.
#pragma once

#include <vector>

#include "api/library.h"
#include "app/broadcasts.h"
#include "app/calls.h"
#include "app/rate_limiter.h"
#include "base/address.h"
#include "server/media_hub.h"
#include "server/options.h"

namespace loopcast::server {

// The addresses that clients reach this machine at: --announce, or its own that media is bound to.
std::vector<IpAddress> announced(const Options& options);

MediaHubOptions media_options(const Options& options);
app::LoginLimiter::Limits login_limits(const Options& options);
app::CallLimits call_limits();
app::BroadcastLimits broadcast_limits(const Options& options);
api::LibraryOptions library_options(const Options& options);

}  // namespace loopcast::server
