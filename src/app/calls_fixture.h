// What the tests of Calls share: users with lines, and a record of what each line was told.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/broadcasts_fixture.h"
#include "app/calls.h"
#include "app/messages.h"

namespace loopcast::app {

inline std::string to_text(EndReason reason) {
  constexpr const char* kNames[] = {"declined", "cancelled",      "no_answer", "busy",
                                    "offline",  "elsewhere",      "hung_up",   "lost",
                                    "error",    "server_stopping"};
  return kNames[static_cast<size_t>(reason)];
}

inline std::string to_text(const CallNotice& notice) {
  if (const auto* ringing = std::get_if<Ringing>(&notice.what))
    return "call " + ringing->from.nickname + " " + ringing->link_id;
  if (const auto* accepted = std::get_if<Accepted>(&notice.what))
    return "accepted " + accepted->by.nickname + " " + accepted->link_id;
  if (const auto* rejected = std::get_if<Rejected>(&notice.what))
    return "rejected " + rejected->by.nickname;
  if (const auto* failed = std::get_if<Unreachable>(&notice.what))
    return "error " + std::string(name_of(failed->code));
  if (const auto* ended = std::get_if<Ended>(&notice.what))
    return "ended " + to_text(ended->reason);
  const auto& view = std::get<CallView>(notice.what);
  constexpr const char* kNames[] = {"calling", "ringing", "accepted", "connected"};
  return std::string(kNames[static_cast<size_t>(view.state)]) + " " +
         (view.link_id.empty() ? "-" : view.link_id) + (view.recorded ? " recorded" : "");
}

// Alice has line 1, Bob the lines 2 and 3 on two devices, Carol line 4. Clients that present have
// numbers from 10, and the broadcast of client 10 is "b10".
class CallsTest : public testing::Test {
 protected:
  CallsTest() {
    presence_.open_line(now_, alice_, {1, 1});
    presence_.open_line(now_, bob_, {2, 2});
    presence_.open_line(now_, bob_, {3, 3});
    presence_.open_line(now_, carol_, {4, 4});
  }

  static CallLimits limits() {
    CallLimits limits;
    limits.can_record = true;
    return limits;
  }
  Moment at() const { return {now_, WallTime{now_.us()}}; }

  void take(const EndBroadcast& end) {
    ended_.push_back(end.presenter);
    if (end.lost) lost_.push_back(end.presenter);
  }
  void drain() {
    CallOutput output;
    while (calls_.poll(output)) {
      if (const auto* notice = std::get_if<CallNotice>(&output))
        told_[notice->to].push_back(to_text(*notice));
      else if (const auto* end = std::get_if<EndBroadcast>(&output))
        take(*end);
      else if (const auto* record = std::get_if<RecordBroadcast>(&output))
        recorded_.push_back((record->on ? "+" : "-") + record->broadcast_id + " " +
                            record->owner_id + " " + record->co_owner_id);
      else
        over_.push_back(std::get<CallOver>(output));
    }
  }
  std::vector<std::string> told(LineId line) {
    drain();
    return std::exchange(told_[line], {});
  }
  std::vector<ClientId> ended() {
    drain();
    return std::exchange(ended_, {});
  }
  // Of those that ended, the ones that were lost.
  std::vector<ClientId> lost() {
    drain();
    return std::exchange(lost_, {});
  }
  std::vector<std::string> recorded() {
    drain();
    return std::exchange(recorded_, {});
  }
  void forget() {
    drain();
    told_.clear();
    ended_.clear();
    lost_.clear();
    recorded_.clear();
  }
  void advance(Duration by) {
    const Instant end = now_ + by;
    while (std::min(calls_.next_timeout(), presence_.next_timeout()) <= end) {
      now_ = std::max(now_, std::min(calls_.next_timeout(), presence_.next_timeout()));
      presence_.handle_timeout(now_);
      calls_.handle_timeout(at());
      std::string gone;
      while (presence_.poll_unreachable(gone)) calls_.unreachable(at(), gone);
    }
    now_ = end;
  }

  std::string dial(ClientId client, const PublicUser& from, const PublicUser& to) {
    const auto permit = calls_.dial(at(), client, from, to, client);
    EXPECT_TRUE(permit) << permit.error().code;
    if (!permit) return {};
    EXPECT_THAT(permit->visible_to, testing::ElementsAre(to.id));
    return permit->call_id;
  }
  void on_air(ClientId client) { calls_.on_air(at(), client, "b" + std::to_string(client)); }
  // Alice's client 10 calls Bob, who is rung.
  std::string ring() {
    const std::string id = dial(10, alice_, bob_);
    on_air(10);
    return id;
  }
  // Bob answers with client 20 of his first device.
  void answer(const std::string& id = {}) {
    ASSERT_TRUE(calls_.join(at(), 20, bob_, 2, id));
    on_air(20);
    ASSERT_TRUE(calls_.accept(at(), 20, bob_, "alice", {}));
  }
  std::string connect() {
    const std::string id = ring();
    answer();
    calls_.viewer_entered(at(), 10, bob_.id);
    calls_.viewer_entered(at(), 20, alice_.id);
    return id;
  }
  CallOver over() {
    drain();
    EXPECT_EQ(over_.size(), 1u);
    return over_.empty() ? CallOver{} : over_.back();
  }
  void expect_nothing_left() {
    EXPECT_TRUE(calls_.empty());
    for (const auto& user : {alice_, bob_, carol_})
      EXPECT_NE(presence_.state(user.id), PresenceState::kBusy);
  }

  Instant now_ = Instant::from_us(1'700'000'000'000'000);
  Presence presence_;
  Calls calls_{presence_, limits(), Random::Seed{3}};
  const PublicUser alice_ = test_user("alice");
  const PublicUser bob_ = test_user("bob");
  const PublicUser carol_ = test_user("carol");
  std::map<LineId, std::vector<std::string>> told_;
  std::vector<ClientId> ended_;
  std::vector<ClientId> lost_;
  std::vector<std::string> recorded_;
  std::vector<CallOver> over_;
};

}  // namespace loopcast::app
