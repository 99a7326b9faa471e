// The Store on SQLite: the default database, one file and nothing to set up.
#pragma once

#include <memory>
#include <string>

#include "app/call_store.h"
#include "app/recording_store.h"
#include "app/store.h"

namespace loopcast::store {

// Used by one thread at a time. Several of them, in one process or several, may have one file open.
class SqliteStore final : public app::Store {
 public:
  // Opens the file, makes it if need be (readable by its owner only), and migrates it. Errors:
  // store_unavailable, store_too_new (written by a newer version of this program).
  static Expected<std::unique_ptr<SqliteStore>> open(const std::string& path);
  ~SqliteStore() override;

  // Both live as long as this, and belong to the same thread.
  app::RecordingStore& recordings();
  app::CallStore& calls();

  Status add_user(const app::UserRecord& record) override;
  Expected<app::UserRecord> find_user(const std::string& id) override;
  Expected<app::UserRecord> find_user_by_nickname(const std::string& nickname_key) override;
  Status set_nickname(const std::string& user_id, const app::Nickname& nickname) override;
  Status set_password_hash(const std::string& user_id, const std::string& password_hash,
                           const app::PasswordProof& proof, const app::TokenHash& keep) override;
  Status set_avatar(const std::string& user_id, const app::Avatar& avatar) override;
  Status remove_user(const std::string& user_id, const app::PasswordProof& proof,
                     const app::TokenHash& session) override;
  Expected<app::Avatar> find_avatar(const std::string& user_id) override;
  Expected<std::vector<app::TokenHash>> add_session(const app::Session& session,
                                                    uint32_t max_sessions,
                                                    const app::PasswordProof& proof,
                                                    const std::string& place) override;
  Expected<bool> knows_place(const std::string& user_id, const std::string& place) override;
  Expected<app::SessionOfUser> find_session(const app::TokenHash& token_hash) override;
  Expected<std::vector<app::Session>> sessions_of(const std::string& user_id) override;
  Status touch_session(const app::TokenHash& token_hash, WallTime last_used_at,
                       WallTime expires_at) override;
  Status remove_session(const app::TokenHash& token_hash) override;
  Expected<uint64_t> remove_sessions_of(const std::string& user_id) override;
  Expected<std::vector<app::Session>> remove_expired_sessions(WallTime now,
                                                              uint32_t limit) override;

 private:
  struct Impl;
  explicit SqliteStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace loopcast::store
