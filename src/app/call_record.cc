#include <array>

#include "app/call_store.h"

namespace loopcast::app {
namespace {

CallOutcome outcome_of(const CallOver& over, CallRole role) {
  if (over.accepted)
    return over.reason == EndReason::kLost ? CallOutcome::kLost : CallOutcome::kAnswered;
  if (over.reason == EndReason::kDeclined) return CallOutcome::kDeclined;
  if (role == CallRole::kCallee) return CallOutcome::kMissed;
  switch (over.reason) {
    case EndReason::kCancelled:
      return CallOutcome::kCancelled;
    case EndReason::kNoAnswer:
      return CallOutcome::kNoAnswer;
    case EndReason::kBusy:
      return CallOutcome::kBusy;
    case EndReason::kOffline:
      return CallOutcome::kOffline;
    default:
      return CallOutcome::kLost;
  }
}

User user_of(const PublicUser& user) { return {user.id, user.nickname, {}}; }

}  // namespace

std::string_view name_of(CallOutcome outcome) {
  constexpr std::array<std::string_view, static_cast<size_t>(CallOutcome::kCount)> kNames = {
      "answered", "missed", "declined", "cancelled", "no_answer", "busy", "offline", "lost"};
  return kNames[static_cast<size_t>(outcome)];
}

CallRecord record_of(const CallOver& over, CallRole role) {
  const bool caller = role == CallRole::kCaller;
  CallRecord record;
  record.call_id = over.call_id;
  record.owner_id = caller ? over.caller.id : over.callee.id;
  record.other = user_of(caller ? over.callee : over.caller);
  record.role = role;
  record.outcome = outcome_of(over, role);
  record.started_at = over.started_at;
  record.duration = over.duration;
  record.seen = record.outcome != CallOutcome::kMissed;
  return record;
}

}  // namespace loopcast::app
