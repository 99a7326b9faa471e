#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/calls_fixture.h"

namespace loopcast::app {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST_F(CallsTest, RingsOnEveryLineOnceTheCallerIsOnAir) {
  dial(10, alice_, bob_);
  EXPECT_THAT(told(2), IsEmpty());
  EXPECT_EQ(presence_.state(bob_.id), PresenceState::kBusy);
  on_air(10);
  EXPECT_THAT(told(1), ElementsAre("ringing -"));
  EXPECT_THAT(told(2), ElementsAre("call alice b10", "ringing b10"));
  EXPECT_THAT(told(3), ElementsAre("call alice b10", "ringing b10"));
  EXPECT_THAT(told(4), IsEmpty());
}

TEST_F(CallsTest, StopsRingingOnOtherDevicesWhenOneAnswers) {
  ring();
  forget();
  answer();
  EXPECT_THAT(told(1), ElementsAre("accepted bob b20", "accepted b20"));
  EXPECT_THAT(told(2), ElementsAre("accepted b10"));
  EXPECT_THAT(told(3), ElementsAre("ended elsewhere"));
  calls_.viewer_entered(at(), 10, bob_.id);
  EXPECT_THAT(told(1), IsEmpty());
  calls_.viewer_entered(at(), 20, alice_.id);
  EXPECT_THAT(told(1), ElementsAre("connected b20"));
  EXPECT_THAT(told(2), ElementsAre("connected b10"));
  now_ = now_ + Duration::seconds(61);
  EXPECT_TRUE(calls_.hang_up(at(), alice_, {}));
  EXPECT_THAT(told(1), ElementsAre("ended hung_up"));
  EXPECT_THAT(told(2), ElementsAre("ended hung_up"));
  EXPECT_THAT(told(3), IsEmpty()) << "for this line it was over before";
  EXPECT_THAT(ended(), ElementsAre(10, 20));
  EXPECT_TRUE(over().accepted);
  EXPECT_EQ(over().duration, Duration::seconds(61));
  expect_nothing_left();
}

TEST_F(CallsTest, AnAnswerWaitsUntilItIsOnAir) {
  ring();
  forget();
  ASSERT_TRUE(calls_.join(at(), 20, bob_, 2, {}));
  ASSERT_TRUE(calls_.accept(at(), 20, bob_, "alice", {}));
  EXPECT_THAT(told(1), IsEmpty());
  on_air(20);
  EXPECT_THAT(told(1), ElementsAre("accepted bob b20", "accepted b20"));
  EXPECT_TRUE(calls_.accept(at(), 20, bob_, "alice", {})) << "pages say so more than once";
  EXPECT_THAT(told(1), IsEmpty());
}

TEST_F(CallsTest, OfTwoDevicesThatAnswerTheFirstHasTheCall) {
  const std::string id = ring();
  forget();
  ASSERT_TRUE(calls_.join(at(), 20, bob_, 2, id));
  ASSERT_TRUE(calls_.join(at(), 30, bob_, 3, id));
  on_air(20);
  on_air(30);
  EXPECT_TRUE(calls_.accept(at(), 30, bob_, {}, id));
  EXPECT_FALSE(calls_.accept(at(), 20, bob_, {}, id));
  EXPECT_THAT(ended(), ElementsAre(20));
  EXPECT_THAT(told(2), ElementsAre("ended elsewhere"));
  EXPECT_THAT(told(3), ElementsAre("accepted b10"));
}

TEST_F(CallsTest, Declined) {
  const std::string id = ring();
  forget();
  EXPECT_TRUE(calls_.decline(at(), bob_, "ALICE", {})) << "letters of either size";
  EXPECT_THAT(told(1), ElementsAre("rejected bob", "ended declined"));
  EXPECT_THAT(told(2), ElementsAre("ended declined"));
  EXPECT_THAT(told(3), ElementsAre("ended declined"));
  EXPECT_THAT(ended(), ElementsAre(10));
  EXPECT_FALSE(calls_.decline(at(), bob_, "alice", {}));
  EXPECT_FALSE(calls_.join(at(), 20, bob_, 2, id)) << "over";
  EXPECT_EQ(over().reason, EndReason::kDeclined);
  expect_nothing_left();
}

TEST_F(CallsTest, ACallerWhoOnlyStopsCancels) {
  ring();
  ASSERT_TRUE(calls_.join(at(), 20, bob_, 2, {}));
  on_air(20);
  forget();
  calls_.presenting_ended(at(), 10, PresentingEnd::kStopped);
  EXPECT_THAT(told(1), ElementsAre("ended cancelled"));
  EXPECT_THAT(told(2), ElementsAre("ended cancelled"));
  EXPECT_THAT(ended(), ElementsAre(10, 20)) << "the answer that was under way as well";
  EXPECT_TRUE(calls_.just_ended(now_, bob_.id));
  EXPECT_FALSE(calls_.just_ended(now_, alice_.id));
  advance(Duration::seconds(60));
  EXPECT_FALSE(calls_.just_ended(now_, bob_.id));
  expect_nothing_left();
}

TEST_F(CallsTest, WhatAnOldPagePresentsRightAfterACallIsNotForEverybody) {
  ASSERT_TRUE(calls_.hang_up(at(), alice_, connect()));
  EXPECT_TRUE(calls_.just_ended(now_, alice_.id));
  EXPECT_TRUE(calls_.just_ended(now_, bob_.id));
  EXPECT_FALSE(calls_.just_ended(now_, carol_.id));
  EXPECT_FALSE(calls_.just_ended(now_ + Duration::seconds(60), bob_.id));
}

TEST_F(CallsTest, NobodyAnswers) {
  ring();
  forget();
  advance(Duration::millis(29'990));
  EXPECT_THAT(told(2), IsEmpty());
  advance(Duration::millis(10));
  EXPECT_THAT(told(1), ElementsAre("error no_answer", "ended no_answer"));
  EXPECT_THAT(told(2), ElementsAre("ended no_answer"));
  EXPECT_THAT(ended(), ElementsAre(10));
  EXPECT_EQ(over().duration, Duration());
  expect_nothing_left();
}

TEST_F(CallsTest, WhoIsOfflineUnknownOrOneselfCannotBeReached) {
  const PublicUser dave = test_user("dave");
  for (const std::optional<PublicUser>& to :
       {std::optional(dave), std::optional<PublicUser>(), std::optional(alice_)}) {
    const auto permit = calls_.dial(at(), 10, alice_, to, 1);
    ASSERT_FALSE(permit);
    EXPECT_EQ(permit.error().code, "cannot_be_reached");
  }
  EXPECT_THAT(told(1), IsEmpty());
  EXPECT_EQ(over().reason, EndReason::kOffline);
  EXPECT_EQ(over().callee, dave) << "who has missed a call";
  expect_nothing_left();
}

TEST_F(CallsTest, WhoIsInACallIsBusy) {
  ring();
  forget();
  const auto permit = calls_.dial(at(), 40, carol_, bob_, 4);
  ASSERT_FALSE(permit);
  EXPECT_EQ(permit.error().code, "busy");
  EXPECT_THAT(told(2), IsEmpty());
  EXPECT_EQ(over().reason, EndReason::kBusy);
  EXPECT_EQ(calls_.dial(at(), 41, carol_, alice_, 4).error().code, "busy");
  EXPECT_EQ(calls_.dial(at(), 11, alice_, carol_, 1).error().code, "in_call");
  EXPECT_EQ(calls_.dial(at(), 21, bob_, carol_, 2).error().code, "in_call");
}

TEST_F(CallsTest, BothCallEachOtherBeforeOneIsOnAir) {
  const std::string id = dial(10, alice_, bob_);
  EXPECT_EQ(dial(20, bob_, alice_), id);
  on_air(20);
  EXPECT_THAT(told(1), IsEmpty());
  on_air(10);
  EXPECT_THAT(told(1), ElementsAre("ringing -", "accepted bob b20", "accepted b20"));
  EXPECT_THAT(told(2), ElementsAre("ringing b10", "accepted alice b10", "accepted b10"));
  EXPECT_TRUE(calls_.hang_up(at(), bob_, id));
  expect_nothing_left();
}

TEST_F(CallsTest, BothCallEachOtherWhileOneIsRung) {
  const std::string id = ring();
  forget();
  EXPECT_EQ(dial(20, bob_, alice_), id);
  on_air(20);
  EXPECT_THAT(told(1), ElementsAre("accepted bob b20", "accepted b20"));
  EXPECT_EQ(calls_.counters().crossed, 1u);
}

TEST_F(CallsTest, ACrossingCallThatFailsLeavesTheOtherRinging) {
  dial(10, alice_, bob_);
  dial(20, bob_, alice_);
  on_air(10);
  EXPECT_THAT(told(2), ElementsAre("ringing b10"));
  calls_.presenting_ended(at(), 20, PresentingEnd::kRefused);
  EXPECT_THAT(told(2), ElementsAre("call alice b10", "ringing b10"));
  answer();
  EXPECT_THAT(told(2), ElementsAre("accepted b10"));
}

TEST_F(CallsTest, APageThatIsLoadedAgainResumes) {
  const std::string id = connect();
  forget();
  calls_.presenting_ended(at(), 20, PresentingEnd::kLost);
  EXPECT_THAT(told(1), ElementsAre("connected -"));
  presence_.close_line(now_, 2);
  advance(Duration::seconds(4));
  presence_.open_line(now_, bob_, {5, 2});
  calls_.line_opened(bob_, 5);
  EXPECT_THAT(told(5), ElementsAre("connected b10"));
  ASSERT_TRUE(calls_.join(at(), 21, bob_, 2, id));
  on_air(21);
  EXPECT_THAT(told(1), ElementsAre("connected b21"));
  advance(Duration::seconds(3600));
  EXPECT_EQ(calls_.size(), 1u);
  EXPECT_THAT(told(1), IsEmpty());
  EXPECT_EQ(calls_.counters().resumed, 1u);
}

TEST_F(CallsTest, WhoDoesNotComeBackHasLostTheCall) {
  const std::string id = connect();
  forget();
  calls_.presenting_ended(at(), 10, PresentingEnd::kLost);
  // Trying again does not buy time.
  advance(Duration::seconds(9));
  ASSERT_TRUE(calls_.join(at(), 11, alice_, 1, id));
  calls_.presenting_ended(at(), 11, PresentingEnd::kRefused);
  EXPECT_EQ(calls_.size(), 1u);
  advance(Duration::seconds(1));
  EXPECT_THAT(told(2), testing::Contains("ended lost"));
  EXPECT_THAT(told(1), testing::Contains("ended lost"));
  EXPECT_THAT(ended(), testing::Contains(20));
  expect_nothing_left();
}

TEST_F(CallsTest, ANewPageTakesOverFromOneThatIsNotGoneYet) {
  const std::string id = connect();
  forget();
  EXPECT_EQ(calls_.join(at(), 21, bob_, 2, {}).error().code, "in_call") << "does not say which";
  ASSERT_TRUE(calls_.join(at(), 21, bob_, 2, id));
  EXPECT_THAT(ended(), ElementsAre(20));
  calls_.presenting_ended(at(), 20, PresentingEnd::kLost);
  on_air(21);
  EXPECT_EQ(calls_.size(), 1u);
  EXPECT_THAT(told(1), ElementsAre("connected b21"));
}

TEST_F(CallsTest, ACallerWhoIsLostWhileItRingsEndsIt) {
  ring();
  forget();
  calls_.presenting_ended(at(), 10, PresentingEnd::kLost);
  EXPECT_THAT(told(2), ElementsAre("ended lost"));
  expect_nothing_left();
}

TEST_F(CallsTest, AnOfferThatIsRefusedIsNoCall) {
  dial(10, alice_, bob_);
  calls_.presenting_ended(at(), 10, PresentingEnd::kRefused);
  EXPECT_THAT(told(1), ElementsAre("ended error"));
  EXPECT_THAT(told(2), IsEmpty());
  EXPECT_TRUE(over_.empty());
  expect_nothing_left();
}

TEST_F(CallsTest, AnotherOfferOfAClientThatIsOnAirChangesNothing) {
  connect();
  forget();
  calls_.presenting_ended(at(), 10, PresentingEnd::kRefused);
  EXPECT_EQ(calls_.size(), 1u);
  EXPECT_THAT(told(1), IsEmpty());
}

TEST_F(CallsTest, ACalleeWhoGoesOfflineWhileItRingsEndsIt) {
  ring();
  forget();
  presence_.close_line(now_, 2);
  presence_.close_line(now_, 3);
  advance(Duration::seconds(4));
  EXPECT_EQ(calls_.size(), 1u);
  advance(Duration::seconds(1));
  EXPECT_THAT(told(1), ElementsAre("error cannot_be_reached", "ended offline"));
  expect_nothing_left();
}

TEST_F(CallsTest, ANewLineIsRungAndAnswersForAPageThatReloads) {
  ring();
  presence_.close_line(now_, 2);
  presence_.close_line(now_, 3);
  forget();
  presence_.open_line(now_, bob_, {5, 2});
  calls_.line_opened(bob_, 5);
  EXPECT_THAT(told(5), ElementsAre("call alice b10", "ringing b10"));
  answer();
  EXPECT_THAT(told(1), ElementsAre("accepted bob b20", "accepted b20"));
}

TEST_F(CallsTest, AcceptedButNeverSeenEnds) {
  ring();
  answer();
  forget();
  advance(Duration::seconds(30));
  EXPECT_THAT(told(1), ElementsAre("ended lost"));
  expect_nothing_left();
}

TEST_F(CallsTest, NobodyElseHasASayInACall) {
  const std::string id = ring();
  forget();
  EXPECT_EQ(calls_.join(at(), 40, carol_, 4, id).error().code, "cannot_be_reached");
  EXPECT_EQ(calls_.join(at(), 40, carol_, 4, {}).error().code, "cannot_be_reached");
  EXPECT_FALSE(calls_.accept(at(), 40, carol_, "alice", id));
  EXPECT_FALSE(calls_.decline(at(), carol_, "alice", id));
  EXPECT_FALSE(calls_.hang_up(at(), carol_, id));
  EXPECT_FALSE(calls_.agree_to_record(at(), carol_, id, true));
  // From somebody who is not calling; from nobody; by the caller; on a socket that shows nothing.
  EXPECT_FALSE(calls_.decline(at(), bob_, "carol", {}));
  EXPECT_FALSE(calls_.decline(at(), bob_, {}, {}));
  EXPECT_FALSE(calls_.decline(at(), alice_, "alice", id));
  EXPECT_FALSE(calls_.accept(at(), 20, bob_, "alice", {}));
  ASSERT_TRUE(calls_.join(at(), 20, bob_, 2, {}));
  on_air(20);
  EXPECT_FALSE(calls_.accept(at(), 20, bob_, "carol", {}));
  EXPECT_FALSE(calls_.accept(at(), 20, bob_, "alice", "another call"));
  EXPECT_FALSE(calls_.accept(at(), 10, alice_, "alice", id));
  EXPECT_EQ(calls_.join(at(), 11, alice_, 1, id).error().code, "in_call") << "nor answers oneself";
  EXPECT_THAT(told(1), IsEmpty());
  EXPECT_THAT(told(4), IsEmpty());
}

TEST_F(CallsTest, DiallingIsLimited) {
  size_t allowed = 0;
  for (int i = 0; i < 5000; ++i) allowed += calls_.may_dial(now_, alice_.id).has_value();
  EXPECT_EQ(allowed, 10u);
  EXPECT_EQ(calls_.may_dial(now_, alice_.id).error().code, "rate_limited");
  EXPECT_TRUE(calls_.may_dial(now_, bob_.id));
  EXPECT_EQ(calls_.counters().rate_limited, 4991u);
}

TEST_F(CallsTest, TheSamePersonIsRungAgainAFewTimesOnly) {
  const auto attempt = [&](ClientId client, const PublicUser& from, const PublicUser& to) {
    const auto permit = calls_.dial(at(), client, from, to, client);
    if (!permit) return permit.error().code;
    EXPECT_TRUE(calls_.decline(at(), to, {}, permit->call_id));
    return std::string("rung");
  };
  for (ClientId client = 10; client < 14; ++client)
    EXPECT_EQ(attempt(client, alice_, bob_), "rung");
  EXPECT_EQ(attempt(14, alice_, bob_), "rate_limited");
  EXPECT_EQ(attempt(15, alice_, carol_), "rung") << "others may be called";
  EXPECT_EQ(attempt(16, bob_, alice_), "rung") << "and may call";
  now_ = now_ + Duration::seconds(120);
  EXPECT_EQ(attempt(17, alice_, bob_), "rung");
  EXPECT_EQ(attempt(18, alice_, bob_), "rate_limited");
}

TEST_F(CallsTest, ACallThatIsAnsweredMakesGoodTheAttempts) {
  for (int i = 0; i < 20; ++i) {
    const std::string id = connect();
    EXPECT_TRUE(calls_.hang_up(at(), bob_, id)) << i;
  }
}

TEST_F(CallsTest, WhoIsBlockedHearsWhatHeWouldHearOfSomebodyWhoIsAway) {
  const auto permit = calls_.dial(at(), 10, alice_, bob_, 1, {}, true);
  ASSERT_FALSE(permit);
  EXPECT_EQ(permit.error().code, "cannot_be_reached");
  EXPECT_THAT(told(2), IsEmpty());
  EXPECT_EQ(over().reason, EndReason::kOffline);
  EXPECT_TRUE(over().kept_from_callee);
  // The same while the callee is busy.
  ASSERT_TRUE(calls_.dial(at(), 20, bob_, carol_, 2));
  EXPECT_EQ(calls_.dial(at(), 10, alice_, bob_, 1, {}, true).error().code, "cannot_be_reached");
}

TEST_F(CallsTest, WhomOneHasBlockedMayStillBeCalledAndAnswer) {
  const std::string id = dial(10, alice_, bob_);
  ASSERT_TRUE(calls_.dial(at(), 20, bob_, alice_, 2, {}, true)) << "Alice has called Bob";
  on_air(10);
  on_air(20);
  EXPECT_THAT(told(1), testing::Contains("accepted bob b20"));
}

TEST_F(CallsTest, EachIsToldWhatTheOtherHasOn) {
  const std::string id = connect();
  const auto shown = [&](LineId line) {
    std::optional<Shown> last;
    CallOutput output;
    while (calls_.poll(output))
      if (const auto* notice = std::get_if<CallNotice>(&output); notice && notice->to == line)
        if (const auto* view = std::get_if<CallView>(&notice->what)) last = view->other_shown;
    return last;
  };
  forget();
  EXPECT_TRUE(calls_.show(at(), alice_, id, {false, true, false}));
  EXPECT_EQ(shown(2), (Shown{false, true, false}));
  EXPECT_TRUE(calls_.show(at(), alice_, id, {false, true, false}));
  EXPECT_EQ(shown(2), std::nullopt) << "nothing new";
  EXPECT_FALSE(calls_.show(at(), carol_, id, {}));
  // A new page of the other is told as well.
  calls_.line_opened(bob_, 2);
  EXPECT_EQ(shown(2), (Shown{false, true, false}));
}

TEST_F(CallsTest, EachIsToldWhoseDeedItWas) {
  const auto by = [&](LineId line) {
    Ended::By last = Ended::By::kNobody;
    CallOutput output;
    std::vector<CallOutput> all;
    while (calls_.poll(output)) all.push_back(output);
    for (const CallOutput& each : all)
      if (const auto* notice = std::get_if<CallNotice>(&each); notice && notice->to == line)
        if (const auto* ended = std::get_if<Ended>(&notice->what)) last = ended->by;
    return last;
  };
  EXPECT_TRUE(calls_.hang_up(at(), alice_, connect()));
  EXPECT_EQ(by(1), Ended::By::kYou);
  EXPECT_TRUE(calls_.hang_up(at(), alice_, connect()));
  EXPECT_EQ(by(2), Ended::By::kOther);
  connect();
  calls_.presenting_ended(at(), 20, PresentingEnd::kStopped);
  EXPECT_EQ(by(1), Ended::By::kOther);
  ring();
  advance(Duration::seconds(30));
  EXPECT_EQ(by(1), Ended::By::kNobody);
}

TEST_F(CallsTest, RecordsWhenBothAgreeAndUntilOneDoesNot) {
  const std::string id = connect();
  forget();
  EXPECT_TRUE(calls_.agree_to_record(at(), alice_, id, true));
  EXPECT_THAT(recorded(), IsEmpty());
  EXPECT_TRUE(calls_.agree_to_record(at(), bob_, id, true));
  EXPECT_THAT(recorded(), ElementsAre("+b10 id-alice id-bob", "+b20 id-bob id-alice"));
  EXPECT_THAT(told(1), ElementsAre("connected b20", "connected b20 recorded"));
  // A new page goes on.
  ASSERT_TRUE(calls_.join(at(), 21, bob_, 2, id));
  EXPECT_THAT(recorded(), IsEmpty()) << "the loss of the broadcast says it";
  EXPECT_THAT(lost(), ElementsAre(20));
  on_air(21);
  EXPECT_THAT(recorded(), ElementsAre("+b21 id-bob id-alice"));
  EXPECT_TRUE(calls_.agree_to_record(at(), alice_, id, false));
  EXPECT_THAT(recorded(), ElementsAre("-b10 id-alice id-bob", "-b21 id-bob id-alice"));
  EXPECT_TRUE(calls_.agree_to_record(at(), alice_, id, true));
  forget();
  EXPECT_TRUE(calls_.hang_up(at(), bob_, id));
  EXPECT_THAT(recorded(), ElementsAre("-b10 id-alice id-bob", "-b21 id-bob id-alice"));
  EXPECT_THAT(lost(), IsEmpty());
}

TEST_F(CallsTest, ABroadcastThatWasThereBeforeOutlivesTheCall) {
  ASSERT_TRUE(calls_.dial(at(), 10, alice_, bob_, 1, "b10"));
  EXPECT_THAT(told(2), ElementsAre("call alice b10", "ringing b10"));
  answer();
  EXPECT_TRUE(calls_.hang_up(at(), bob_, {}));
  EXPECT_THAT(ended(), ElementsAre(20));
  expect_nothing_left();
}

TEST_F(CallsTest, ABroadcastThatWasThereBeforeOutlivesACallThatCrossed) {
  // Bob is live and invites Alice while her own call of him is under way.
  const std::string id = dial(10, alice_, bob_);
  ASSERT_TRUE(calls_.dial(at(), 20, bob_, alice_, 2, "b20"));
  on_air(10);
  EXPECT_THAT(told(1), ElementsAre("ringing -", "accepted bob b20", "accepted b20"));
  EXPECT_TRUE(calls_.hang_up(at(), alice_, id));
  EXPECT_THAT(ended(), ElementsAre(10));
  expect_nothing_left();
}

TEST_F(CallsTest, ABroadcastThatWasThereBeforeOutlivesACrossingCallThatIsCancelled) {
  dial(10, alice_, bob_);
  ASSERT_TRUE(calls_.dial(at(), 20, bob_, alice_, 2, "b20"));
  EXPECT_TRUE(calls_.hang_up(at(), alice_, {}));
  EXPECT_THAT(ended(), ElementsAre(10));
  expect_nothing_left();
}

TEST_F(CallsTest, TheEndOfTheServerEndsEverything) {
  connect();
  ASSERT_FALSE(calls_.empty());
  calls_.shutdown(at());
  EXPECT_THAT(told(1), testing::Contains("ended server_stopping"));
  EXPECT_TRUE(over().accepted);
  expect_nothing_left();
}

}  // namespace
}  // namespace loopcast::app
