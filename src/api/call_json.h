// How calls look in JSON.
#pragma once

#include <string_view>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "app/call_store.h"
#include "app/presence.h"

namespace loopcast::api {

std::string_view name_of(app::PresenceState state);
std::string_view name_of(app::EndReason reason);
// Null for nobody.
boost::json::value name_of(app::Ended::By by);

boost::json::object to_json(const app::CallView& view);
boost::json::object to_json(const app::CallRecord& record);
// `{id, nickname, avatar, state}`.
boost::json::object person_json(const app::PresenceChange& person);

}  // namespace loopcast::api
