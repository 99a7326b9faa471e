// All calls. Each is one state machine: calling → ringing → accepted → connected → ended, and every
// state but connected has a deadline. A user is in one call at a time.
//
// Calls go down, outputs come back: after each call the owner drains poll(). Who presents for a
// call is known by the number of its client, as in Broadcasts; the owner reports what becomes of
// it.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "app/call.h"
#include "app/presence.h"
#include "app/rate_limiter.h"
#include "base/expected.h"
#include "base/random.h"
#include "base/slab.h"
#include "base/timers.h"

namespace loopcast::app {

struct CallLimits {
  // How long a phone rings (ITU-T E.118 leaves it to the network; mobile networks take 20 to 30 s).
  Duration ring = Duration::seconds(30);
  // From the offer to being on air, and from the answer until both have seen each other.
  Duration connect = Duration::seconds(30);
  // A page that is loaded again, or a network that comes back.
  Duration resume = Duration::seconds(10);
  // Devices that answer at once.
  size_t answering = 8;
  // A person redials; a program that tries everybody does not get far.
  RateLimit dialling{10, Duration::seconds(6)};
  // The same person again. What is answered does not count.
  RateLimit redialling{4, Duration::seconds(120)};
  size_t rate_limited_users = 65'536;
  // A page that accepts a call which is over does so within this time.
  Duration remembered = Duration::seconds(60);
  bool can_record = false;
};

// Ways in which a client ceases to present.
enum class PresentingEnd : uint8_t {
  kStopped,  // on purpose; it may come after any of the others, and has the last word
  kLeft,     // its media said goodbye: a page that stops, or one that is loaded again
  kLost,     // the page, or its network, is gone
  kRefused,  // the offer was refused
};

class Calls {
 public:
  struct Counters {
    uint64_t dialled = 0;
    uint64_t rung = 0;
    uint64_t accepted = 0;
    uint64_t connected = 0;
    uint64_t crossed = 0;  // both called each other
    uint64_t resumed = 0;
    uint64_t rate_limited = 0;
    uint64_t unreachable = 0;  // unknown, offline or oneself
    uint64_t blocked = 0;      // by the callee
    uint64_t refused = 0;      // accepting, declining … what is not there
    std::array<uint64_t, static_cast<size_t>(EndReason::kCount)> ended{};
  };

  // `presence` outlives this. `seed` must come from the operating system.
  Calls(Presence& presence, const CallLimits& limits, const Random::Seed& seed);
  Calls(const Calls&) = delete;
  Calls& operator=(const Calls&) = delete;

  // Counts an attempt. Errors: rate_limited.
  Status may_dial(Instant now, const std::string& caller_id);
  // The caller's `client` is about to present, or does already (`on_air`: its broadcast, which then
  // outlives the call). No callee: the nickname is unknown. If the callee is just calling the
  // caller this is his answer. `blocked`: the callee does not want to be called by the caller, who
  // learns nothing of it. Errors: cannot_be_reached, busy, in_call, already_presenting,
  // rate_limited (this callee, too often).
  Expected<CallPermit> dial(const Moment& at, ClientId client, const PublicUser& caller,
                            const std::optional<PublicUser>& callee, uint64_t device,
                            const std::string& on_air = {}, bool blocked = false);
  // `client` is about to present in a call of `user`: to answer, or to resume. An empty `call_id`:
  // whichever it is. Errors: cannot_be_reached (no such call of this user), in_call, server_full,
  // already_presenting.
  Expected<CallPermit> join(const Moment& at, ClientId client, const PublicUser& user,
                            uint64_t device, std::string_view call_id);
  // Whether what this user presents without saying for what must belong to a call: he is in one, or
  // was in one or rung by one that is over (`just_ended`).
  bool in_call(const std::string& user_id) const { return by_user_.contains(user_id); }
  bool just_ended(Instant now, const std::string& user_id) const;

