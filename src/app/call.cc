#include "app/call.h"

#include <algorithm>

namespace loopcast::app {

Instant Call::next_timeout() const { return std::min({deadline, caller.back_by, callee.back_by}); }

CallView Call::seen_by(CallRole role) const {
  const CallSide& own = role == CallRole::kCaller ? caller : callee;
  const CallSide& peer = role == CallRole::kCaller ? callee : caller;
  CallView view;
  view.call_id = id;
  view.other = peer.user;
  view.role = role;
  view.state = state;
  view.link_id = peer.broadcast_id;
  view.own_id = own.broadcast_id;
  view.since = since;
  view.agrees_to_record = own.agrees_to_record;
  view.other_agrees_to_record = peer.agrees_to_record;
  view.recorded = own.recorded || peer.recorded;
  view.other_shown = peer.shown;
  return view;
}

}  // namespace loopcast::app
