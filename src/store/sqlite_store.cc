#include "store/sqlite_store.h"

#include <algorithm>

#include "app/messages.h"
#include "store/migrations.h"
#include "store/sqlite_calls.h"
#include "store/sqlite_connection.h"
#include "store/sqlite_recordings.h"

namespace loopcast::store {
namespace {

using app::Code;
using app::make_error;

constexpr char kAddUser[] =
    "INSERT INTO users (id, nickname, nickname_key, password_hash, created_at, nickname_shape) "
    "VALUES (?, ?, ?, ?, ?, ?)";
// Who has the same name is told so by the index of nickname_key.
constexpr char kLooksTaken[] =
    "SELECT 1 FROM users WHERE nickname_shape = ?1 AND ?1 <> '' AND id <> ?2 AND nickname_key <> "
    "?3 "
    "AND NOT EXISTS (SELECT 1 FROM users WHERE nickname_key = ?3) LIMIT 1";
constexpr char kFindUser[] =
    "SELECT id, nickname, created_at, avatar, nickname_key, password_hash, nickname_shape, "
    "sign_outs "
    "FROM users WHERE id = ?";
constexpr char kFindUserByNickname[] =
    "SELECT id, nickname, created_at, avatar, nickname_key, password_hash, nickname_shape, "
    "sign_outs "
    "FROM users WHERE nickname_key = ?";
constexpr char kSetNickname[] =
    "UPDATE users SET nickname = ?, nickname_key = ?, nickname_shape = ? WHERE id = ?";
constexpr char kSetPassword[] =
    "UPDATE users SET password_hash = ?, sign_outs = sign_outs + 1 WHERE id = ?";
// Whether what a password was verified against still holds, and the session that did it.
constexpr char kProofHolds[] =
    "SELECT EXISTS (SELECT 1 FROM users WHERE id = ?1 AND password_hash = ?2 AND sign_outs = ?3) "
    "AND EXISTS (SELECT 1 FROM sessions WHERE token_hash = ?4 AND user_id = ?1)";
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
    "SELECT ?1, ?2, ?3, ?4, ?5, ?6 "
    "WHERE EXISTS (SELECT 1 FROM users WHERE id = ?2 AND password_hash = ?7 AND sign_outs = ?8)";
constexpr char kAddPlace[] =
    "INSERT OR REPLACE INTO known_places (user_id, place, used_at) VALUES (?, ?, ?)";
constexpr char kTrimPlaces[] =
    "DELETE FROM known_places WHERE user_id = ?1 AND place IN (SELECT place FROM known_places "
    "WHERE user_id = ?1 ORDER BY used_at DESC LIMIT -1 OFFSET ?2)";
constexpr char kKnowsPlace[] = "SELECT 1 FROM known_places WHERE user_id = ? AND place = ?";
constexpr char kTrimSessions[] =
    "DELETE FROM sessions WHERE token_hash IN (SELECT token_hash FROM sessions WHERE user_id = ? "
    "ORDER BY last_used_at DESC, created_at DESC LIMIT -1 OFFSET ?) RETURNING token_hash";
constexpr char kFindSession[] =
    "SELECT u.id, u.nickname, u.created_at, u.avatar, "
    "s.created_at, s.last_used_at, s.expires_at, s.user_agent "
    "FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.token_hash = ?";
constexpr char kTouchSession[] =
    "UPDATE sessions SET last_used_at = ?, expires_at = ? WHERE token_hash = ?";
constexpr char kRemoveSession[] = "DELETE FROM sessions WHERE token_hash = ?";
constexpr char kCountSignOut[] = "UPDATE users SET sign_outs = sign_outs + 1 WHERE id = ?";
constexpr char kRemoveSessionsOf[] = "DELETE FROM sessions WHERE user_id = ?";
constexpr char kRemoveExpired[] =
    "DELETE FROM sessions WHERE token_hash IN (SELECT token_hash FROM sessions "
    "WHERE expires_at <= ? ORDER BY expires_at LIMIT ?) RETURNING token_hash, user_id";

app::TokenHash hash_of(const std::string& blob) {
  app::TokenHash hash{};
  if (blob.size() == hash.size()) std::ranges::copy(as_bytes(blob), hash.begin());
  return hash;
}

}  // namespace

struct SqliteStore::Impl {
  explicit Impl(std::unique_ptr<SqliteConnection> connection)
      : db(std::move(connection)), recordings(*db), calls(*db) {}

