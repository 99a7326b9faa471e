#include "store/migrations.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/sqlite_connection.h"
#include "store/sqlite_store.h"

namespace loopcast::store {
namespace {

class MigrationsTest : public testing::Test {
 protected:
  MigrationsTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "migrations-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    path_ = (folder_ / "test.db").string();
    auto opened = SqliteConnection::open(path_);
    EXPECT_TRUE(opened);
    db_ = std::move(*opened);
  }
  ~MigrationsTest() override { std::filesystem::remove_all(folder_); }

  int64_t version() {
    Query query = db_->query("PRAGMA user_version");
    EXPECT_EQ(query.step(), SQLITE_ROW);
    return query.number(0);
  }
  int64_t count(const char* sql) {
    Query query = db_->query(sql);
    EXPECT_EQ(query.step(), SQLITE_ROW);
    return query.number(0);
  }

  std::filesystem::path folder_;
  std::string path_;
  std::unique_ptr<SqliteConnection> db_;
};

TEST_F(MigrationsTest, AreNumberedWithoutGaps) {
  int expected = 1;
  for (const Migration& migration : migrations()) EXPECT_EQ(migration.version, expected++);
}

TEST_F(MigrationsTest, BringAnEmptyDatabaseToTheCurrentVersion) {
  EXPECT_EQ(version(), 0);
  ASSERT_TRUE(db_->migrate(migrations()));
  EXPECT_EQ(version(), migrations().back().version);
  EXPECT_EQ(count("SELECT count(*) FROM users"), 0);
  EXPECT_EQ(count("SELECT count(*) FROM sessions"), 0);
  ASSERT_TRUE(db_->migrate(migrations())) << "a second time: nothing to do";
}

// Version 1 folded A-Z only and did not normalise.
TEST_F(MigrationsTest, NicknamesGetTheKeysOfNow) {
  ASSERT_TRUE(db_->migrate(migrations().first(1)));
  ASSERT_TRUE(
      db_->execute("INSERT INTO users VALUES ('1', 'Zoë', 'zoë', 'hash', 0);"
                   "INSERT INTO users VALUES ('2', 'ÉCOLE', 'ÉCole', 'hash', 0);"
                   "INSERT INTO users VALUES ('3', 'Ａ', 'Ａ', 'hash', 0);"
                   "INSERT INTO users VALUES ('4', 'Ärger', 'Ärger', 'hash', 0);"
                   "INSERT INTO users VALUES ('5', 'ärger', 'ärger', 'hash', 0)"));
  ASSERT_TRUE(db_->migrate(migrations()));
  const auto key_of = [&](const char* sql) {
    Query query = db_->query(sql);
    EXPECT_EQ(query.step(), SQLITE_ROW);
    return query.text(0);
  };
  EXPECT_EQ(key_of("SELECT nickname_key FROM users WHERE id = '1'"), "zoë");
  EXPECT_EQ(key_of("SELECT nickname_key FROM users WHERE id = '2'"), "école");
  EXPECT_EQ(key_of("SELECT nickname_key FROM users WHERE id = '3'"), "a");
  // The same name now: both are still there, each under a key of its own.
  EXPECT_EQ(key_of("SELECT nickname_key FROM users WHERE id = '4'"), "Ärger");
  EXPECT_EQ(key_of("SELECT nickname_key FROM users WHERE id = '5'"), "ärger");
  EXPECT_EQ(count("SELECT count(*) FROM users WHERE avatar = ''"), 5);
}

TEST_F(MigrationsTest, WhatIsThereGetsItsShapeAndItsCall) {
  ASSERT_TRUE(db_->migrate(migrations().first(4)));
  ASSERT_TRUE(db_->execute(
      "INSERT INTO users VALUES ('1', 'admin', 'admin', 'hash', 0, '');"
      "INSERT INTO users VALUES ('2', 'аdmin', 'аdmin', 'hash', 0, '');"
      "INSERT INTO recordings (id, owner_id, co_owner_id, presenter, broadcast_id, title, "
      "started_at, location, visibility, state) VALUES "
      "('call', '1', '2', 'admin', 'b1', '', 0, '', 2, 2), "
      "('own', '1', NULL, 'admin', 'b2', '', 0, '', 2, 2)"));
  ASSERT_TRUE(db_->migrate(migrations()));
  EXPECT_EQ(count("SELECT count(DISTINCT nickname_shape) FROM users WHERE nickname_shape <> ''"), 1)
      << "both keep their names";
  EXPECT_EQ(count("SELECT count(*) FROM recordings WHERE call_id = 'b1' AND id = 'call'"), 1);
  EXPECT_EQ(count("SELECT count(*) FROM recordings WHERE call_id = '' AND id = 'own'"), 1);
}

TEST_F(MigrationsTest, RunOnlyTheMissingSteps) {
  const Migration first[] = {{1, "CREATE TABLE t (v INTEGER) STRICT; INSERT INTO t VALUES (1)"}};
  const Migration both[] = {first[0], {2, "INSERT INTO t VALUES (2)"}};
  ASSERT_TRUE(db_->migrate(first));
  ASSERT_TRUE(db_->migrate(both));
  EXPECT_EQ(version(), 2);
  EXPECT_EQ(count("SELECT count(*) FROM t"), 2);
}

TEST_F(MigrationsTest, AFailedStepLeavesTheVersionBefore) {
  const Migration steps[] = {{1, "CREATE TABLE t (v INTEGER) STRICT"},
                             {2, "INSERT INTO t VALUES (1); INSERT INTO nothing VALUES (1)"}};
  const Status migrated = db_->migrate(steps);
  ASSERT_FALSE(migrated);
  EXPECT_EQ(migrated.error().code, "store_unavailable");
  EXPECT_EQ(version(), 1);
  EXPECT_EQ(count("SELECT count(*) FROM t"), 0);
}

TEST_F(MigrationsTest, RefuseADatabaseOfANewerVersion) {
  ASSERT_TRUE(db_->migrate(migrations()));
  ASSERT_TRUE(db_->execute("PRAGMA user_version = 1000"));
  const auto store = SqliteStore::open(path_);
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, "store_too_new");
  EXPECT_THAT(store.error().message, testing::HasSubstr("version 1000"));
  EXPECT_EQ(version(), 1000);
}

TEST_F(MigrationsTest, ConnectionsAreDurableAndStrict) {
  EXPECT_EQ(count("PRAGMA synchronous"), 2) << "FULL";
  EXPECT_EQ(count("PRAGMA foreign_keys"), 1);
  Query query = db_->query("PRAGMA journal_mode");
  ASSERT_EQ(query.step(), SQLITE_ROW);
  EXPECT_EQ(query.text(0), "wal");
}

TEST_F(MigrationsTest, ABadStatementIsAnError) {
  EXPECT_NE(db_->query("SELECT nonsense FROM nowhere").step(), SQLITE_DONE);
  EXPECT_EQ(db_->execute("nonsense").error().code, "store_unavailable");
}

}  // namespace
}  // namespace loopcast::store
