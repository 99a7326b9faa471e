// HTTP for calls: who there is to call, and the history.
#pragma once

#include "api/call_events.h"
#include "api/call_history.h"
#include "api/sign_in.h"
#include "http/router.h"

namespace loopcast::api {

// All outlive the router.
void add_rest_calls(http::Router& router, SignIn& sign_in, CallHistory& history,
                    CallEvents& events);

}  // namespace loopcast::api
