// Presenters who are lost: who is waited for, what replaces what, and where links lead.
#include <algorithm>
#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/broadcasts.h"
#include "app/broadcasts_fixture.h"
#include "app/messages.h"

namespace loopcast::app {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Moment at(double seconds) {
  const auto us = static_cast<int64_t>(seconds * 1e6);
  return {Instant::from_us(us), WallTime{1'700'000'000'000'000 + us}};
}

class BroadcastsAwayTest : public testing::Test {
 protected:
  // Notices as "client:what", in order; answers leave them out.
  std::vector<std::string> notices() {
    std::vector<std::string> all;
    Notice notice;
    while (broadcasts.poll_notice(notice)) {
      std::string what;
      if (const auto* failed = std::get_if<Failed>(&notice.what))
        what = "failed " + failed->error.code;
      else if (const auto* closed = std::get_if<Closed>(&notice.what))
        what = "closed " + closed->error.code;
      else if (const auto* back = std::get_if<PresenterBack>(&notice.what))
        what = "back " + back->broadcast_id;
      else if (std::holds_alternative<PresenterAway>(notice.what))
        what = "away";
      else if (const auto* gone = std::get_if<PresenterGone>(&notice.what))
        what = gone->may_return ? "gone for now" : "gone";
      else
        continue;
      all.push_back(std::to_string(notice.to) + ":" + what);
    }
    return all;
  }
  // Changes as "?id" (awaited), "+id", "-id" and what else is said of them, by the names that
  // `names` gives to ids.
  std::vector<std::string> changes() {
    std::vector<std::string> all;
    AirChange change;
    while (broadcasts.poll_air_change(change))
      all.push_back((change.awaited  ? "?"
                     : change.on_air ? "+"
                                     : "-") +
                    change.broadcast_id + (change.lost ? " lost" : "") +
                    (change.was_off ? " was off" : "") +
                    (change.replaces.empty() ? "" : " for " + change.replaces));
    return all;
  }

  static PresentOptions page(const std::string& replaces = {}) {
    PresentOptions options{"offer"};
    options.comes_back = true;
    options.replaces = replaces;
    return options;
  }
  PresentOptions program() {
    PresentOptions options = page(broadcasts.lost_program("id-anna"));
    options.whip = true;
    return options;
  }
  struct OnAir {
    std::string id;
    MediaId media = 0;
    std::string replaces;
  };
  OnAir present(ClientId client, PresentOptions options, Moment when = at(0),
                const std::string& user = "anna") {
    broadcasts.present(when, client, test_user(user), std::move(options));
    return answer(when);
  }
  // The latest session is answered.
  OnAir answer(Moment when = at(0)) {
    OnAir result;
    result.media = media.last();
    broadcasts.handle(when, MediaAnswered{result.media, "sdp"});
    if (heard) broadcasts.handle(when, MediaHeard{result.media});
    std::deque<Notice> others;
    Notice notice;
    while (broadcasts.poll_notice(notice)) {
      if (const auto* answered = std::get_if<Answer>(&notice.what)) {
        result.id = answered->broadcast_id;
        result.replaces = answered->replaces;
      } else {
        others.push_back(notice);
      }
    }
    for (const Notice& other : others)
      if (const auto* back = std::get_if<PresenterBack>(&other.what)) {
        EXPECT_EQ(back->broadcast_id, result.id);
        came_back.push_back(other.to);
      }
    return result;
  }
  void watch(ClientId client, const std::string& id, bool follows = true) {
    broadcasts.watch(client, test_user("v" + std::to_string(client)), id, {"offer", follows});
  }
  void enter(ClientId client, const std::string& id, bool follows = true) {
    watch(client, id, follows);
    answer();
  }

  FakeMedia media;
  Broadcasts broadcasts{media, {4, 64, 1000, 2000}, Random::Seed{3}};
  std::vector<ClientId> came_back;  // in the answers
  bool heard = true;                // who is answered sends at once
};

TEST_F(BroadcastsAwayTest, WhatGoesOnWhereAnotherWasOnAirIsOnAirWithTheAnswer) {
  const OnAir first = present(1, page());
  broadcasts.client_gone(at(1), 1);
  changes();
  heard = false;
  const OnAir second = present(2, page(first.id), at(2));
  EXPECT_THAT(changes(), ElementsAre("+" + second.id + " for " + first.id));
  EXPECT_EQ(broadcasts.list(0, 10).total, 1u);
  broadcasts.handle(at(3), MediaHeard{second.media});
  EXPECT_THAT(changes(), IsEmpty());
}

TEST_F(BroadcastsAwayTest, ViewersFollowThoughNothingHasBeenHeardYetAndNobodyElseIsTold) {
  heard = false;
  const OnAir first = present(1, page());
  enter(5, first.id);
  notices();
  const OnAir second = present(2, page(first.id), at(4));  // the first may not even be lost
  EXPECT_EQ(second.replaces, first.id);
  EXPECT_THAT(came_back, ElementsAre(5));
  EXPECT_THAT(changes(), ElementsAre("?" + first.id, "-" + first.id + " lost was off",
                                     "?" + second.id + " for " + first.id));
  broadcasts.handle(at(5), MediaHeard{second.media});
  EXPECT_THAT(changes(), ElementsAre("+" + second.id + " for " + first.id));
  EXPECT_EQ(broadcasts.find(first.id)->started_at, at(5).wall);
  // One that nobody ever heard is waited for as well, and its end is none for others.
  const OnAir third = present(3, page(), at(6));
  broadcasts.client_gone(at(7), 3);
  broadcasts.handle_timeout(at(7 + 31));
  EXPECT_THAT(changes(), ElementsAre("?" + third.id, "-" + third.id + " lost was off",
                                     "-" + third.id + " was off"));
  EXPECT_FALSE(broadcasts.find(third.id));
}

TEST_F(BroadcastsAwayTest, ViewersWaitAndFollowToWhatReplacesTheBroadcast) {
  const OnAir first = present(1, page());
  enter(2, first.id);
  enter(3, first.id, false);  // of the first generation
  watch(4, first.id);         // not answered yet
  notices();
  changes();
  broadcasts.client_gone(at(5), 1);
  EXPECT_THAT(notices(), ElementsAre("2:away", "3:gone for now", "4:away"));
  EXPECT_THAT(changes(), ElementsAre("-" + first.id + " lost"));
  EXPECT_FALSE(broadcasts.find(first.id));
  EXPECT_EQ(broadcasts.list(0, 10).total, 0u);
  EXPECT_EQ(broadcasts.viewers(), 0u);
  EXPECT_EQ(broadcasts.away(), 1u);
  EXPECT_EQ(broadcasts.next_timeout(), at(35).now);
  // Who comes meanwhile waits as well, if he can.
  watch(5, first.id);
  watch(6, first.id, false);
  EXPECT_THAT(notices(), ElementsAre("5:away", "6:gone for now"));
  broadcasts.stop(at(6), 4);
  EXPECT_THAT(notices(), IsEmpty());

  const OnAir second = present(10, page(first.id), at(9));
  EXPECT_EQ(second.replaces, first.id);
  EXPECT_THAT(came_back, ElementsAre(2, 5));
  EXPECT_THAT(changes(), ElementsAre("+" + second.id + " for " + first.id));
  EXPECT_EQ(broadcasts.find(second.id)->started_at, at(0).wall) << "it goes on";
  // Both links lead to it, and a viewer may ask again on the same connection.
  enter(2, first.id);
  enter(5, second.id);
  EXPECT_EQ(broadcasts.find(first.id)->id, second.id);
  EXPECT_TRUE(broadcasts.may_watch(first.id, "id-x"));
  EXPECT_EQ(broadcasts.find(second.id)->viewers, 2u);
  broadcasts.handle_timeout(at(60));
  EXPECT_TRUE(broadcasts.find(first.id)) << "nobody waits any more";
  broadcasts.stop(at(61), 10);
  EXPECT_THAT(notices(), ElementsAre("2:gone", "5:gone"));
  watch(7, first.id);
  EXPECT_THAT(notices(), ElementsAre("7:gone"));
  for (ClientId client = 1; client <= 10; ++client) broadcasts.client_gone(at(62), client);
  EXPECT_TRUE(broadcasts.empty());
  EXPECT_EQ(media.misuse, 0);
}

TEST_F(BroadcastsAwayTest, WhoDoesNotComeBackInTimeHasEnded) {
  const OnAir first = present(1, page());
  enter(2, first.id);
  notices();
  changes();
  broadcasts.handle(at(0), MediaEnded{first.media, "silence"});
  broadcasts.client_gone(at(1), 1);
  EXPECT_THAT(notices(), ElementsAre("2:away", "1:closed media_lost"));
  broadcasts.handle_timeout(at(29));
  EXPECT_THAT(notices(), IsEmpty());
  broadcasts.handle_timeout(at(30));
  EXPECT_THAT(notices(), ElementsAre("2:gone"));
  EXPECT_THAT(changes(), ElementsAre("-" + first.id + " lost", "-" + first.id + " was off"));
  EXPECT_TRUE(broadcasts.next_timeout().is_never());
  const OnAir late = present(3, page(first.id), at(31));
  EXPECT_EQ(late.replaces, "");
  EXPECT_FALSE(broadcasts.find(first.id));
}

TEST_F(BroadcastsAwayTest, APresenterWhoIsBackBeforeTheLossWasNoticedTakesOver) {
  const OnAir first = present(1, page());
  enter(2, first.id);
  notices();
  changes();
  for (const std::string& wrong : {std::string("another"), std::string()}) {
    present(7, page(wrong));
    broadcasts.stop(at(0), 7);
  }
  present(8, page(first.id), at(0), "ben");
  broadcasts.stop(at(0), 8);
  EXPECT_TRUE(broadcasts.find(first.id)) << "another user's, or another broadcast";
  notices();
  changes();
  broadcasts.present(at(1), 3, test_user("anna"), page(first.id));
  EXPECT_THAT(notices(), ElementsAre("2:away", "1:closed replaced"));
  // The old connection is heard again, or noticed to be dead: too late for either.
  broadcasts.stop(at(1), 1);
  broadcasts.give_up(at(1), "id-anna", "unknown");
  broadcasts.client_gone(at(1), 1);
  const OnAir second = answer(at(1));
  EXPECT_EQ(second.replaces, first.id);
  EXPECT_THAT(came_back, ElementsAre(2));
  // What the old connection says of itself does not concern the new one.
  broadcasts.give_up(at(2), "id-anna", first.id);
  EXPECT_TRUE(broadcasts.find(second.id));
}

TEST_F(BroadcastsAwayTest, AReplacementThatIsRefusedLeavesTheOtherWaiting) {
  const OnAir first = present(1, page());
  enter(2, first.id);
  broadcasts.present(at(1), 3, test_user("anna"), page(first.id));
  broadcasts.handle(at(1), MediaRefused{media.last(), {"bad_sdp", "Bad."}});
  notices();
  EXPECT_EQ(present(3, page(first.id), at(2)).replaces, first.id);
  EXPECT_THAT(came_back, ElementsAre(2));
}

TEST_F(BroadcastsAwayTest, AStopEndsWhatIsAwayAtOnceWhicheverIdItNames) {
  const OnAir first = present(1, page());
  const OnAir second = present(3, page(first.id));
  enter(2, first.id);
  broadcasts.client_gone(at(1), 3);
  notices();
  changes();
  broadcasts.stop_broadcast(at(2), "id-ben", first.id);
  EXPECT_THAT(notices(), IsEmpty()) << "of another";
  broadcasts.give_up(at(2), "id-anna", first.id);
  EXPECT_THAT(notices(), IsEmpty()) << "the connection before does not speak for it";
  broadcasts.stop_broadcast(at(2), "id-anna", first.id);
  EXPECT_THAT(notices(), ElementsAre("2:gone"));
  EXPECT_THAT(changes(), ElementsAre("-" + second.id + " was off"));
  EXPECT_EQ(broadcasts.away(), 0u);
}

TEST_F(BroadcastsAwayTest, AStopEndsWhatIsOnAirOverAConnectionThatIsDead) {
  const OnAir first = present(1, page());
  enter(2, first.id);
  notices();
  broadcasts.stop_broadcast(at(2), "id-anna", first.id);
  EXPECT_THAT(notices(), ElementsAre("2:gone", "1:closed replaced"));
  const OnAir call = [&] {
    PresentOptions options = page();
    options.visible_to = {"id-ben"};
    return present(4, options);
  }();
  broadcasts.stop_broadcast(at(2), "id-anna", call.id);
  EXPECT_TRUE(broadcasts.find(call.id)) << "calls are ended by hanging up";
}

TEST_F(BroadcastsAwayTest, NobodyWaitsForClientsThatDoNotComeBackNorInCalls) {
  for (const bool call : {false, true}) {
    PresentOptions options{"offer"};
    if (call) options.visible_to = {"id-v2"};
    options.comes_back = call;
    const OnAir first = present(1, options);
    enter(2, first.id);
    notices();
    changes();
    if (call)
      broadcasts.lose(at(1), 1);
    else
      broadcasts.client_gone(at(1), 1);
    EXPECT_THAT(notices(), ElementsAre("2:gone"));
    // A call waits by itself, and its recording with it.
    EXPECT_THAT(changes(), ElementsAre("-" + first.id + (call ? " lost" : "")));
    EXPECT_EQ(broadcasts.away(), 0u);
  }
}

TEST_F(BroadcastsAwayTest, APublicBroadcastNeverTakesTheViewersOfACallNorTheReverse) {
  PresentOptions options = page();
  options.visible_to = {"id-v2"};
  const OnAir call = present(1, options);
  enter(2, call.id);
  notices();
  EXPECT_EQ(present(3, page(call.id)).replaces, "");
  EXPECT_THAT(came_back, IsEmpty());
  const OnAir open = present(4, page());
  enter(5, open.id);
  broadcasts.client_gone(at(1), 4);
  options.replaces = open.id;
  EXPECT_EQ(present(6, options).replaces, "");
  EXPECT_THAT(came_back, IsEmpty());
  EXPECT_FALSE(broadcasts.find(open.id));
}

TEST_F(BroadcastsAwayTest, AProgramGoesOnWithItsSilentOrLostBroadcastAndNoOther) {
  EXPECT_EQ(broadcasts.lost_program("id-anna"), "");
  const OnAir of_page = present(1, page());
  const OnAir camera = present(2, program());
  const OnAir other = present(3, program());
  EXPECT_TRUE(broadcasts.silence_unknown("id-anna"));
  EXPECT_FALSE(broadcasts.silence_unknown("id-ben"));
  broadcasts.handle(at(1), MediaSilent{of_page.media});
  broadcasts.handle(at(1), MediaSilent{camera.media});
  broadcasts.handle(at(2), MediaHeard{camera.media});
  EXPECT_EQ(broadcasts.lost_program("id-anna"), "") << "heard again, or a page's";
  broadcasts.handle(at(3), MediaSilent{camera.media});
  EXPECT_FALSE(broadcasts.silence_unknown("id-anna"));
  EXPECT_EQ(broadcasts.lost_program("id-anna"), camera.id);
  EXPECT_EQ(broadcasts.lost_program("id-ben"), "");
  // Silent and then lost, it is the same one.
  broadcasts.handle(at(20), MediaEnded{camera.media, "no consent"});
  EXPECT_EQ(broadcasts.lost_program("id-anna"), camera.id);
  EXPECT_EQ(present(4, program(), at(21)).replaces, camera.id);
  EXPECT_TRUE(broadcasts.find(of_page.id));
  EXPECT_TRUE(broadcasts.find(other.id));
  // Of several that are silent, the last to fall silent.
  broadcasts.handle(at(30), MediaSilent{media.last()});
  broadcasts.handle(at(31), MediaSilent{other.media});
  EXPECT_EQ(present(5, program(), at(32)).replaces, other.id);
  EXPECT_EQ(present(6, program(), at(33)).replaces, broadcasts.find(camera.id)->id)
      << "then the one before";
}

TEST_F(BroadcastsAwayTest, ManyReturnsKeepTheFirstLinkAndAreBounded) {
  std::vector<std::string> ids = {present(1, page()).id};
  for (ClientId client = 2; client < 100; ++client)
    ids.push_back(present(client, page(ids.back())).id);
  EXPECT_EQ(broadcasts.find(ids.front())->id, ids.back());
  EXPECT_FALSE(broadcasts.find(ids[1]));
  EXPECT_TRUE(broadcasts.find(ids[ids.size() - kMaxFormerIds]));
  EXPECT_EQ(broadcasts.away(), 0u);
  for (ClientId client = 1; client < 100; ++client) broadcasts.stop(at(0), client);
  for (ClientId client = 1; client < 100; ++client) broadcasts.client_gone(at(0), client);
  EXPECT_TRUE(broadcasts.empty());
}

TEST_F(BroadcastsAwayTest, OneUserIsWaitedForAFewTimesOnly) {
  std::vector<std::string> ids;
  for (ClientId client = 1; client <= 6; ++client) {
    ids.push_back(present(client, page(), at(static_cast<double>(client))).id);
    broadcasts.client_gone(at(static_cast<double>(client)), client);
  }
  EXPECT_EQ(broadcasts.away(), 4u);
  EXPECT_EQ(present(7, page(ids[1]), at(7)).replaces, "");
  EXPECT_EQ(present(8, page(ids[2]), at(7)).replaces, ids[2]);
}

TEST_F(BroadcastsAwayTest, AViewerWhoseWorkerKnowsOfTheLossFirstWaitsToo) {
  const OnAir first = present(1, page());
  watch(2, first.id);
  broadcasts.handle(at(0), MediaRefused{media.last(), make_error(Code::kPublisherGone)});
  EXPECT_THAT(notices(), ElementsAre("2:away"));
  broadcasts.add_candidate(2, "of the offer that is gone");
  broadcasts.restart_ice(2, "fragment");
  EXPECT_THAT(notices(), ElementsAre("2:failed not_active"));
  broadcasts.handle(at(1), MediaEnded{first.media, "silence"});
  notices();
  present(3, page(first.id), at(2));
  EXPECT_THAT(came_back, ElementsAre(2));
  EXPECT_EQ(media.misuse, 0);
}

TEST_F(BroadcastsAwayTest, ShutdownEndsWhatIsAway) {
  const OnAir first = present(1, page());
  enter(2, first.id);
  broadcasts.client_gone(at(1), 1);
  notices();
  broadcasts.shutdown(at(2));
  EXPECT_THAT(notices(), ElementsAre("2:gone"));
  broadcasts.client_gone(at(3), 2);
  EXPECT_TRUE(broadcasts.empty());
}

TEST_F(BroadcastsAwayTest, ViewersAreToldWhatIsSentButNotEachTimeOfManyThatFollow) {
  const OnAir first = present(1, page());
  enter(2, first.id);
  enter(3, first.id, false);
  const auto told = [&] {
    std::vector<std::string> all;
    Notice notice;
    while (broadcasts.poll_notice(notice))
      if (const auto* sends = std::get_if<PresenterSends>(&notice.what))
        all.push_back(std::to_string(notice.to) + (sends->what.sound ? "s" : "-") +
                      (sends->what.picture ? "p" : "-") + (sends->what.heard ? "" : " silent"));
    return all;
  };
  broadcasts.set_sending(at(1), 1, true, true);
  EXPECT_THAT(told(), IsEmpty());
  broadcasts.set_sending(at(1), 1, false, true);
  EXPECT_THAT(told(), ElementsAre("2-p"));
  for (int i = 0; i < 100; ++i) broadcasts.set_sending(at(1.1), 1, i % 2 == 0, true);
  broadcasts.set_sending(at(1.2), 1, true, false);
  broadcasts.set_sending(at(1.2), 2, false, false);  // a viewer
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_EQ(broadcasts.next_timeout(), at(1.5).now);
  broadcasts.handle_timeout(at(1.5));
  EXPECT_THAT(told(), ElementsAre("2s-"));
  // Who comes later is told as well.
  watch(4, first.id);
  broadcasts.handle(at(1.6), MediaAnswered{media.last(), "sdp"});
  EXPECT_THAT(told(), ElementsAre("4s-"));
  broadcasts.set_sending(at(1.7), 1, true, true);
  broadcasts.set_sending(at(1.8), 1, true, false);
  broadcasts.handle_timeout(at(2));
  EXPECT_THAT(told(), IsEmpty());
  // So they are when nothing comes, before anybody knows whether the presenter is lost.
  broadcasts.handle(at(2.1), MediaSilent{first.media});
  broadcasts.handle(at(2.5), MediaHeard{first.media});
  broadcasts.handle_timeout(at(2.6));
  EXPECT_THAT(told(), ElementsAre("2s- silent", "4s- silent", "2s-", "4s-"));
  // Another connection sends everything until it says otherwise.
  broadcasts.set_sending(at(3), 1, false, false);
  broadcasts.client_gone(at(3), 1);
  told();
  present(5, page(first.id), at(4));
  watch(2, first.id);
  broadcasts.handle(at(4), MediaAnswered{media.last(), "sdp"});
  EXPECT_THAT(told(), IsEmpty());
  broadcasts.handle_timeout(at(9));
}

// The signs that a presenter who leaves gives, in every order and with any of them missing: where
// "stop" is among them the broadcast has ended, once and for good, and otherwise it waits.
class BroadcastsSigns : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(HeardOrNot, BroadcastsSigns, testing::Bool());

TEST_P(BroadcastsSigns, MeanTheSameInEveryOrder) {
  const bool heard = GetParam();
  enum Sign : int { kStop, kMedia, kSocket, kNamedStop, kSilent, kSigns };
  for (int present = 1; present < 1 << kSigns; ++present) {
    std::vector<int> signs;
    for (int sign = 0; sign < kSigns; ++sign)
      if ((present >> sign & 1) != 0) signs.push_back(sign);
    do {
      SCOPED_TRACE(testing::PrintToString(signs));
      FakeMedia media;
      Broadcasts broadcasts(media, {}, Random::Seed{3});
      PresentOptions options{"offer"};
      options.comes_back = true;
      broadcasts.present(at(0), 1, test_user("anna"), options);
      broadcasts.handle(at(0), MediaAnswered{1, "sdp"});
      if (heard) broadcasts.handle(at(0), MediaHeard{1});
      Notice notice;
      ASSERT_TRUE(broadcasts.poll_notice(notice));
      const std::string id = std::get<Answer>(notice.what).broadcast_id;
      broadcasts.watch(2, test_user("ben"), id, {"offer", true});
      broadcasts.handle(at(0), MediaAnswered{2, "sdp"});

      bool socket = true, stopped = false, lost = false;
      for (const int sign : signs) {
        if (sign == kStop && socket) {
          // As the event of a page: what it presents, and what it presented last.
          broadcasts.stop(at(1), 1);
          broadcasts.give_up(at(1), "id-anna", id);
          stopped = true;
        } else if (sign == kMedia) {
          broadcasts.handle(at(1), MediaEnded{1, "lost"});
          lost = true;
        } else if (sign == kSocket) {
          broadcasts.client_gone(at(1), 1);
          socket = false;
          lost = true;
        } else if (sign == kNamedStop) {
          broadcasts.stop_broadcast(at(1), "id-anna", id);
          stopped = true;
        } else if (sign == kSilent) {
          broadcasts.handle(at(1), MediaSilent{1});
        }
      }
      int away = 0, gone = 0, off = 0, over = 0;
      while (broadcasts.poll_notice(notice)) {
        if (notice.to != 2) continue;
        away += std::holds_alternative<PresenterAway>(notice.what);
        gone += std::holds_alternative<PresenterGone>(notice.what);
      }
      AirChange change;
      while (broadcasts.poll_air_change(change)) {
        if (change.on_air || change.awaited) continue;
        off += !change.was_off;
        over += !change.lost;
      }
      EXPECT_EQ(broadcasts.away(), lost && !stopped ? 1u : 0u);
      EXPECT_EQ(gone, stopped ? 1 : 0);
      EXPECT_EQ(over, stopped ? 1 : 0);
      // Nobody else was told of what was never heard.
      EXPECT_EQ(off, heard && (lost || stopped) ? 1 : 0);
      EXPECT_LE(away, 1);
      broadcasts.handle_timeout(at(59));  // before what is not heard ends by itself
      while (broadcasts.poll_notice(notice))
        gone += std::holds_alternative<PresenterGone>(notice.what);
      EXPECT_EQ(gone, lost || stopped ? 1 : 0);
      broadcasts.client_gone(at(61), 1);
      broadcasts.client_gone(at(61), 2);
      broadcasts.handle_timeout(at(100));
      EXPECT_TRUE(broadcasts.empty());
      EXPECT_EQ(media.misuse, 0);
    } while (std::ranges::next_permutation(signs).found);
  }
}

}  // namespace
}  // namespace loopcast::app
