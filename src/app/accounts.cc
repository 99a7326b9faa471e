#include "app/accounts.h"

#include <sodium/crypto_hash_sha256.h>

#include "app/messages.h"

namespace loopcast::app {
namespace {

WallTime after(WallTime time, Duration by) { return {time.us + by.us()}; }

// At most kMaxUserAgentBytes, printable ASCII only: it is shown to the user in a list of devices.
std::string bounded_user_agent(std::string_view text) {
  std::string bounded(text.substr(0, kMaxUserAgentBytes));
  for (char& c : bounded)
    if (c < 0x20 || c > 0x7E) c = '?';
  return bounded;
}

Error not_found_as(Error error, Code code) {
  return error.code == name_of(Code::kNotFound) ? make_error(code) : error;
}

}  // namespace

Expected<Nickname> check_registration(std::string_view nickname, std::string_view password) {
  if (password.size() < kMinPasswordBytes) return make_error(Code::kPasswordTooShort);
  if (password.size() > kMaxPasswordBytes) return make_error(Code::kPasswordTooLong);
  return parse_nickname(nickname);
}

Expected<User> verify_password(const PasswordHasher& hasher, const Credentials& credentials,
                               std::string_view password) {
  // Longer ones cannot be anybody's: said at once, whoever is asked for.
  if (password.size() > kMaxPasswordBytes) return make_error(Code::kBadCredentials);
  const bool matches = hasher.verify(credentials.password_hash, password);
  if (!matches || credentials.user.id.empty()) return make_error(Code::kBadCredentials);
  return credentials.user;
}

TokenHash hash_token(std::string_view token) {
  TokenHash hash;
  crypto_hash_sha256(hash.data(), as_bytes(token).data(), token.size());
  return hash;
}

Expected<User> Accounts::register_user(WallTime now, std::string_view nickname,
                                       std::string_view password) {
  const Expected<Nickname> checked = check_registration(nickname, password);
  if (!checked) return checked.error();
  Expected<std::string> hash = hasher_.hash(password, make_salt(random_));
  if (!hash) return hash.error();
  return add_user(now, *checked, std::move(*hash));
}

Expected<Login> Accounts::login(WallTime now, std::string_view nickname, std::string_view password,
                                std::string_view user_agent) {
  const Expected<Credentials> credentials = find_credentials(nickname);
  if (!credentials) return credentials.error();
  const Expected<User> user = verify_password(hasher_, *credentials, password);
  if (!user) return user.error();
  return open_session(now, *user, user_agent);
}

Expected<User> Accounts::add_user(WallTime now, const Nickname& nickname,
                                  std::string password_hash) {
  UserRecord record;
  record.user = {make_id(random_), nickname.shown, now};
  record.nickname_key = nickname.key;
  record.password_hash = std::move(password_hash);
  const Status added = store_.add_user(record);
  if (!added) return added.error();
  return record.user;
}

Expected<Credentials> Accounts::find_credentials(std::string_view nickname) {
  const Expected<Nickname> parsed = parse_nickname(nickname);
  // Looked up even if nobody can have it, so that the time is the same.
  Expected<UserRecord> record = store_.find_user_by_nickname(parsed ? parsed->key : std::string());
  if (record) return Credentials{std::move(record->password_hash), std::move(record->user)};
  if (record.error().code != name_of(Code::kNotFound)) return record.error();
  return Credentials{hasher_.dummy_hash(), {}};
}

Expected<Login> Accounts::open_session(WallTime now, const User& user,
                                       std::string_view user_agent) {
  Login login{random_.token(kTokenLength), user, after(now, kSessionLifetime)};
  const Status added = store_.add_session({hash_token(login.token), user.id, now, now,
                                           login.expires_at, bounded_user_agent(user_agent)},
                                          kMaxSessionsPerUser);
  if (!added) return not_found_as(added.error(), Code::kBadCredentials);
  return login;
}

Expected<User> Accounts::authenticate(WallTime now, std::string_view token) {
  if (token.size() != kTokenLength) return make_error(Code::kUnauthorized);
  const TokenHash hash = hash_token(token);
  const Expected<SessionOfUser> found = store_.find_session(hash);
  if (!found) return not_found_as(found.error(), Code::kUnauthorized);
  const Session& session = found->session;
  if (session.expires_at <= now) return make_error(Code::kUnauthorized);
  // A full disk must not sign people out: if this fails, the session just ends when it said it
  // would.
  if (now >= after(session.last_used_at, kSessionTouchInterval))
    (void)store_.touch_session(hash, now, after(now, kSessionLifetime));
  return found->user;
}

Status Accounts::logout(std::string_view token) { return store_.remove_session(hash_token(token)); }

Status Accounts::logout_everywhere(const std::string& user_id) {
  const Expected<uint64_t> removed = store_.remove_sessions_of(user_id);
  if (!removed) return removed.error();
  return ok();
}

Expected<User> Accounts::find_user(const std::string& id) {
  Expected<UserRecord> record = store_.find_user(id);
  if (!record) return record.error();
  return std::move(record->user);
}

Expected<User> Accounts::find_user_by_nickname(std::string_view nickname) {
  const Expected<Nickname> parsed = parse_nickname(nickname);
  if (!parsed) return make_error(Code::kNotFound);
  Expected<UserRecord> record = store_.find_user_by_nickname(parsed->key);
  if (!record) return record.error();
  return std::move(record->user);
}

Expected<uint64_t> Accounts::remove_expired_sessions(WallTime now, uint32_t limit) {
  return store_.remove_expired_sessions(now, limit);
}

}  // namespace loopcast::app
