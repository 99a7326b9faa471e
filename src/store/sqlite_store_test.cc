#include "store/sqlite_store.h"

#include <atomic>
#include <filesystem>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/sqlite_connection.h"

namespace loopcast::store {
namespace {

constexpr WallTime kNow{1'700'000'000'000'000};

app::UserRecord user(const std::string& id, const std::string& nickname) {
  return {{id, nickname, kNow}, nickname, "hash of " + id};
}

app::Session session(uint8_t number, const std::string& user_id, int64_t last_used = 0) {
  const WallTime used{kNow.us + last_used};
  return {app::TokenHash{number}, user_id, kNow, used, WallTime{kNow.us + 1000}, "agent"};
}

// Of the password that user() has.
Status add(SqliteStore& store, const app::Session& session, uint32_t max_sessions) {
  const auto added =
      store.add_session(session, max_sessions, {"hash of " + session.user_id}, "home");
  return added ? ok() : Status(added.error());
}

class SqliteStoreTest : public testing::Test {
 protected:
  SqliteStoreTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "store-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    path_ = (folder_ / "test.db").string();
  }
  ~SqliteStoreTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<SqliteStore> open() {
    auto store = SqliteStore::open(path_);
    EXPECT_TRUE(store) << store.error().message;
    return std::move(*store);
  }

  std::filesystem::path folder_;
  std::string path_;
};

TEST_F(SqliteStoreTest, KeepsUsersAcrossRestarts) {
  const app::UserRecord alice = user("1", "alice 播");
  ASSERT_TRUE(open()->add_user(alice));
  const auto store = open();
  EXPECT_EQ(*store->find_user("1"), alice);
  EXPECT_EQ(*store->find_user_by_nickname("alice 播"), alice);
  EXPECT_EQ(store->find_user("2").error().code, "not_found");
  EXPECT_EQ(store->find_user_by_nickname("Alice 播").error().code, "not_found");
  EXPECT_EQ(store->find_user_by_nickname("").error().code, "not_found");
}

TEST_F(SqliteStoreTest, ANicknameIsTakenOnce) {
  const auto store = open();
  ASSERT_TRUE(store->add_user(user("1", "alice")));
  EXPECT_EQ(store->add_user(user("2", "alice")).error().code, "nickname_taken");
  EXPECT_EQ(store->add_user(user("1", "bob")).error().code, "store_unavailable") << "same id";
  EXPECT_FALSE(store->find_user("2"));
}

TEST_F(SqliteStoreTest, TextIsDataNeverSql) {
  const auto store = open();
  const std::string evil = "'; DROP TABLE users; --";
  ASSERT_TRUE(store->add_user(user("1", evil)));
  EXPECT_EQ(store->find_user_by_nickname(evil)->user.nickname, evil);
}

TEST_F(SqliteStoreTest, OfTwoRegistrationsAtOnceOneWins) {
  constexpr int kNames = 20;
  std::atomic<int> won = 0;
  std::atomic<int> taken = 0;
  const auto register_all = [&](const std::string& prefix) {
    const auto store = open();
    for (int i = 0; i < kNames; ++i) {
      const std::string n = std::to_string(i);
      const Status added = store->add_user(user(prefix + n, "name" + n));
      if (added)
        ++won;
      else if (added.error().code == "nickname_taken")
        ++taken;
    }
  };
  open();
  std::thread first(register_all, "a");
  std::thread second(register_all, "b");
  first.join();
  second.join();
  EXPECT_EQ(won, kNames);
  EXPECT_EQ(taken, kNames);
}

TEST_F(SqliteStoreTest, KeepsSessions) {
  const auto store = open();
  ASSERT_TRUE(store->add_user(user("1", "alice")));
  ASSERT_TRUE(add(*store, session(7, "1"), 10));
  auto found = store->find_session(app::TokenHash{7});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->session, session(7, "1"));
  EXPECT_EQ(found->user, user("1", "alice").user);
  EXPECT_EQ(store->find_session(app::TokenHash{8}).error().code, "not_found");
  EXPECT_EQ(add(*store, session(8, "2"), 10).error().code, "not_found") << "no such user";
  EXPECT_EQ(add(*store, session(7, "1"), 10).error().code, "store_unavailable");

  ASSERT_TRUE(store->touch_session(app::TokenHash{7}, WallTime{5}, WallTime{6}));
  found = store->find_session(app::TokenHash{7});
  EXPECT_EQ(found->session.last_used_at, WallTime{5});
  EXPECT_EQ(found->session.expires_at, WallTime{6});
  EXPECT_EQ(found->session.created_at, kNow);

