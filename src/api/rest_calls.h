// HTTP for calls: who there is to call, and the history.
#pragma once

#include <functional>

#include "api/call_events.h"
#include "api/call_history.h"
#include "api/sign_in.h"
#include "base/time.h"
#include "http/router.h"

namespace loopcast::api {

// All outlive the router. `wall_now`: the wall clock.
void add_rest_calls(http::Router& router, SignIn& sign_in, CallHistory& history, CallEvents& events,
                    const std::function<WallTime()>& wall_now);

}  // namespace loopcast::api
