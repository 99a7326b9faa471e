#include "app/calls.h"

#include <algorithm>

#include "app/messages.h"
#include "app/nickname.h"

namespace loopcast::app {
namespace {

// Whether both texts are the nickname of one user.
bool same_nickname(std::string_view a, std::string_view b) {
  const auto left = parse_nickname(a);
  const auto right = parse_nickname(b);
  return left && right && left->key == right->key;
}

// Ids have no spaces.
std::string pair_key(const PublicUser& caller, const PublicUser& callee) {
  return caller.id + ' ' + callee.id;
}

}  // namespace

Calls::Calls(Presence& presence, const CallLimits& limits, const Random::Seed& seed)
    : presence_(presence),
      limits_(limits),
      random_(seed),
      dialling_(limits.dialling, limits.rate_limited_users, random_.fork()),
      redialling_(limits.redialling, limits.rate_limited_users, random_.fork()) {}

// Calling.

Status Calls::may_dial(Instant now, const std::string& caller_id) {
  const auto permit = dialling_.take(now, caller_id);
  if (permit.allowed) return ok();
  ++counters_.rate_limited;
  return make_error(Code::kRateLimited, permit.retry_after);
}

Expected<CallPermit> Calls::dial(const Moment& at, ClientId client, const PublicUser& caller,
                                 const std::optional<PublicUser>& callee, uint64_t device,
                                 const std::string& on_air, bool blocked) {
  ++counters_.dialled;
  forget_lost(client);
  if (by_client_.contains(client)) return refuse(Code::kAlreadyPresenting);
  if (!callee || callee->id == caller.id) {
    ++counters_.unreachable;
    return make_error(Code::kCannotBeReached);
  }
  if (Call* const own = call_of(caller.id)) {
    const bool crossed = own->callee.user.id == caller.id && own->caller.user.id == callee->id;
    if (!crossed || own->accepted()) return refuse(Code::kInCall);
    own->crossed = true;
    ++counters_.crossed;
    auto permit = answer(*own, client, device, true);
    if (!permit || on_air.empty()) return permit;
    own->answering.back().borrowed = true;
    this->on_air(at, client, on_air);
    return permit;
  }
  if (blocked) {
    ++counters_.blocked;
    return unreachable_at_once(at, caller, *callee, EndReason::kOffline, Code::kCannotBeReached,
                               true);
  }
  if (!presence_.reachable(callee->id))
    return unreachable_at_once(at, caller, *callee, EndReason::kOffline, Code::kCannotBeReached);
  if (in_call(callee->id))
    return unreachable_at_once(at, caller, *callee, EndReason::kBusy, Code::kBusy);
  const auto redial = redialling_.take(at.now, pair_key(caller, *callee));
  if (!redial.allowed) {
    ++counters_.rate_limited;
    return make_error(Code::kRateLimited, redial.retry_after);
  }

  const SlabId key = calls_.emplace();
  Call& call = *calls_.find(key);
  call.id = make_id(random_);
  call.caller.user = caller;
  call.caller.client = client;
  call.caller.borrowed = !on_air.empty();
  call.callee.user = *callee;
  call.started_at = at.wall;
  by_user_.emplace(caller.id, key);
  by_user_.emplace(callee->id, key);
  by_client_.emplace(client, key);
  presence_.set_busy(at.now, caller, true);
  presence_.set_busy(at.now, *callee, true);
  enter(at, call, CallState::kCalling, at.now + limits_.connect);
  CallPermit permit{call.id, {callee->id}};
  if (call.caller.borrowed) this->on_air(at, client, on_air);
  return permit;
}

Error Calls::unreachable_at_once(const Moment& at, const PublicUser& caller,
                                 const PublicUser& callee, EndReason reason, Code code,
                                 bool kept_from_callee) {
  ++counters_.unreachable;
  ++counters_.ended[static_cast<size_t>(reason)];
  outputs_.emplace_back(CallOver{make_id(random_), caller, callee, reason, false, at.wall,
                                 Duration(), kept_from_callee});
  return make_error(code);
}

// Answering and resuming.

Expected<CallPermit> Calls::join(const Moment& at, ClientId client, const PublicUser& user,
                                 uint64_t device, std::string_view call_id) {
  forget_lost(client);
  if (by_client_.contains(client)) return refuse(Code::kAlreadyPresenting);
  Call* const call = find(user.id, call_id);
  if (call == nullptr) return refuse(Code::kCannotBeReached);
  const CallRole role = call->role_of(user.id);
  if (call->accepted()) {
    // A page that does not say which call it means must not take over from another.
    if (call_id.empty() && call->side(role).client != 0) return refuse(Code::kInCall);
    return resume(at, *call, role, client);
  }
  if (role == CallRole::kCaller) return refuse(Code::kInCall);
  return answer(*call, client, device, false);
}

bool Calls::just_ended(Instant now, const std::string& user_id) const {
  const auto found = just_ended_.find(user_id);
  return found != just_ended_.end() && found->second > now;
}

Expected<CallPermit> Calls::answer(Call& call, ClientId client, uint64_t device, bool accepts) {
  if (call.answering.size() >= limits_.answering) drop_lost_answering(call);
  if (call.answering.size() >= limits_.answering) return refuse(Code::kServerFull);
  call.answering.push_back({client, device, {}, accepts});
  by_client_.emplace(client, by_user_.at(call.callee.user.id));
  return CallPermit{call.id, {call.caller.user.id}};
}

Expected<CallPermit> Calls::resume(const Moment& at, Call& call, CallRole role, ClientId client) {
  // The page that presented before is gone, or is about to notice that it has been replaced.
  if (call.side(role).client != 0) side_lost(at, call, role);
  CallSide& side = call.side(role);
  forget_lost(side);
  side.client = client;
  side.borrowed = false;
  by_client_.emplace(client, by_user_.at(side.user.id));
  ++counters_.resumed;
  return CallPermit{call.id, {call.other(role).user.id}};
}

Status Calls::accept(const Moment& at, ClientId client, const PublicUser& user,
                     std::string_view from_nickname, std::string_view call_id) {
  Call* const call = find(user.id, call_id);
  // Pages may say so more than once.
  if (call != nullptr && call->accepted() && call->side(call->role_of(user.id)).client == client)
    return ok();
  if (call == nullptr || call != find_incoming(user.id, from_nickname, call_id))
    return refuse(Code::kCannotBeReached);
  const auto found = std::find_if(call->answering.begin(), call->answering.end(),
                                  [&](const Answering& a) { return a.client == client; });
  if (found == call->answering.end()) return refuse(Code::kCannotBeReached);
  found->accepts = true;
  accept_if_ready(at, *call);
  return ok();
}

Status Calls::decline(const Moment& at, const PublicUser& user, std::string_view from_nickname,
                      std::string_view call_id) {
  Call* const call = find_incoming(user.id, from_nickname, call_id);
  if (call == nullptr) return refuse(Code::kCannotBeReached);
  end(at, *call, EndReason::kDeclined, CallRole::kCallee);
  return ok();
}

Status Calls::hang_up(const Moment& at, const PublicUser& user, std::string_view call_id) {
  Call* const call = find(user.id, call_id);
  if (call == nullptr) return refuse(Code::kCannotBeReached);
  const CallRole role = call->role_of(user.id);
  end(at, *call,
      call->accepted()            ? EndReason::kHungUp
      : role == CallRole::kCaller ? EndReason::kCancelled
                                  : EndReason::kDeclined,
      role);
  return ok();
}

Status Calls::show(const Moment&, const PublicUser& user, std::string_view call_id,
                   const Shown& shown) {
  Call* const call = find(user.id, call_id);
  if (call == nullptr) return refuse(Code::kCannotBeReached);
  CallSide& side = call->side(call->role_of(user.id));
  if (side.shown == shown) return ok();
  side.shown = shown;
  tell_states(*call);
  return ok();
}

Status Calls::agree_to_record(const Moment&, const PublicUser& user, std::string_view call_id,
                              bool agrees) {
  Call* const call = find(user.id, call_id);
  if (call == nullptr) return refuse(Code::kCannotBeReached);
  CallSide& side = call->side(call->role_of(user.id));
  if (side.agrees_to_record == agrees) return ok();
  side.agrees_to_record = agrees;
  update_recording(*call);
  tell_states(*call);
  return ok();
}

// What becomes of clients and lines.

void Calls::on_air(const Moment& at, ClientId client, const std::string& broadcast_id) {
  forget_lost(client);
  const auto found = by_client_.find(client);
  if (found == by_client_.end()) return;
  Call& call = *calls_.find(found->second);
  for (Answering& answering : call.answering) {
    if (answering.client != client) continue;
    answering.broadcast_id = broadcast_id;
    return accept_if_ready(at, call);
  }
  CallSide& side = call.caller.client == client ? call.caller : call.callee;
  side.broadcast_id = broadcast_id;
  side.back_by = Instant::never();
  if (call.state == CallState::kCalling) {
    enter(at, call, CallState::kRinging, at.now + limits_.ring);
    ring(call);
    return accept_if_ready(at, call);
  }
  update_recording(call);
  tell_states(call);
}

void Calls::presenting_ended(const Moment& at, ClientId client, PresentingEnd how) {
  const auto found = by_client_.find(client);
  if (found == by_client_.end()) return;
  Call& call = *calls_.find(found->second);
  for (Answering& answering : call.answering)
    if (answering.client == client) return answering_ended(at, call, answering, how);

  const bool stopped = how == PresentingEnd::kStopped;
  if (call.caller.lost == client || call.callee.lost == client) {
    if (stopped)
      end(at, call, EndReason::kHungUp,
          call.caller.lost == client ? CallRole::kCaller : CallRole::kCallee);
    return;
  }
  const CallRole role = call.caller.client == client ? CallRole::kCaller : CallRole::kCallee;
  // What is on air has been accepted; a refusal is about another offer of the same client.
  if (how == PresentingEnd::kRefused && !call.side(role).broadcast_id.empty()) return;
  if (!call.accepted()) {
    // A page that goes while it rings does not come back to that: its goodbye cancels.
    const bool cancelled = stopped || how == PresentingEnd::kLeft;
    return end(at, call,
               cancelled                     ? EndReason::kCancelled
               : how == PresentingEnd::kLost ? EndReason::kLost
                                             : EndReason::kError,
               role);
  }
  if (stopped) return end(at, call, EndReason::kHungUp, role);
  side_lost(at, call, role);
  CallSide& side = call.side(role);
  side.lost = client;
  by_client_.emplace(client, by_user_.at(side.user.id));
  tell_states(call);
}

void Calls::answering_ended(const Moment& at, Call& call, Answering& answering, PresentingEnd how) {
  if (how == PresentingEnd::kRefused && !answering.broadcast_id.empty()) return;
  if (how == PresentingEnd::kStopped) return end(at, call, EndReason::kDeclined, CallRole::kCallee);
  answering.lost = true;
  answering.broadcast_id.clear();
  if (!std::exchange(answering.accepts, false) || !call.crossed) return;
  call.crossed = false;
  if (call.state == CallState::kRinging) ring(call);
}

void Calls::drop_answering(Call& call) {
  for (const Answering& answering : call.answering) {
    by_client_.erase(answering.client);
    if (!answering.lost && !answering.borrowed)
      outputs_.emplace_back(EndBroadcast{answering.client});
  }
  call.answering.clear();
}

void Calls::drop_lost_answering(Call& call) {
  std::erase_if(call.answering, [&](const Answering& answering) {
    if (answering.lost) by_client_.erase(answering.client);
    return answering.lost;
  });
}

void Calls::forget_lost(ClientId client) {
  const auto found = by_client_.find(client);
  if (found == by_client_.end()) return;
  Call& call = *calls_.find(found->second);
  for (CallSide* side : {&call.caller, &call.callee})
    if (side->lost == client) return forget_lost(*side);
  const auto lost = std::find_if(call.answering.begin(), call.answering.end(),
                                 [&](const Answering& a) { return a.lost && a.client == client; });
  if (lost == call.answering.end()) return;
  call.answering.erase(lost);
  by_client_.erase(found);
}

void Calls::forget_lost(CallSide& side) {
  by_client_.erase(side.lost);
  side.lost = 0;
}

void Calls::viewer_entered(const Moment& at, ClientId presenter, const std::string& viewer_id) {
  const auto found = by_client_.find(presenter);
  if (found == by_client_.end()) return;
  Call& call = *calls_.find(found->second);
  if (call.caller.client == presenter && call.callee.user.id == viewer_id)
    call.callee.watches = true;
  else if (call.callee.client == presenter && call.caller.user.id == viewer_id)
    call.caller.watches = true;
  if (call.state != CallState::kAccepted || !call.caller.watches || !call.callee.watches) return;
  ++counters_.connected;
  enter(at, call, CallState::kConnected, Instant::never());
  tell_states(call);
}

void Calls::line_opened(const PublicUser& user, LineId line) {
  const Call* const call = call_of(user.id);
  if (call == nullptr) return;
  const CallRole role = call->role_of(user.id);
  if (role == CallRole::kCallee && !call->rung && !call->crossed) return;
  if (role == CallRole::kCallee && call->rung && call->state == CallState::kRinging)
    outputs_.emplace_back(
        CallNotice{line, Ringing{call->id, call->caller.user, call->caller.broadcast_id}});
  outputs_.emplace_back(CallNotice{line, call->seen_by(role)});
}

void Calls::unreachable(const Moment& at, const std::string& user_id) {
  Call* const call = call_of(user_id);
  // Who talks does not need a line.
  if (call == nullptr || call->accepted()) return;
  end(at, *call,
      call->role_of(user_id) == CallRole::kCaller ? EndReason::kLost : EndReason::kOffline,
      call->role_of(user_id));
}

void Calls::shutdown(const Moment& at) {
  while (!by_user_.empty())
    end(at, *calls_.find(by_user_.begin()->second), EndReason::kServerStopping);
}

void Calls::handle_timeout(const Moment& at) {
  while (deadlines_.due(at.now)) {
    Call* const call = calls_.find(deadlines_.pop());
    if (call == nullptr) continue;
    call->armed = Instant::never();
    if (call->next_timeout() > at.now) {
      arm(*call);
      continue;
    }
    const bool late = call->state == CallState::kRinging && call->deadline <= at.now;
    end(at, *call, late ? EndReason::kNoAnswer : EndReason::kLost);
  }
  while (!just_ended_order_.empty() && just_ended_order_.front().first <= at.now) {
    const auto found = just_ended_.find(just_ended_order_.front().second);
    if (found != just_ended_.end() && found->second <= at.now) just_ended_.erase(found);
    just_ended_order_.pop_front();
  }
}

bool Calls::poll(CallOutput& output) {
  if (outputs_.empty()) return false;
  output = std::move(outputs_.front());
  outputs_.pop_front();
  return true;
}

// The steps.

Call* Calls::call_of(const std::string& user_id) {
  const auto found = by_user_.find(user_id);
  return found == by_user_.end() ? nullptr : calls_.find(found->second);
}

Call* Calls::find(const std::string& user_id, std::string_view call_id) {
  Call* const call = call_of(user_id);
  return call != nullptr && (call_id.empty() || call->id == call_id) ? call : nullptr;
}

Call* Calls::find_incoming(const std::string& user_id, std::string_view from_nickname,
                           std::string_view call_id) {
  Call* const call = find(user_id, call_id);
  if (call == nullptr || call->accepted() || call->callee.user.id != user_id) return nullptr;
  const bool named =
      from_nickname.empty() || same_nickname(from_nickname, call->caller.user.nickname);
  // Without either, nobody has said what is meant.
  return named && !(from_nickname.empty() && call_id.empty()) ? call : nullptr;
}

Error Calls::refuse(Code code) {
  ++counters_.refused;
  return make_error(code);
}

void Calls::ring(Call& call) {
  // A callee who is calling the caller at this moment need not be rung.
  if (call.rung || call.crossed) return tell_states(call);
  call.rung = true;
  ++counters_.rung;
  tell(call, call.callee.user, Ringing{call.id, call.caller.user, call.caller.broadcast_id});
  tell_states(call);
}

void Calls::accept_if_ready(const Moment& at, Call& call) {
  if (call.state != CallState::kRinging) return;
  const auto ready =
      std::find_if(call.answering.begin(), call.answering.end(),
                   [](const Answering& a) { return a.accepts && !a.broadcast_id.empty(); });
  if (ready == call.answering.end()) return;
  call.callee.client = ready->client;
  call.callee.broadcast_id = std::move(ready->broadcast_id);
  call.callee.borrowed = ready->borrowed;
  const uint64_t device = ready->device;
  call.answering.erase(ready);
  drop_answering(call);
  ++counters_.accepted;
  call.accepted_at = at.now;
  redialling_.forgive(pair_key(call.caller.user, call.callee.user));
  enter(at, call, CallState::kAccepted, at.now + limits_.connect);
  if (call.rung) finish_other_lines(call, device);
  tell(call, call.caller.user, Accepted{call.id, call.callee.user, call.callee.broadcast_id});
  if (call.crossed)
    tell(call, call.callee.user, Accepted{call.id, call.caller.user, call.caller.broadcast_id});
  update_recording(call);
  tell_states(call);
}

void Calls::finish_other_lines(Call& call, uint64_t device) {
  for (const CallLine& line : presence_.lines_of(call.callee.user.id)) {
    if (line.device == device) continue;
    outputs_.emplace_back(CallNotice{
        line.id, Ended{call.id, EndReason::kAnsweredElsewhere, call.caller.user, Ended::By::kYou}});
    call.finished.push_back(line.id);
  }
}

void Calls::side_lost(const Moment& at, Call& call, CallRole role) {
  CallSide& side = call.side(role);
  end_presenting(call, side, true);
  side.watches = false;
  call.other(role).watches = false;
  side.back_by = std::min(side.back_by, at.now + limits_.resume);
  arm(call);
}

void Calls::end_presenting(Call& call, CallSide& side, bool lost) {
  // The end of a broadcast that was lost ends its recording too, which then waits for the next one.
  if (lost && !side.borrowed) side.recorded = false;
  if (side.recorded)
    set_recorded(call, side, &side == &call.caller ? call.callee : call.caller, false);
  side.broadcast_id.clear();
  if (side.client == 0) return;
  if (!side.borrowed) outputs_.emplace_back(EndBroadcast{side.client, lost});
  by_client_.erase(side.client);
  side.client = 0;
}

void Calls::end(const Moment& at, Call& call, EndReason reason, std::optional<CallRole> by) {
  ++counters_.ended[static_cast<size_t>(reason)];
  if (reason == EndReason::kDeclined)
    tell(call, call.caller.user, Rejected{call.id, call.callee.user});
  if (reason == EndReason::kNoAnswer)
    tell(call, call.caller.user, Unreachable{call.id, Code::kNoAnswer});
  if (reason == EndReason::kOffline)
    tell(call, call.caller.user, Unreachable{call.id, Code::kCannotBeReached});
  const auto deed_for = [by](CallRole role) {
    return !by ? Ended::By::kNobody : *by == role ? Ended::By::kYou : Ended::By::kOther;
  };
  tell(call, call.caller.user,
       Ended{call.id, reason, call.callee.user, deed_for(CallRole::kCaller)});
  const bool callee_knows = call.rung || call.crossed || call.accepted();
  if (callee_knows)
    tell(call, call.callee.user,
         Ended{call.id, reason, call.caller.user, deed_for(CallRole::kCallee)});

  for (CallSide* side : {&call.caller, &call.callee}) {
    end_presenting(call, *side, false);
    forget_lost(*side);
  }
  drop_answering(call);
  // A call whose offer was no good has not taken place.
  if (callee_knows || reason != EndReason::kError)
    outputs_.emplace_back(CallOver{call.id, call.caller.user, call.callee.user, reason,
                                   call.accepted(), call.started_at,
                                   call.accepted() ? at.now - call.accepted_at : Duration()});
  // A page that answers too late, or is loaded again after the end, means this call.
  for (const CallSide* side : {&call.caller, &call.callee}) {
    if (!call.accepted() && (side == &call.caller || !call.rung)) continue;
    just_ended_[side->user.id] = at.now + limits_.remembered;
    just_ended_order_.emplace_back(at.now + limits_.remembered, side->user.id);
  }
  const PublicUser caller = std::move(call.caller.user);
  const PublicUser callee = std::move(call.callee.user);
  calls_.remove(by_user_.at(caller.id));
  by_user_.erase(caller.id);
  by_user_.erase(callee.id);
  presence_.set_busy(at.now, caller, false);
  presence_.set_busy(at.now, callee, false);
}

void Calls::enter(const Moment& at, Call& call, CallState state, Instant deadline) {
  call.state = state;
  call.since = at.wall;
  call.deadline = deadline;
  arm(call);
}

void Calls::arm(Call& call) {
  const Instant next = call.next_timeout();
  // A later one is found when the earlier one is due.
  if (next >= call.armed) return;
  call.armed = next;
  deadlines_.push(next, by_user_.at(call.caller.user.id));
}

void Calls::update_recording(Call& call) {
  const bool agreed = limits_.can_record && call.accepted() && call.caller.agrees_to_record &&
                      call.callee.agrees_to_record;
  set_recorded(call, call.caller, call.callee, agreed);
  set_recorded(call, call.callee, call.caller, agreed);
}

void Calls::set_recorded(const Call& call, CallSide& side, const CallSide& other, bool on) {
  const bool possible = on && !side.broadcast_id.empty();
  if (side.recorded == possible) return;
  side.recorded = possible;
  outputs_.emplace_back(
      RecordBroadcast{side.broadcast_id, side.user.id, other.user.id, possible, call.id});
}

void Calls::tell_states(const Call& call) {
  tell(call, call.caller.user, call.seen_by(CallRole::kCaller));
  if (call.rung || call.crossed || call.accepted())
    tell(call, call.callee.user, call.seen_by(CallRole::kCallee));
}

template <typename What>
void Calls::tell(const Call& call, const PublicUser& user, const What& what) {
  for (const CallLine& line : presence_.lines_of(user.id)) {
    const auto& over = call.finished;
    if (std::find(over.begin(), over.end(), line.id) == over.end())
      outputs_.emplace_back(CallNotice{line.id, what});
  }
}

}  // namespace loopcast::app
