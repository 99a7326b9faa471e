#include "app/broadcasts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/broadcasts_fixture.h"

namespace loopcast::app {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr Moment kNow{Instant::from_us(1'000'000), WallTime{1'700'000'000'000'000}};
constexpr ClientId kPresenter = 1;

class BroadcastsTest : public testing::Test {
 protected:
  // Notices as "client:what", in order.
  std::vector<std::string> notices() {
    std::vector<std::string> all;
    Notice notice;
    while (broadcasts.poll_notice(notice))
      all.push_back(std::to_string(notice.to) + ":" +
                    std::visit([](const auto& what) { return text(what); }, notice.what));
    return all;
  }
  static std::string text(const Answer& answer) { return "answer " + answer.sdp; }
  static std::string text(const Restarted& restarted) { return "restarted " + restarted.fragment; }
  static std::string text(const Failed& failed) { return "failed " + failed.error.code; }
  static std::string text(const Closed& closed) { return "closed " + closed.error.code; }
  static std::string text(const PresenterGone&) { return "gone"; }
  static std::string text(const PresenterAway&) { return "away"; }
  static std::string text(const PresenterSends& sends) {
    return std::string("sends ") + (sends.what.sound ? "s" : "") + (sends.what.picture ? "p" : "");
  }
  static std::string text(const PresenterBack& back) { return "back " + back.broadcast_id; }
  static std::string text(const ViewerEntered& entered) { return "+" + entered.user.nickname; }
  static std::string text(const ViewerLeft& left) { return "-" + left.user.nickname; }

  // A broadcast on air; its id.
  std::string on_air(ClientId client = kPresenter, const std::string& user = "anna",
                     std::optional<std::vector<std::string>> visible_to = {}, bool whip = false) {
    broadcasts.present(kNow, client, test_user(user),
                       {"offer", true, std::move(visible_to), {}, whip});
    broadcasts.handle(kNow, MediaAnswered{media.last(), "sdp"});
    broadcasts.handle(kNow, MediaHeard{media.last()});
    std::string id;
    Notice notice;
    while (broadcasts.poll_notice(notice))
      if (const auto* answer = std::get_if<Answer>(&notice.what)) id = answer->broadcast_id;
    return id;
  }
  // A viewer who has entered; its media.
  MediaId enter(ClientId client, const std::string& user, const std::string& id) {
    broadcasts.watch(client, test_user(user), id, {"offer"});
    broadcasts.handle(kNow, MediaAnswered{media.last(), "sdp"});
    return media.last();
  }

