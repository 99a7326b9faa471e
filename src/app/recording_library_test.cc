#include "app/recording_library.h"

#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/messages.h"

namespace loopcast::app {
namespace {

using testing::ElementsAre;

constexpr WallTime kNow{1'700'000'000'000'000};
constexpr int64_t kDay = int64_t{24} * 3600 * 1'000'000;

// Rows by id; lists are the store's own tests.
struct MapStore final : RecordingStore {
  Status add_recording(const Recording& r) override {
    rows[r.id] = r;
    return ok();
  }
  Expected<Recording> find_recording(const std::string& id) override {
    const auto it = rows.find(id);
    if (it == rows.end()) return make_error(Code::kNotFound);
    return it->second;
  }
  Expected<RecordingPage> list_recordings(const RecordingFilter&, uint64_t from,
                                          uint32_t limit) override {
    offset = from;
    size = limit;
    return RecordingPage{};
  }
  Status edit_recording(const std::string& id, const RecordingEdit& edit) override {
    Recording& r = rows.at(id);
    if (edit.title) r.title = *edit.title;
    if (edit.comments) r.comments = *edit.comments;
    if (edit.visibility) r.visibility = *edit.visibility;
    return ok();
  }
  Status set_recording_state(const std::string&, RecordingState) override { return ok(); }
  Status finish_recording(const std::string&, RecordingState, const RecordingFacts&) override {
    return ok();
  }
  Status set_recording_pictures(const std::string&, bool,
                                const std::optional<SpriteSheet>&) override {
    return ok();
  }
  Status set_recording_removing(const std::string& id, bool removing) override {
    rows.at(id).removing = removing;
    return ok();
  }
  Status remove_recording(const std::string&) override { return ok(); }
  Expected<std::vector<Recording>> unfinished_recordings() override {
    return std::vector<Recording>();
  }
  Expected<RecordingUsage> recording_usage(const std::optional<std::string>&) override {
    return RecordingUsage{600, 3};
  }
  Expected<std::vector<OldRecording>> oldest_recordings(uint32_t) override { return oldest; }
  Expected<LinkKey> link_key(const LinkKey& fresh) override { return fresh; }

  std::map<std::string, Recording> rows;
  std::vector<OldRecording> oldest;
  uint64_t offset = 0;
  uint32_t size = 0;
};

class RecordingLibraryTest : public testing::Test {
 protected:
  RecordingLibraryTest() {
    add("public", Visibility::kPublic, RecordingState::kReady);
    add("unlisted", Visibility::kUnlisted, RecordingState::kReady);
    add("private", Visibility::kPrivate, RecordingState::kReady);
    add("damaged", Visibility::kPublic, RecordingState::kDamaged);
    add("running", Visibility::kPublic, RecordingState::kRecording);
    add("processing", Visibility::kPublic, RecordingState::kProcessing);
    add("call", Visibility::kPrivate, RecordingState::kReady).co_owner_id = "friend";
    add("going", Visibility::kPublic, RecordingState::kReady).removing = true;
  }
  Recording& add(const std::string& id, Visibility visibility, RecordingState state) {
    Recording& r = store_.rows[id];
    r.id = id;
    r.owner.id = "owner";
    r.title = id;
    r.visibility = visibility;
    r.state = state;
    return r;
  }
  // The ids that a user sees.
  std::vector<std::string> seen_by(const std::string& user) {
    std::vector<std::string> ids;
    for (const auto& [id, row] : store_.rows)
      if (library_.find(user, id)) ids.push_back(id);
    return ids;
  }

  MapStore store_;
  RecordingLibrary library_{store_};
};

TEST_F(RecordingLibraryTest, WhoSeesWhat) {
  EXPECT_THAT(seen_by("owner"), ElementsAre("call", "damaged", "private", "processing", "public",
                                            "running", "unlisted"));
  EXPECT_THAT(seen_by("friend"), ElementsAre("call", "damaged", "public", "unlisted"));
  EXPECT_THAT(seen_by("stranger"), ElementsAre("damaged", "public", "unlisted"));
  EXPECT_EQ(library_.find("stranger", "private").error().code, "not_found");
  EXPECT_EQ(library_.find("owner", "going").error().code, "not_found");
  EXPECT_EQ(library_.find("owner", "none").error().code, "not_found");
}

TEST_F(RecordingLibraryTest, OnlyTheOwnerChangesIt) {
  RecordingEdit edit;
  edit.title = "mine now";
  EXPECT_EQ(library_.edit("stranger", "public", edit).error().code, "forbidden");
  EXPECT_EQ(library_.edit("stranger", "private", edit).error().code, "not_found");
  EXPECT_EQ(library_.edit("friend", "call", edit).error().code, "forbidden");
  EXPECT_EQ(library_.begin_removal("stranger", "public").error().code, "forbidden");
  EXPECT_EQ(library_.begin_removal("stranger", "private").error().code, "not_found");
  EXPECT_EQ(library_.begin_removal("friend", "call").error().code, "forbidden");
  for (const auto& [id, row] : store_.rows) {
    EXPECT_EQ(row.title, id);
    EXPECT_EQ(row.removing, id == "going");
  }
  edit.title = "  Neuer Titel\t";
  edit.comments = "two\nlines";
  edit.visibility = Visibility::kPrivate;
  const auto edited = library_.edit("owner", "public", edit);
  ASSERT_TRUE(edited);
  EXPECT_EQ(edited->title, "Neuer Titel");
  EXPECT_EQ(edited->comments, "two\nlines");
  EXPECT_FALSE(library_.find("stranger", "public"));
}

TEST_F(RecordingLibraryTest, TextsAreChecked) {
  const auto title = [&](std::string text) {
    RecordingEdit edit;
    edit.title = std::move(text);
    const auto done = library_.edit("owner", "public", edit);
    return done ? "fine" : done.error().code;
  };
  const std::string longest(kMaxTitleCodePoints, 'x');
  EXPECT_EQ(title(longest), "fine");
  EXPECT_EQ(title(longest + "x"), "bad_title");
  EXPECT_EQ(title("   "), "bad_title");
  EXPECT_EQ(title("a\nb"), "bad_title");
  EXPECT_EQ(title("\xFF"), "bad_title");
  EXPECT_EQ(title("直播"), "fine");
  RecordingEdit edit;
  edit.comments = std::string(kMaxCommentsCodePoints + 1, 'x');
  EXPECT_EQ(library_.edit("owner", "public", edit).error().code, "bad_comments");
  edit.comments = "";
  EXPECT_TRUE(library_.edit("owner", "public", edit));
}

TEST_F(RecordingLibraryTest, ACallStaysBetweenTwo) {
  RecordingEdit edit;
  edit.visibility = Visibility::kPublic;
  EXPECT_EQ(library_.edit("owner", "call", edit).error().code, "forbidden");
  edit.visibility = Visibility::kUnlisted;
  EXPECT_EQ(library_.edit("owner", "call", edit).error().code, "forbidden");
}

TEST_F(RecordingLibraryTest, WhatIsMarkedIsSeenByNobody) {
  EXPECT_EQ(library_.begin_removal("owner", "running").error().code, "recording_running");
  EXPECT_EQ(library_.begin_removal("owner", "processing").error().code, "recording_running");
  ASSERT_TRUE(library_.begin_removal("owner", "public"));
  EXPECT_EQ(library_.find("owner", "public").error().code, "not_found");
  EXPECT_EQ(library_.begin_removal("owner", "public").error().code, "not_found");
  EXPECT_TRUE(library_.begin_expiry("private"));
  EXPECT_EQ(library_.begin_expiry("running").error().code, "recording_running");
}

TEST_F(RecordingLibraryTest, AnothersListIsNobodysBusiness) {
  RecordingFilter filter;
  filter.owned_by = "owner";
  EXPECT_EQ(library_.list("stranger", filter, 0, 10).error().code, "forbidden");
  ASSERT_TRUE(library_.list("owner", filter, 3, 1000));
  EXPECT_EQ(store_.size, kMaxRecordingsPerPage);
  EXPECT_EQ(store_.offset, 3u * kMaxRecordingsPerPage);
}

TEST(Retention, TheOldestGoFirst) {
  const std::vector<OldRecording> oldest = {{"a", {kNow.us - 9 * kDay}, 100},
                                            {"b", {kNow.us - 5 * kDay}, 200},
                                            {"c", {kNow.us - 1 * kDay}, 300}};
  const auto chosen = [&](Retention retention) {
    std::string ids;
    for (const auto& r : choose_expired(retention, kNow, 600, oldest)) ids += r.id;
    return ids;
  };
  EXPECT_EQ(chosen({}), "");
  EXPECT_EQ(chosen({Duration::micros(9 * kDay), {}}), "") << "exactly that old is not older";
  EXPECT_EQ(chosen({Duration::micros(5 * kDay) - Duration::seconds(1), {}}), "ab");
  EXPECT_EQ(chosen({{}, 600}), "");
  EXPECT_EQ(chosen({{}, 599}), "a");
  EXPECT_EQ(chosen({{}, 499}), "ab");
  EXPECT_EQ(chosen({{}, 0}), "abc");
  EXPECT_EQ(chosen({Duration::micros(8 * kDay), 300}), "ab") << "whichever says so";
}

TEST_F(RecordingLibraryTest, RetentionLooksAtAllOfThem) {
  store_.oldest = {{"a", {kNow.us - 9 * kDay}, 100}, {"b", {kNow.us}, 500}};
  EXPECT_TRUE(library_.expired({}, kNow, 10)->empty());
  const auto expired = library_.expired({{}, 550}, kNow, 10);
  ASSERT_EQ(expired->size(), 1u);
  EXPECT_EQ(expired->front().id, "a");
}

}  // namespace
}  // namespace loopcast::app
