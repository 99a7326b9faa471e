// The history of calls and the search for people, for the control thread: app::CallStore on the
// database thread.
#pragma once

#include <string>
#include <vector>

#include "app/call_store.h"
#include "app/presence.h"
#include "app/rate_limiter.h"
#include "base/expected.h"
#include "base/random.h"
#include "http/offload.h"
#include "http/task.h"

namespace loopcast::api {

struct PeopleQuery {
  std::string part;   // of the nickname, as typed; empty: everybody
  std::string after;  // the `next` of the page before; empty: the first page
  uint32_t size = 0;  // not 0
  bool here = false;  // only those who are not offline
};

class CallHistory {
 public:
  // All outlive this. `database`: the only thread that uses `store`.
  CallHistory(app::CallStore& store, const app::Presence& presence, http::Pool& database,
              const Random::Seed& seed)
      : store_(store),
        presence_(presence),
        database_(database),
        searches_(kSearches, 65'536, seed) {}

  // Searches of one user: a page asks twice for each pause in typing, and for all that it shows
  // each half minute. Each may look at every nickname.
  static constexpr app::RateLimit kSearches{120, Duration::millis(250)};

  http::Task<Status> add(app::CallOver over);
  http::Task<Expected<app::CallPage>> list(std::string user_id, uint64_t offset, uint32_t limit);
  http::Task<Expected<uint64_t>> unseen(std::string user_id);
  http::Task<Status> see(std::string user_id);
  http::Task<Status> clear(std::string user_id);
  http::Task<Status> block(std::string user_id, std::string other_id, WallTime now);
  http::Task<Status> unblock(std::string user_id, std::string other_id);
  // By nickname.
  http::Task<Expected<std::vector<app::User>>> blocked_by(std::string user_id);
  http::Task<Expected<bool>> blocks(std::string user_id, std::string other_id);
  // By nickname, without `user_id`, for which a page may have one fewer. The order has to do with
  // nothing that changes while somebody turns pages: nobody is told twice, nor left out. Error:
  // rate_limited.
  http::Task<Expected<app::PresencePage>> people(Instant now, std::string user_id,
                                                 PeopleQuery query);

  uint64_t rate_limited() const { return searches_.refused(); }

 private:
  app::CallStore& store_;
  const app::Presence& presence_;
  http::Pool& database_;
  app::RateLimiter searches_;
};

}  // namespace loopcast::api
