// What the tests of Calls share: users with lines, and a record of what each line was told.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "app/broadcasts_fixture.h"
#include "app/calls.h"
#include "app/messages.h"

namespace loopcast::app {

inline std::string to_text(EndReason reason) {
  constexpr const char* kNames[] = {"declined",  "cancelled", "no_answer", "busy", "offline",
                                    "elsewhere", "hung_up",   "lost",      "error"};
  return kNames[static_cast<size_t>(reason)];
}

inline std::string to_text(const CallNotice& notice) {
  if (const auto* ringing = std::get_if<Ringing>(&notice.what))
    return "call " + ringing->from.nickname + " " + ringing->link_id;
  if (const auto* accepted = std::get_if<Accepted>(&notice.what))
    return "accepted " + accepted->by.nickname + " " + accepted->link_id;
  if (const auto* rejected = std::get_if<Rejected>(&notice.what))
    return "rejected " + rejected->by.nickname;
  if (const auto* failed = std::get_if<Unreachable>(&notice.what))
    return "error " + std::string(name_of(failed->code));
  if (const auto* ended = std::get_if<Ended>(&notice.what))
    return "ended " + to_text(ended->reason);
  const auto& view = std::get<CallView>(notice.what);
  constexpr const char* kNames[] = {"calling", "ringing", "accepted", "connected"};
  return std::string(kNames[static_cast<size_t>(view.state)]) + " " +
         (view.link_id.empty() ? "-" : view.link_id) + (view.recorded ? " recorded" : "");
}

}  // namespace loopcast::app
