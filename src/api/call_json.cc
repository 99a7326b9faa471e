#include "api/call_json.h"

#include <array>

#include "api/present.h"

namespace loopcast::api {
namespace {

namespace json = boost::json;

std::string_view name_of(app::CallState state) {
  constexpr std::array<std::string_view, 4> kNames = {"calling", "ringing", "accepted",
                                                      "connected"};
  return kNames[static_cast<size_t>(state)];
}

json::value text_or_null(const std::string& text) {
  return text.empty() ? json::value() : json::value(text);
}

}  // namespace

std::string_view name_of(app::PresenceState state) {
  constexpr std::array<std::string_view, 4> kNames = {"offline", "online", "live", "busy"};
  return kNames[static_cast<size_t>(state)];
}

std::string_view name_of(app::EndReason reason) {
  constexpr std::array<std::string_view, static_cast<size_t>(app::EndReason::kCount)> kNames = {
      "declined",           "cancelled", "no_answer", "busy",  "offline",
      "answered_elsewhere", "hung_up",   "lost",      "error", "server_stopping"};
  return kNames[static_cast<size_t>(reason)];
}

json::value name_of(app::Ended::By by) {
  if (by == app::Ended::By::kNobody) return nullptr;
  return by == app::Ended::By::kYou ? "you" : "other";
}

json::object to_json(const app::CallView& view) {
  return {{"callId", view.call_id},
          {"user", to_json(view.other)},
          {"role", view.role == app::CallRole::kCaller ? "caller" : "callee"},
          {"state", name_of(view.state)},
          {"linkId", text_or_null(view.link_id)},
          {"ownId", text_or_null(view.own_id)},
          {"since", iso_time(view.since)},
          {"recording",
           {{"mine", view.agrees_to_record},
            {"theirs", view.other_agrees_to_record},
            {"on", view.recorded}}},
          {"shown",
           {{"microphone", view.other_shown.microphone},
            {"camera", view.other_shown.camera},
            {"screen", view.other_shown.screen}}}};
}

json::object to_json(const app::CallRecord& record) {
  return {{"id", record.call_id},
          {"user", to_json(app::public_user(record.other))},
          {"direction", record.role == app::CallRole::kCaller ? "made" : "received"},
          {"outcome", app::name_of(record.outcome)},
          {"started_at", iso_time(record.started_at)},
          {"duration", record.duration.ms() / 1000},
          {"seen", record.seen}};
}

json::object person_json(const app::PresenceChange& person) {
  json::object out = to_json(person.user);
  out["state"] = name_of(person.state);
  return out;
}

}  // namespace loopcast::api
