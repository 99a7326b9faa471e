// The whole server: everything is made here, wired, and taken apart again.
#pragma once

#include <memory>

#include "base/expected.h"
#include "server/options.h"

namespace loopcast::server {

// Serves until SIGTERM or SIGINT. Errors are those of starting: the database, the ports, the
// certificate.
Status run(const Options& options);

}  // namespace loopcast::server
