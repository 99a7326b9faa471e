#include "app/accounts.h"

#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/messages.h"

namespace loopcast::app {
namespace {

constexpr WallTime kNow{1'700'000'000'000'000};
constexpr WallTime operator+(WallTime t, Duration d) { return {t.us + d.us()}; }

class MemoryStore final : public Store {
 public:
  Status add_user(const UserRecord& record) override {
    if (find_user_by_nickname(record.nickname_key)) return make_error(Code::kNicknameTaken);
    users[record.user.id] = record;
    return ok();
  }
  Expected<UserRecord> find_user(const std::string& id) override {
    if (users.contains(id)) return users[id];
    return make_error(Code::kNotFound);
  }
  Expected<UserRecord> find_user_by_nickname(const std::string& key) override {
    if (down) return make_error(Code::kStoreUnavailable);
    for (const auto& [id, record] : users)
      if (record.nickname_key == key) return record;
    return make_error(Code::kNotFound);
  }
  bool holds(const std::string& id, const PasswordProof& proof) const {
    const auto user = users.find(id);
    return user != users.end() && user->second.password_hash == proof.password_hash &&
           user->second.sign_outs == proof.sign_outs;
  }
  Expected<std::vector<TokenHash>> add_session(const Session& session, uint32_t,
                                               const PasswordProof& proof,
                                               const std::string& place) override {
    if (!holds(session.user_id, proof)) return make_error(Code::kNotFound);
    sessions[session.token_hash] = session;
    places.insert({session.user_id, place});
    return std::vector<TokenHash>();
  }
  Expected<bool> knows_place(const std::string& id, const std::string& place) override {
    return places.contains({id, place});
  }
  Expected<SessionOfUser> find_session(const TokenHash& hash) override {
    if (!sessions.contains(hash)) return make_error(Code::kNotFound);
    return SessionOfUser{sessions[hash], users[sessions[hash].user_id].user};
  }
  Status touch_session(const TokenHash& hash, WallTime last_used, WallTime expires) override {
    if (down) return make_error(Code::kStoreUnavailable);
    ++touches;
    sessions[hash].last_used_at = last_used;
    sessions[hash].expires_at = expires;
    return ok();
  }
  Status remove_session(const TokenHash& hash) override {
    sessions.erase(hash);
    return ok();
  }
  Expected<uint64_t> remove_sessions_of(const std::string& user_id) override {
    if (users.contains(user_id)) ++users[user_id].sign_outs;
    return std::erase_if(sessions, [&](const auto& s) { return s.second.user_id == user_id; });
  }
  Expected<std::vector<Session>> remove_expired_sessions(WallTime now, uint32_t) override {
    std::vector<Session> removed;
    for (const auto& [hash, session] : sessions)
      if (session.expires_at <= now) removed.push_back(session);
    for (const Session& session : removed) sessions.erase(session.token_hash);
    return removed;
  }

  Status set_nickname(const std::string& id, const Nickname& nickname) override {
    if (!users.contains(id)) return make_error(Code::kNotFound);
    const auto other = find_user_by_nickname(nickname.key);
    if (other && other->user.id != id) return make_error(Code::kNicknameTaken);
    users[id].user.nickname = nickname.shown;
    users[id].nickname_key = nickname.key;
    return ok();
  }
  Status set_password_hash(const std::string& id, const std::string& hash,
                           const PasswordProof& proof, const TokenHash& keep) override {
    if (!users.contains(id)) return make_error(Code::kNotFound);
    if (!holds(id, proof) || !sessions.contains(keep)) return make_error(Code::kConflict);
    users[id].password_hash = hash;
    ++users[id].sign_outs;
    std::erase_if(sessions,
                  [&](const auto& s) { return s.second.user_id == id && s.first != keep; });
    return ok();
  }
  Status set_avatar(const std::string& id, const Avatar& avatar) override {
    if (!users.contains(id)) return make_error(Code::kNotFound);
    users[id].user.avatar = avatar.version;
    avatars[id] = avatar;
    return ok();
  }
  Status remove_user(const std::string& id, const PasswordProof& proof,
                     const TokenHash& session) override {
    if (!users.contains(id)) return make_error(Code::kNotFound);
    if (!holds(id, proof) || !sessions.contains(session)) return make_error(Code::kConflict);
    users.erase(id);
    (void)remove_sessions_of(id);
    return ok();
  }
  Expected<Avatar> find_avatar(const std::string& id) override {
    if (!avatars.contains(id) || avatars[id].version.empty()) return make_error(Code::kNotFound);
    return avatars[id];
  }
  Expected<std::vector<Session>> sessions_of(const std::string& id) override {
    std::vector<Session> found;
    for (const auto& [hash, session] : sessions)
      if (session.user_id == id) found.push_back(session);
    return found;
  }

  std::map<std::string, UserRecord> users;
  std::map<std::string, Avatar> avatars;
  std::map<TokenHash, Session> sessions;
  std::set<std::pair<std::string, std::string>> places;
  int touches = 0;
  bool down = false;
};

class FakeHasher final : public PasswordHasher {
 public:
  Expected<std::string> hash(std::string_view password, const Salt&) const override {
    return "hash of " + std::string(password);
  }
  Expected<bool> verify(const std::string& hash, std::string_view password) const override {
    verified.push_back(hash);
    if (no_memory) return make_error(Code::kOverloaded);
    return hash == "hash of " + std::string(password);
  }
  std::string dummy_hash() const override { return "dummy"; }
  mutable std::vector<std::string> verified;
  bool no_memory = false;
};

class AccountsTest : public testing::Test {
 protected:
  std::string register_code(std::string_view nickname, std::string_view password) {
    const auto user = accounts.register_user(kNow, nickname, password);
    return user ? "ok" : user.error().code;
  }
  std::string login_code(std::string_view nickname, std::string_view password) {
    const auto login = accounts.login(kNow, nickname, password, "test");
    return login ? "ok" : login.error().code;
  }
  Login sign_in() {
    EXPECT_EQ(register_code("Alice", "secret12"), "ok");
    auto login = accounts.login(kNow, "alice", "secret12", "test");
    EXPECT_TRUE(login);
    return *login;
  }

  MemoryStore store;
  FakeHasher hasher;
  Accounts accounts{store, hasher, Random::Seed{7}};
};

TEST_F(AccountsTest, RegistersAndSignsIn) {
  const auto user = accounts.register_user(kNow, " Alice ", "secret12");
  ASSERT_TRUE(user);
  EXPECT_EQ(user->nickname, "Alice");
  EXPECT_EQ(user->id.size(), kIdLength);
  EXPECT_EQ(store.users[user->id].password_hash, "hash of secret12");

  const auto login = accounts.login(kNow, "ALICE", "secret12", "browser");
  ASSERT_TRUE(login);
  EXPECT_EQ(login->user, *user);
  EXPECT_EQ(login->token.size(), kTokenLength);
  EXPECT_EQ(login->expires_at, kNow + kSessionLifetime);
  const auto known = accounts.authenticate(kNow, login->token);
  ASSERT_TRUE(known);
  EXPECT_EQ(*known, *user);
}

TEST_F(AccountsTest, ChecksNicknameAndPassword) {
  EXPECT_EQ(register_code("a", "1234567"), "password_too_short");
  EXPECT_EQ(register_code("a", "12345678"), "password_common");
  EXPECT_EQ(register_code("Some One", "some one"), "password_common");
  EXPECT_EQ(register_code("a", "xyz" + std::string(126, 'x')), "password_too_long");
  EXPECT_EQ(register_code("a", "xyz" + std::string(125, 'x')), "ok");
  EXPECT_EQ(register_code("\n", "secret12"), "nickname_invalid");
  EXPECT_EQ(register_code("A", "secret12"), "nickname_taken");
}

TEST_F(AccountsTest, AnUnknownNicknameLooksLikeAWrongPassword) {
  ASSERT_EQ(register_code("alice", "secret12"), "ok");
  EXPECT_EQ(login_code("alice", "wrong!"), "bad_credentials");
  EXPECT_EQ(login_code("bob", "secret12"), "bad_credentials");
  EXPECT_EQ(login_code("\xFF", "secret12"), "bad_credentials");
  // Each was verified against some hash: the time is the same.
  EXPECT_THAT(hasher.verified, testing::ElementsAre("hash of secret12", "dummy", "dummy"));
}

TEST_F(AccountsTest, NobodyIsTheDummy) {
  const Credentials nobody{{"hash of secret12"}, {}};
  EXPECT_FALSE(verify_password(hasher, nobody, "secret12"));
}

TEST_F(AccountsTest, AnOverlongPasswordIsNotHashed) {
  EXPECT_EQ(login_code("alice", std::string(1'000'000, 'x')), "bad_credentials");
  EXPECT_TRUE(hasher.verified.empty());
}

TEST_F(AccountsTest, AStoreThatIsDownIsNotAWrongPassword) {
  store.down = true;
  EXPECT_EQ(login_code("alice", "secret12"), "store_unavailable");
}

TEST_F(AccountsTest, WithoutMemoryNoPasswordIsWrong) {
  ASSERT_EQ(register_code("alice", "secret12"), "ok");
  hasher.no_memory = true;
  EXPECT_EQ(login_code("alice", "secret12"), "overloaded");
}

TEST_F(AccountsTest, APasswordIsTheSameFromEveryKeyboard) {
  ASSERT_EQ(register_code("alice", "cafe\u0301 noir"), "ok");
  EXPECT_EQ(login_code("alice", "caf\u00E9 noir"), "ok");
  EXPECT_EQ(login_code("alice", "cafe\u0301\u3000noir"), "ok");
  EXPECT_EQ(login_code("alice", "cafe noir"), "bad_credentials");
}

// The rules of today are for new passwords, and those of before were hashed as they were typed.
TEST_F(AccountsTest, WhoHadAPasswordBeforeStillSignsInWithIt) {
  store.users["1"] = {{"1", "short", kNow}, "short", "hash of 123456"};
  store.users["2"] = {{"2", "accent", kNow}, "accent", "hash of cafe\u0301"};
  EXPECT_EQ(login_code("short", "123456"), "ok");
  EXPECT_EQ(login_code("accent", "cafe\u0301"), "ok");
}

TEST_F(AccountsTest, TheTokenIsNotKept) {
  const Login login = sign_in();
  ASSERT_EQ(store.sessions.size(), 1u);
  EXPECT_EQ(store.sessions.begin()->first, hash_token(login.token));
}

TEST_F(AccountsTest, HashesTokensWithSha256) {
  // FIPS 180-4 example "abc".
  EXPECT_THAT(hash_token("abc"),
              testing::ElementsAre(0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40,
                                   0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
                                   0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad));
}

TEST_F(AccountsTest, RefusesUnknownTokens) {
  sign_in();
  for (const std::string& token : {std::string(), std::string(43, 'A'), std::string(1000, 'A')}) {
    const auto user = accounts.authenticate(kNow, token);
    ASSERT_FALSE(user);
    EXPECT_EQ(user.error().code, "unauthorized");
  }
}

TEST_F(AccountsTest, SessionsSlideAndEnd) {
  const Login login = sign_in();
  EXPECT_TRUE(accounts.authenticate(kNow + Duration::seconds(3599), login.token));
  EXPECT_EQ(store.touches, 0) << "written down once an hour at most";
  const WallTime later = kNow + kSessionLifetime + Duration::micros(-1);
  EXPECT_TRUE(accounts.authenticate(later, login.token));
  EXPECT_EQ(store.touches, 1);
  EXPECT_TRUE(accounts.authenticate(later + Duration::seconds(24 * 3600), login.token));
  const auto ended =
      accounts.authenticate(later + Duration::seconds(24 * 3600) + kSessionLifetime, login.token);
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, "unauthorized");
  ASSERT_TRUE(accounts.remove_expired_sessions(later + kSessionLifetime * 2, 10));
  EXPECT_TRUE(store.sessions.empty());
}

TEST_F(AccountsTest, ASessionThatIsUsedEveryDayEndsAllTheSame) {
  const Login login = sign_in();
  WallTime at = kNow;
  for (; at < kNow + kSessionMaxAge; at = at + Duration::seconds(24 * 3600))
    ASSERT_TRUE(accounts.authenticate(at, login.token));
  const auto ended = accounts.authenticate(kNow + kSessionMaxAge, login.token);
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, "unauthorized");
  EXPECT_TRUE(accounts.sessions_of(kNow + kSessionMaxAge, login.user.id)->empty());
  // One of before, which was given longer.
  const Login again = *accounts.login(at, "alice", "secret12", "test");
  store.sessions[hash_token(again.token)].expires_at = at + kSessionMaxAge * 2;
  EXPECT_FALSE(accounts.authenticate(at + kSessionMaxAge, again.token));
}

TEST_F(AccountsTest, AFullDiskSignsNobodyOut) {
  const Login login = sign_in();
  store.down = true;
  EXPECT_TRUE(accounts.authenticate(kNow + Duration::seconds(7200), login.token));
}

TEST_F(AccountsTest, SignsOut) {
  const Login first = sign_in();
  const auto second = accounts.login(kNow, "alice", "secret12", "phone");
  const auto third = accounts.login(kNow, "alice", "secret12", "tablet");
  ASSERT_TRUE(second && third);
  ASSERT_TRUE(accounts.logout(first.token));
  ASSERT_TRUE(accounts.logout(first.token));
  EXPECT_FALSE(accounts.authenticate(kNow, first.token));
  EXPECT_TRUE(accounts.authenticate(kNow, second->token));
  ASSERT_TRUE(accounts.logout_everywhere(first.user.id));
  EXPECT_FALSE(accounts.authenticate(kNow, second->token));
  EXPECT_FALSE(accounts.authenticate(kNow, third->token));
}

TEST_F(AccountsTest, BoundsTheUserAgent) {
  const Login login = sign_in();
  const auto verified = accounts.find_credentials_of(login.user.id);
  const auto session =
      accounts.open_session(kNow, *verified, std::string(10'000, 'x') + "\n\xFF", {});
  ASSERT_TRUE(session);
  EXPECT_EQ(store.sessions[hash_token(session->login.token)].user_agent,
            std::string(kMaxUserAgentBytes, 'x'));
  const auto strange = accounts.open_session(kNow, *verified, "a\n\xFF\x01z", {});
  ASSERT_TRUE(strange);
  EXPECT_EQ(store.sessions[hash_token(strange->login.token)].user_agent, "a???z");
}

TEST_F(AccountsTest, ChangesANickname) {
  const Login login = sign_in();
  ASSERT_EQ(register_code("bob", "secret12"), "ok");
  const auto renamed = accounts.rename(login.user.id, "  Älice ");
  ASSERT_TRUE(renamed);
  EXPECT_EQ(renamed->nickname, "Älice");
  EXPECT_EQ(login_code("älice", "secret12"), "ok");
  EXPECT_EQ(login_code("alice", "secret12"), "bad_credentials");
  EXPECT_EQ(accounts.authenticate(kNow, login.token)->nickname, "Älice");
  EXPECT_TRUE(accounts.rename(login.user.id, "ÄLICE")) << "one's own in another spelling";
  EXPECT_EQ(accounts.rename(login.user.id, "ＢＯＢ").error().code, "nickname_taken");
  EXPECT_EQ(accounts.rename(login.user.id, " ").error().code, "nickname_invalid");
  EXPECT_EQ(accounts.rename(login.user.id, std::string(33, 'x')).error().code, "nickname_too_long");
  EXPECT_EQ(accounts.rename("nobody", "carol").error().code, "not_found");
}

// Two that the first version told apart: one of them has kept its key of then.
TEST_F(AccountsTest, WhoHadANameBeforeStillSignsInWithIt) {
  store.users["1"] = {{"1", "Ärger", kNow}, "Ärger", "hash of first1"};
  store.users["2"] = {{"2", "ärger", kNow}, "ärger", "hash of second"};
  EXPECT_EQ(accounts.login(kNow, "Ärger", "first1", "test")->user.id, "1");
  EXPECT_EQ(accounts.login(kNow, "ärger", "second", "test")->user.id, "2");
  EXPECT_EQ(accounts.login(kNow, "ÄRGER", "first1", "test")->user.id, "1");
  EXPECT_EQ(accounts.find_user_by_nickname("Ärger")->id, "1");
}

TEST_F(AccountsTest, KeepsAPictureAndItsVersion) {
  const Login login = sign_in();
  EXPECT_EQ(accounts.find_avatar(login.user.id).error().code, "not_found");
  const auto first = accounts.set_avatar(login.user.id, "jpeg");
  ASSERT_TRUE(first);
  EXPECT_EQ(first->avatar.size(), 16u);
  EXPECT_EQ(*accounts.find_avatar(login.user.id), (Avatar{first->avatar, "jpeg"}));
  EXPECT_NE(accounts.set_avatar(login.user.id, "other")->avatar, first->avatar);
  EXPECT_EQ(accounts.set_avatar(login.user.id, "jpeg")->avatar, first->avatar);
  EXPECT_EQ(accounts.remove_avatar(login.user.id)->avatar, "");
  EXPECT_EQ(accounts.find_avatar(login.user.id).error().code, "not_found");
  EXPECT_EQ(accounts.set_avatar("nobody", "jpeg").error().code, "not_found");
}

TEST_F(AccountsTest, APasswordIsChangedForEveryDevice) {
  const Login here = sign_in();
  const auto there = accounts.login(kNow, "alice", "secret12", "phone");
  ASSERT_TRUE(there);
  const auto verified = accounts.find_credentials_of(here.user.id);
  EXPECT_EQ(verified->proof.password_hash, "hash of secret12");
  ASSERT_TRUE(accounts.change_password(*verified, "hash of other1", hash_token(here.token)));
  EXPECT_TRUE(accounts.authenticate(kNow, here.token));
  EXPECT_FALSE(accounts.authenticate(kNow, there->token));
  EXPECT_EQ(login_code("alice", "secret12"), "bad_credentials");
  EXPECT_EQ(login_code("alice", "other1"), "ok");
}

// A login reads the hash, waits for its turn to be verified, and opens its session afterwards. What
// ends all sessions in between ends this one too.
TEST_F(AccountsTest, ALoginDoesNotOutliveAChangeOfThePassword) {
  const Login here = sign_in();
  const auto verified = accounts.find_credentials("alice", {});
  ASSERT_TRUE(verify_password(hasher, *verified, "secret12"));
  ASSERT_TRUE(accounts.change_password(*verified, "hash of other1", hash_token(here.token)));
  const auto late = accounts.open_session(kNow, *verified, "phone", {});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, "bad_credentials");
  EXPECT_EQ(store.sessions.size(), 1u);
}

TEST_F(AccountsTest, ALoginDoesNotOutliveSigningOutEverywhere) {
  const Login here = sign_in();
  const auto verified = accounts.find_credentials("alice", {});
  ASSERT_TRUE(accounts.logout_everywhere(here.user.id));
  EXPECT_EQ(accounts.open_session(kNow, *verified, "phone", {}).error().code, "bad_credentials");
  EXPECT_EQ(login_code("alice", "secret12"), "ok");
}

// The other way round: who was thrown out cannot take the account with them.
TEST_F(AccountsTest, ASessionThatEndedChangesNothingAnyMore) {
  const Login thief = sign_in();
  const auto owner = accounts.login(kNow, "alice", "secret12", "phone");
  const auto verified = accounts.find_credentials_of(thief.user.id);
  ASSERT_TRUE(accounts.end_session(owner->user.id, session_id(hash_token(thief.token))));
  EXPECT_EQ(accounts.change_password(*verified, "stolen", hash_token(thief.token)).error().code,
            "conflict");
  EXPECT_EQ(accounts.remove_user(*verified, hash_token(thief.token)).error().code, "conflict");
  EXPECT_EQ(login_code("alice", "secret12"), "ok");
}

TEST_F(AccountsTest, KnowsWhereSomebodySignedInFrom) {
  (void)sign_in();
  const auto verified = accounts.find_credentials("alice", "home");
  EXPECT_FALSE(verified->known_place);
  ASSERT_TRUE(accounts.open_session(kNow, *verified, "phone", "home"));
  EXPECT_TRUE(accounts.find_credentials("alice", "home")->known_place);
  EXPECT_FALSE(accounts.find_credentials("alice", "elsewhere")->known_place);
  EXPECT_FALSE(accounts.find_credentials("bob", "home")->known_place);
}

TEST_F(AccountsTest, KnowsWhetherASessionHolds) {
  const Login login = sign_in();
  const std::string id = session_id(hash_token(login.token));
  EXPECT_TRUE(*accounts.session_holds(kNow, login.user.id, id));
  EXPECT_FALSE(*accounts.session_holds(kNow, "another", id));
  EXPECT_FALSE(*accounts.session_holds(kNow, login.user.id, ""));
  EXPECT_FALSE(*accounts.session_holds(kNow + kSessionLifetime, login.user.id, id));
  ASSERT_TRUE(accounts.logout(login.token));
  EXPECT_FALSE(*accounts.session_holds(kNow, login.user.id, id));
}

TEST_F(AccountsTest, ListsAndEndsSessionsOfOneself) {
  const Login here = sign_in();
  const auto phone = accounts.login(kNow, "alice", "secret12", "phone");
  ASSERT_EQ(register_code("bob", "secret12"), "ok");
  const auto bob = accounts.login(kNow, "bob", "secret12", "test");
  ASSERT_TRUE(phone && bob);
  const auto listed = accounts.sessions_of(kNow, here.user.id);
  ASSERT_TRUE(listed);
  ASSERT_EQ(listed->size(), 2u);
  EXPECT_TRUE(accounts.sessions_of(kNow + kSessionLifetime, here.user.id)->empty()) << "expired";

  const std::string id = session_id(hash_token(phone->token));
  EXPECT_EQ(id.size(), 32u);
  EXPECT_EQ(accounts.end_session(bob->user.id, id).error().code, "not_found") << "another's";
  EXPECT_EQ(accounts.end_session(here.user.id, "").error().code, "not_found");
  EXPECT_EQ(*accounts.end_session(here.user.id, id), hash_token(phone->token));
  EXPECT_EQ(accounts.end_session(here.user.id, id).error().code, "not_found");
  EXPECT_FALSE(accounts.authenticate(kNow, phone->token));
  EXPECT_TRUE(accounts.authenticate(kNow, here.token));

  EXPECT_TRUE(accounts.authenticate(kNow, bob->token));
}

TEST_F(AccountsTest, AnAccountGoesWithItsSessions) {
  const Login login = sign_in();
  const auto verified = accounts.find_credentials_of(login.user.id);
  ASSERT_TRUE(accounts.remove_user(*verified, hash_token(login.token)));
  EXPECT_EQ(accounts.remove_user(*verified, hash_token(login.token)).error().code, "not_found");
  EXPECT_FALSE(accounts.authenticate(kNow, login.token));
  EXPECT_EQ(register_code("alice", "secret12"), "ok") << "the name is free again";
}

TEST_F(AccountsTest, FindsUsers) {
  const Login login = sign_in();
  EXPECT_EQ(*accounts.find_user(login.user.id), login.user);
  EXPECT_EQ(*accounts.find_user_by_nickname("aLICE"), login.user);
  EXPECT_EQ(accounts.find_user("x").error().code, "not_found");
  EXPECT_EQ(accounts.find_user_by_nickname("\n").error().code, "not_found");
}

}  // namespace
}  // namespace loopcast::app
