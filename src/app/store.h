// The port to the database. Synchronous: called on a database thread, never on the control thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "app/nickname.h"
#include "app/user.h"
#include "base/expected.h"
#include "base/time.h"

namespace loopcast::app {

struct UserRecord {
  User user;
  std::string nickname_key;  // folded nickname, unique
  std::string password_hash;
  std::string nickname_shape = {};  // what looks the same has the same; empty: not compared
  int64_t sign_outs = 0;            // how often all sessions were ended at once
  bool operator==(const UserRecord&) const = default;
};

// What a password was verified against. Between that and what follows from it others may change the
// password or end all sessions: then it proves nothing any more.
struct PasswordProof {
  std::string password_hash;
  int64_t sign_outs = 0;
  bool operator==(const PasswordProof&) const = default;
};

// SHA-256 of a session's token: whoever reads the database cannot sign in with what is there.
using TokenHash = std::array<uint8_t, 32>;

struct Session {
  TokenHash token_hash{};
  std::string user_id;
  WallTime created_at;
  WallTime last_used_at;
  WallTime expires_at;
  std::string user_agent;
  bool operator==(const Session&) const = default;
};

// An uploaded picture as it is given out.
struct Avatar {
  std::string version;  // as in User::avatar
  std::string jpeg;
  bool operator==(const Avatar&) const = default;
};

// Places that a user signed in from: beyond it the one that was used longest ago is forgotten.
inline constexpr uint32_t kMaxPlacesPerUser = 16;

struct SessionOfUser {
  Session session;
  User user;
};

// Every call may also fail with store_unavailable (locked, full, damaged; the message has the
// detail), and has then changed nothing.
class Store {
 public:
  virtual ~Store() = default;

  // nickname_taken if another user has the nickname_key: found by the unique index, so that of two
  // at once one wins. nickname_looks_taken if another has the nickname_shape.
  virtual Status add_user(const UserRecord& record) = 0;
  // not_found.
  virtual Expected<UserRecord> find_user(const std::string& id) = 0;
  virtual Expected<UserRecord> find_user_by_nickname(const std::string& nickname_key) = 0;

  // These: not_found if there is no such user. set_nickname also as add_user().
  virtual Status set_nickname(const std::string& user_id, const Nickname& nickname) = 0;
  // Ends every session of the user but `keep` in the same step. conflict: `proof` or the session
  // `keep` does not hold any more.
  virtual Status set_password_hash(const std::string& user_id, const std::string& password_hash,
                                   const PasswordProof& proof, const TokenHash& keep) = 0;
  // Instead of the one before; an empty version: none any more.
  virtual Status set_avatar(const std::string& user_id, const Avatar& avatar) = 0;
  // With everything that belongs to the user. conflict: `proof` or `session` does not hold any
  // more.
  virtual Status remove_user(const std::string& user_id, const PasswordProof& proof,
                             const TokenHash& session) = 0;
  // not_found if the user has uploaded none.
  virtual Expected<Avatar> find_avatar(const std::string& user_id) = 0;

  // Of more than `max_sessions` sessions of the user those unused for longest are removed: → which.
  // not_found if there is no such user for whom `proof` holds. `place`: where the user signs in
  // from, as app::host_key() says; remembered.
  virtual Expected<std::vector<TokenHash>> add_session(const Session& session,
                                                       uint32_t max_sessions,
                                                       const PasswordProof& proof,
                                                       const std::string& place) = 0;
  // Whether the user has signed in from there before.
  virtual Expected<bool> knows_place(const std::string& user_id, const std::string& place) = 0;
  // not_found. Expired sessions are found too, until they are removed.
  virtual Expected<SessionOfUser> find_session(const TokenHash& token_hash) = 0;
  // The one used last first.
  virtual Expected<std::vector<Session>> sessions_of(const std::string& user_id) = 0;
  // Of a session that is not there: no effect.
  virtual Status touch_session(const TokenHash& token_hash, WallTime last_used_at,
                               WallTime expires_at) = 0;
  virtual Status remove_session(const TokenHash& token_hash) = 0;
  // How many were removed. Counted in UserRecord::sign_outs.
  virtual Expected<uint64_t> remove_sessions_of(const std::string& user_id) = 0;
  // Expired at `now` or before; at most `limit`, so that one call stays short. → which: of each the
  // token_hash and the user_id.
  virtual Expected<std::vector<Session>> remove_expired_sessions(WallTime now, uint32_t limit) = 0;
};

}  // namespace loopcast::app
