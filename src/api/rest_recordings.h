// HTTP for recordings: /api/v2/recordings (described by openapi.json), and their files at /media/.
#pragma once

#include <string>

#include "api/library.h"
#include "api/sign_in.h"
#include "http/router.h"

namespace loopcast::api {

// `sign_in` and `library` outlive the router. `folder`: where the files are.
void add_rest_recordings(http::Router& router, SignIn& sign_in, Library& library,
                         std::string folder);

// Seconds as people write them: "90", "1.5". nullopt: not a number from 0 on.
std::optional<Duration> parse_seconds(std::string_view text);

}  // namespace loopcast::api
