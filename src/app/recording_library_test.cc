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
  Status begin_writes() override { return ok(); }
  Status end_writes() override { return ok(); }
  void cancel_writes() override {}
  Expected<RecordingQuota> recording_quota(const std::string&) override { return quota; }
  Expected<std::vector<OwnerUsage>> usage_by_owner() override {
    std::map<std::string, uint64_t> bytes;
    for (const OldRecording& r : oldest) bytes[r.owner_id] += r.bytes;
    std::vector<OwnerUsage> owners;
    for (const auto& [id, sum] : bytes) owners.push_back({id, sum});
    return owners;
  }
  Expected<std::vector<OldRecording>> oldest_recordings(const std::optional<std::string>& owner,
                                                        uint32_t) override {
    std::vector<OldRecording> found;
    for (const OldRecording& r : oldest)
      if (!owner || *owner == r.owner_id) found.push_back(r);
    return found;
  }
  Expected<LinkKey> link_key(const LinkKey& fresh) override { return fresh; }

  std::map<std::string, Recording> rows;
  std::vector<OldRecording> oldest;
  RecordingQuota quota;
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

  // The ids of what retention would delete.
  std::string expired(const Retention& retention, uint32_t limit = 100) {
    std::string ids;
    const auto chosen = library_.expired(retention, kNow, limit);
    EXPECT_TRUE(chosen);
    for (const OldRecording& r : *chosen) ids += r.id;
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
  EXPECT_EQ(title("❤\uFE0F 👩\u200D👧"), "fine");
  EXPECT_EQ(title("photo\u202Egpj.exe"), "bad_title") << "reads backwards";
  EXPECT_EQ(title("a\u2066b"), "bad_title");
  EXPECT_EQ(title("\u3164"), "bad_title") << "shows nothing";
  RecordingEdit edit;
  edit.comments = std::string(kMaxCommentsCodePoints + 1, 'x');
  EXPECT_EQ(library_.edit("owner", "public", edit).error().code, "bad_comments");
  edit.comments = "one\n\u202Etwo";
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

TEST_F(RecordingLibraryTest, ACallStaysBetweenTwoWhenOneOfThemIsGone) {
  Recording& half = add("half", Visibility::kPrivate, RecordingState::kReady);
  half.call_id = "call-1";
  RecordingEdit edit;
  for (const Visibility wider : {Visibility::kPublic, Visibility::kUnlisted}) {
    edit.visibility = wider;
    EXPECT_EQ(library_.edit("owner", "half", edit).error().code, "forbidden");
  }
  edit.visibility = Visibility::kPrivate;
  edit.title = "Ours";
  EXPECT_TRUE(library_.edit("owner", "half", edit));
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

TEST_F(RecordingLibraryTest, RetentionByAgeTakesWhatIsOlder) {
  store_.oldest = {{"a", {kNow.us - 9 * kDay}, 100, "alice"},
                   {"b", {kNow.us - 5 * kDay}, 200, "bob"},
                   {"c", {kNow.us - 1 * kDay}, 300, "alice"}};
  EXPECT_EQ(expired({}), "");
  EXPECT_EQ(expired({Duration::micros(9 * kDay), {}}), "") << "exactly that old is not older";
  EXPECT_EQ(expired({Duration::micros(5 * kDay) - Duration::seconds(1), {}}), "ab");
}

TEST_F(RecordingLibraryTest, RetentionBySizeTakesFromWhoFills) {
  // Carol's are the oldest, and few: they stay.
  store_.oldest = {
      {"c1", {kNow.us - 9 * kDay}, 100, "carol"}, {"a1", {kNow.us - 8 * kDay}, 300, "alice"},
      {"b1", {kNow.us - 7 * kDay}, 200, "bob"},   {"a2", {kNow.us - 6 * kDay}, 300, "alice"},
      {"b2", {kNow.us - 5 * kDay}, 200, "bob"},   {"a3", {kNow.us - 4 * kDay}, 300, "alice"}};
  EXPECT_EQ(expired({{}, 1400}), "");
  EXPECT_EQ(expired({{}, 1399}), "a1");
  EXPECT_EQ(expired({{}, 1100}), "a1");
  EXPECT_EQ(expired({{}, 1000}), "a1a2");
  EXPECT_EQ(expired({{}, 500}), "a1a2a3b1");
  EXPECT_EQ(expired({{}, 0}).size(), 12u) << "everything";
  EXPECT_EQ(expired({{}, 0}, 2), "a1a2") << "the rest next time";
  // What goes because of its age has made room already.
  EXPECT_EQ(expired({Duration::micros(8 * kDay), 1300}), "c1");
}

TEST(FairShare, WhoHasLessKeepsEverything) {
  const std::vector<OwnerUsage> owners = {{"a", 900}, {"b", 400}, {"c", 100}};
  EXPECT_EQ(fair_share(owners, 1400), ~uint64_t{0});
  EXPECT_EQ(fair_share(owners, 1300), 800u);
  EXPECT_EQ(fair_share(owners, 700), 300u);
  EXPECT_EQ(fair_share(owners, 30), 10u);
  EXPECT_EQ(fair_share({}, 0), ~uint64_t{0});
}

TEST(Quota, IsNearAtNineTenthsOfEither) {
  const RecordingQuota quota{1000, Duration::seconds(100)};
  const auto state = [&](uint64_t bytes, int64_t seconds) {
    return quota_state(quota, {bytes, 1, Duration::seconds(seconds)});
  };
  EXPECT_EQ(state(899, 89), QuotaState::kBelow);
  EXPECT_EQ(state(900, 0), QuotaState::kNear);
  EXPECT_EQ(state(0, 90), QuotaState::kNear);
  EXPECT_EQ(state(999, 99), QuotaState::kNear);
  EXPECT_EQ(state(1000, 0), QuotaState::kReached);
  EXPECT_EQ(state(0, 1000), QuotaState::kReached);
  EXPECT_EQ(quota_state({}, {~uint64_t{0}, 1, Duration::seconds(1'000'000)}), QuotaState::kBelow);
  EXPECT_EQ(quota_state({0, {}}, {}), QuotaState::kReached) << "who may record nothing";
}

TEST_F(RecordingLibraryTest, AUsersOwnQuotaComesFirst) {
  store_.quota = {5, {}};
  const auto quota = library_.quota("owner", {1000, Duration::seconds(7)});
  EXPECT_EQ(quota->bytes, 5u);
  EXPECT_EQ(quota->time, Duration::seconds(7));
}

}  // namespace
}  // namespace loopcast::app
