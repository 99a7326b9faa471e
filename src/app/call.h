// One call: two broadcasts that watch each other, what state it is in, and what is said of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "app/error_codes.h"
#include "app/moment.h"
#include "app/presence.h"
#include "app/user.h"
#include "base/time.h"

namespace loopcast::app {

// kCalling: the caller's broadcast is not on air yet, and nobody has been rung. kConnected: each
// watches the other.
enum class CallState : uint8_t { kCalling, kRinging, kAccepted, kConnected };
enum class CallRole : uint8_t { kCaller, kCallee };
enum class EndReason : uint8_t {
  kDeclined,
  kCancelled,
  kNoAnswer,
  kBusy,
  kOffline,
  kAnsweredElsewhere,  // to the other lines of a callee who has answered; for them it is the end
  kHungUp,
  kLost,
  kError,
  kServerStopping,
  kCount,
};

// Leave to present as a part of a call.
struct CallPermit {
  std::string call_id;
  std::vector<std::string> visible_to;  // for PresentOptions
};

// What of a person's devices the other gets to see and hear, as their page says.
struct Shown {
  bool microphone = true;
  bool camera = true;
  bool screen = false;
  bool operator==(const Shown&) const = default;
};

// A call as one of its two sees it.
struct CallView {
  std::string call_id;
  PublicUser other;
  CallRole role = CallRole::kCaller;
  CallState state = CallState::kCalling;
  std::string link_id;  // the other's broadcast; empty: none on air
  std::string
      own_id;      // the own one; empty: none, and in a call that was accepted it may be resumed
  WallTime since;  // of this state
  bool agrees_to_record = false;
  bool other_agrees_to_record = false;
  bool recorded = false;
  Shown other_shown;
};

// What Calls says to a line.
struct Ringing {
  std::string call_id;
  PublicUser from;
  std::string link_id;  // the caller's broadcast
};
struct Accepted {
  std::string call_id;
  PublicUser by;
  std::string link_id;  // the broadcast of who accepted
};
struct Rejected {
  std::string call_id;
  PublicUser by;
};
struct Unreachable {
  std::string call_id;
  Code code = Code::kCannotBeReached;
};
struct Ended {
  enum class By : uint8_t { kNobody, kYou, kOther };
  std::string call_id;
  EndReason reason = EndReason::kError;
  PublicUser other;
  By by = By::kNobody;
};
struct CallNotice {
  LineId to = 0;
  std::variant<Ringing, Accepted, Rejected, Unreachable, Ended, CallView> what;
};

// What Calls wants done.
struct EndBroadcast {
  ClientId presenter = 0;
  bool lost = false;  // its side of the call may come back, and what was recorded of it goes on
};
// Of a call whose two have agreed: the recording belongs to both.
struct RecordBroadcast {
  std::string broadcast_id;
  std::string owner_id;
  std::string co_owner_id;
  bool on = false;
  std::string call_id = {};
};
// For the history. Who was never rung because he was not there or busy has missed the call all the
// same.
struct CallOver {
  std::string call_id;
  PublicUser caller;
  PublicUser callee;
  EndReason reason = EndReason::kError;
  bool accepted = false;
  WallTime started_at;
  Duration duration;              // since it was accepted
  bool kept_from_callee = false;  // who has blocked the caller
};
using CallOutput = std::variant<CallNotice, EndBroadcast, RecordBroadcast, CallOver>;

struct CallSide {
  PublicUser user;
  ClientId client = 0;       // presents for this side; 0: nobody
  std::string broadcast_id;  // empty: not on air
  bool borrowed = false;     // the broadcast was there before the call, and outlives it
  ClientId lost = 0;         // presented until its loss; it may still say that it was no loss
  bool watches = false;      // has seen the other
  bool agrees_to_record = false;
  bool recorded = false;
  Shown shown;
  Instant back_by = Instant::never();  // on air again, or the call is over
};

// A page of the callee that presents in order to answer. Several devices may be at it at once.
struct Answering {
  ClientId client = 0;
  uint64_t device = 0;
  std::string broadcast_id;  // empty: not on air
  bool accepts = false;
  bool borrowed = false;  // as of CallSide
  bool lost = false;      // presents no more; it may still say that it declines
};

struct Call {
  std::string id;
  CallState state = CallState::kCalling;
  CallSide caller;
  CallSide callee;
  std::vector<Answering> answering;
  bool rung = false;
  bool crossed = false;          // the callee called the caller at the same time
  std::vector<LineId> finished;  // lines for which it is over already
  WallTime started_at;
  WallTime since;
  Instant accepted_at;
  Instant deadline = Instant::never();  // of this state
  Instant armed = Instant::never();     // the earliest that the heap of Calls has for it

  CallSide& side(CallRole role) { return role == CallRole::kCaller ? caller : callee; }
  CallSide& other(CallRole role) { return role == CallRole::kCaller ? callee : caller; }
  CallRole role_of(const std::string& user_id) const {
    return caller.user.id == user_id ? CallRole::kCaller : CallRole::kCallee;
  }
  bool accepted() const { return state >= CallState::kAccepted; }
  Instant next_timeout() const;
  CallView seen_by(CallRole role) const;
};

}  // namespace loopcast::app
