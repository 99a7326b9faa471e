// Accounts and sessions: who may be somebody here. Synchronous, on the database thread.
//
// Hashing a password takes tens of milliseconds and must not hold up the database thread either:
// a server takes the steps one by one, each on the thread that suits it.
//   registration: check_registration (anywhere) → PasswordHasher::hash (pool) → add_user (database)
//   login:        find_credentials (database) → verify_password (pool) → open_session (database)
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "app/nickname.h"
#include "app/password.h"
#include "app/password_hasher.h"
#include "app/store.h"
#include "app/user.h"
#include "base/expected.h"
#include "base/random.h"
#include "base/time.h"

namespace loopcast::app {

// A session ends when it was not used for this long,
inline constexpr Duration kSessionLifetime = Duration::seconds(30 * 24 * 3600);
// and this long after it began, however often it is used: a token that was stolen is not good for
// ever.
inline constexpr Duration kSessionMaxAge = Duration::seconds(365 * 24 * 3600);
// The use of a session is written down at most this often, so that reading stays reading.
inline constexpr Duration kSessionTouchInterval = Duration::seconds(3600);
// Devices and forgotten browsers of one user; beyond it the one unused for longest is signed out.
inline constexpr uint32_t kMaxSessionsPerUser = 100;
inline constexpr size_t kMaxUserAgentBytes = 256;
// 43 characters of 6 bits: 258 random bits.
inline constexpr size_t kTokenLength = 43;

struct Login {
  std::string token;  // given to the client only, kept nowhere
  User user;
  WallTime expires_at;
};

// Who wants to sign in, with the hash that the password must match: for an unknown nickname a
// dummy, so that neither the answer nor its time tells who has an account.
struct Credentials {
  PasswordProof proof;
  User user;                 // id empty: unknown
  bool known_place = false;  // the user has signed in from where this one asks
};

// A session that has begun, and those that ended because the user had too many.
struct OpenedSession {
  Login login;
  std::vector<TokenHash> ended;
};

// Errors: nickname_invalid, nickname_too_long, and those of check_new_password().
Expected<Nickname> check_registration(std::string_view nickname, std::string_view password);
// Errors: bad_credentials, overloaded (it could not be verified). Slow.
Status verify_password(const PasswordHasher& hasher, const Credentials& credentials,
                       std::string_view password);
TokenHash hash_token(std::string_view token);
// What a session is called in a list of them: 128 bits in hexadecimal, from which neither the token
// nor its hash follows.
std::string session_id(const TokenHash& token_hash);
class Accounts {
 public:
  // `store` and `hasher` outlive this. `seed` must come from the operating system: ids and tokens
  // follow from it.
  Accounts(Store& store, const PasswordHasher& hasher, const Random::Seed& seed)
      : store_(store), hasher_(hasher), random_(seed) {}

  // Whole operations, hashing included.
  Expected<User> register_user(WallTime now, std::string_view nickname, std::string_view password);
  Expected<Login> login(WallTime now, std::string_view nickname, std::string_view password,
                        std::string_view user_agent);

  // Their steps.
  // → as of somebody whose password has just been verified.
  Expected<Credentials> add_user(WallTime now, const Nickname& nickname, std::string password_hash);
  // `place`: where it is asked from, as host_key() says; may be empty.
  Expected<Credentials> find_credentials(std::string_view nickname, const std::string& place);
  // Only for what verify_password() found right. bad_credentials: the password was changed since it
  // was verified, or all sessions were ended. `user_agent` is cut to kMaxUserAgentBytes.
  Expected<OpenedSession> open_session(WallTime now, const Credentials& verified,
                                       std::string_view user_agent, const std::string& place);

  // unauthorized: unknown, ended or expired. Using a session prolongs it.
  Expected<User> authenticate(WallTime now, std::string_view token);
  // Whether this session (of session_id()) of this user goes on.
  Expected<bool> session_holds(WallTime now, const std::string& user_id, std::string_view id);
  // Of a token that is not known: fine.
  Status logout(std::string_view token);
  Status logout_everywhere(const std::string& user_id);

  // The settings of an account. not_found: it has been deleted meanwhile.
  // Errors: as parse_nickname(), and nickname_taken.
  Expected<User> rename(const std::string& user_id, std::string_view nickname);
  // `jpeg`: of make_avatar().
  Expected<User> set_avatar(const std::string& user_id, std::string jpeg);
  Expected<User> remove_avatar(const std::string& user_id);
  Expected<Avatar> find_avatar(const std::string& user_id);
  Expected<Credentials> find_credentials_of(const std::string& user_id);
  // Ends the user's other sessions with it. conflict: what was verified, or the session `keep`,
  // does not hold any more.
  Status change_password(const Credentials& verified, const std::string& password_hash,
                         const TokenHash& keep);
  // Those that have not expired, the one used last first.
  Expected<std::vector<Session>> sessions_of(WallTime now, const std::string& user_id);
  // Which one that was. not_found: the user has no session of that id.
  Expected<TokenHash> end_session(const std::string& user_id, std::string_view id);
  // conflict: as change_password().
  Status remove_user(const Credentials& verified, const TokenHash& session);

  // not_found.
  Expected<User> find_user(const std::string& id);
  Expected<User> find_user_by_nickname(std::string_view nickname);

  // Housekeeping, now and then: which were removed, at most `limit`.
  Expected<std::vector<Session>> remove_expired_sessions(WallTime now, uint32_t limit);

 private:
  Expected<UserRecord> find_record(const Nickname& nickname);

  Store& store_;
  const PasswordHasher& hasher_;
  Random random_;
};

}  // namespace loopcast::app
