// HTTP of the first generation: /api/v1/, always 200 with {status, msg, data}.
#pragma once

#include "api/library.h"
#include "api/live.h"
#include "api/sign_in.h"
#include "http/router.h"

namespace loopcast::api {

// All outlive the router.
void add_rest_v1(http::Router& router, SignIn& sign_in, Live& live, Library& library);

}  // namespace loopcast::api
