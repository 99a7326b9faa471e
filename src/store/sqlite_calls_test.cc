#include <algorithm>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/call_store.h"
#include "store/sqlite_store.h"

namespace loopcast::store {
namespace {

using app::CallOutcome;
using app::EndReason;
using testing::ElementsAre;

class SqliteCallsTest : public testing::Test {
 protected:
  SqliteCallsTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "calls-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    auto opened = SqliteStore::open((folder_ / "test.db").string());
    EXPECT_TRUE(opened) << opened.error().message;
    store_ = std::move(*opened);
    calls_ = &store_->calls();
    for (const char* name : {"alice", "bob", "carol", "播主"})
      EXPECT_TRUE(store_->add_user({{id(name), name, WallTime{5}}, name, "hash"}));
  }
  ~SqliteCallsTest() override { std::filesystem::remove_all(folder_); }

  static std::string id(const std::string& name) { return "id-" + name; }
  static app::PublicUser user(const std::string& name) { return {id(name), name, "/a"}; }

  app::CallOver over(EndReason reason, bool accepted = false, const char* from = "alice",
                     const char* to = "bob") {
    const std::string number = std::to_string(++made_);
    return {"call-" + number,
            user(from),
            user(to),
            reason,
            accepted,
            WallTime{1000 + made_},
            accepted ? Duration::seconds(90) : Duration()};
  }
  // By a session of their own, as an account is.
  void remove(const std::string& name) {
    const app::PasswordProof proof{"hash"};
    app::Session session;
    session.user_id = id(name);
    ASSERT_TRUE(store_->add_session(session, 1, proof, ""));
    ASSERT_TRUE(store_->remove_user(id(name), proof, session.token_hash));
  }
  std::vector<CallOutcome> outcomes(const std::string& name) {
    std::vector<CallOutcome> all;
    const auto page = calls_->calls_of(id(name), 0, 100);
    EXPECT_TRUE(page);
    for (const auto& call : page->calls) all.push_back(call.outcome);
    EXPECT_EQ(page->total, all.size());
    return all;
  }

  // Everybody whose nickname has this part.
  std::vector<std::string> found(const std::string& part) {
    std::vector<std::string> names;
    const auto page = calls_->find_users(part, "", 100);
    EXPECT_TRUE(page);
    for (const auto& user : page->users) names.push_back(user.nickname);
    return names;
  }

