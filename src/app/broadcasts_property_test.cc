// Random orders of everything that can happen to Broadcasts, checked against what each client may
// have been told. A failing run prints its seed.
#include <algorithm>
#include <map>

#include <gtest/gtest.h>

#include "app/broadcasts.h"
#include "app/broadcasts_fixture.h"
#include "app/messages.h"

namespace loopcast::app {
namespace {

constexpr Moment kNow{Instant::from_us(1'000'000), WallTime{1'700'000'000'000'000}};

class World {
 public:
  explicit World(uint64_t seed) : random_(Random::from_number(seed)) {}

  // How many viewers entered.
  size_t run(int steps) {
    for (int i = 0; i < steps && !testing::Test::HasFailure(); ++i) {
      step();
      drain();
    }
    finish();
    return answers_;
  }

 private:
  // What a client knows of itself from its own calls and notices.
  struct Seat {
    bool presenting = false;
    bool watching = false;
    bool answered = false;
    bool follows = false;
    bool away = false;                  // waits for the presenter
    std::map<std::string, int> others;  // entered minus left, by user id, as told to this seat
  };

  static std::string name(ClientId client) { return "u" + std::to_string(client); }
  // One user per client, so that a notice names its client.
  static PublicUser user(ClientId client) { return test_user(name(client)); }

  ClientId some_client() { return 1 + random_.below(12); }
  MediaId some_media() {
    return media_.sessions.empty() ? 1 : 1 + random_.below(static_cast<uint32_t>(media_.last()));
  }
  std::string some_broadcast() {
    if (ids_.empty() || random_.below(10) == 0) return "unknown";
    // Mostly over already: one of the latest.
    return ids_[ids_.size() - 1 -
                random_.below(static_cast<uint32_t>(std::min<size_t>(ids_.size(), 4)))];
  }

  void step() {
    const ClientId client = some_client();
    Seat& seat = seats_[client];
    switch (random_.below(18)) {
      case 0: {
        PresentOptions options{"offer", true, {}, {}, random_.below(2) == 0};
        options.comes_back = random_.below(3) > 0;
        if (random_.below(2) == 0) options.replaces = some_broadcast();
        if (options.whip && random_.below(2) == 0)
          options.replaces = broadcasts_.lost_program(user(client).id);
        if (random_.below(3) == 0) options.visible_to = {user(some_client()).id};
        const size_t before = media_.sessions.size();
        broadcasts_.present(at_, client, user(client), options);
        if (media_.sessions.size() > before) seat = {true, false, false, false, false, {}};
        break;
      }
      case 1:
      case 2:
      case 3: {
        const bool idle = !seat.presenting && !seat.watching;
        const size_t before = media_.sessions.size();
        const bool follows = random_.below(3) > 0;
        broadcasts_.watch(client, user(client), some_broadcast(), {"offer", follows});
        if (media_.sessions.size() > before) {
          EXPECT_TRUE(idle);
          seat = {false, true, false, follows, false, {}};
        } else if (idle && !take_gone_for(client)) {
          EXPECT_TRUE(follows);
          seat = {false, true, false, true, true, {}};
        }
        break;
      }
      case 4:
        broadcasts_.stop(at_, client);
        seat = {};
        break;
      case 5:
        broadcasts_.client_gone(at_, client);
        seat = {};
        break;
      case 6:
        broadcasts_.add_candidate(client, "candidate");
        break;
      case 7:
        broadcasts_.restart_ice(client, "fragment");
        break;
      case 8:
        broadcasts_.handle(at_, MediaEnded{some_media(), "lost"});
        break;
      case 9:
        broadcasts_.handle(at_, MediaRefused{some_media(), make_error(random_.below(2) == 0
                                                                          ? Code::kBadSdp
                                                                          : Code::kPublisherGone)});
        break;
      case 10:
        broadcasts_.handle(at_, MediaSilent{some_media()});
        if (random_.below(2) == 0) broadcasts_.handle(at_, MediaHeard{some_media()});
        break;
      case 14:
        broadcasts_.handle(at_, MediaHeard{last_media()});
        break;
      case 11:
        if (random_.below(2) == 0)
          broadcasts_.stop_broadcast(at_, user(client).id, some_broadcast());
        else
          broadcasts_.give_up(at_, user(client).id, some_broadcast());
        break;
      case 13:
        broadcasts_.set_sending(at_, client, random_.below(2) == 0, random_.below(2) == 0);
        break;
      case 12:
        at_.now = at_.now + Duration::seconds(random_.below(12));
        broadcasts_.handle_timeout(at_);
        break;
      default:
        // Mostly the newest, so that most broadcasts get going.
        broadcasts_.handle(
            at_, MediaAnswered{random_.below(4) == 0 ? some_media() : last_media(), "sdp"});
        break;
    }
  }

  MediaId last_media() const { return media_.sessions.empty() ? 1 : media_.last(); }

  // The gone of a watch that was refused at once is the only notice there is, or the word that the
  // presenter is away.
  bool take_gone_for(ClientId client) {
    int gone = 0, away = 0;
    Notice notice;
    while (broadcasts_.poll_notice(notice)) {
      EXPECT_EQ(notice.to, client);
      gone += std::holds_alternative<PresenterGone>(notice.what);
      away += std::holds_alternative<PresenterAway>(notice.what);
    }
    EXPECT_EQ(gone + away, 1);
    return gone == 1;
  }

  void drain() {
    Notice notice;
    while (broadcasts_.poll_notice(notice)) {
      Seat& seat = seats_[notice.to];
      if (const auto* answer = std::get_if<Answer>(&notice.what)) {
        EXPECT_TRUE((seat.presenting || seat.watching) && !seat.answered && !seat.away);
        answers_ += seat.watching;
        seat.answered = true;
        if (seat.presenting) ids_.push_back(answer->broadcast_id);
      } else if (const auto* entered = std::get_if<ViewerEntered>(&notice.what)) {
        EXPECT_TRUE(seat.answered);
        EXPECT_NE(entered->user.id, user(notice.to).id) << "told of itself";
        EXPECT_EQ(++seat.others[entered->user.id], 1) << "entered twice";
      } else if (const auto* left = std::get_if<ViewerLeft>(&notice.what)) {
        EXPECT_TRUE(seat.answered);
        const int balance = --seat.others[left->user.id];
        // Who was there before this seat was not announced to it; a presenter was there first.
        if (seat.presenting)
          EXPECT_EQ(balance, 0) << "left without entering";
        else
          EXPECT_GE(balance, -1) << "left twice";
        if (balance < 0) seat.others[left->user.id] = 0;
      } else if (std::holds_alternative<PresenterGone>(notice.what)) {
        EXPECT_TRUE(seat.watching) << "gone twice, or to somebody who does not watch";
        seat = {};
      } else if (std::holds_alternative<PresenterAway>(notice.what)) {
        EXPECT_TRUE(seat.watching && seat.follows);
        seat.away = true;
        seat.answered = false;
        seat.others.clear();
      } else if (const auto* back = std::get_if<PresenterBack>(&notice.what)) {
        EXPECT_TRUE(seat.watching && seat.away) << "back without having been away";
        EXPECT_TRUE(broadcasts_.find(back->broadcast_id));
        seat = {};
      } else if (std::holds_alternative<PresenterSends>(notice.what)) {
        EXPECT_TRUE(seat.watching && seat.follows && seat.answered);
      } else if (std::holds_alternative<Closed>(notice.what)) {
        EXPECT_TRUE(seat.presenting || seat.watching);
        seat = {};
      } else if (const auto* failed = std::get_if<Failed>(&notice.what)) {
        // The media core refused the offer, not a request of a client that is running.
        if (failed->error.code == "publisher_gone" || failed->error.code == "bad_sdp")
          if (!seat.answered) seat = {};
      }
    }
    check();
  }

  void check() {
    EXPECT_EQ(media_.misuse, 0);
    // Who watches, by what the clients were told, is what the counts say.
    size_t entered = 0;
    size_t running = 0;
    for (const auto& [client, seat] : seats_) {
      entered += seat.watching && seat.answered;
      running += (seat.watching && !seat.away) || seat.presenting;
    }
    EXPECT_EQ(broadcasts_.viewers(), entered);
    const auto media_running =
        std::count_if(media_.sessions.begin(), media_.sessions.end(),
                      [](const auto& session) { return session.second.stops == 0; });
    EXPECT_EQ(static_cast<size_t>(media_running), running);
    // Presenters believe in exactly the viewers that are there.
    size_t believed = 0;
    for (const auto& [client, seat] : seats_)
      if (seat.presenting)
        for (const auto& [id, balance] : seat.others) believed += static_cast<size_t>(balance);
    EXPECT_EQ(believed, entered);
  }

  void finish() {
    if (random_.below(2) == 0) {
      broadcasts_.shutdown(at_);
      drain();
      for (const auto& [client, seat] : seats_) EXPECT_FALSE(seat.presenting || seat.watching);
    }
    for (ClientId client = 1; client <= 12; ++client) {
      broadcasts_.client_gone(at_, client);
      seats_[client] = {};
      drain();
    }
    at_.now = at_.now + kReconnectTime;
    broadcasts_.handle_timeout(at_);
    drain();
    EXPECT_TRUE(broadcasts_.empty());
    for (const auto& [id, session] : media_.sessions) EXPECT_EQ(session.stops, 1) << id;
    const auto& counters = broadcasts_.counters();
    EXPECT_EQ(counters.broadcasts_started, counters.broadcasts_ended);
    EXPECT_EQ(counters.viewers_entered, counters.viewers_left);
    EXPECT_EQ(counters.viewers_entered, answers_);
  }

  Random random_;
  Moment at_ = kNow;
  FakeMedia media_;
  Broadcasts broadcasts_{media_, {}, Random::Seed{9}};
  std::map<ClientId, Seat> seats_;
  size_t answers_ = 0;
  std::vector<std::string> ids_;
};

TEST(BroadcastsProperty, HoldsInRandomOrders) {
  size_t entered = 0;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    entered += World(seed).run(600);
    if (HasFailure()) return;
  }
  EXPECT_GT(entered, 1000u) << "runs in which hardly anybody watches show little";
}

}  // namespace
}  // namespace loopcast::app
