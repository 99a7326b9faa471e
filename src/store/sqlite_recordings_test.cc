#include "store/sqlite_recordings.h"

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/sqlite_connection.h"
#include "store/sqlite_store.h"

namespace loopcast::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr WallTime kNow{1'700'000'000'000'000};

class SqliteRecordingsTest : public testing::Test {
 protected:
  SqliteRecordingsTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "recordings-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    path_ = (folder_ / "test.db").string();
    reopen();
    for (const char* name : {"alice", "bob"}) {
      const std::string id = std::string("id-") + name;
      EXPECT_TRUE(store_->add_user({{id, name, kNow}, name, "hash"}));
    }
  }
  ~SqliteRecordingsTest() override { std::filesystem::remove_all(folder_); }

  void reopen() {
    store_.reset();
    auto opened = SqliteStore::open(path_);
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = std::move(*opened);
  }
  app::RecordingStore& recordings() { return store_->recordings(); }

  app::Recording add(const std::string& id, int64_t after = 0, const std::string& user = "alice") {
    app::Recording r;
    r.id = id;
    r.owner = {"id-" + user, user, kNow};
    r.broadcast_id = "broadcast of " + id;
    r.title = "title of " + id;
    r.started_at = {kNow.us + after};
    r.location = "Berlin, Germany";
    EXPECT_TRUE(recordings().add_recording(r));
    return r;
  }
  app::RecordingFacts facts(const std::string& id) {
    return {id + ".mp4", Duration::millis(61'500), 1280, 720, "h264", "opus", 12'345'678'901};
  }
  void finish(const std::string& id) {
    EXPECT_TRUE(recordings().finish_recording(id, app::RecordingState::kReady, facts(id)));
  }
  std::vector<std::string> list(const app::RecordingFilter& filter = {}) {
    std::vector<std::string> ids;
    const auto page = recordings().list_recordings(filter, 0, 100);
    EXPECT_TRUE(page) << page.error().message;
    for (const auto& r : page->recordings) ids.push_back(r.id);
    EXPECT_EQ(page->total, ids.size());
    return ids;
  }

  std::filesystem::path folder_;
  std::string path_;
  std::unique_ptr<SqliteStore> store_;
};

// A recording that begins while a user is being removed.
TEST_F(SqliteRecordingsTest, WhatIsAddedForAGoneUserGoesToo) {
  app::Recording shared;
  shared.id = "r1";
  shared.owner = {"id-gone", "gone", kNow};
  shared.co_owner_id = "id-bob";
  EXPECT_TRUE(recordings().add_recording(shared));
  EXPECT_TRUE(recordings().find_recording("r1")->removing) << "it shows the one who has left";
  shared.id = "r2";
  shared.owner = {"id-bob", "bob", kNow};
  shared.co_owner_id = "id-gone";
  EXPECT_TRUE(recordings().add_recording(shared));
  const auto others = recordings().find_recording("r2");
  ASSERT_TRUE(others);
  EXPECT_EQ(others->owner.id, "id-bob");
  EXPECT_EQ(others->co_owner_id, "");
  EXPECT_FALSE(others->removing);
  finish("r1");
  EXPECT_THAT(list(), IsEmpty());
  const auto unfinished = recordings().unfinished_recordings();
  ASSERT_TRUE(unfinished);
  EXPECT_EQ(std::ranges::count(*unfinished, "r1", &app::Recording::id), 1) << "its files go";
}

TEST_F(SqliteRecordingsTest, KeepsWhatItIsTold) {
  app::Recording r = add("r1");
  EXPECT_EQ(*recordings().find_recording("r1"), r);
  EXPECT_TRUE(recordings().set_recording_state("r1", app::RecordingState::kProcessing));
  finish("r1");
  EXPECT_TRUE(recordings().set_recording_pictures("r1", true, {}));
  const app::SpriteSheet sheet{2.5, 10, 6, 160, 90, 57};
  EXPECT_TRUE(recordings().set_recording_pictures("r1", false, sheet));
  app::RecordingEdit edit;
  edit.comments = "a comment; with 'quotes'";
  edit.visibility = app::Visibility::kUnlisted;
  EXPECT_TRUE(recordings().edit_recording("r1", edit));
  reopen();
  r.state = app::RecordingState::kReady;
  r.facts = facts("r1");
  r.thumbnail = true;
  r.sprites = sheet;
  r.comments = *edit.comments;
  r.visibility = *edit.visibility;
  EXPECT_EQ(*recordings().find_recording("r1"), r);
  EXPECT_TRUE(recordings().remove_recording("r1"));
  EXPECT_EQ(recordings().find_recording("r1").error().code, "not_found");
}

TEST_F(SqliteRecordingsTest, AddingAgainChangesNothing) {
  const app::Recording r = add("r1");
  EXPECT_TRUE(recordings().add_recording(r)) << "a write whose answer was lost is tried again";
  EXPECT_EQ(*recordings().find_recording("r1"), r);
}

TEST_F(SqliteRecordingsTest, ListsFollowEveryChange) {
  add("r1", 1);
  add("r2", 2, "bob");
  EXPECT_THAT(list(), IsEmpty()) << "they are being recorded";
  finish("r1");
  finish("r2");
  EXPECT_THAT(list(), ElementsAre("r2", "r1"));
  app::RecordingEdit edit;
  edit.title = "Morning yoga";
  EXPECT_TRUE(recordings().edit_recording("r1", edit));
  EXPECT_THAT(list({.text = "YOGA"}), ElementsAre("r1"));
  EXPECT_THAT(list({.text = "title of r1"}), IsEmpty());
  edit = {};
  edit.visibility = app::Visibility::kPrivate;
  EXPECT_TRUE(recordings().edit_recording("r1", edit));
  EXPECT_THAT(list(), ElementsAre("r2"));
  EXPECT_THAT(list({.owned_by = "id-alice"}), ElementsAre("r1"));
  EXPECT_TRUE(recordings().set_recording_removing("r2", true));
  EXPECT_THAT(list(), IsEmpty());
  EXPECT_TRUE(recordings().set_recording_removing("r2", false));
  EXPECT_THAT(list(), ElementsAre("r2"));
  EXPECT_TRUE(recordings().remove_recording("r2"));
  EXPECT_THAT(list(), IsEmpty());
}

TEST_F(SqliteRecordingsTest, APresentersNameAndEndAreFollowed) {
  add("r1", 1);
  add("r2", 2);
  finish("r1");
  finish("r2");
  EXPECT_THAT(list({.presenter = "alice"}), ElementsAre("r2", "r1"));
  auto other = SqliteConnection::open(path_);
  ASSERT_TRUE(other);
  ASSERT_TRUE((*other)->execute("UPDATE users SET nickname = 'Carol' WHERE id = 'id-alice'"));
  EXPECT_THAT(list({.presenter = "alice"}), IsEmpty()) << "changed by another program";
  EXPECT_THAT(list({.presenter = "carol"}), ElementsAre("r2", "r1"));
  EXPECT_EQ(recordings().find_recording("r1")->owner.nickname, "Carol");
  ASSERT_TRUE(store_->set_avatar("id-alice", {"v2", "picture"}));
  EXPECT_EQ(recordings().find_recording("r1")->owner.avatar, "v2");

  ASSERT_TRUE((*other)->execute("DELETE FROM users WHERE id = 'id-alice'"));
  EXPECT_THAT(list(), IsEmpty());
  EXPECT_TRUE(recordings().find_recording("r1")->removing);
  EXPECT_THAT(recordings().unfinished_recordings()->size(), 2u) << "its files are still to go";
}

// Of a call each has a half. Whose account is deleted takes the half that shows him along, and the
// other one stays what it was: of a call.
TEST_F(SqliteRecordingsTest, WhoLeavesTakesTheirHalfOfACall) {
  const auto half = [&](const std::string& id, const std::string& of, const std::string& with) {
    app::Recording r;
    r.id = id;
    r.owner.id = "id-" + of;
    r.co_owner_id = "id-" + with;
    r.call_id = "call-1";
    r.visibility = app::Visibility::kPrivate;
    ASSERT_TRUE(recordings().add_recording(r));
    finish(id);
  };
  half("of-alice", "alice", "bob");
  half("of-bob", "bob", "alice");
  EXPECT_EQ(recordings().find_recording("of-bob")->co_owner.nickname, "alice");
  EXPECT_THAT(list({.text = "with alice", .owned_by = "id-bob"}),
              ElementsAre("of-bob", "of-alice"));
  ASSERT_TRUE(store_->set_nickname("id-alice", {"Carol", "carol", "carol"}));
  EXPECT_THAT(list({.text = "with carol", .owned_by = "id-bob"}),
              ElementsAre("of-bob", "of-alice"));
  auto other = SqliteConnection::open(path_);
  ASSERT_TRUE((*other)->execute("DELETE FROM users WHERE id = 'id-alice'"));
  EXPECT_TRUE(recordings().find_recording("of-alice")->removing);
  EXPECT_THAT(list({.owned_by = "id-bob"}), ElementsAre("of-bob"));
  const auto left = recordings().find_recording("of-bob");
  EXPECT_EQ(left->co_owner_id, "");
  EXPECT_EQ(left->co_owner.id, "");
  EXPECT_EQ(left->call_id, "call-1");
}

TEST_F(SqliteRecordingsTest, ARecordingOfNobodyIsToBeRemoved) {
  add("r1", 1, "nobody");
  EXPECT_TRUE(recordings().find_recording("r1")->removing);
  EXPECT_EQ(recordings().unfinished_recordings()->size(), 1u);
}

TEST_F(SqliteRecordingsTest, WritesOfABatchAreDoneTogetherOrNot) {
  ASSERT_TRUE(recordings().begin_writes());
  add("r1");
  add("r2");
  recordings().cancel_writes();
  EXPECT_EQ(recordings().find_recording("r1").error().code, "not_found");
  EXPECT_EQ(recordings().recording_usage("id-alice")->count, 0u);
  ASSERT_TRUE(recordings().begin_writes());
  add("r1");
  ASSERT_TRUE(recordings().end_writes());
  reopen();
  EXPECT_TRUE(recordings().find_recording("r1"));
}

TEST_F(SqliteRecordingsTest, AQuotaOfOnesOwn) {
  EXPECT_FALSE(recordings().recording_quota("id-alice")->bytes);
  EXPECT_FALSE(recordings().recording_quota("nobody")->bytes);
  auto other = SqliteConnection::open(path_);
  ASSERT_TRUE((*other)->execute(
      "UPDATE users SET quota_bytes = 5, quota_seconds = 7200 WHERE id = 'id-alice'"));
  EXPECT_EQ(recordings().recording_quota("id-alice")->bytes, 5u);
  EXPECT_EQ(recordings().recording_quota("id-alice")->time, Duration::seconds(7200));
}

// The columns hear of what triggers change on the same connection: no second program needed.
TEST_F(SqliteRecordingsTest, ChangesOfTriggersAreHeard) {
  auto db = SqliteConnection::open((folder_ / "other.db").string());
  ASSERT_TRUE(db);
  ASSERT_TRUE((*db)->migrate(migrations()));
  SqliteRecordings recordings(**db);
  ASSERT_TRUE(
      (*db)->execute("INSERT INTO users (id, nickname, nickname_key, "
                     "password_hash, created_at) VALUES ('u', 'old', 'old', 'h', 0)"));
  app::Recording r;
  r.id = "r1";
  r.owner.id = "u";
  ASSERT_TRUE(recordings.add_recording(r));
  ASSERT_TRUE(recordings.finish_recording("r1", app::RecordingState::kReady, {}));
  EXPECT_EQ(recordings.list_recordings({.presenter = "old"}, 0, 10)->total, 1u);
  ASSERT_TRUE((*db)->execute("UPDATE users SET nickname = 'new' WHERE id = 'u'"));
  EXPECT_EQ(recordings.list_recordings({.presenter = "old"}, 0, 10)->total, 0u);
  EXPECT_EQ(recordings.list_recordings({.presenter = "new"}, 0, 10)->total, 1u);
  ASSERT_TRUE((*db)->execute("BEGIN; DELETE FROM users; ROLLBACK"));
  EXPECT_EQ(recordings.list_recordings({}, 0, 10)->total, 1u) << "rolled back";
  ASSERT_TRUE((*db)->execute("DELETE FROM users"));
  EXPECT_EQ(recordings.list_recordings({}, 0, 10)->total, 0u);
}

TEST_F(SqliteRecordingsTest, WhatAnEarlierRunDidNotEnd) {
  add("running", 1);
  add("processing", 2);
  EXPECT_TRUE(recordings().set_recording_state("processing", app::RecordingState::kProcessing));
  add("ready", 3);
  finish("ready");
  add("going", 4);
  finish("going");
  EXPECT_TRUE(recordings().set_recording_removing("going", true));
  reopen();
  std::vector<std::string> ids;
  const auto unfinished = recordings().unfinished_recordings();
  ASSERT_TRUE(unfinished);
  for (const auto& r : *unfinished) ids.push_back(r.id);
  EXPECT_THAT(ids, ElementsAre("running", "processing", "going"));
}

TEST_F(SqliteRecordingsTest, UsageAndTheOldest) {
  for (const char* id : {"r3", "r1", "r2"}) {
    add(id, id[1] - '0');
    if (*id != 'r' || id[1] != '3') finish(id);
  }
  const auto usage = recordings().recording_usage("id-alice");
  EXPECT_EQ(usage->count, 3u);
  EXPECT_EQ(usage->bytes, 2 * facts("").bytes);
  EXPECT_EQ(recordings().recording_usage("id-bob")->count, 0u);
  EXPECT_EQ(recordings().recording_usage(std::nullopt)->count, 3u);
  EXPECT_EQ(usage->time, facts("").duration * 2);
  const auto owners = recordings().usage_by_owner();
  ASSERT_EQ(owners->size(), 1u);
  EXPECT_EQ(owners->front().owner_id, "id-alice");
  EXPECT_EQ(owners->front().bytes, 2 * facts("").bytes);
  const auto oldest = recordings().oldest_recordings(std::nullopt, 10);
  ASSERT_EQ(oldest->size(), 2u) << "r3 is still being recorded";
  EXPECT_EQ(oldest->front().id, "r1");
  EXPECT_EQ(oldest->front().bytes, facts("").bytes);
  EXPECT_EQ(oldest->front().owner_id, "id-alice");
  EXPECT_EQ(recordings().oldest_recordings(std::nullopt, 1)->size(), 1u);
  EXPECT_EQ(recordings().oldest_recordings("id-alice", 10)->size(), 2u);
  EXPECT_TRUE(recordings().oldest_recordings("id-bob", 10)->empty());
}

TEST_F(SqliteRecordingsTest, TheKeyOfLinksStays) {
  const app::LinkKey first{1, 2, 3};
  EXPECT_EQ(*recordings().link_key(first), first);
  reopen();
  EXPECT_EQ(*recordings().link_key({9, 9, 9}), first);
}

}  // namespace
}  // namespace loopcast::store
