#include "store/sqlite_store.h"

#include <algorithm>

#include "app/messages.h"
#include "store/migrations.h"
#include "store/sqlite_connection.h"
#include "store/sqlite_recordings.h"

namespace loopcast::store {
namespace {

using app::Code;
using app::make_error;

constexpr char kAddUser[] =
    "INSERT INTO users (id, nickname, nickname_key, password_hash, created_at) "
    "VALUES (?, ?, ?, ?, ?)";
constexpr char kFindUser[] =
    "SELECT id, nickname, created_at, avatar, nickname_key, password_hash FROM users WHERE id = ?";
constexpr char kFindUserByNickname[] =
    "SELECT id, nickname, created_at, avatar, nickname_key, password_hash FROM users "
    "WHERE nickname_key = ?";
constexpr char kSetNickname[] = "UPDATE users SET nickname = ?, nickname_key = ? WHERE id = ?";
constexpr char kSetPassword[] = "UPDATE users SET password_hash = ? WHERE id = ?";
constexpr char kSetAvatarVersion[] = "UPDATE users SET avatar = ? WHERE id = ?";
constexpr char kPutAvatar[] = "INSERT OR REPLACE INTO avatars (user_id, jpeg) VALUES (?, ?)";
constexpr char kRemoveAvatar[] = "DELETE FROM avatars WHERE user_id = ?";
constexpr char kFindAvatar[] =
    "SELECT u.avatar, a.jpeg FROM avatars a JOIN users u ON u.id = a.user_id WHERE a.user_id = ?";
constexpr char kRemoveUser[] = "DELETE FROM users WHERE id = ?";
constexpr char kSessionsOf[] =
    "SELECT token_hash, created_at, last_used_at, expires_at, user_agent FROM sessions "
    "WHERE user_id = ? ORDER BY last_used_at DESC, created_at DESC";
constexpr char kRemoveOtherSessions[] =
    "DELETE FROM sessions WHERE user_id = ? AND token_hash <> ?";
constexpr char kAddSession[] =
    "INSERT INTO sessions (token_hash, user_id, created_at, last_used_at, expires_at, user_agent) "
    "VALUES (?, ?, ?, ?, ?, ?)";
constexpr char kTrimSessions[] =
    "DELETE FROM sessions WHERE token_hash IN (SELECT token_hash FROM sessions WHERE user_id = ? "
    "ORDER BY last_used_at DESC, created_at DESC LIMIT -1 OFFSET ?)";
constexpr char kFindSession[] =
    "SELECT u.id, u.nickname, u.created_at, u.avatar, "
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
  explicit Impl(std::unique_ptr<SqliteConnection> connection)
      : db(std::move(connection)), recordings(*db) {}

  std::unique_ptr<SqliteConnection> db;
  SqliteRecordings recordings;

  Status finish(Query& query) {
    if (query.step() != SQLITE_DONE) return db->error();
    return ok();
  }

  Expected<uint64_t> finish_counted(Query& query) {
    if (query.step() != SQLITE_DONE) return db->error();
    return db->changes();
  }

  // Of a statement that changes one user by id.
  Status finish_of_user(Query& query) {
    const int rc = query.step();
    if (rc == SQLITE_CONSTRAINT_UNIQUE) return make_error(Code::kNicknameTaken);
    if (rc != SQLITE_DONE) return db->error();
    if (db->changes() == 0) return make_error(Code::kNotFound);
    return ok();
  }

  static app::User user_of(const Query& query) {
    return {query.text(0), query.text(1), WallTime{query.number(2)}, query.text(3)};
  }

