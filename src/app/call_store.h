// The port to the database for the history of calls, and for finding people. Synchronous: called on
// a database thread, never on the control thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "app/call.h"
#include "app/user.h"
#include "base/expected.h"
#include "base/time.h"

namespace loopcast::app {

// Of one user; beyond it the oldest calls are forgotten.
inline constexpr uint32_t kMaxCallsPerUser = 1000;
// Whom one user may block.
inline constexpr uint32_t kMaxBlockedPerUser = 500;

enum class CallOutcome : uint8_t {
  kAnswered,
  kMissed,
  kDeclined,
  kCancelled,
  kNoAnswer,
  kBusy,
  kOffline,
  kLost,
  kCount,
};

// "answered" of kAnswered.
std::string_view name_of(CallOutcome outcome);

// A call as one of its two remembers it.
struct CallRecord {
  std::string call_id;
  std::string owner_id;
  User other;
  CallRole role = CallRole::kCaller;
  CallOutcome outcome = CallOutcome::kLost;
  WallTime started_at;
  Duration duration;  // since it was answered
  bool seen = true;   // false: missed, and not looked at yet
  bool operator==(const CallRecord&) const = default;
};

CallRecord record_of(const CallOver& over, CallRole role);

struct CallPage {
  std::vector<CallRecord> calls;
  uint64_t total = 0;
};

struct UserPage {
  std::vector<User> users;
  std::string next;  // behind which the next page begins; empty: there is none
};

// Every call may also fail with store_unavailable, and has then changed nothing.
class CallStore {
 public:
  virtual ~CallStore() = default;

  // Kept once for each of the two; of users who are gone nothing is kept.
  virtual Status add_call(const CallOver& over) = 0;
  // Newest first.
  virtual Expected<CallPage> calls_of(const std::string& user_id, uint64_t offset,
                                      uint32_t limit) = 0;
  virtual Expected<uint64_t> unseen_calls(const std::string& user_id) = 0;
  virtual Status see_calls(const std::string& user_id) = 0;
  virtual Status remove_calls_of(const std::string& user_id) = 0;

  // `user_id` does not want to be called by `other_id`, or does again. Either may be so already.
  // Errors of block(): not_found (no such other user, or oneself), too_many_blocked.
  virtual Status block(const std::string& user_id, const std::string& other_id, WallTime now) = 0;
  virtual Status unblock(const std::string& user_id, const std::string& other_id) = 0;
  virtual Expected<bool> blocks(const std::string& user_id, const std::string& other_id) = 0;
  // By nickname.
  virtual Expected<std::vector<User>> blocked_by(const std::string& user_id) = 0;

  // Whose nickname_key contains `part`, in the order of the keys; the first `limit` (not 0) behind
  // `after`, which is a page's `next` or empty.
  virtual Expected<UserPage> find_users(const std::string& part, const std::string& after,
                                        uint32_t limit) = 0;
};

}  // namespace loopcast::app