  ASSERT_TRUE(store->remove_session(app::TokenHash{7}));
  ASSERT_TRUE(store->remove_session(app::TokenHash{7}));
  ASSERT_TRUE(store->touch_session(app::TokenHash{7}, WallTime{5}, WallTime{6}));
  EXPECT_FALSE(store->find_session(app::TokenHash{7}));
}

TEST_F(SqliteStoreTest, RemovesTheSessionsUnusedForLongestBeyondTheLimit) {
  const auto store = open();
  ASSERT_TRUE(store->add_user(user("1", "alice")));
  ASSERT_TRUE(store->add_user(user("2", "bob")));
  ASSERT_TRUE(add(*store, session(1, "1", 10), 3));
  ASSERT_TRUE(add(*store, session(2, "1", 5), 3));
  ASSERT_TRUE(add(*store, session(3, "2", 1), 3));
  ASSERT_TRUE(add(*store, session(4, "1", 20), 3));
  ASSERT_TRUE(add(*store, session(5, "1", 30), 3));
  EXPECT_TRUE(store->find_session(app::TokenHash{1}));
  EXPECT_FALSE(store->find_session(app::TokenHash{2}));
  EXPECT_TRUE(store->find_session(app::TokenHash{3})) << "another user's";
  EXPECT_TRUE(store->find_session(app::TokenHash{5}));
  ASSERT_TRUE(add(*store, session(6, "1", -100), 3));
  EXPECT_TRUE(store->find_session(app::TokenHash{6}))
      << "the new one stays, whatever the clock says";
  EXPECT_FALSE(store->find_session(app::TokenHash{1}));
  EXPECT_EQ(*store->remove_sessions_of("1"), 3u);
  EXPECT_EQ(*store->remove_sessions_of("1"), 0u);
  EXPECT_TRUE(store->find_session(app::TokenHash{3}));
}

TEST_F(SqliteStoreTest, ChangesNicknames) {
  const auto store = open();
  ASSERT_TRUE(store->add_user(user("1", "alice")));
  ASSERT_TRUE(store->add_user(user("2", "bob")));
  ASSERT_TRUE(store->set_nickname("1", {"Älice", "älice", "älice"}));
  EXPECT_EQ(store->find_user_by_nickname("älice")->user.nickname, "Älice");
  EXPECT_EQ(store->find_user_by_nickname("alice").error().code, "not_found");
  EXPECT_TRUE(store->set_nickname("1", {"ÄLICE", "älice", "älice"})) << "its own key";
  EXPECT_EQ(store->set_nickname("1", {"Bob", "bob", "bob"}).error().code, "nickname_taken");
  EXPECT_EQ(store->find_user("1")->user.nickname, "ÄLICE");
  EXPECT_EQ(store->set_nickname("3", {"carol", "carol", "carol"}).error().code, "not_found");
}

TEST_F(SqliteStoreTest, ANewPasswordEndsTheOtherSessions) {
  const auto store = open();
  ASSERT_TRUE(store->add_user(user("1", "alice")));
  ASSERT_TRUE(store->add_user(user("2", "bob")));
  for (uint8_t i = 1; i <= 3; ++i) ASSERT_TRUE(add(*store, session(i, "1"), 10));
  ASSERT_TRUE(add(*store, session(4, "2"), 10));
  const app::PasswordProof proof{"hash of 1", 0};
  ASSERT_TRUE(store->set_password_hash("1", "new", proof, app::TokenHash{2}));
  EXPECT_EQ(store->find_user("1")->password_hash, "new");
  EXPECT_FALSE(store->find_session(app::TokenHash{1}));
  EXPECT_TRUE(store->find_session(app::TokenHash{2}));
  EXPECT_FALSE(store->find_session(app::TokenHash{3}));
  EXPECT_TRUE(store->find_session(app::TokenHash{4}));
  EXPECT_EQ(store->set_password_hash("3", "new", proof, {}).error().code, "not_found");
  // What was verified, or the session that did it, does not hold any more.
  EXPECT_EQ(store->set_password_hash("1", "stolen", proof, app::TokenHash{2}).error().code,
            "conflict");
  EXPECT_EQ(store->set_password_hash("1", "stolen", {"new", 1}, app::TokenHash{1}).error().code,
            "conflict");
  EXPECT_EQ(store->set_password_hash("1", "stolen", {"new", 1}, app::TokenHash{4}).error().code,
            "conflict")
      << "another's session";
  EXPECT_EQ(store->find_user("1")->password_hash, "new");
  EXPECT_TRUE(store->set_password_hash("1", "newer", {"new", 1}, app::TokenHash{2}));
}

TEST_F(SqliteStoreTest, ASessionIsAddedOnlyForWhatStillHolds) {
  const auto store = open();
  ASSERT_TRUE(store->add_user(user("1", "alice")));
  const auto code = [&](const app::PasswordProof& proof) {
    const auto added = store->add_session(session(9, "1"), 10, proof, "");
    (void)store->remove_session(app::TokenHash{9});
    return added ? "ok" : added.error().code;
  };
  EXPECT_EQ(code({"hash of 1", 0}), "ok");
  EXPECT_EQ(code({"another", 0}), "not_found");
  ASSERT_TRUE(store->remove_sessions_of("1"));
  EXPECT_EQ(code({"hash of 1", 0}), "not_found") << "signed out everywhere meanwhile";
  EXPECT_EQ(store->find_user("1")->sign_outs, 1);
  EXPECT_EQ(code({"hash of 1", 1}), "ok");
}

TEST_F(SqliteStoreTest, KnowsTheLastPlacesOfAUser) {
  const auto store = open();
  ASSERT_TRUE(store->add_user(user("1", "alice")));
  const app::PasswordProof proof{"hash of 1", 0};
  for (uint8_t i = 1; i <= app::kMaxPlacesPerUser + 1; ++i) {
    app::Session s = session(i, "1");
    s.created_at = WallTime{i};
    ASSERT_TRUE(store->add_session(s, 100, proof, "place " + std::to_string(i)));
  }
  EXPECT_FALSE(*store->knows_place("1", "place 1")) << "the one that was used longest ago";
  EXPECT_TRUE(*store->knows_place("1", "place 2"));
  EXPECT_FALSE(*store->knows_place("2", "place 2"));
  ASSERT_TRUE(store->remove_user("1", proof, app::TokenHash{2}));
  EXPECT_FALSE(*store->knows_place("1", "place 2"));
}

TEST_F(SqliteStoreTest, NamesThatLookTheSameAreTakenOnce) {
  const auto store = open();
  const auto with_shape = [](const std::string& id, const std::string& name) {
    app::UserRecord record = user(id, name);
    record.nickname_shape = "adrnin";
    return record;
  };
  ASSERT_TRUE(store->add_user(with_shape("1", "admin")));
  EXPECT_EQ(store->add_user(with_shape("2", "аdmin")).error().code, "nickname_looks_taken");
  EXPECT_EQ(store->add_user(with_shape("2", "admin")).error().code, "nickname_taken");
  ASSERT_TRUE(store->add_user(user("2", "bob")));
  EXPECT_EQ(store->set_nickname("2", {"аdmin", "аdmin", "аdmin", "adrnin"}).error().code,
            "nickname_looks_taken");
  EXPECT_TRUE(store->set_nickname("1", {"аdmin", "аdmin", "аdmin", "adrnin"})) << "one's own";
}

TEST_F(SqliteStoreTest, KeepsAvatars) {
  const std::string jpeg("\xFF\xD8\0x", 4);
  {
    const auto store = open();
    ASSERT_TRUE(store->add_user(user("1", "alice")));
    EXPECT_EQ(store->find_avatar("1").error().code, "not_found");
    ASSERT_TRUE(store->set_avatar("1", {"v1", "first"}));
    ASSERT_TRUE(store->set_avatar("1", {"v2", jpeg}));
    EXPECT_EQ(store->set_avatar("2", {"v1", jpeg}).error().code, "not_found");
  }
  const auto store = open();
  EXPECT_EQ(*store->find_avatar("1"), (app::Avatar{"v2", jpeg}));
  EXPECT_EQ(store->find_user("1")->user.avatar, "v2");
  EXPECT_EQ(store->find_user_by_nickname("alice")->user.avatar, "v2");
  ASSERT_TRUE(add(*store, session(1, "1"), 10));
  EXPECT_EQ(store->find_session(app::TokenHash{1})->user.avatar, "v2");
  ASSERT_TRUE(store->set_avatar("1", {}));
  EXPECT_EQ(store->find_avatar("1").error().code, "not_found");
  EXPECT_EQ(store->find_user("1")->user.avatar, "");
}

TEST_F(SqliteStoreTest, ListsSessionsTheOneUsedLastFirst) {
  const auto store = open();
  ASSERT_TRUE(store->add_user(user("1", "alice")));
  ASSERT_TRUE(store->add_user(user("2", "bob")));
  ASSERT_TRUE(add(*store, session(1, "1", 5), 10));
  ASSERT_TRUE(add(*store, session(2, "1", 9), 10));
  ASSERT_TRUE(add(*store, session(3, "2", 7), 10));
  EXPECT_THAT(*store->sessions_of("1"),
              testing::ElementsAre(session(2, "1", 9), session(1, "1", 5)));
  EXPECT_TRUE(store->sessions_of("3")->empty());
}

TEST_F(SqliteStoreTest, AUserGoesWithEverything) {
  const auto store = open();
  ASSERT_TRUE(store->add_user(user("1", "alice")));
  ASSERT_TRUE(add(*store, session(1, "1"), 10));
  ASSERT_TRUE(store->set_avatar("1", {"v", "jpeg"}));
  const app::PasswordProof proof{"hash of 1", 0};
  EXPECT_EQ(store->remove_user("1", proof, app::TokenHash{2}).error().code, "conflict");
  EXPECT_EQ(store->remove_user("1", {"another"}, app::TokenHash{1}).error().code, "conflict");
  ASSERT_TRUE(store->remove_user("1", proof, app::TokenHash{1}));
  EXPECT_EQ(store->remove_user("1", proof, app::TokenHash{1}).error().code, "not_found");
  EXPECT_FALSE(store->find_session(app::TokenHash{1}));
  EXPECT_FALSE(store->find_avatar("1"));
  ASSERT_TRUE(store->add_user(user("2", "alice"))) << "the name is free again";
}

TEST_F(SqliteStoreTest, RemovesExpiredSessionsInSteps) {
  const auto store = open();
  ASSERT_TRUE(store->add_user(user("1", "alice")));
  for (uint8_t i = 1; i <= 5; ++i) {
    app::Session s = session(i, "1");
    s.expires_at = WallTime{i};
    ASSERT_TRUE(add(*store, s, 10));
  }
  EXPECT_EQ(store->remove_expired_sessions(WallTime{3}, 2)->size(), 2u);
  EXPECT_EQ(store->remove_expired_sessions(WallTime{3}, 2)->size(), 1u);
  EXPECT_EQ(store->remove_expired_sessions(WallTime{3}, 2)->size(), 0u);
  EXPECT_TRUE(store->find_session(app::TokenHash{4}));
}

TEST_F(SqliteStoreTest, TheFileIsForItsOwnerOnly) {
  const auto store = open();
  ASSERT_TRUE(store->add_user(user("1", "alice")));
  for (const std::string& path : {path_, path_ + "-wal"}) {
    struct stat status {};
    ASSERT_EQ(stat(path.c_str(), &status), 0) << path;
    EXPECT_EQ(status.st_mode & 0777, 0600u) << path;
  }
}

TEST_F(SqliteStoreTest, SaysWhyItCannotOpen) {
  auto missing = SqliteStore::open((folder_ / "no" / "such.db").string());
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, "store_unavailable");
  EXPECT_THAT(missing.error().message, testing::HasSubstr("such.db"));

