#include "api/call_history.h"

#include <utility>
#include <vector>

#include "app/messages.h"
#include "app/nickname.h"

namespace loopcast::api {

using http::offload;
using http::Task;

Task<Status> CallHistory::add(app::CallOver over) {
  auto work = [this, over] { return store_.add_call(over); };
  co_return co_await offload(database_, std::move(work));
}

Task<Expected<app::CallPage>> CallHistory::list(std::string user_id, uint64_t offset,
                                                uint32_t limit) {
  auto work = [this, user_id, offset, limit] { return store_.calls_of(user_id, offset, limit); };
  co_return co_await offload(database_, std::move(work));
}

Task<Expected<uint64_t>> CallHistory::unseen(std::string user_id) {
  auto work = [this, user_id] { return store_.unseen_calls(user_id); };
  co_return co_await offload(database_, std::move(work));
}

Task<Status> CallHistory::see(std::string user_id) {
  auto work = [this, user_id] { return store_.see_calls(user_id); };
  co_return co_await offload(database_, std::move(work));
}

Task<Status> CallHistory::clear(std::string user_id) {
  auto work = [this, user_id] { return store_.remove_calls_of(user_id); };
  co_return co_await offload(database_, std::move(work));
}

Task<Status> CallHistory::block(std::string user_id, std::string other_id, WallTime now) {
  auto work = [this, user_id, other_id, now] { return store_.block(user_id, other_id, now); };
  co_return co_await offload(database_, std::move(work));
}

Task<Status> CallHistory::unblock(std::string user_id, std::string other_id) {
  auto work = [this, user_id, other_id] { return store_.unblock(user_id, other_id); };
  co_return co_await offload(database_, std::move(work));
}

Task<Expected<std::vector<app::User>>> CallHistory::blocked_by(std::string user_id) {
  auto work = [this, user_id] { return store_.blocked_by(user_id); };
  co_return co_await offload(database_, std::move(work));
}

Task<Expected<bool>> CallHistory::blocks(std::string user_id, std::string other_id) {
  auto work = [this, user_id, other_id] { return store_.blocks(user_id, other_id); };
  co_return co_await offload(database_, std::move(work));
}

Task<Expected<app::PresencePage>> CallHistory::people(Instant now, std::string user_id,
                                                      PeopleQuery query) {
  const auto permit = searches_.take(now, user_id);
  if (!permit.allowed) co_return app::make_error(app::Code::kRateLimited, permit.retry_after);
  app::PresencePage page;
  std::string key;
  if (query.part.find_first_not_of(' ') != std::string::npos) {
    const auto asked = app::parse_nickname(query.part);
    if (!asked) co_return page;  // a part of no nickname
    key = asked->key;
  }
  if (query.here) {
    page = presence_.present(key, query.after, query.size);
  } else {
    auto work = [this, key, query] { return store_.find_users(key, query.after, query.size); };
    auto found = co_await offload(database_, std::move(work));
    if (!found) co_return found.error();
    for (const app::User& user : found->users)
      page.people.push_back({app::public_user(user), presence_.state(user.id)});
    page.next = std::move(found->next);
  }
  std::erase_if(page.people, [&](const auto& person) { return person.user.id == user_id; });
  co_return page;
}

}  // namespace loopcast::api
