// The history of calls on SQLite.
#pragma once

#include "app/call_store.h"
#include "store/nickname_keys.h"
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
  Expected<app::UserPage> find_users(const std::string& part, const std::string& after,
                                     uint32_t limit) override;

  // The keys of nicknames, from which people are found; again if another connection has written to
  // the database.
  Status read_keys();
  // Through this connection a user has come, has another key, or is gone (empty: no such key).
  void nickname_changed(std::string_view before, std::string_view now);

 private:
  Status add(const app::CallRecord& record);
  Status run(const char* sql, const std::string& user_id);
  Expected<uint64_t> count(const char* sql, const std::string& user_id);

  SqliteConnection& db_;
  NicknameKeys keys_;
  int64_t data_version_ = -1;  // of the database, when the keys were read
};

}  // namespace loopcast::store
