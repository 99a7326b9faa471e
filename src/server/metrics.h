// The server's figures in Prometheus' text format.
#pragma once

#include <string>

#include "api/account_changes.h"
#include "api/call_history.h"
#include "api/library.h"
#include "api/live.h"
#include "api/sign_in.h"
#include "app/calls.h"
#include "app/presence.h"
#include "http/counters.h"
#include "http/strangers.h"
#include "server/media_hub.h"
#include "server/recording_hub.h"

namespace loopcast::server {

std::string metrics_text(const api::Live& live, const http::HttpCounters& http,
                         const http::Strangers& strangers, const api::SignIn& sign_in,
                         const api::AccountChanges& changes, const MediaHub& media,
                         api::Library& library, const RecordingHub& recorder,
                         const app::Presence& presence, const app::Calls& calls,
                         const api::CallHistory& history);

}  // namespace loopcast::server
