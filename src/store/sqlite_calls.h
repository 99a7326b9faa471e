// The history of calls on SQLite.
#pragma once

#include "app/call_store.h"
#include "store/sqlite_connection.h"

namespace loopcast::store {

// Used by one thread at a time, the same as its connection.
class SqliteCalls final : public app::CallStore {
 public:
  // `connection` outlives this, and has been migrated.
  explicit SqliteCalls(SqliteConnection& connection) : db_(connection) {}

  Status add_call(const app::CallOver& over) override;
  Expected<app::CallPage> calls_of(const std::string& user_id, uint64_t offset,
                                   uint32_t limit) override;
  Expected<uint64_t> unseen_calls(const std::string& user_id) override;
  Status see_calls(const std::string& user_id) override;
  Status remove_calls_of(const std::string& user_id) override;
  Status block(const std::string& user_id, const std::string& other_id, WallTime now) override;
  Status unblock(const std::string& user_id, const std::string& other_id) override;
  Expected<bool> blocks(const std::string& user_id, const std::string& other_id) override;
  Expected<std::vector<app::User>> blocked_by(const std::string& user_id) override;
  Expected<app::UserPage> find_users(const std::string& part,
                                     const std::vector<std::string>& except, uint64_t offset,
                                     uint32_t limit) override;

 private:
  Status add(const app::CallRecord& record);
  Status run(const char* sql, const std::string& user_id);
  Expected<uint64_t> count(const char* sql, const std::string& user_id);

  SqliteConnection& db_;
};

}  // namespace loopcast::store