  std::unique_ptr<SqliteConnection> db;
  SqliteRecordings recordings;
  SqliteCalls calls;

  Status finish(Query& query) {
    if (query.step() != SQLITE_DONE) return db->error();
    return ok();
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
    return app::UserRecord{user_of(query), query.text(4), query.text(5), query.text(6),
                           query.number(7)};
  }

  // nickname_looks_taken if another user's nickname has this shape, and is not simply the same.
  Status check_shape(const std::string& user_id, const std::string& key, const std::string& shape) {
    Query query = db->query(kLooksTaken);
    const int rc = query.bind(shape).bind(user_id).bind(key).step();
    if (rc == SQLITE_ROW) return make_error(Code::kNicknameLooksTaken);
    if (rc != SQLITE_DONE) return db->error();
    return ok();
  }

  // Errors: not_found, conflict.
  Status check_proof(const std::string& user_id, const app::PasswordProof& proof,
                     const app::TokenHash& session) {
    if (const auto user = find_user(kFindUser, user_id); !user) return user.error();
    Query query = db->query(kProofHolds);
    query.bind(user_id).bind(proof.password_hash).bind(proof.sign_outs).bind(Bytes(session));
    if (query.step() != SQLITE_ROW) return db->error();
    if (query.number(0) == 0) return make_error(Code::kConflict);
    return ok();
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
  // Now, and not while the first who searches waits.
  if (const Status read = impl->calls.read_keys(); !read) return about(read.error());
  return std::unique_ptr<SqliteStore>(new SqliteStore(std::move(impl)));
}

app::RecordingStore& SqliteStore::recordings() { return impl_->recordings; }
app::CallStore& SqliteStore::calls() { return impl_->calls; }

Status SqliteStore::add_user(const app::UserRecord& record) {
  Transaction transaction(*impl_->db);
  if (!transaction.begun()) return transaction.begun();
  const Status looks =
      impl_->check_shape(record.user.id, record.nickname_key, record.nickname_shape);
  if (!looks) return looks;
  {
    Query query = impl_->db->query(kAddUser);
    query.bind(record.user.id).bind(record.user.nickname).bind(record.nickname_key);
    query.bind(record.password_hash).bind(record.user.created_at.us).bind(record.nickname_shape);
    const int rc = query.step();
    // The only UNIQUE constraint is the nickname; an id that is there already is another code.
    if (rc == SQLITE_CONSTRAINT_UNIQUE) return make_error(Code::kNicknameTaken);
    if (rc != SQLITE_DONE) return impl_->db->error();
  }
  if (const Status done = transaction.commit(); !done) return done;
  impl_->calls.nickname_changed({}, record.nickname_key);
  return ok();
}

Expected<app::UserRecord> SqliteStore::find_user(const std::string& id) {
  return impl_->find_user(kFindUser, id);
}

Expected<app::UserRecord> SqliteStore::find_user_by_nickname(const std::string& nickname_key) {
  return impl_->find_user(kFindUserByNickname, nickname_key);
}

Status SqliteStore::set_nickname(const std::string& user_id, const app::Nickname& nickname) {
  Transaction transaction(*impl_->db);
  if (!transaction.begun()) return transaction.begun();
  const auto before = find_user(user_id);
  if (!before) return before.error();
  const Status looks = impl_->check_shape(user_id, nickname.key, nickname.shape);
  if (!looks) return looks;
  {
    Query query = impl_->db->query(kSetNickname);
    query.bind(nickname.shown).bind(nickname.key).bind(nickname.shape).bind(user_id);
    if (const Status set = impl_->finish_of_user(query); !set) return set;
  }
  if (const Status done = transaction.commit(); !done) return done;
  impl_->calls.nickname_changed(before->nickname_key, nickname.key);
  return ok();
}

Status SqliteStore::set_password_hash(const std::string& user_id, const std::string& password_hash,
                                      const app::PasswordProof& proof, const app::TokenHash& keep) {
  Transaction transaction(*impl_->db);
  if (!transaction.begun()) return transaction.begun();
  if (const Status holds = impl_->check_proof(user_id, proof, keep); !holds) return holds;
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

Status SqliteStore::remove_user(const std::string& user_id, const app::PasswordProof& proof,
                                const app::TokenHash& session) {
  Transaction transaction(*impl_->db);
  if (!transaction.begun()) return transaction.begun();
  const auto before = find_user(user_id);
  if (!before) return before.error();
  if (const Status holds = impl_->check_proof(user_id, proof, session); !holds) return holds;
  {
    Query query = impl_->db->query(kRemoveUser);
    query.bind(user_id);
    if (const Status removed = impl_->finish_of_user(query); !removed) return removed;
  }
  if (const Status done = transaction.commit(); !done) return done;
  impl_->calls.nickname_changed(before->nickname_key, {});
  return ok();
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
    session.token_hash = hash_of(query.blob(0));
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

Expected<std::vector<app::TokenHash>> SqliteStore::add_session(const app::Session& session,
                                                               uint32_t max_sessions,
                                                               const app::PasswordProof& proof,
                                                               const std::string& place) {
  std::vector<app::TokenHash> ended;
  Transaction transaction(*impl_->db);
  if (!transaction.begun()) return transaction.begun().error();
  {
    // First, so that the new one stays even if the clock went back.
    Query query = impl_->db->query(kTrimSessions);
    query.bind(session.user_id).bind(int64_t{std::max(max_sessions, 1u)} - 1);
    int rc;
    while ((rc = query.step()) == SQLITE_ROW) ended.push_back(hash_of(query.blob(0)));
    if (rc != SQLITE_DONE) return impl_->db->error();
  }
  {
    Query query = impl_->db->query(kAddSession);
    query.bind(Bytes(session.token_hash)).bind(session.user_id).bind(session.created_at.us);
    query.bind(session.last_used_at.us).bind(session.expires_at.us).bind(session.user_agent);
    query.bind(proof.password_hash).bind(proof.sign_outs);
    if (query.step() != SQLITE_DONE) return impl_->db->error();
    if (impl_->db->changes() == 0) return make_error(Code::kNotFound);
  }
  if (!place.empty()) {
    Query query = impl_->db->query(kAddPlace);
    query.bind(session.user_id).bind(as_bytes(place)).bind(session.created_at.us);
    if (const Status added = impl_->finish(query); !added) return added.error();
    Query trim = impl_->db->query(kTrimPlaces);
    trim.bind(session.user_id).bind(int64_t{app::kMaxPlacesPerUser});
    if (const Status trimmed = impl_->finish(trim); !trimmed) return trimmed.error();
  }
  if (const Status done = transaction.commit(); !done) return done.error();
  return ended;
}

Expected<bool> SqliteStore::knows_place(const std::string& user_id, const std::string& place) {
  Query query = impl_->db->query(kKnowsPlace);
  const int rc = query.bind(user_id).bind(as_bytes(place)).step();
  if (rc != SQLITE_ROW && rc != SQLITE_DONE) return impl_->db->error();
  return rc == SQLITE_ROW;
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
  Transaction transaction(*impl_->db);
  if (!transaction.begun()) return transaction.begun().error();
  {
    Query query = impl_->db->query(kCountSignOut);
    query.bind(user_id);
    if (const Status counted = impl_->finish(query); !counted) return counted.error();
  }
  uint64_t removed = 0;
  {
    Query query = impl_->db->query(kRemoveSessionsOf);
    query.bind(user_id);
    if (const Status done = impl_->finish(query); !done) return done.error();
    removed = impl_->db->changes();
  }
  if (const Status done = transaction.commit(); !done) return done.error();
  return removed;
}

Expected<std::vector<app::Session>> SqliteStore::remove_expired_sessions(WallTime now,
                                                                         uint32_t limit) {
  std::vector<app::Session> removed;
  Query query = impl_->db->query(kRemoveExpired);
  query.bind(now.us).bind(int64_t{limit});
  int rc;
  while ((rc = query.step()) == SQLITE_ROW) {
    app::Session session;
    session.token_hash = hash_of(query.blob(0));
    session.user_id = query.text(1);
    removed.push_back(std::move(session));
  }
  if (rc != SQLITE_DONE) return impl_->db->error();
  return removed;
}

}  // namespace loopcast::store
