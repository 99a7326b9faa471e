// Who can be reached: the call lines of users over all their devices and tabs, and what others are
// told of them. A line is a socket that said `online`; it is known by the number of its client.
//
// Calls go down, changes come back: after each call the owner drains poll_change() and
// poll_unreachable().
#pragma once

#include <cstdint>
#include <deque>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "app/broadcasts.h"
#include "app/user.h"
#include "base/time.h"

namespace loopcast::app {

using LineId = ClientId;

enum class PresenceState : uint8_t { kOffline, kOnline, kLive, kBusy };  // busy: in a call

struct CallLine {
  LineId id = 0;
  uint64_t device = 0;  // lines of one session have the same
};

struct PresenceChange {
  PublicUser user;
  PresenceState state = PresenceState::kOffline;
};

struct PresencePage {
  std::vector<PresenceChange> people;
  std::string next;  // empty: there is no further page
};

struct PresenceLimits {
  size_t lines_per_user = 32;
  // A page that is loaded again has its new line within this time.
  Duration grace = Duration::seconds(5);
  // Telling everybody of everybody is quadratic. Changes are told in rounds this far apart, and a
  // round has this many messages; what is left waits, and a user who changes twice meanwhile is
  // told of once.
  Duration round = Duration::millis(100);
  size_t messages_per_round = 1000;
};

class Presence {
 public:
  struct Counters {
    uint64_t lines_opened = 0;
    uint64_t lines_closed = 0;
    uint64_t lines_refused = 0;    // over lines_per_user
    uint64_t changes = 0;          // told
    uint64_t changes_delayed = 0;  // rounds that could not tell everything
  };

  explicit Presence(const PresenceLimits& limits = {}) : limits_(limits) {}

  // Of a line that is open already: no effect. False: the user has too many.
  bool open_line(Instant now, const PublicUser& user, const CallLine& line);
  // Of a line that is not open: no effect.
  void close_line(Instant now, LineId line);
  void set_busy(Instant now, const PublicUser& user, bool busy);
  // One more or one fewer public broadcast of this user is on air.
  void went_live(Instant now, const PublicUser& user);
  void left_air(Instant now, const std::string& user_id);
  // A new nickname or picture of somebody who may be known here.
  void update(Instant now, const PublicUser& user);

  bool is_open(LineId line) const { return users_of_lines_.contains(line); }
  // Has a line, or may have one again in a moment.
  bool reachable(const std::string& user_id) const;
  const std::vector<CallLine>& lines_of(const std::string& user_id) const;
  // As others have been, or are about to be told.
  PresenceState state(const std::string& user_id) const;
  // Who is not offline and whose nickname's key contains `part`, in the order of the keys: the
  // first `limit` behind `after`, which is a page's `next` or empty.
  PresencePage present(const std::string& part, const std::string& after, size_t limit) const;

  Instant next_timeout() const;
  void handle_timeout(Instant now);
  // What every line is to be told. False when there is no more.
  bool poll_change(PresenceChange& change);
  // Users whose last line has been gone for longer than the grace.
  bool poll_unreachable(std::string& user_id);

  const Counters& counters() const { return counters_; }
  size_t lines() const { return users_of_lines_.size(); }
  size_t users() const { return users_.size(); }
  // For tests: nothing is left behind.
  bool empty() const { return users_.empty() && users_of_lines_.empty() && by_nickname_.empty(); }

 private:
  struct Entry {
    PublicUser user;
    std::string place;  // among by_nickname_
    std::vector<CallLine> lines;
    bool busy = false;
    size_t broadcasts = 0;
    bool renamed = false;
    bool queued = false;
    // What is over is shown until then; never: no grace is running.
    Instant online_until = Instant::never();
    Instant live_until = Instant::never();
    Instant due = Instant::never();  // the earlier one, its key in graces_
    PresenceState told = PresenceState::kOffline;
  };

  Entry& entry_of(const PublicUser& user);
  void set_user(Entry& entry, const PublicUser& user);
  static PresenceState state_of(const Entry& entry);
  void changed(Instant now, Entry& entry);
  void set_grace(Entry& entry, Instant Entry::*until, Instant at);
  void forget_if_idle(const std::string& user_id);
  void expire(Instant now);
  void tell(Instant now);

  PresenceLimits limits_;
  Counters counters_;
  std::unordered_map<std::string, Entry> users_;
  std::unordered_map<LineId, std::string> users_of_lines_;
  // The key of the nickname, a line break, which no key has, and the id.
  std::set<std::string> by_nickname_;
  std::set<std::pair<Instant, std::string>> graces_;  // when users are due, at most one entry each
  std::deque<std::string> queue_;                     // users whose state has to be told
  Instant next_round_ = Instant::from_us(0);
  std::deque<PresenceChange> changes_;
  std::deque<std::string> unreachable_;
};

}  // namespace loopcast::app
