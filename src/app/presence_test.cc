#include "app/presence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/broadcasts_fixture.h"

namespace loopcast::app {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class PresenceTest : public testing::Test {
 protected:
  void advance(Duration by) {
    const Instant end = now_ + by;
    while (presence_.next_timeout() <= end) {
      now_ = std::max(now_, presence_.next_timeout());
      presence_.handle_timeout(now_);
    }
    now_ = end;
  }
  // What lines were told since the last call.
  std::vector<std::string> told() {
    std::vector<std::string> all;
    PresenceChange change;
    while (presence_.poll_change(change)) {
      constexpr const char* kNames[] = {"offline", "online", "live", "busy"};
      all.push_back(change.user.nickname + " " + kNames[static_cast<size_t>(change.state)]);
    }
    return all;
  }
  std::vector<std::string> unreachable() {
    std::vector<std::string> all;
    std::string id;
    while (presence_.poll_unreachable(id)) all.push_back(id);
    return all;
  }

  Instant now_ = Instant::from_us(1'000'000);
  Presence presence_;
  const PublicUser alice_ = test_user("alice");
  const PublicUser bob_ = test_user("bob");
};

TEST_F(PresenceTest, SeveralLinesAreOnePerson) {
  EXPECT_TRUE(presence_.open_line(now_, alice_, {1, 10}));
  EXPECT_TRUE(presence_.open_line(now_, alice_, {2, 20}));
  EXPECT_TRUE(presence_.open_line(now_, alice_, {2, 20})) << "said again";
  advance(Duration::seconds(1));
  EXPECT_THAT(told(), ElementsAre("alice online"));
  EXPECT_EQ(presence_.lines_of(alice_.id).size(), 2u);
  presence_.close_line(now_, 1);
  advance(Duration::seconds(60));
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_THAT(unreachable(), IsEmpty());
  presence_.close_line(now_, 2);
  presence_.close_line(now_, 2);
  advance(Duration::seconds(60));
  EXPECT_THAT(told(), ElementsAre("alice offline"));
  EXPECT_THAT(unreachable(), ElementsAre(alice_.id));
  EXPECT_TRUE(presence_.empty());
}

TEST_F(PresenceTest, AReloadDoesNotShow) {
  presence_.open_line(now_, alice_, {1, 10});
  advance(Duration::seconds(1));
  told();
  for (LineId line = 1; line < 20; ++line) {
    presence_.close_line(now_, line);
    advance(Duration::millis(4900));
    EXPECT_TRUE(presence_.reachable(alice_.id));
    presence_.open_line(now_, alice_, {line + 1, 10});
  }
  advance(Duration::seconds(60));
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_THAT(unreachable(), IsEmpty());
}

TEST_F(PresenceTest, WhoIsGoneIsOfflineAfterTheGrace) {
  presence_.open_line(now_, alice_, {1, 10});
  advance(Duration::seconds(1));
  told();
  presence_.close_line(now_, 1);
  advance(Duration::millis(4990));
  EXPECT_THAT(told(), IsEmpty());
  advance(Duration::millis(10));
  EXPECT_THAT(told(), ElementsAre("alice offline"));
  EXPECT_FALSE(presence_.reachable(alice_.id));
  EXPECT_TRUE(presence_.next_timeout().is_never());
}

TEST_F(PresenceTest, BusyComesBeforeLiveAndLiveBeforeOnline) {
  presence_.open_line(now_, alice_, {1, 10});
  presence_.went_live(now_, alice_);
  presence_.went_live(now_, alice_);
  advance(Duration::seconds(1));
  presence_.set_busy(now_, alice_, true);
  advance(Duration::seconds(1));
  presence_.left_air(now_, alice_.id);
  presence_.set_busy(now_, alice_, false);
  advance(Duration::seconds(10));
  EXPECT_THAT(told(), ElementsAre("alice live", "alice busy", "alice live"));
  presence_.left_air(now_, alice_.id);
  presence_.left_air(now_, alice_.id);
  advance(Duration::seconds(4));
  EXPECT_THAT(told(), IsEmpty()) << "a presenter who reloads stays live";
  advance(Duration::seconds(2));
  EXPECT_THAT(told(), ElementsAre("alice online"));
}

TEST_F(PresenceTest, WhoIsLiveWithoutALineIsSeenButNotReachable) {
  presence_.went_live(now_, alice_);
  advance(Duration::seconds(1));
  EXPECT_THAT(told(), ElementsAre("alice live"));
  EXPECT_FALSE(presence_.reachable(alice_.id));
  EXPECT_EQ(presence_.state(alice_.id), PresenceState::kLive);
  presence_.left_air(now_, alice_.id);
  advance(Duration::seconds(10));
  EXPECT_THAT(told(), ElementsAre("alice offline"));
  EXPECT_TRUE(presence_.empty());
}

TEST_F(PresenceTest, LinesOfOneUserAreBounded) {
  for (LineId line = 1; line <= 32; ++line)
    EXPECT_TRUE(presence_.open_line(now_, alice_, {line, 1}));
  EXPECT_FALSE(presence_.open_line(now_, alice_, {33, 1}));
  EXPECT_EQ(presence_.counters().lines_refused, 1u);
  EXPECT_TRUE(presence_.open_line(now_, bob_, {33, 1}));
  presence_.close_line(now_, 1);
  EXPECT_TRUE(presence_.open_line(now_, alice_, {34, 1}));
}

TEST_F(PresenceTest, ANewNicknameIsTold) {
  presence_.open_line(now_, alice_, {1, 10});
  advance(Duration::seconds(1));
  told();
  PublicUser renamed = alice_;
  renamed.nickname = "alicia";
  presence_.update(now_, renamed);
  presence_.update(now_, bob_);
  advance(Duration::seconds(1));
  EXPECT_THAT(told(), ElementsAre("alicia online"));
  const auto here = presence_.present("", "", 10);
  ASSERT_EQ(here.people.size(), 1u);
  EXPECT_EQ(here.people[0].user.nickname, "alicia");
}

TEST_F(PresenceTest, WhoIsHereIsFoundPageByPageWhoeverComesAndGoes) {
  LineId next = 100;
  const auto come = [&](const std::string& name) {
    presence_.open_line(now_, test_user(name), {++next, next});
    return next;
  };
  std::vector<LineId> leaving;
  for (int i = 10; i < 40; ++i) {
    come("Stays" + std::to_string(i));
    leaving.push_back(come("leaves" + std::to_string(i)));
  }
  come("other");
  std::vector<std::string> told;
  PresencePage page;
  do {
    page = presence_.present("s", page.next, 4);
    for (const auto& person : page.people) {
      EXPECT_EQ(person.state, PresenceState::kOnline);
      told.push_back(person.user.nickname);
    }
    if (!leaving.empty()) {
      presence_.close_line(now_, leaving.back());
      leaving.pop_back();
    }
    come("as" + std::to_string(next));
    come("stays" + std::to_string(next) + "x");
    advance(Duration::seconds(6));
  } while (!page.next.empty());
  for (int i = 10; i < 40; ++i)
    EXPECT_THAT(told, testing::Contains("Stays" + std::to_string(i)).Times(1));
  EXPECT_THAT(told, testing::Not(testing::Contains("other")));
  for (LineId line = 1; line <= next; ++line) presence_.close_line(now_, line);
  advance(Duration::seconds(100));
  EXPECT_TRUE(presence_.empty());
}

// 1,000 people who all arrive at once: rounds stay bounded, and in the end everybody is told of.
TEST_F(PresenceTest, ACrowdIsToldInBoundedRounds) {
  const PresenceLimits limits;
  for (LineId line = 1; line <= 1000; ++line)
    presence_.open_line(now_, test_user("u" + std::to_string(line)), {line, line});
  size_t all = 0;
  while (!presence_.next_timeout().is_never()) {
    now_ = presence_.next_timeout();
    presence_.handle_timeout(now_);
    const size_t round = told().size();
    EXPECT_LE(round * 1000, std::max<size_t>(limits.messages_per_round, 1000));
    all += round;
  }
  EXPECT_EQ(all, 1000u);
  EXPECT_GT(presence_.counters().changes_delayed, 0u);
  // Somebody who came and went while it was not his turn is not told of at all.
  for (LineId line = 1; line <= 100; ++line) presence_.set_busy(now_, alice_, line % 2 == 1);
  advance(Duration::seconds(10));
  EXPECT_THAT(told(), IsEmpty());
}

}  // namespace
}  // namespace loopcast::app