  std::filesystem::path folder_;
  std::unique_ptr<SqliteStore> store_;
  app::CallStore* calls_ = nullptr;
  int made_ = 0;
};

TEST_F(SqliteCallsTest, EachOfTheTwoRemembersACallFromTheirSide) {
  const auto answered = over(EndReason::kHungUp, true);
  ASSERT_TRUE(calls_->add_call(answered));
  const auto made = calls_->calls_of(id("alice"), 0, 10);
  ASSERT_EQ(made->calls.size(), 1u);
  const app::CallRecord& call = made->calls[0];
  EXPECT_EQ(call.call_id, answered.call_id);
  EXPECT_EQ(call.other.nickname, "bob");
  EXPECT_EQ(call.role, app::CallRole::kCaller);
  EXPECT_EQ(call.outcome, CallOutcome::kAnswered);
  EXPECT_EQ(call.duration, Duration::seconds(90));
  EXPECT_EQ(call.started_at, answered.started_at);
  EXPECT_TRUE(call.seen);
  const auto received = calls_->calls_of(id("bob"), 0, 10);
  EXPECT_EQ(received->calls[0].role, app::CallRole::kCallee);
  EXPECT_EQ(received->calls[0].other.nickname, "alice");
  EXPECT_EQ(calls_->calls_of(id("carol"), 0, 10)->total, 0u);
}

TEST_F(SqliteCallsTest, OutcomesOnBothSides) {
  struct {
    EndReason reason;
    bool accepted;
    CallOutcome caller, callee;
  } constexpr kCases[] = {
      {EndReason::kHungUp, true, CallOutcome::kAnswered, CallOutcome::kAnswered},
      {EndReason::kLost, true, CallOutcome::kLost, CallOutcome::kLost},
      {EndReason::kLost, false, CallOutcome::kLost, CallOutcome::kMissed},
      {EndReason::kDeclined, false, CallOutcome::kDeclined, CallOutcome::kDeclined},
      {EndReason::kCancelled, false, CallOutcome::kCancelled, CallOutcome::kMissed},
      {EndReason::kNoAnswer, false, CallOutcome::kNoAnswer, CallOutcome::kMissed},
      {EndReason::kBusy, false, CallOutcome::kBusy, CallOutcome::kMissed},
      {EndReason::kOffline, false, CallOutcome::kOffline, CallOutcome::kMissed},
      {EndReason::kError, false, CallOutcome::kLost, CallOutcome::kMissed},
  };
  for (const auto& c : kCases) {
    ASSERT_TRUE(calls_->add_call(over(c.reason, c.accepted)));
    EXPECT_EQ(outcomes("alice").front(), c.caller) << "newest first";
    EXPECT_EQ(outcomes("bob").front(), c.callee);
  }
  EXPECT_EQ(*calls_->unseen_calls(id("alice")), 0u);
  EXPECT_EQ(*calls_->unseen_calls(id("bob")), 6u);
  ASSERT_TRUE(calls_->see_calls(id("bob")));
  EXPECT_EQ(*calls_->unseen_calls(id("bob")), 0u);
  EXPECT_EQ(outcomes("bob").size(), std::size(kCases));
}

TEST_F(SqliteCallsTest, WhatIsKeptFromTheCalleeIsRememberedByTheCallerOnly) {
  auto kept = over(EndReason::kOffline);
  kept.kept_from_callee = true;
  ASSERT_TRUE(calls_->add_call(kept));
  EXPECT_THAT(outcomes("alice"), ElementsAre(CallOutcome::kOffline));
  EXPECT_TRUE(outcomes("bob").empty());
  EXPECT_EQ(*calls_->unseen_calls(id("bob")), 0u);
}

TEST_F(SqliteCallsTest, BlocksInOneDirectionUntilItIsTakenBackOrOneIsGone) {
  const auto names = [&](const std::string& of) {
    std::vector<std::string> all;
    const auto users = calls_->blocked_by(id(of));
    EXPECT_TRUE(users);
    for (const auto& user : *users) all.push_back(user.nickname);
    return all;
  };
  for (const char* name : {"carol", "alice", "alice"})
    EXPECT_TRUE(calls_->block(id("bob"), id(name), WallTime{7}));
  EXPECT_TRUE(*calls_->blocks(id("bob"), id("alice")));
  EXPECT_FALSE(*calls_->blocks(id("alice"), id("bob")));
  EXPECT_THAT(names("bob"), ElementsAre("alice", "carol"));
  EXPECT_EQ(calls_->block(id("bob"), id("bob"), WallTime{7}).error().code, "not_found");
  EXPECT_EQ(calls_->block(id("bob"), "nobody", WallTime{7}).error().code, "not_found");
  EXPECT_TRUE(calls_->unblock(id("bob"), id("alice")));
  EXPECT_TRUE(calls_->unblock(id("bob"), id("alice")));
  EXPECT_FALSE(*calls_->blocks(id("bob"), id("alice")));
  remove("carol");
  EXPECT_THAT(names("bob"), testing::IsEmpty());
}

TEST_F(SqliteCallsTest, WhomOneBlocksIsBounded) {
  for (uint32_t i = 0; i <= app::kMaxBlockedPerUser; ++i) {
    const std::string name = "u" + std::to_string(i);
    ASSERT_TRUE(store_->add_user({{id(name), name, WallTime{5}}, name, "hash"}));
    const auto done = calls_->block(id("bob"), id(name), WallTime{7});
    EXPECT_EQ(done.has_value(), i < app::kMaxBlockedPerUser);
    EXPECT_TRUE(done || done.error().code == "too_many_blocked");
  }
  EXPECT_TRUE(calls_->block(id("bob"), id("u0"), WallTime{7})) << "is already";
}

TEST_F(SqliteCallsTest, OneForgetsAndTheOtherRemembers) {
  ASSERT_TRUE(calls_->add_call(over(EndReason::kNoAnswer)));
  ASSERT_TRUE(calls_->remove_calls_of(id("bob")));
  EXPECT_TRUE(outcomes("bob").empty());
  EXPECT_EQ(*calls_->unseen_calls(id("bob")), 0u);
  EXPECT_THAT(outcomes("alice"), ElementsAre(CallOutcome::kNoAnswer));
}

TEST_F(SqliteCallsTest, PagesAndBounds) {
  for (uint32_t i = 0; i < app::kMaxCallsPerUser + 5; ++i)
    ASSERT_TRUE(calls_->add_call(over(EndReason::kDeclined)));
  const auto page = calls_->calls_of(id("alice"), 10, 3);
  EXPECT_EQ(page->total, app::kMaxCallsPerUser);
  ASSERT_EQ(page->calls.size(), 3u);
  EXPECT_EQ(page->calls[0].started_at.us, 1000 + made_ - 10);
  EXPECT_TRUE(calls_->calls_of(id("alice"), 5000, 3)->calls.empty());
}

TEST_F(SqliteCallsTest, OfWhoIsGoneNothingIsKept) {
  ASSERT_TRUE(calls_->add_call(over(EndReason::kHungUp, true)));
  remove("bob");
  EXPECT_TRUE(outcomes("alice").empty());
  EXPECT_TRUE(calls_->add_call(over(EndReason::kHungUp, true))) << "between two who are gone";
  EXPECT_TRUE(outcomes("alice").empty());
}

TEST_F(SqliteCallsTest, FindsPeopleByAPartOfTheirNickname) {
  EXPECT_THAT(found(""), ElementsAre("alice", "bob", "carol", "播主"));
  EXPECT_THAT(found("ro"), ElementsAre("carol"));
  EXPECT_THAT(found("播"), ElementsAre("播主"));
  EXPECT_TRUE(found("%").empty()) << "a letter like any other";
  EXPECT_TRUE(found("alicebob").empty());
  const auto second = calls_->find_users("", "alice", 2);
  ASSERT_EQ(second->users.size(), 2u);
  EXPECT_EQ(second->users[0].nickname, "bob");
  EXPECT_EQ(second->next, "carol");
  EXPECT_EQ(calls_->find_users("", "carol", 2)->next, "");
}

TEST_F(SqliteCallsTest, FindsWhoCameOrHasAnotherNameAndNotWhoIsGone) {
  ASSERT_TRUE(store_->add_user({{id("dora"), "dora", WallTime{5}}, "dora", "hash"}));
  EXPECT_THAT(found("do"), ElementsAre("dora"));
  ASSERT_TRUE(store_->set_nickname(id("dora"), {"Zoe", "zoe", "zoe"}));
  EXPECT_TRUE(found("do").empty());
  EXPECT_THAT(found("o"), ElementsAre("bob", "carol", "Zoe"));
  EXPECT_FALSE(store_->set_nickname(id("dora"), {"bob", "bob", "bob"}));
  EXPECT_THAT(found("b"), ElementsAre("bob"));
  remove("bob");
  EXPECT_THAT(found("o"), ElementsAre("carol", "Zoe"));
  // Another program that has the file open.
  auto other = SqliteStore::open((folder_ / "test.db").string());
  ASSERT_TRUE(other);
  ASSERT_TRUE((*other)->add_user({{id("eve"), "eve", WallTime{5}}, "eve", "hash"}));
  EXPECT_THAT(found("eve"), ElementsAre("eve"));
}

// Those who are there all the time are told once each, whoever comes and goes between two pages.
TEST_F(SqliteCallsTest, PagesOfPeopleRepeatAndSkipNobody) {
  const auto add = [&](const std::string& name) {
    ASSERT_TRUE(store_->add_user({{id(name), name, WallTime{5}}, name, "hash"}));
  };
  for (int i = 10; i < 50; ++i) {
    add("stays" + std::to_string(i));
    add("leaves" + std::to_string(i));
  }
  std::vector<std::string> told;
  std::string after;
  int page = 0;
  do {
    const auto people = calls_->find_users("s", after, 7);
    ASSERT_TRUE(people);
    for (const auto& user : people->users) told.push_back(user.nickname);
    after = people->next;
    remove("leaves" + std::to_string(10 + page));
    remove("leaves" + std::to_string(49 - page));
    add("as" + std::to_string(page));
    add("stays" + std::to_string(page) + "x");
    ++page;
  } while (!after.empty());
  EXPECT_GT(page, 5);
  EXPECT_TRUE(std::ranges::is_sorted(told));
  EXPECT_EQ(std::ranges::adjacent_find(told), told.end()) << "nobody twice";
  for (int i = 10; i < 50; ++i)
    EXPECT_EQ(std::ranges::count(told, "stays" + std::to_string(i)), 1) << i;
}

}  // namespace
}  // namespace loopcast::store