  FakeMedia media;
  BroadcastLimits limits{4, 64, 1000, 2000};
  Broadcasts broadcasts{media, limits, Random::Seed{3}};
};

TEST_F(BroadcastsTest, IsThereFromTheAnswerAndOnAirFromTheFirstPacket) {
  broadcasts.present(kNow, kPresenter, test_user("anna"), {"the offer", false, {}});
  ASSERT_EQ(media.sessions.size(), 1u);
  EXPECT_EQ(media.sessions[1].offer, "the offer");
  EXPECT_THAT(notices(), IsEmpty());
  EXPECT_EQ(broadcasts.list(0, 10).total, 0u);

  broadcasts.handle(kNow, MediaAnswered{1, "the answer"});
  Notice notice;
  ASSERT_TRUE(broadcasts.poll_notice(notice));
  const Answer& answer = std::get<Answer>(notice.what);
  EXPECT_EQ(notice.to, kPresenter);
  EXPECT_EQ(answer.sdp, "the answer");
  const auto info = broadcasts.find(answer.broadcast_id);
  ASSERT_TRUE(info);
  EXPECT_EQ(info->id, answer.broadcast_id);
  EXPECT_EQ(info->id.size(), kIdLength);
  EXPECT_EQ(info->user, test_user("anna"));
  EXPECT_EQ(info->started_at, kNow.wall);
  EXPECT_FALSE(info->record);
  EXPECT_TRUE(info->listed);

  // Whoever has its id may come before the first packet.
  enter(2, "ben", info->id);
  EXPECT_THAT(notices(), ElementsAre("2:answer sdp", "1:+ben"));
  AirChange change;
  ASSERT_TRUE(broadcasts.poll_air_change(change));
  EXPECT_TRUE(change.awaited);
  EXPECT_FALSE(change.on_air);
  EXPECT_FALSE(broadcasts.poll_air_change(change));
  EXPECT_EQ(broadcasts.list(0, 10).total, 0u);
  EXPECT_EQ(broadcasts.on_air(), 0u);
  const Moment later{kNow.now + Duration::seconds(9), {kNow.wall.us + 9'000'000}};
  broadcasts.handle(later, MediaHeard{1});
  broadcasts.handle(later, MediaSilent{1});
  broadcasts.handle(later, MediaHeard{1});
  ASSERT_TRUE(broadcasts.poll_air_change(change));
  EXPECT_TRUE(change.on_air);
  EXPECT_EQ(change.broadcast_id, info->id);
  EXPECT_FALSE(broadcasts.poll_air_change(change)) << "once";
  ASSERT_EQ(broadcasts.list(0, 10).total, 1u);
  EXPECT_EQ(broadcasts.find(info->id)->started_at, later.wall);
  broadcasts.handle_timeout({kNow.now + kHeardWithin, later.wall});
  EXPECT_THAT(notices(), IsEmpty());
  EXPECT_EQ(broadcasts.on_air(), 1u);
}

TEST_F(BroadcastsTest, EndsIfNothingIsHeardOfIt) {
  broadcasts.present(kNow, kPresenter, test_user("anna"), {"offer"});
  broadcasts.handle(kNow, MediaAnswered{1, "sdp"});
  Notice notice;
  ASSERT_TRUE(broadcasts.poll_notice(notice));
  const std::string id = std::get<Answer>(notice.what).broadcast_id;
  enter(2, "ben", id);
  notices();
  ASSERT_EQ(broadcasts.next_timeout(), kNow.now + kHeardWithin);
  broadcasts.handle_timeout({kNow.now + kHeardWithin, kNow.wall});
  EXPECT_THAT(notices(), ElementsAre("2:gone", "1:closed media_lost"));
  AirChange change;
  ASSERT_TRUE(broadcasts.poll_air_change(change));
  EXPECT_TRUE(change.awaited);
  ASSERT_TRUE(broadcasts.poll_air_change(change));
  EXPECT_TRUE(change.was_off);
  EXPECT_FALSE(broadcasts.poll_air_change(change));
  EXPECT_EQ(broadcasts.counters().broadcasts_unheard, 1u);
  EXPECT_EQ(broadcasts.counters().broadcasts_started, 0u);
  broadcasts.client_gone(kNow, kPresenter);
  broadcasts.client_gone(kNow, 2);
  EXPECT_TRUE(broadcasts.empty());
}

TEST_F(BroadcastsTest, ACallIsOnAirFromTheAnswerAndNeedSendNothing) {
  broadcasts.present(kNow, kPresenter, test_user("anna"),
                     {"offer", false, std::vector<std::string>{"id-ben"}});
  broadcasts.handle(kNow, MediaAnswered{1, "sdp"});
  AirChange change;
  ASSERT_TRUE(broadcasts.poll_air_change(change));
  EXPECT_TRUE(change.on_air);
  EXPECT_TRUE(broadcasts.next_timeout().is_never());
  broadcasts.handle(kNow, MediaHeard{1});
  EXPECT_FALSE(broadcasts.poll_air_change(change));
}

TEST_F(BroadcastsTest, TellsPresenterAndOtherViewersOfEachEntryAndLeave) {
  const std::string id = on_air();
  enter(2, "ben", id);
  EXPECT_THAT(notices(), ElementsAre("2:answer sdp", "1:+ben"));
  enter(3, "cleo", id);
  EXPECT_THAT(notices(), ElementsAre("3:answer sdp", "1:+cleo", "2:+cleo"));
  EXPECT_EQ(broadcasts.find(id)->viewers, 2u);

  broadcasts.stop(kNow, 2);
  broadcasts.stop(kNow, 2);
  broadcasts.client_gone(kNow, 2);
  EXPECT_THAT(notices(), ElementsAre("1:-ben", "3:-ben"));
  EXPECT_EQ(broadcasts.find(id)->viewers, 1u);
}

TEST_F(BroadcastsTest, WhoEntersHearsOfThoseWhoAreHereAndOfNobodyHeWillNotHearOf) {
  const std::string id = on_air();
  // Who the viewer is told of, newest last.
  const auto watching = [&](ClientId client) {
    notices();
    enter(client, "v" + std::to_string(client), id);
    std::vector<std::string> names;
    Notice notice;
    while (broadcasts.poll_notice(notice))
      if (const auto* answer = std::get_if<Answer>(&notice.what))
        for (const PublicUser& user : answer->watching) names.push_back(user.nickname);
    return names;
  };
  EXPECT_THAT(watching(2), IsEmpty());
  EXPECT_THAT(watching(3), ElementsAre("v2"));
  broadcasts.watch(4, test_user("waits"), id, {"offer"});  // has not entered
  broadcasts.stop(kNow, 2);
  EXPECT_THAT(watching(5), ElementsAre("v3"));
  for (ClientId client = 6; client < 70; ++client) watching(client);
  const auto many = watching(70);
  ASSERT_EQ(many.size(), kMaxNamed);
  EXPECT_EQ(many.front(), "v20");
  EXPECT_EQ(many.back(), "v69");
  ClientId last = 70;
  while (broadcasts.find(id)->viewers < kNoticeAudience) watching(++last);
  EXPECT_THAT(watching(last + 1), IsEmpty()) << "he is told of nobody";
}

TEST_F(BroadcastsTest, ALostViewerLeavesLikeAnyOther) {
  const std::string id = on_air();
  enter(2, "ben", id);
  const MediaId media_id = enter(3, "cleo", id);
  notices();
  broadcasts.handle(kNow, MediaEnded{media_id, "timeout"});
  EXPECT_THAT(notices(), ElementsAre("1:-cleo", "2:-cleo", "3:closed media_lost"));
  EXPECT_EQ(media.sessions[media_id].stops, 1);
  broadcasts.client_gone(kNow, 3);
  EXPECT_THAT(notices(), IsEmpty());
}

TEST_F(BroadcastsTest, AGoodbyeIsAStopOfWhoDoesNotComeBackAndALossOfOthers) {
  for (const bool stops : {true, false}) {
    PresentOptions options;
    options.offer = "offer";
    options.comes_back = !stops;
    broadcasts.present(kNow, 1, test_user("anna"), options);
    broadcasts.handle(kNow, MediaAnswered{media.last(), "sdp"});
    broadcasts.handle(kNow, MediaHeard{media.last()});
    AirChange change;
    while (broadcasts.poll_air_change(change)) {
    }
    broadcasts.handle(kNow, MediaEnded{media.last(), "closed", true});
    ASSERT_TRUE(broadcasts.poll_air_change(change));
    EXPECT_FALSE(change.on_air);
    EXPECT_EQ(change.lost, !stops);
    Notice notice;
    ASSERT_TRUE(broadcasts.poll_notice(notice));  // the answer
    ASSERT_TRUE(broadcasts.poll_notice(notice));
    EXPECT_TRUE(std::get<Closed>(notice.what).goodbye);
    broadcasts.client_gone(kNow, 1);
  }
  EXPECT_EQ(broadcasts.counters().media_closed, 2u);
  EXPECT_EQ(broadcasts.counters().media_lost, 0u);
}

TEST_F(BroadcastsTest, AViewerWithoutAnAnswerNeverEntered) {
  const std::string id = on_air();
  broadcasts.watch(2, test_user("ben"), id, {"offer"});
  broadcasts.client_gone(kNow, 2);
  EXPECT_THAT(notices(), IsEmpty());
  broadcasts.handle(kNow, MediaAnswered{media.last(), "too late"});
  EXPECT_THAT(notices(), IsEmpty());
  EXPECT_EQ(broadcasts.counters().stale_media_events, 1u);
}

TEST_F(BroadcastsTest, TheEndOfABroadcastIsToldToEveryViewerOnce) {
  for (const int how : {0, 1, 2}) {
    const std::string id = on_air();
    const MediaId presenter_media = media.last();
    enter(2, "ben", id);
    enter(3, "anna", id);                                   // her own
    broadcasts.watch(4, test_user("dora"), id, {"offer"});  // not answered yet
    notices();
    if (how == 0) broadcasts.stop(kNow, kPresenter);
    if (how == 1) broadcasts.client_gone(kNow, kPresenter);
    if (how == 2) broadcasts.handle(kNow, MediaEnded{presenter_media, "dtls"});
    auto told = notices();
    if (how == 2) {
      EXPECT_EQ(told.back(), "1:closed media_lost");
      told.pop_back();
    }
    EXPECT_THAT(told, ElementsAre("2:gone", "3:gone", "4:gone"));
    EXPECT_FALSE(broadcasts.find(id));
    EXPECT_EQ(broadcasts.viewers(), 0u);
    for (ClientId client = 1; client <= 4; ++client) broadcasts.client_gone(kNow, client);
    EXPECT_THAT(notices(), IsEmpty());
    EXPECT_TRUE(broadcasts.empty());
  }
  for (const auto& [id, session] : media.sessions) EXPECT_EQ(session.stops, 1) << id;
}

TEST_F(BroadcastsTest, WhatDoesNotExistIsGone) {
  broadcasts.watch(2, test_user("ben"), "nothing", {"offer"});
  EXPECT_THAT(notices(), ElementsAre("2:gone"));
  EXPECT_TRUE(media.sessions.empty());
  EXPECT_EQ(broadcasts.counters().presenter_not_found, 1u);
  EXPECT_TRUE(broadcasts.empty());
}

TEST_F(BroadcastsTest, ABroadcastThatIsNotAnsweredDoesNotExistYet) {
  // The id is known to nobody then; this is what a seed of the same value gives.
  Random random{Random::Seed{3}};
  const std::string id = make_id(random);
  broadcasts.present(kNow, kPresenter, test_user("anna"), {"offer", true, {}});
  broadcasts.watch(2, test_user("ben"), id, {"offer"});
  EXPECT_THAT(notices(), ElementsAre("2:gone"));
  broadcasts.handle(kNow, MediaAnswered{1, "sdp"});
  EXPECT_TRUE(broadcasts.find(id));
}

TEST_F(BroadcastsTest, ACallIsForTheInvitedOnlyAndNotListed) {
  const std::string id = on_air(kPresenter, "anna", std::vector<std::string>{"id-ben"});
  EXPECT_EQ(broadcasts.list(0, 10).total, 0u);
  EXPECT_FALSE(broadcasts.find(id)->listed);
  EXPECT_TRUE(broadcasts.may_watch(id, "id-anna"));
  EXPECT_TRUE(broadcasts.may_watch(id, "id-ben"));
  EXPECT_FALSE(broadcasts.may_watch(id, "id-eve"));
  enter(2, "eve", id);
  EXPECT_THAT(notices(), ElementsAre("2:gone"));
  enter(3, "ben", id);
  EXPECT_THAT(notices(), ElementsAre("3:answer sdp", "1:+ben"));
  broadcasts.stop(kNow, kPresenter);
  EXPECT_THAT(notices(), ElementsAre("3:gone"));
}

TEST_F(BroadcastsTest, TooManyInvited) {
  broadcasts.present(kNow, 1, test_user("anna"),
                     {"offer", true, std::vector<std::string>(17, "x")});
  EXPECT_THAT(notices(), ElementsAre("1:failed bad_request"));
  EXPECT_TRUE(broadcasts.empty());
}

TEST_F(BroadcastsTest, KeepsCandidatesUntilTheOffer) {
  for (int i = 0; i < 70; ++i) broadcasts.add_candidate(kPresenter, "c" + std::to_string(i));
  EXPECT_EQ(broadcasts.counters().candidates_dropped, 70 - kMaxCandidates);
  broadcasts.add_candidate(2, "early");
  broadcasts.add_candidate(2, std::string(kMaxCandidateBytes + 1, 'x'));
  const std::string id = on_air();
  EXPECT_EQ(media.sessions[1].candidates.size(), kMaxCandidates);
  EXPECT_EQ(media.sessions[1].candidates[5], "c5");
  broadcasts.watch(2, test_user("ben"), id, {"offer"});
  broadcasts.add_candidate(2, "late");
  EXPECT_THAT(media.sessions[2].candidates, ElementsAre("early", "late"));
  broadcasts.client_gone(kNow, 1);
  broadcasts.client_gone(kNow, 2);
  EXPECT_TRUE(broadcasts.empty());
}

TEST_F(BroadcastsTest, RefusedOffersLeaveNothing) {
  broadcasts.present(kNow, kPresenter, test_user("anna"), {"bad", true, {}});
  broadcasts.handle(kNow, MediaRefused{1, {"bad_sdp", "Bad."}});
  EXPECT_THAT(notices(), ElementsAre("1:failed bad_sdp"));
  EXPECT_EQ(media.sessions[1].stops, 1);
  const std::string id = on_air();  // the same client may try again
  broadcasts.watch(2, test_user("ben"), id, {"offer"});
  broadcasts.handle(kNow, MediaRefused{media.last(), {"no_common_codec", "None."}});
  EXPECT_THAT(notices(), ElementsAre("2:failed no_common_codec"));
  broadcasts.watch(2, test_user("ben"), id, {"offer"});
  broadcasts.handle(kNow, MediaRefused{media.last(), {"publisher_gone", "Gone."}});
  EXPECT_THAT(notices(), ElementsAre("2:gone"));
  EXPECT_EQ(broadcasts.counters().viewers_entered, 0u);
}

TEST_F(BroadcastsTest, ARunningViewerIsNotToldThatThePresenterIsGoneByARefusedRestart) {
  const std::string id = on_air();
  const MediaId viewer = enter(2, "ben", id);
  notices();
  broadcasts.restart_ice(2, "frag");
  broadcasts.handle(kNow, MediaRefused{viewer, {"publisher_gone", "Gone."}});
  EXPECT_THAT(notices(), ElementsAre("2:failed publisher_gone"));
  EXPECT_TRUE(media.running(viewer));
}

TEST_F(BroadcastsTest, AClientDoesOneThingAtATime) {
  const std::string id = on_air();
  broadcasts.present(kNow, kPresenter, test_user("anna"), {"offer", true, {}});
  broadcasts.watch(kPresenter, test_user("anna"), id, {"offer"});
  enter(2, "ben", id);
  notices();
  broadcasts.watch(2, test_user("ben"), id, {"offer"});
  broadcasts.present(kNow, 2, test_user("ben"), {"offer", true, {}});
  EXPECT_THAT(notices(), ElementsAre("2:failed already_watching", "2:failed already_watching"));
  EXPECT_EQ(media.sessions.size(), 2u);
  EXPECT_EQ(broadcasts.counters().requests_refused, 4u);
  broadcasts.stop(kNow, 2);
  broadcasts.present(kNow, 2, test_user("ben"), {"offer", true, {}});
  EXPECT_EQ(media.sessions.size(), 3u) << "another thing afterwards";
}

TEST_F(BroadcastsTest, RestartsIce) {
  broadcasts.restart_ice(kPresenter, "frag");
  EXPECT_THAT(notices(), ElementsAre("1:failed not_active"));
  const std::string id = on_air();
  broadcasts.restart_ice(kPresenter, "frag");
  EXPECT_THAT(media.sessions[1].restarts, ElementsAre("frag"));
  broadcasts.handle(kNow, MediaRestarted{1, "answered"});
  broadcasts.restart_ice(kPresenter, "bad");
  broadcasts.handle(kNow, MediaRefused{1, {"bad_sdp", "Bad."}});
  EXPECT_THAT(notices(), ElementsAre("1:restarted answered", "1:failed bad_sdp"));
  EXPECT_TRUE(broadcasts.find(id)) << "it goes on";
  // A restart brings new candidates.
  for (size_t i = 0; i < 2 * kMaxCandidates; ++i) broadcasts.add_candidate(kPresenter, "c");
  broadcasts.restart_ice(kPresenter, "frag");
  broadcasts.add_candidate(kPresenter, "new");
  EXPECT_EQ(media.sessions[1].candidates.size(), kMaxCandidates + 1);
}

TEST_F(BroadcastsTest, HoldsItsLimits) {
  Broadcasts small(media, {2, 4, 2, 7}, Random::Seed{4});
  std::string id;
  const auto last_code = [&] {
    std::string code = "none";
    Notice notice;
    while (small.poll_notice(notice)) {
      if (const auto* answer = std::get_if<Answer>(&notice.what)) id = answer->broadcast_id;
      if (const auto* failed = std::get_if<Failed>(&notice.what)) code = failed->error.code;
    }
    return code;
  };
  small.present(kNow, 1, test_user("anna"), {std::string(kMaxOfferBytes + 1, 'x'), true, {}});
  EXPECT_EQ(last_code(), "offer_too_large");
  small.present(kNow, 1, test_user("anna"), {"offer", true, {}});
  small.handle(kNow, MediaAnswered{media.last(), "sdp"});
  small.present(kNow, 2, test_user("anna"), {"offer", true, {}});
  EXPECT_EQ(last_code(), "none");
  small.present(kNow, 3, test_user("anna"), {"offer", true, {}});
  EXPECT_EQ(last_code(), "too_many_broadcasts");
  small.watch(3, test_user("anna"), id, {"offer"});
  small.watch(4, test_user("anna"), id, {"offer"});
  EXPECT_EQ(last_code(), "none");
  small.watch(5, test_user("ben"), id, {"offer"});
  EXPECT_EQ(last_code(), "broadcast_full");
  small.watch(5, test_user("anna"), id, {"offer"});
  EXPECT_EQ(last_code(), "too_many_streams");
  small.stop(kNow, 4);
  small.watch(5, test_user("ben"), id, {"offer"});
  EXPECT_EQ(last_code(), "none");
  for (ClientId client = 6; client <= 9; ++client) small.add_candidate(client, "c");
  EXPECT_EQ(small.clients(), 7u);
  EXPECT_EQ(small.counters().candidates_dropped, 2u);
  small.present(kNow, 10, test_user("cleo"), {"offer", true, {}});
  EXPECT_EQ(last_code(), "server_full");
}

TEST_F(BroadcastsTest, ListsNewestFirstInPages) {
  std::vector<std::string> ids;
  for (ClientId client = 1; client <= 5; ++client)
    ids.push_back(on_air(client, "user" + std::to_string(client)));
  broadcasts.stop(kNow, 2);
  const auto page = [&](size_t number, size_t size) {
    std::vector<std::string> names;
    for (const BroadcastInfo& info : broadcasts.list(number, size).broadcasts)
      names.push_back(info.user.nickname);
    return names;
  };
  EXPECT_THAT(page(0, 10), ElementsAre("user5", "user4", "user3", "user1"));
  EXPECT_THAT(page(0, 3), ElementsAre("user5", "user4", "user3"));
  EXPECT_THAT(page(1, 3), ElementsAre("user1"));
  EXPECT_THAT(page(2, 3), IsEmpty());
  EXPECT_THAT(page(1, 4), IsEmpty());
  EXPECT_THAT(page(0, 0), IsEmpty());
  EXPECT_THAT(page(SIZE_MAX, 10), IsEmpty());
  EXPECT_THAT(page(0, SIZE_MAX), ElementsAre("user5", "user4", "user3", "user1"));
  EXPECT_EQ(broadcasts.list(7, 3).total, 4u);
  EXPECT_EQ(broadcasts.on_air(), 4u);
}

TEST_F(BroadcastsTest, BeyondTheAudienceOnlyThePresenterIsTold) {
  const std::string id = on_air();
  for (ClientId client = 2; client < 2 + kNoticeAudience; ++client)
    enter(client, std::to_string(client), id);
  notices();
  enter(500, "late", id);
  EXPECT_THAT(notices(), ElementsAre("500:answer sdp", "1:+late"));
  broadcasts.stop(kNow, 2);
  const auto told = notices();
  EXPECT_EQ(told.size(), kNoticeAudience) << "the presenter and the others who heard of the entry";
  EXPECT_THAT(told, testing::Not(testing::Contains("500:-2")));
  broadcasts.stop(kNow, 500);
  EXPECT_THAT(notices(), ElementsAre("1:-late"));
  EXPECT_EQ(broadcasts.find(id)->viewers, kNoticeAudience - 1);
}

TEST_F(BroadcastsTest, ShutdownEndsEverythingForGood) {
  const std::string id = on_air();
  enter(2, "ben", id);
  broadcasts.present(kNow, 3, test_user("cleo"), {"offer", true, {}});
  notices();
  broadcasts.shutdown(kNow);
  EXPECT_THAT(notices(),
              ElementsAre("2:gone", "1:closed server_stopping", "3:closed server_stopping"));
  for (const auto& [media_id, session] : media.sessions) EXPECT_EQ(session.stops, 1);
  broadcasts.present(kNow, 4, test_user("anna"), {"offer", true, {}});
  broadcasts.add_candidate(5, "c");
  EXPECT_THAT(notices(), ElementsAre("4:failed server_stopping"));
  for (ClientId client = 1; client <= 5; ++client) broadcasts.client_gone(kNow, client);
  EXPECT_TRUE(broadcasts.empty());
  EXPECT_EQ(broadcasts.counters().broadcasts_started, broadcasts.counters().broadcasts_ended);
}

TEST_F(BroadcastsTest, DoubledAnswersAreIgnored) {
  const std::string id = on_air();
  broadcasts.handle(kNow, MediaAnswered{1, "again"});
  EXPECT_THAT(notices(), IsEmpty());
  EXPECT_EQ(broadcasts.list(0, 10).total, 1u);
  broadcasts.handle(kNow, MediaConnected{1});
  EXPECT_THAT(notices(), IsEmpty());
  EXPECT_EQ(broadcasts.counters().media_connected, 1u);
}

}  // namespace
}  // namespace loopcast::app