  FILE* file = fopen(path_.c_str(), "w");
  ASSERT_NE(file, nullptr);
  fputs(std::string(5000, 'x').c_str(), file);
  fclose(file);
  auto garbage = SqliteStore::open(path_);
  ASSERT_FALSE(garbage);
  EXPECT_EQ(garbage.error().code, "store_unavailable");
}

TEST_F(SqliteStoreTest, AFailureUndoesTheWholeOperation) {
  const auto store = open();
  ASSERT_TRUE(store->add_user(user("1", "alice")));
  ASSERT_TRUE(add(*store, session(1, "1"), 1));
  // A trigger fails the second half of the transaction, as a full disk would.
  auto other = SqliteConnection::open(path_);
  ASSERT_TRUE(other);
  ASSERT_TRUE(
      (*other)->execute("CREATE TRIGGER fail BEFORE INSERT ON sessions BEGIN "
                        "SELECT RAISE(ABORT, 'no'); END"));
  EXPECT_EQ(add(*store, session(2, "1"), 1).error().code, "store_unavailable");
  EXPECT_TRUE(store->find_session(app::TokenHash{1})) << "removed for the new one";
  EXPECT_FALSE(store->find_session(app::TokenHash{2}));
  ASSERT_TRUE((*other)->execute("DROP TRIGGER fail"));
  EXPECT_TRUE(add(*store, session(2, "1"), 1));
  EXPECT_FALSE(store->find_session(app::TokenHash{1}));
}

}  // namespace
}  // namespace loopcast::store
