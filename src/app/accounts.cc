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

bool has_ended(const Session& session, WallTime now) {
  return std::min(session.expires_at, after(session.created_at, kSessionMaxAge)) <= now;
}

Credentials credentials_of(UserRecord record) {
  return {{std::move(record.password_hash), record.sign_outs}, std::move(record.user), false};
}

Error not_found_as(const Error& error, Code code) {
  return error.code == name_of(Code::kNotFound) ? make_error(code) : error;
}

}  // namespace

Expected<Nickname> check_registration(std::string_view nickname, std::string_view password) {
  if (const Status checked = check_new_password(password, nickname); !checked)
    return checked.error();
  return parse_nickname(nickname);
}

Status verify_password(const PasswordHasher& hasher, const Credentials& credentials,
                       std::string_view password) {
  // Longer ones cannot be anybody's: said at once, whoever is asked for.
  if (password.size() > kMaxPasswordBytes) return make_error(Code::kBadCredentials);
  const std::string prepared = prepare_password(password);
  Expected<bool> matches = hasher.verify(credentials.proof.password_hash, prepared);
  // Hashes from before passwords were normalised are of what was typed.
  if (matches && !*matches && prepared != password)
    matches = hasher.verify(credentials.proof.password_hash, password);
  if (!matches) return matches.error();
  if (!*matches || credentials.user.id.empty()) return make_error(Code::kBadCredentials);
  return ok();
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
  Expected<std::string> hash = hasher_.hash(prepare_password(password), make_salt(random_));
  if (!hash) return hash.error();
  Expected<Credentials> added = add_user(now, *checked, std::move(*hash));
  if (!added) return added.error();
  return std::move(added->user);
}

Expected<Login> Accounts::login(WallTime now, std::string_view nickname, std::string_view password,
                                std::string_view user_agent) {
  const Expected<Credentials> credentials = find_credentials(nickname, {});
  if (!credentials) return credentials.error();
  const Status verified = verify_password(hasher_, *credentials, password);
  if (!verified) return verified.error();
  Expected<OpenedSession> opened = open_session(now, *credentials, user_agent, {});
  if (!opened) return opened.error();
  return std::move(opened->login);
}

Expected<Credentials> Accounts::add_user(WallTime now, const Nickname& nickname,
                                         std::string password_hash) {
  UserRecord record;
  record.user = {make_id(random_), nickname.shown, now};
  record.nickname_key = nickname.key;
  record.nickname_shape = nickname.shape;
  record.password_hash = std::move(password_hash);
  const Status added = store_.add_user(record);
  if (!added) return added.error();
  return credentials_of(std::move(record));
}

Expected<Credentials> Accounts::find_credentials(std::string_view nickname,
                                                 const std::string& place) {
  const Expected<Nickname> parsed = parse_nickname(nickname);
  // Looked up even if nobody can have it, so that the time is the same.
  Expected<UserRecord> record = find_record(parsed ? *parsed : Nickname{});
  if (!record && record.error().code != name_of(Code::kNotFound)) return record.error();
  // Asked for nobody too, for the same reason.
  const Expected<bool> known = store_.knows_place(record ? record->user.id : std::string(), place);
  if (!known) return known.error();
  if (!record) return Credentials{{hasher_.dummy_hash()}, {}, false};
  Credentials credentials = credentials_of(std::move(*record));
  credentials.known_place = *known;
  return credentials;
}

Expected<OpenedSession> Accounts::open_session(WallTime now, const Credentials& verified,
                                               std::string_view user_agent,
                                               const std::string& place) {
  Login login{random_.token(kTokenLength), verified.user, after(now, kSessionLifetime)};
  Expected<std::vector<TokenHash>> added =
      store_.add_session({hash_token(login.token), verified.user.id, now, now, login.expires_at,
                          bounded_user_agent(user_agent)},
                         kMaxSessionsPerUser, verified.proof, place);
  if (!added) return not_found_as(added.error(), Code::kBadCredentials);
  return OpenedSession{std::move(login), std::move(*added)};
}

Expected<User> Accounts::authenticate(WallTime now, std::string_view token) {
  if (token.size() != kTokenLength) return make_error(Code::kUnauthorized);
  const TokenHash hash = hash_token(token);
  const Expected<SessionOfUser> found = store_.find_session(hash);
  if (!found) return not_found_as(found.error(), Code::kUnauthorized);
  const Session& session = found->session;
  const WallTime latest = after(session.created_at, kSessionMaxAge);
  if (has_ended(session, now)) return make_error(Code::kUnauthorized);
  // A full disk must not sign people out: if this fails, the session just ends when it said it
  // would.
  if (now >= after(session.last_used_at, kSessionTouchInterval))
    (void)store_.touch_session(hash, now, std::min(after(now, kSessionLifetime), latest));
  return found->user;
}

Expected<bool> Accounts::session_holds(WallTime now, const std::string& user_id,
                                       std::string_view id) {
  const Expected<std::vector<Session>> sessions = sessions_of(now, user_id);
  if (!sessions) return sessions.error();
  return std::ranges::any_of(*sessions,
                             [&](const Session& s) { return session_id(s.token_hash) == id; });
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
  const Status renamed = store_.set_nickname(user_id, *parsed);
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
  return credentials_of(std::move(*record));
}

Status Accounts::change_password(const Credentials& verified, const std::string& password_hash,
                                 const TokenHash& keep) {
  return store_.set_password_hash(verified.user.id, password_hash, verified.proof, keep);
}

Expected<std::vector<Session>> Accounts::sessions_of(WallTime now, const std::string& user_id) {
  Expected<std::vector<Session>> sessions = store_.sessions_of(user_id);
  if (sessions) std::erase_if(*sessions, [&](const Session& s) { return has_ended(s, now); });
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

Status Accounts::remove_user(const Credentials& verified, const TokenHash& session) {
  return store_.remove_user(verified.user.id, verified.proof, session);
}

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

Expected<std::vector<Session>> Accounts::remove_expired_sessions(WallTime now, uint32_t limit) {
  return store_.remove_expired_sessions(now, limit);
}

}  // namespace loopcast::app