  // What becomes of clients. Those that have no part in a call: no effect.
  void on_air(const Moment& at, ClientId client, const std::string& broadcast_id);
  // In any order and number: a page that ends gives several signs, and they overtake each other.
  void presenting_ended(const Moment& at, ClientId client, PresentingEnd how);
  void viewer_entered(const Moment& at, ClientId presenter, const std::string& viewer_id);

  // What users ask for. An empty call id: whichever call it is; an empty nickname: whoever calls.
  // Errors: cannot_be_reached, if there is no such call.
  Status accept(const Moment& at, ClientId client, const PublicUser& user,
                std::string_view from_nickname, std::string_view call_id);
  Status decline(const Moment& at, const PublicUser& user, std::string_view from_nickname,
                 std::string_view call_id);
  Status hang_up(const Moment& at, const PublicUser& user, std::string_view call_id);
  Status show(const Moment& at, const PublicUser& user, std::string_view call_id,
              const Shown& shown);
  Status agree_to_record(const Moment& at, const PublicUser& user, std::string_view call_id,
                         bool agrees);

  // A line of this user has been opened; he has become unreachable.
  void line_opened(const PublicUser& user, LineId line);
  void unreachable(const Moment& at, const std::string& user_id);

  // Ends everything; the histories keep it.
  void shutdown(const Moment& at);

  Instant next_timeout() const { return deadlines_.next(); }
  void handle_timeout(const Moment& at);
  // False when there are no more.
  bool poll(CallOutput& output);

  const Counters& counters() const { return counters_; }
  size_t size() const { return calls_.size(); }
  // For tests: nothing is left behind.
  bool empty() const { return calls_.size() == 0 && by_user_.empty() && by_client_.empty(); }

 private:
  Call* call_of(const std::string& user_id);
  // The user's call, if it is the one that is meant.
  Call* find(const std::string& user_id, std::string_view call_id);
  // The call that rings for this user, if it comes from there.
  Call* find_incoming(const std::string& user_id, std::string_view from_nickname,
                      std::string_view call_id);
  Error refuse(Code code);
  Error unreachable_at_once(const Moment& at, const PublicUser& caller, const PublicUser& callee,
                            EndReason reason, Code code, bool kept_from_callee = false);
  Expected<CallPermit> answer(Call& call, ClientId client, uint64_t device, bool accepts);
  Expected<CallPermit> resume(const Moment& at, Call& call, CallRole role, ClientId client);

  void ring(Call& call);
  void accept_if_ready(const Moment& at, Call& call);
  void answering_ended(const Moment& at, Call& call, Answering& answering, PresentingEnd how);
  void drop_answering(Call& call);
  void drop_lost_answering(Call& call);
  // One that was lost, and offers something else: what it says from now on is about that.
  void forget_lost(ClientId client);
  void forget_lost(CallSide& side);
  void finish_other_lines(Call& call, uint64_t device);
  void side_lost(const Moment& at, Call& call, CallRole role);
  void end_presenting(Call& call, CallSide& side, bool lost);
  // `by`: whose deed it was.
  void end(const Moment& at, Call& call, EndReason reason, std::optional<CallRole> by = {});
  void enter(const Moment& at, Call& call, CallState state, Instant deadline);
  void arm(Call& call);
  void update_recording(Call& call);
  void set_recorded(const Call& call, CallSide& side, const CallSide& other, bool on);

  void tell_states(const Call& call);
  template <typename What>
  void tell(const Call& call, const PublicUser& user, const What& what);

  Presence& presence_;
  CallLimits limits_;
  Random random_;
  RateLimiter dialling_;
  RateLimiter redialling_;  // by caller and callee
  Counters counters_;
  Slab<Call> calls_;
  std::unordered_map<std::string, SlabId> by_user_;
  std::unordered_map<ClientId, SlabId> by_client_;
  DeadlineHeap<SlabId> deadlines_;
  // Whose call ended, but for callers whom nobody answered.
  std::unordered_map<std::string, Instant> just_ended_;
  std::deque<std::pair<Instant, std::string>> just_ended_order_;
  std::deque<CallOutput> outputs_;
};

}  // namespace loopcast::app
