// HTTP for the settings of one's own account, and the pictures of users (described by
// openapi.json).
#pragma once

#include "api/account_changes.h"
#include "http/router.h"

namespace loopcast::api {

// Both outlive the router.
void add_rest_accounts(http::Router& router, SignIn& sign_in, AccountChanges& changes);

}  // namespace loopcast::api