  Expected<app::UserRecord> find_user(const char* sql, const std::string& key) {
    Query query = db->query(sql);
    const int rc = query.bind(key).step();
    if (rc == SQLITE_DONE) return make_error(Code::kNotFound);
    if (rc != SQLITE_ROW) return db->error();
    return app::UserRecord{user_of(query), query.text(4), query.text(5)};
  }
};

SqliteStore::SqliteStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SqliteStore::~SqliteStore() = default;

Expected<std::unique_ptr<SqliteStore>> SqliteStore::open(const std::string& path) {
  // Whoever reads it wants to know which file.
  const auto about = [&](const Error& error) {
    return Error{error.code, path + ": " + error.message};
  };
  auto connection = SqliteConnection::open(path);
  if (!connection) return about(connection.error());
  if (const Status migrated = (*connection)->migrate(migrations()); !migrated)
    return about(migrated.error());
  auto impl = std::make_unique<Impl>(std::move(*connection));
  return std::unique_ptr<SqliteStore>(new SqliteStore(std::move(impl)));
}

app::RecordingStore& SqliteStore::recordings() { return impl_->recordings; }

Status SqliteStore::add_user(const app::UserRecord& record) {
  Query query = impl_->db->query(kAddUser);
  query.bind(record.user.id).bind(record.user.nickname).bind(record.nickname_key);
  query.bind(record.password_hash).bind(record.user.created_at.us);
  const int rc = query.step();
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

Status SqliteStore::set_nickname(const std::string& user_id, const std::string& nickname,
                                 const std::string& nickname_key) {
  Query query = impl_->db->query(kSetNickname);
  query.bind(nickname).bind(nickname_key).bind(user_id);
  return impl_->finish_of_user(query);
}

Status SqliteStore::set_password_hash(const std::string& user_id, const std::string& password_hash,
                                      const app::TokenHash& keep) {
  Transaction transaction(*impl_->db);
  if (!transaction.begun()) return transaction.begun();
  {
    Query query = impl_->db->query(kSetPassword);
    query.bind(password_hash).bind(user_id);
    if (const Status set = impl_->finish_of_user(query); !set) return set;
  }
  {
    Query query = impl_->db->query(kRemoveOtherSessions);
    query.bind(user_id).bind(Bytes(keep));
    if (const Status removed = impl_->finish(query); !removed) return removed;
  }
  return transaction.commit();
}

Status SqliteStore::set_avatar(const std::string& user_id, const app::Avatar& avatar) {
  Transaction transaction(*impl_->db);
  if (!transaction.begun()) return transaction.begun();
  {
    Query query = impl_->db->query(kSetAvatarVersion);
    query.bind(avatar.version).bind(user_id);
    if (const Status set = impl_->finish_of_user(query); !set) return set;
  }
  {
    Query query = impl_->db->query(avatar.version.empty() ? kRemoveAvatar : kPutAvatar);
    query.bind(user_id);
    if (!avatar.version.empty()) query.bind(as_bytes(avatar.jpeg));
    if (const Status put = impl_->finish(query); !put) return put;
  }
  return transaction.commit();
}

Status SqliteStore::remove_user(const std::string& user_id) {
  Query query = impl_->db->query(kRemoveUser);
  query.bind(user_id);
  return impl_->finish_of_user(query);
}

Expected<app::Avatar> SqliteStore::find_avatar(const std::string& user_id) {
  Query query = impl_->db->query(kFindAvatar);
  const int rc = query.bind(user_id).step();
  if (rc == SQLITE_DONE) return make_error(Code::kNotFound);
  if (rc != SQLITE_ROW) return impl_->db->error();
  return app::Avatar{query.text(0), query.blob(1)};
}

Expected<std::vector<app::Session>> SqliteStore::sessions_of(const std::string& user_id) {
  Query query = impl_->db->query(kSessionsOf);
  query.bind(user_id);
  std::vector<app::Session> sessions;
  int rc;
  while ((rc = query.step()) == SQLITE_ROW) {
    app::Session session;
    const std::string hash = query.blob(0);
    if (hash.size() == session.token_hash.size())
      std::ranges::copy(as_bytes(hash), session.token_hash.begin());
    session.user_id = user_id;
    session.created_at = {query.number(1)};
    session.last_used_at = {query.number(2)};
    session.expires_at = {query.number(3)};
    session.user_agent = query.text(4);
    sessions.push_back(std::move(session));
  }
  if (rc != SQLITE_DONE) return impl_->db->error();
  return sessions;
}

Status SqliteStore::add_session(const app::Session& session, uint32_t max_sessions) {
  Transaction transaction(*impl_->db);
  if (!transaction.begun()) return transaction.begun();
  {
    // First, so that the new one stays even if the clock went back.
    Query query = impl_->db->query(kTrimSessions);
    query.bind(session.user_id).bind(int64_t{std::max(max_sessions, 1u)} - 1);
    if (query.step() != SQLITE_DONE) return impl_->db->error();
  }
  {
    Query query = impl_->db->query(kAddSession);
    query.bind(Bytes(session.token_hash)).bind(session.user_id).bind(session.created_at.us);
    query.bind(session.last_used_at.us).bind(session.expires_at.us).bind(session.user_agent);
    const int rc = query.step();
    if (rc == SQLITE_CONSTRAINT_FOREIGNKEY) return make_error(Code::kNotFound);
    if (rc != SQLITE_DONE) return impl_->db->error();
  }
  return transaction.commit();
}

Expected<app::SessionOfUser> SqliteStore::find_session(const app::TokenHash& token_hash) {
  Query query = impl_->db->query(kFindSession);
  const int rc = query.bind(Bytes(token_hash)).step();
  if (rc == SQLITE_DONE) return make_error(Code::kNotFound);
  if (rc != SQLITE_ROW) return impl_->db->error();
  app::SessionOfUser found;
  found.user = Impl::user_of(query);
  found.session = {token_hash,
                   found.user.id,
                   WallTime{query.number(4)},
                   WallTime{query.number(5)},
                   WallTime{query.number(6)},
                   query.text(7)};
  return found;
}

Status SqliteStore::touch_session(const app::TokenHash& token_hash, WallTime last_used_at,
                                  WallTime expires_at) {
  Query query = impl_->db->query(kTouchSession);
  query.bind(last_used_at.us).bind(expires_at.us).bind(Bytes(token_hash));
  return impl_->finish(query);
}

Status SqliteStore::remove_session(const app::TokenHash& token_hash) {
  Query query = impl_->db->query(kRemoveSession);
  query.bind(Bytes(token_hash));
  return impl_->finish(query);
}

Expected<uint64_t> SqliteStore::remove_sessions_of(const std::string& user_id) {
  Query query = impl_->db->query(kRemoveSessionsOf);
  query.bind(user_id);
  return impl_->finish_counted(query);
}

Expected<uint64_t> SqliteStore::remove_expired_sessions(WallTime now, uint32_t limit) {
  Query query = impl_->db->query(kRemoveExpired);
  query.bind(now.us).bind(int64_t{limit});
  return impl_->finish_counted(query);
}

}  // namespace loopcast::store
