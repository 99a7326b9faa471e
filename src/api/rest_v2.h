// HTTP for the web app and other programs: /api/v2/ (described by openapi.json), and the pictures
// of users.
#pragma once

#include <functional>
#include <string>

#include "api/live.h"
#include "api/sign_in.h"
#include "http/router.h"

namespace loopcast::api {

// Told the token of a session that has been ended.
using SessionEnded = std::function<void(const std::string& token)>;

// `sign_in` and `live` outlive the router.
void add_rest_v2(http::Router& router, SignIn& sign_in, Live& live, SessionEnded ended);

}  // namespace loopcast::api
