// A page that ends gives several signs of it: an event on one socket or another, the end of a
// socket, a goodbye of its media, silence. They overtake each other, and in whatever order they
// come the call ends for the same reason.
#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/calls_fixture.h"

namespace loopcast::app {
namespace {

using testing::Contains;
using testing::IsEmpty;

enum class Sign { kStop, kGoodbye, kMediaLost, kSocketGone, kHangUp, kStopAgain };

std::string name(Sign sign) {
  constexpr const char* kNames[] = {"stop", "goodbye", "lost", "gone", "hangup", "stop again"};
  return kNames[static_cast<size_t>(sign)];
}

class CallSigns : public CallsTest {
 protected:
  // What the server makes of a sign of the page that presents as `client`, for `user`.
  void give(Sign sign, ClientId client, const PublicUser& user, bool first_generation) {
    const auto goodbye = first_generation ? PresentingEnd::kStopped : PresentingEnd::kLeft;
    switch (sign) {
      case Sign::kStop:
      case Sign::kStopAgain:
        return calls_.presenting_ended(at(), client, PresentingEnd::kStopped);
      case Sign::kGoodbye:
        return calls_.presenting_ended(at(), client, goodbye);
      case Sign::kMediaLost:
      case Sign::kSocketGone:
        return calls_.presenting_ended(at(), client, PresentingEnd::kLost);
      case Sign::kHangUp:
        return (void)calls_.hang_up(at(), user, {});
    }
  }
  static bool deliberate(Sign sign, bool first_generation) {
    return sign == Sign::kStop || sign == Sign::kStopAgain || sign == Sign::kHangUp ||
           (first_generation && sign == Sign::kGoodbye);
  }
};

// In every order of every set of signs that one page can give. A socket that is gone says nothing
// more.
template <typename Try>
void for_each_order(Try attempt) {
  const std::vector<Sign> all = {Sign::kStop,       Sign::kGoodbye, Sign::kMediaLost,
                                 Sign::kSocketGone, Sign::kHangUp,  Sign::kStopAgain};
  for (unsigned chosen = 1; chosen < 1u << all.size(); ++chosen) {
    std::vector<Sign> signs;
    for (size_t i = 0; i < all.size(); ++i)
      if ((chosen >> i & 1) != 0) signs.push_back(all[i]);
    do {
      const auto gone = std::find(signs.begin(), signs.end(), Sign::kSocketGone);
      const bool possible = std::none_of(gone, signs.end(), [](Sign sign) {
        return sign == Sign::kStop || sign == Sign::kStopAgain;
      });
      if (!possible) continue;
      std::string text;
      for (const Sign sign : signs) text += name(sign) + ", ";
      SCOPED_TRACE(text);
      attempt(signs);
      if (testing::Test::HasFailure()) return;
    } while (std::next_permutation(signs.begin(), signs.end()));
  }
}

TEST_F(CallSigns, WhoHangsUpHasHungUpInWhateverOrderTheSignsCome) {
  for (const bool first_generation : {true, false}) {
    for (const ClientId client : {10, 20}) {
      const PublicUser& user = client == 10 ? alice_ : bob_;
      for_each_order([&](const std::vector<Sign>& signs) {
        now_ = now_ + Duration::seconds(600);  // not one who rings again and again
        connect();
        forget();
        over_.clear();
        const bool meant = std::any_of(signs.begin(), signs.end(),
                                       [&](Sign s) { return deliberate(s, first_generation); });
        for (const Sign sign : signs) {
          give(sign, client, user, first_generation);
          now_ = now_ + Duration::millis(1500);
        }
        if (!meant) {
          EXPECT_EQ(calls_.size(), 1u) << "a page that is lost may come back";
          advance(Duration::seconds(10));
        }
        const std::string ended = meant ? "ended hung_up" : "ended lost";
        for (const LineId line : {1, 2}) {
          const auto said = told(line);
          EXPECT_EQ(std::count(said.begin(), said.end(), ended), 1);
          EXPECT_EQ(said.back(), ended);
        }
        EXPECT_EQ(over().reason, meant ? EndReason::kHungUp : EndReason::kLost);
        expect_nothing_left();
        // A new call is possible at once.
        EXPECT_TRUE(calls_.dial(at(), 30, user, carol_, 1));
        EXPECT_TRUE(calls_.hang_up(at(), user, {}));
        over_.clear();
        drain();
        over_.clear();
      });
    }
  }
}

TEST_F(CallSigns, WhoDeclinesWhileAnsweringHasDeclinedInWhateverOrderTheSignsCome) {
  for (const bool first_generation : {true, false}) {
    for_each_order([&](const std::vector<Sign>& signs) {
      now_ = now_ + Duration::seconds(600);  // not one who rings again and again
      ring();
      ASSERT_TRUE(calls_.join(at(), 20, bob_, 2, {}));
      on_air(20);
      forget();
      over_.clear();
      const bool meant = std::any_of(signs.begin(), signs.end(),
                                     [&](Sign s) { return deliberate(s, first_generation); });
      for (const Sign sign : signs) give(sign, 20, bob_, first_generation);
      if (!meant) {
        EXPECT_THAT(told(1), IsEmpty()) << "it still rings";
        advance(Duration::seconds(30));
      }
      EXPECT_EQ(over().reason, meant ? EndReason::kDeclined : EndReason::kNoAnswer);
      expect_nothing_left();
    });
  }
}

TEST_F(CallSigns, AGoodbyeWhileItRingsCancels) {
  for (const auto how : {PresentingEnd::kStopped, PresentingEnd::kLeft}) {
    ring();
    forget();
    over_.clear();
    calls_.presenting_ended(at(), 10, how);
    EXPECT_THAT(told(2), testing::ElementsAre("ended cancelled"));
    EXPECT_EQ(over().reason, EndReason::kCancelled);
  }
}

TEST_F(CallSigns, APageThatCameBackIsNotEndedByItsPredecessor) {
  const std::string id = connect();
  calls_.presenting_ended(at(), 20, PresentingEnd::kLeft);
  ASSERT_TRUE(calls_.join(at(), 21, bob_, 2, id));
  on_air(21);
  calls_.presenting_ended(at(), 20, PresentingEnd::kStopped);
  EXPECT_EQ(calls_.size(), 1u);
  calls_.presenting_ended(at(), 21, PresentingEnd::kStopped);
  EXPECT_THAT(told(1), Contains("ended hung_up"));
  expect_nothing_left();
}

TEST_F(CallSigns, OneSocketMayResumeWhatItLost) {
  const std::string id = connect();
  calls_.presenting_ended(at(), 20, PresentingEnd::kLost);
  ASSERT_TRUE(calls_.join(at(), 20, bob_, 2, id));
  on_air(20);
  advance(Duration::seconds(60));
  EXPECT_EQ(calls_.size(), 1u);
}

TEST_F(CallSigns, ASocketThatOffersSomethingElseSaysNothingOfTheCallAnyMore) {
  connect();
  calls_.presenting_ended(at(), 20, PresentingEnd::kLost);
  calls_.on_air(at(), 20, "public");
  calls_.presenting_ended(at(), 20, PresentingEnd::kStopped);
  EXPECT_EQ(calls_.size(), 1u) << "that was another broadcast";
  advance(Duration::seconds(10));
  EXPECT_THAT(told(1), Contains("ended lost"));
}

TEST_F(CallSigns, DevicesThatWereLostWhileAnsweringTakeNoPlace) {
  const std::string id = ring();
  for (ClientId client = 20; client < 60; ++client) {
    ASSERT_TRUE(calls_.join(at(), client, bob_, 2, id)) << client;
    calls_.presenting_ended(at(), client, PresentingEnd::kLost);
  }
  ASSERT_TRUE(calls_.hang_up(at(), alice_, id));
  expect_nothing_left();
}

}  // namespace
}  // namespace loopcast::app
