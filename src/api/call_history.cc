#include "api/call_history.h"

#include <algorithm>
#include <utility>

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

Task<Expected<PeoplePage>> CallHistory::people(Instant now, std::string user_id, std::string part,
                                               uint64_t offset, uint32_t limit) {
  if (!searches_.take(now, user_id).allowed) co_return app::make_error(app::Code::kRateLimited);
  PeoplePage page;
  std::string key;
  if (part.find_first_not_of(' ') != std::string::npos) {
    const auto asked = app::parse_nickname(part);
    if (!asked) co_return page;  // a part of no nickname
    key = asked->key;
  }
  struct Here {
    std::string key;
    app::PresenceChange person;
  };
  std::vector<Here> here;
  std::vector<std::string> except{user_id};
  for (auto& person : presence_.present()) {
    if (person.user.id == user_id) continue;
    const auto nickname = app::parse_nickname(person.user.nickname);
    if (!nickname || nickname->key.find(key) == std::string::npos) continue;
    except.push_back(person.user.id);
    here.push_back({nickname->key, std::move(person)});
  }
  std::sort(here.begin(), here.end(), [](const Here& a, const Here& b) {
    return a.key != b.key ? a.key < b.key : a.person.user.id < b.person.user.id;
  });

  for (uint64_t i = offset; i < here.size() && page.people.size() < limit; ++i)
    page.people.push_back(std::move(here[i].person));
  const uint64_t skip = offset > here.size() ? offset - here.size() : 0;
  const uint32_t rest = limit - static_cast<uint32_t>(page.people.size());
  auto work = [this, key, except = std::move(except), skip, rest] {
    return store_.find_users(key, except, skip, rest);
  };
  const auto away = co_await offload(database_, std::move(work));
  if (!away) co_return away.error();
  for (const app::User& user : away->users)
    page.people.push_back({app::public_user(user), app::PresenceState::kOffline});
  page.total = here.size() + away->total;
  co_return page;
}

}  // namespace loopcast::api
