#include "store/sqlite_calls.h"

#include "app/messages.h"

namespace loopcast::store {
namespace {

constexpr char kAdd[] =
    "INSERT INTO calls (user_id, call_id, other_id, received, outcome, started_at, duration, seen) "
    "SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 "
    "WHERE EXISTS (SELECT 1 FROM users WHERE id = ?1) AND EXISTS (SELECT 1 FROM users WHERE id = "
    "?3)";
constexpr char kTrim[] =
    "DELETE FROM calls WHERE user_id = ?1 AND call_id IN (SELECT call_id FROM calls "
    "WHERE user_id = ?1 ORDER BY started_at DESC, call_id LIMIT -1 OFFSET ?2)";
constexpr char kList[] =
    "SELECT c.call_id, c.received, c.outcome, c.started_at, c.duration, c.seen, "
    "u.id, u.nickname, u.created_at, u.avatar FROM calls c JOIN users u ON u.id = c.other_id "
    "WHERE c.user_id = ? ORDER BY c.started_at DESC, c.call_id LIMIT ? OFFSET ?";
constexpr char kCount[] = "SELECT COUNT(*) FROM calls WHERE user_id = ?";
constexpr char kCountUnseen[] = "SELECT COUNT(*) FROM calls WHERE user_id = ? AND seen = 0";
constexpr char kSee[] = "UPDATE calls SET seen = 1 WHERE user_id = ? AND seen = 0";
constexpr char kRemove[] = "DELETE FROM calls WHERE user_id = ?";
constexpr char kBlock[] =
    "INSERT OR IGNORE INTO blocked (user_id, other_id, since) SELECT ?1, ?2, ?3 "
    "WHERE EXISTS (SELECT 1 FROM users WHERE id = ?1) AND EXISTS (SELECT 1 FROM users WHERE id = "
    "?2)";
constexpr char kUnblock[] = "DELETE FROM blocked WHERE user_id = ? AND other_id = ?";
constexpr char kBlocks[] = "SELECT COUNT(*) FROM blocked WHERE user_id = ? AND other_id = ?";
constexpr char kCountBlocked[] = "SELECT COUNT(*) FROM blocked WHERE user_id = ?";
constexpr char kListBlocked[] =
    "SELECT u.id, u.nickname, u.created_at, u.avatar FROM blocked b JOIN users u ON u.id = "
    "b.other_id WHERE b.user_id = ? ORDER BY u.nickname_key";
constexpr char kKeys[] = "SELECT nickname_key FROM users ORDER BY nickname_key";
constexpr char kFoundUser[] =
    "SELECT id, nickname, created_at, avatar FROM users WHERE nickname_key = ?";

}  // namespace

Status SqliteCalls::add_call(const app::CallOver& over) {
  Transaction transaction(db_);
  if (!transaction.begun()) return transaction.begun();
  for (const auto role : {app::CallRole::kCaller, app::CallRole::kCallee}) {
    if (role == app::CallRole::kCallee && over.kept_from_callee) continue;
    if (const Status added = add(app::record_of(over, role)); !added) return added;
  }
  return transaction.commit();
}

Status SqliteCalls::add(const app::CallRecord& record) {
  {
    Query query = db_.query(kAdd);
    query.bind(record.owner_id).bind(record.call_id).bind(record.other.id);
    query.bind(int64_t{record.role == app::CallRole::kCallee});
    query.bind(static_cast<int64_t>(record.outcome)).bind(record.started_at.us);
    query.bind(record.duration.us()).bind(int64_t{record.seen});
    if (query.step() != SQLITE_DONE) return db_.error();
  }
  Query trim = db_.query(kTrim);
  trim.bind(record.owner_id).bind(int64_t{app::kMaxCallsPerUser});
  if (trim.step() != SQLITE_DONE) return db_.error();
  return ok();
}

Expected<app::CallPage> SqliteCalls::calls_of(const std::string& user_id, uint64_t offset,
                                              uint32_t limit) {
  app::CallPage page;
  Query list = db_.query(kList);
  list.bind(user_id).bind(int64_t{limit}).bind(static_cast<int64_t>(offset));
  int rc = list.step();
  for (; rc == SQLITE_ROW; rc = list.step()) {
    app::CallRecord record;
    record.call_id = list.text(0);
    record.owner_id = user_id;
    record.role = list.number(1) != 0 ? app::CallRole::kCallee : app::CallRole::kCaller;
    const int64_t outcome = list.number(2);
    if (outcome >= 0 && outcome < static_cast<int64_t>(app::CallOutcome::kCount))
      record.outcome = static_cast<app::CallOutcome>(outcome);
    record.started_at = WallTime{list.number(3)};
    record.duration = Duration::micros(list.number(4));
    record.seen = list.number(5) != 0;
    record.other = {list.text(6), list.text(7), WallTime{list.number(8)}, list.text(9)};
    page.calls.push_back(std::move(record));
  }
  if (rc != SQLITE_DONE) return db_.error();
  const auto total = count(kCount, user_id);
  if (!total) return total.error();
  page.total = *total;
  return page;
}

Expected<uint64_t> SqliteCalls::unseen_calls(const std::string& user_id) {
  return count(kCountUnseen, user_id);
}

Status SqliteCalls::see_calls(const std::string& user_id) { return run(kSee, user_id); }

Status SqliteCalls::remove_calls_of(const std::string& user_id) { return run(kRemove, user_id); }

Status SqliteCalls::block(const std::string& user_id, const std::string& other_id, WallTime now) {
  if (user_id == other_id) return app::make_error(app::Code::kNotFound);
  const auto already = blocks(user_id, other_id);
  if (!already) return already.error();
  if (*already) return ok();
  const auto held = count(kCountBlocked, user_id);
  if (!held) return held.error();
  if (*held >= app::kMaxBlockedPerUser) return app::make_error(app::Code::kTooManyBlocked);
  Query query = db_.query(kBlock);
  if (query.bind(user_id).bind(other_id).bind(now.us).step() != SQLITE_DONE) return db_.error();
  return db_.changes() > 0 ? ok() : Status(app::make_error(app::Code::kNotFound));
}

Status SqliteCalls::unblock(const std::string& user_id, const std::string& other_id) {
  Query query = db_.query(kUnblock);
  if (query.bind(user_id).bind(other_id).step() != SQLITE_DONE) return db_.error();
  return ok();
}

Expected<bool> SqliteCalls::blocks(const std::string& user_id, const std::string& other_id) {
  Query query = db_.query(kBlocks);
  if (query.bind(user_id).bind(other_id).step() != SQLITE_ROW) return db_.error();
  return query.number(0) > 0;
}

Expected<std::vector<app::User>> SqliteCalls::blocked_by(const std::string& user_id) {
  std::vector<app::User> users;
  Query list = db_.query(kListBlocked);
  list.bind(user_id);
  int rc = list.step();
  for (; rc == SQLITE_ROW; rc = list.step())
    users.push_back({list.text(0), list.text(1), WallTime{list.number(2)}, list.text(3)});
  if (rc != SQLITE_DONE) return db_.error();
  return users;
}

Expected<app::UserPage> SqliteCalls::find_users(const std::string& part, const std::string& after,
                                                uint32_t limit) {
  if (const Status read = read_keys(); !read) return read.error();
  std::vector<std::string> found = keys_.find(part, after, size_t{limit} + 1);
  app::UserPage page;
  if (found.size() > limit) {
    found.pop_back();
    page.next = found.back();
  }
  for (const std::string& key : found) {
    Query user = db_.query(kFoundUser);
    const int rc = user.bind(key).step();
    if (rc == SQLITE_DONE) continue;  // gone by another connection
    if (rc != SQLITE_ROW) return db_.error();
    page.users.push_back({user.text(0), user.text(1), WallTime{user.number(2)}, user.text(3)});
  }
  return page;
}

void SqliteCalls::nickname_changed(std::string_view before, std::string_view now) {
  if (data_version_ == -1) return;
  keys_.remove(before);
  if (!now.empty()) keys_.add(now);
}

Status SqliteCalls::read_keys() {
  int64_t version = 0;
  {
    Query query = db_.query("PRAGMA data_version");
    if (query.step() != SQLITE_ROW) return db_.error();
    version = query.number(0);
  }
  if (version == data_version_) return ok();
  data_version_ = -1;
  keys_.clear();
  Query query = db_.query(kKeys);
  int rc = query.step();
  for (; rc == SQLITE_ROW; rc = query.step()) keys_.add(query.text(0));
  if (rc != SQLITE_DONE) return db_.error();
  data_version_ = version;
  return ok();
}

Status SqliteCalls::run(const char* sql, const std::string& user_id) {
  Query query = db_.query(sql);
  if (query.bind(user_id).step() != SQLITE_DONE) return db_.error();
  return ok();
}

Expected<uint64_t> SqliteCalls::count(const char* sql, const std::string& user_id) {
  Query query = db_.query(sql);
  if (query.bind(user_id).step() != SQLITE_ROW) return db_.error();
  return static_cast<uint64_t>(query.number(0));
}

}  // namespace loopcast::store
