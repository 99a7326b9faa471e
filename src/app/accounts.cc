#include "app/accounts.h"

#include <algorithm>

#include <sodium/crypto_hash_sha256.h>
#include <sodium/utils.h>

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

// Lower-case hexadecimal of the first `bytes` of a digest.
std::string hex(const TokenHash& digest, size_t bytes) {
  std::array<char, 2 * std::tuple_size_v<TokenHash> + 1> text{};
  sodium_bin2hex(text.data(), text.size(), digest.data(), std::min(bytes, digest.size()));
  return text.data();
}

Error not_found_as(const Error& error, Code code) {
  return error.code == name_of(Code::kNotFound) ? make_error(code) : error;
}

}  // namespace

Expected<Nickname> check_registration(std::string_view nickname, std::string_view password) {
  if (const Status checked = check_new_password(password); !checked) return checked.error();
  return parse_nickname(nickname);
}

Status check_new_password(std::string_view password) {
  if (password.size() < kMinPasswordBytes) return make_error(Code::kPasswordTooShort);
  if (password.size() > kMaxPasswordBytes) return make_error(Code::kPasswordTooLong);
  return ok();
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

std::string session_id(const TokenHash& token_hash) {
  constexpr size_t kBytes = 16;
  return hex(token_hash, kBytes);
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
  Expected<UserRecord> record = find_record(parsed ? *parsed : Nickname{});
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

Expected<UserRecord> Accounts::find_record(const Nickname& nickname) {
  if (nickname.former_key != nickname.key) {
    Expected<UserRecord> record = store_.find_user_by_nickname(nickname.former_key);
    if (record || record.error().code != name_of(Code::kNotFound)) return record;
  }
  return store_.find_user_by_nickname(nickname.key);
}

Expected<User> Accounts::rename(const std::string& user_id, std::string_view nickname) {
  const Expected<Nickname> parsed = parse_nickname(nickname);
  if (!parsed) return parsed.error();
  const Status renamed = store_.set_nickname(user_id, parsed->shown, parsed->key);
  if (!renamed) return renamed.error();
  return find_user(user_id);
}

Expected<User> Accounts::set_avatar(const std::string& user_id, std::string jpeg) {
  // Another picture, another version; how many digits only matters for looks.
  constexpr size_t kVersionBytes = 8;
  Avatar avatar{hex(hash_token(jpeg), kVersionBytes), std::move(jpeg)};
  const Status set = store_.set_avatar(user_id, avatar);
  if (!set) return set.error();
  return find_user(user_id);
}

Expected<User> Accounts::remove_avatar(const std::string& user_id) {
  const Status removed = store_.set_avatar(user_id, {});
  if (!removed) return removed.error();
  return find_user(user_id);
}

Expected<Avatar> Accounts::find_avatar(const std::string& user_id) {
  return store_.find_avatar(user_id);
}

Expected<Credentials> Accounts::find_credentials_of(const std::string& user_id) {
  Expected<UserRecord> record = store_.find_user(user_id);
  if (!record) return record.error();
  return Credentials{std::move(record->password_hash), std::move(record->user)};
}

Status Accounts::change_password(const std::string& user_id, const std::string& password_hash,
                                 const TokenHash& keep) {
  return store_.set_password_hash(user_id, password_hash, keep);
}

Expected<std::vector<Session>> Accounts::sessions_of(WallTime now, const std::string& user_id) {
  Expected<std::vector<Session>> sessions = store_.sessions_of(user_id);
  if (sessions) std::erase_if(*sessions, [&](const Session& s) { return s.expires_at <= now; });
  return sessions;
}

Expected<TokenHash> Accounts::end_session(const std::string& user_id, std::string_view id) {
  const Expected<std::vector<Session>> sessions = store_.sessions_of(user_id);
  if (!sessions) return sessions.error();
  const auto found = std::ranges::find_if(
      *sessions, [&](const Session& s) { return session_id(s.token_hash) == id; });
  if (found == sessions->end()) return make_error(Code::kNotFound);
  const Status removed = store_.remove_session(found->token_hash);
  if (!removed) return removed.error();
  return found->token_hash;
}

Status Accounts::remove_user(const std::string& user_id) { return store_.remove_user(user_id); }

Expected<User> Accounts::find_user(const std::string& id) {
  Expected<UserRecord> record = store_.find_user(id);
  if (!record) return record.error();
  return std::move(record->user);
}

Expected<User> Accounts::find_user_by_nickname(std::string_view nickname) {
  const Expected<Nickname> parsed = parse_nickname(nickname);
  if (!parsed) return make_error(Code::kNotFound);
  Expected<UserRecord> record = find_record(*parsed);
  if (!record) return record.error();
  return std::move(record->user);
}

Expected<uint64_t> Accounts::remove_expired_sessions(WallTime now, uint32_t limit) {
  return store_.remove_expired_sessions(now, limit);
}

}  // namespace loopcast::app
