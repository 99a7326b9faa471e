// HTTP for the web app and other programs: /api/v2/ (described by openapi.json).
#pragma once

#include "api/live.h"
#include "api/sign_in.h"
#include "http/router.h"

namespace loopcast::api {

// `sign_in` and `live` outlive the router.
void add_rest_v2(http::Router& router, SignIn& sign_in, Live& live);

}  // namespace loopcast::api
