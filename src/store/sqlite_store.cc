#include "store/sqlite_store.h"

#include "app/messages.h"
#include "store/migrations.h"
#include "store/sqlite_connection.h"

namespace loopcast::store {
namespace {

using app::Code;
using app::make_error;

constexpr char kAddUser[] =
    "INSERT INTO users (id, nickname, nickname_key, password_hash, created_at) "
    "VALUES (?, ?, ?, ?, ?)";
constexpr char kFindUser[] =
    "SELECT id, nickname, created_at, nickname_key, password_hash FROM users WHERE id = ?";
constexpr char kFindUserByNickname[] =
    "SELECT id, nickname, created_at, nickname_key, password_hash FROM users "
    "WHERE nickname_key = ?";
constexpr char kAddSession[] =
    "INSERT INTO sessions (token_hash, user_id, created_at, last_used_at, expires_at, user_agent) "
    "VALUES (?, ?, ?, ?, ?, ?)";
constexpr char kTrimSessions[] =
    "DELETE FROM sessions WHERE token_hash IN (SELECT token_hash FROM sessions WHERE user_id = ? "
    "ORDER BY last_used_at DESC, created_at DESC LIMIT -1 OFFSET ?)";
constexpr char kFindSession[] =
    "SELECT u.id, u.nickname, u.created_at, "
    "s.created_at, s.last_used_at, s.expires_at, s.user_agent "
    "FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.token_hash = ?";
constexpr char kTouchSession[] =
    "UPDATE sessions SET last_used_at = ?, expires_at = ? WHERE token_hash = ?";
constexpr char kRemoveSession[] = "DELETE FROM sessions WHERE token_hash = ?";
constexpr char kRemoveSessionsOf[] = "DELETE FROM sessions WHERE user_id = ?";
constexpr char kRemoveExpired[] =
    "DELETE FROM sessions WHERE token_hash IN (SELECT token_hash FROM sessions "
    "WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)";

}  // namespace

struct SqliteStore::Impl {
  std::unique_ptr<SqliteConnection> db;

  Status finish(Run& run) {
    if (run.step() != SQLITE_DONE) return db->error();
    return ok();
  }

  Expected<uint64_t> finish_counted(Run& run) {
    if (run.step() != SQLITE_DONE) return db->error();
    return db->changes();
  }

  static app::User user_of(const Run& run) {
    return {run.text(0), run.text(1), WallTime{run.number(2)}};
  }

  Expected<app::UserRecord> find_user(const char* sql, const std::string& key) {
    Run run = db->run(sql);
    const int rc = run.bind(key).step();
    if (rc == SQLITE_DONE) return make_error(Code::kNotFound);
    if (rc != SQLITE_ROW) return db->error();
    return app::UserRecord{user_of(run), run.text(3), run.text(4)};
  }
};

SqliteStore::SqliteStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SqliteStore::~SqliteStore() = default;

Expected<std::unique_ptr<SqliteStore>> SqliteStore::open(const std::string& path) {
  auto connection = SqliteConnection::open(path);
  if (!connection) return connection.error();
  if (const Status migrated = (*connection)->migrate(migrations()); !migrated)
    return migrated.error();
  auto impl = std::make_unique<Impl>();
  impl->db = std::move(*connection);
  return std::unique_ptr<SqliteStore>(new SqliteStore(std::move(impl)));
}

Status SqliteStore::add_user(const app::UserRecord& record) {
  Run run = impl_->db->run(kAddUser);
  run.bind(record.user.id).bind(record.user.nickname).bind(record.nickname_key);
  run.bind(record.password_hash).bind(record.user.created_at.us);
  const int rc = run.step();
  // The only UNIQUE constraint is the nickname; an id that is there already is another code.
  if (rc == SQLITE_CONSTRAINT_UNIQUE) return make_error(Code::kNicknameTaken);
  if (rc != SQLITE_DONE) return impl_->db->error();
  return ok();
}

Expected<app::UserRecord> SqliteStore::find_user(const std::string& id) {
  return impl_->find_user(kFindUser, id);
}

Expected<app::UserRecord> SqliteStore::find_user_by_nickname(const std::string& nickname_key) {
  return impl_->find_user(kFindUserByNickname, nickname_key);
}

Status SqliteStore::add_session(const app::Session& session, uint32_t max_sessions) {
  Transaction transaction(*impl_->db);
  if (!transaction.begun()) return transaction.begun();
  {
    Run run = impl_->db->run(kAddSession);
    run.bind(Bytes(session.token_hash)).bind(session.user_id).bind(session.created_at.us);
    run.bind(session.last_used_at.us).bind(session.expires_at.us).bind(session.user_agent);
    const int rc = run.step();
    if (rc == SQLITE_CONSTRAINT_FOREIGNKEY) return make_error(Code::kNotFound);
    if (rc != SQLITE_DONE) return impl_->db->error();
  }
  {
    Run run = impl_->db->run(kTrimSessions);
    run.bind(session.user_id).bind(int64_t{max_sessions});
    if (run.step() != SQLITE_DONE) return impl_->db->error();
  }
  return transaction.commit();
}

Expected<app::SessionOfUser> SqliteStore::find_session(const app::TokenHash& token_hash) {
  Run run = impl_->db->run(kFindSession);
  const int rc = run.bind(Bytes(token_hash)).step();
  if (rc == SQLITE_DONE) return make_error(Code::kNotFound);
  if (rc != SQLITE_ROW) return impl_->db->error();
  app::SessionOfUser found;
  found.user = Impl::user_of(run);
  found.session = {token_hash,
                   found.user.id,
                   WallTime{run.number(3)},
                   WallTime{run.number(4)},
                   WallTime{run.number(5)},
                   run.text(6)};
  return found;
}

Status SqliteStore::touch_session(const app::TokenHash& token_hash, WallTime last_used_at,
                                  WallTime expires_at) {
  Run run = impl_->db->run(kTouchSession);
  run.bind(last_used_at.us).bind(expires_at.us).bind(Bytes(token_hash));
  return impl_->finish(run);
}

Status SqliteStore::remove_session(const app::TokenHash& token_hash) {
  Run run = impl_->db->run(kRemoveSession);
  run.bind(Bytes(token_hash));
  return impl_->finish(run);
}

Expected<uint64_t> SqliteStore::remove_sessions_of(const std::string& user_id) {
  Run run = impl_->db->run(kRemoveSessionsOf);
  run.bind(user_id);
  return impl_->finish_counted(run);
}

Expected<uint64_t> SqliteStore::remove_expired_sessions(WallTime now, uint32_t limit) {
  Run run = impl_->db->run(kRemoveExpired);
  run.bind(now.us).bind(int64_t{limit});
  return impl_->finish_counted(run);
}

}  // namespace loopcast::store
