// Random orders of everything that can happen in calls of three people on two devices each, with
// real broadcasts below: every call ends, both sides are told the same, and nothing is left behind.
// A failing run prints its seed.
#include <algorithm>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "app/broadcasts.h"
#include "app/call_store.h"
#include "app/calls_fixture.h"

namespace loopcast::app {
namespace {

class World {
 public:
  World(uint64_t seed, size_t people) : random_(Random::from_number(seed)) {
    for (size_t i = 0; i < people; ++i) {
      people_.push_back(test_user("p" + std::to_string(i)));
      for (uint64_t device = 0; device < 2; ++device) open_line(people_.back(), device);
    }
  }

  void run(int steps) {
    for (int i = 0; i < steps && !testing::Test::HasFailure(); ++i) {
      step();
      pump();
      check();
    }
    finish();
  }
  const Calls::Counters& counters() const { return calls_.counters(); }

 private:
  struct Page {
    PublicUser user;
    std::string call_id;  // that its offer is a part of
    MediaId media = 0;
    bool presents = false;
    bool gone = false;
  };
  struct Line {
    PublicUser user;
    uint64_t device = 0;
    std::set<std::string> rung;  // calls that it heard of and that are not over for it
    std::set<std::string> ended;
  };
  struct Known {  // what was said of a call
    std::string caller, callee;
    std::map<std::string, std::set<EndReason>> reasons;  // by user
    size_t over = 0;
    EndReason reason = EndReason::kCount;
  };

  Moment at() const { return {now_, WallTime{now_.us()}}; }
  template <typename T>
  const T& some(const std::vector<T>& all) {
    return all[random_.below(static_cast<uint32_t>(all.size()))];
  }
  const PublicUser& some_person() { return some(people_); }
  // Mostly a page of late that is still there.
  ClientId some_page() {
    const uint64_t back = random_.below(12);
    return last_id_ > back ? last_id_ - back : 1;
  }
  std::string some_call() {
    if (call_ids_.empty() || random_.below(3) == 0) return {};
    const size_t back = std::min<size_t>(call_ids_.size(), 3);
    return call_ids_[call_ids_.size() - 1 - random_.below(static_cast<uint32_t>(back))];
  }
  std::string some_nickname() { return random_.below(4) == 0 ? "" : some_person().nickname; }

  void open_line(const PublicUser& user, uint64_t device) {
    const LineId id = ++last_id_;
    if (!presence_.open_line(now_, user, {id, device})) return;
    lines_[id] = {user, device, {}, {}};
    calls_.line_opened(user, id);
  }

  void present(ClientId id, const PublicUser& user, const CallPermit& permit) {
    pages_[id] = {user, permit.call_id, 0, true, false};
    PresentOptions options{"offer", false, permit.visible_to};
    const size_t before = media_.sessions.size();
    broadcasts_.present(at(), id, user, options);
    if (media_.sessions.size() > before) pages_[id].media = media_.last();
    if (!calls_known_.contains(permit.call_id)) call_ids_.push_back(permit.call_id);
  }

  void dial() {
    const PublicUser& from = some_person();
    const PublicUser& to = some_person();
    const ClientId id = ++last_id_;
    const auto permit = calls_.dial(at(), id, from, to, random_.below(2));
    if (!permit) return;
    present(id, from, *permit);
    calls_known_.try_emplace(permit->call_id, Known{from.id, to.id, {}, 0, EndReason::kCount});
  }

  void invite_from_live() {
    const PublicUser& from = some_person();
    const ClientId id = ++last_id_;
    pages_[id] = {from, {}, 0, true, false};
    broadcasts_.present(at(), id, from, {"offer", true, {}});
    if (media_.sessions.empty()) return;
    pages_[id].media = media_.last();
    broadcasts_.handle(at(), MediaAnswered{media_.last(), "sdp"});
    pump();
    const auto link = links_.find(id);
    if (link == links_.end()) return;
    const PublicUser& to = some_person();
    const auto permit = calls_.dial(at(), id, from, to, 0, link->second);
    if (!permit) return;
    if (!calls_known_.contains(permit->call_id)) call_ids_.push_back(permit->call_id);
    calls_known_.try_emplace(permit->call_id, Known{from.id, to.id, {}, 0, EndReason::kCount});
  }

  void join() {
    const PublicUser& user = some_person();
    const ClientId id = ++last_id_;
    const auto permit = calls_.join(at(), id, user, random_.below(2), some_call());
    if (permit) present(id, user, *permit);
  }

  void watch() {
    if (links_.empty()) return;
    // One of the newest: most are over.
    auto link = links_.rbegin();
    std::advance(link, random_.below(static_cast<uint32_t>(std::min<size_t>(links_.size(), 3))));
    const PublicUser& user = some_person();
    const ClientId id = ++last_id_;
    pages_[id] = {user, {}, 0, false, false};
    const size_t before = media_.sessions.size();
    broadcasts_.watch(id, user, link->second, {"offer"});
    const auto& presenter = pages_.at(link->first);
    const bool watches = media_.sessions.size() > before;
    // The two of a call see each other, and nobody else sees either.
    if (watches && !presenter.call_id.empty()) {
      const Known& call = calls_known_.at(presenter.call_id);
      EXPECT_TRUE(user.id == call.caller || user.id == call.callee);
    }
    if (watches) broadcasts_.handle(at(), MediaAnswered{media_.last(), "sdp"});
  }

  void crash(ClientId id) {
    const auto page = pages_.find(id);
    if (page == pages_.end() || page->second.gone) return;
    page->second.gone = true;
    calls_.presenting_ended(at(), id, PresentingEnd::kLost);
    pump();
    broadcasts_.client_gone(at(), id);
  }
  void close_line(LineId id) {
    if (lines_.erase(id) > 0) presence_.close_line(now_, id);
  }

  void step() {
    const PublicUser& user = some_person();
    const ClientId page = some_page();
    const MediaId media =
        media_.sessions.empty()
            ? 1
            : media_.last() - std::min<MediaId>(random_.below(4), media_.last() - 1);
    switch (random_.below(20)) {
      case 0:
      case 1:
        return dial();
      case 2:
      case 3:
        return join();
      case 4:
      case 5:
      case 6:
        return broadcasts_.handle(at(), MediaAnswered{media, "sdp"});
      case 7:
      case 8:
      case 9: {
        const auto found = pages_.find(page);
        const PublicUser& who =
            found == pages_.end() || random_.below(5) == 0 ? user : found->second.user;
        (void)calls_.accept(at(), page, who, some_nickname(), some_call());
        return;
      }
      case 10:
      case 11:
        return watch();
      case 12:
        if (random_.below(3) == 0) (void)calls_.decline(at(), user, some_nickname(), some_call());
        return;
      case 13:
        if (random_.below(3) == 0) (void)calls_.hang_up(at(), user, some_call());
        return;
      case 14:
        (void)calls_.agree_to_record(at(), user, some_call(), random_.below(3) != 0);
        return;
      case 15:
        if (random_.below(2) == 0) return crash(page);
        broadcasts_.stop(at(), page);
        return calls_.presenting_ended(at(), page, PresentingEnd::kStopped);
      case 16:
        if (random_.below(2) == 0)
          return broadcasts_.handle(at(), MediaEnded{media, "", random_.below(2) == 0});
        return broadcasts_.handle(at(), MediaRefused{media, make_error(Code::kBadSdp)});
      case 17:
        return random_.below(3) == 0 ? invite_from_live() : close_line(page);
      case 18:
        return open_line(user, random_.below(2));
      default:
        return advance(Duration::millis(random_.below(random_.below(4) == 0 ? 12'000 : 800)));
    }
  }

  void advance(Duration by) {
    const Instant end = now_ + by;
    for (;;) {
      const Instant next = std::min(calls_.next_timeout(), presence_.next_timeout());
      if (next > end) break;
      now_ = std::max(now_, next);
      presence_.handle_timeout(now_);
      calls_.handle_timeout(at());
      pump();
    }
    now_ = end;
  }

  // What the server does between the two.
  void pump() {
    for (;;) {
      std::string gone;
      Notice notice;
      CallOutput output;
      AirChange air;
      PresenceChange change;
      if (presence_.poll_unreachable(gone)) {
        calls_.unreachable(at(), gone);
      } else if (calls_.poll(output)) {
        std::visit([&](const auto& what) { take(what); }, output);
      } else if (broadcasts_.poll_notice(notice)) {
        take(notice);
      } else if (broadcasts_.poll_air_change(air)) {
        if (!air.on_air) recorded_.erase(air.broadcast_id);
      } else if (!presence_.poll_change(change)) {
        return;
      }
    }
  }

  void take(const Notice& notice) {
    if (const auto* answer = std::get_if<Answer>(&notice.what)) {
      if (!answer->presenter) return;
      links_[notice.to] = answer->broadcast_id;
      calls_.on_air(at(), notice.to, answer->broadcast_id);
    } else if (std::holds_alternative<Failed>(notice.what)) {
      calls_.presenting_ended(at(), notice.to, PresentingEnd::kRefused);
    } else if (const auto* closed = std::get_if<Closed>(&notice.what)) {
      const bool stops = notice.to % 2 == 0;  // the first generation of the client
      const auto goodbye = stops ? PresentingEnd::kStopped : PresentingEnd::kLeft;
      calls_.presenting_ended(at(), notice.to, closed->goodbye ? goodbye : PresentingEnd::kLost);
    } else if (const auto* entered = std::get_if<ViewerEntered>(&notice.what)) {
      calls_.viewer_entered(at(), notice.to, entered->user.id);
    }
  }
  void take(const EndBroadcast& end) {
    EXPECT_FALSE(pages_.at(end.presenter).call_id.empty()) << "no broadcast of a call";
    if (end.lost)
      broadcasts_.lose(at(), end.presenter);
    else
      broadcasts_.stop(at(), end.presenter);
  }
  void take(const RecordBroadcast& record) {
    if (record.on)
      EXPECT_TRUE(recorded_.insert(record.broadcast_id).second);
    else
      recorded_.erase(record.broadcast_id);
  }
  void take(const CallOver& over) {
    const auto found = calls_known_.find(over.call_id);
    if (found == calls_known_.end()) {  // refused at once
      EXPECT_TRUE(over.reason == EndReason::kOffline || over.reason == EndReason::kBusy);
      return;
    }
    EXPECT_EQ(++found->second.over, 1u);
    found->second.reason = over.reason;
    // Both remember an answered call as such, or neither.
    const bool made = record_of(over, CallRole::kCaller).outcome == CallOutcome::kAnswered;
    const bool taken = record_of(over, CallRole::kCallee).outcome == CallOutcome::kAnswered;
    EXPECT_EQ(made, taken);
    EXPECT_TRUE(over.accepted || over.duration == Duration());
  }
  void take(const CallNotice& notice) {
    const auto found = lines_.find(notice.to);
    if (found == lines_.end()) return;
    Line& line = found->second;
    if (const auto* ringing = std::get_if<Ringing>(&notice.what)) {
      EXPECT_TRUE(line.rung.insert(ringing->call_id).second) << "rung twice";
      EXPECT_FALSE(line.ended.contains(ringing->call_id));
      EXPECT_EQ(calls_known_.at(ringing->call_id).callee, line.user.id);
    } else if (const auto* ended = std::get_if<Ended>(&notice.what)) {
      EXPECT_TRUE(line.ended.insert(ended->call_id).second) << "ended twice";
      line.rung.erase(ended->call_id);
      if (ended->reason != EndReason::kAnsweredElsewhere)
        calls_known_.at(ended->call_id).reasons[line.user.id].insert(ended->reason);
    } else if (const auto* accepted = std::get_if<Accepted>(&notice.what)) {
      EXPECT_FALSE(line.ended.contains(accepted->call_id));
    } else if (const auto* view = std::get_if<CallView>(&notice.what)) {
      EXPECT_FALSE(line.ended.contains(view->call_id)) << "told of a call that is over";
    }
  }

  // Once a call is over, for whatever reason: its two were told the same, and nothing of it runs.
  void check() {
    EXPECT_EQ(media_.misuse, 0);
    for (const std::string& id : call_ids_) {
      const Known& call = calls_known_.at(id);
      if (call.reason == EndReason::kCount) continue;
      for (const auto& [user, reasons] : call.reasons)
        EXPECT_EQ(reasons, std::set<EndReason>{call.reason}) << "told " << user;
    }
    for (const auto& [id, page] : pages_) {
      if (page.call_id.empty() || page.media == 0 || !media_.running(page.media)) continue;
      EXPECT_EQ(calls_known_.at(page.call_id).over, 0u) << "broadcast of a call that is over";
    }
    for (const auto& [id, line] : lines_)
      for (const std::string& call : line.rung)
        EXPECT_EQ(calls_known_.at(call).over, 0u) << "rings for a call that is over";
  }

  void finish() {
    // Left alone, only calls in which each sees the other go on.
    advance(Duration::seconds(120));
    check();
    if (random_.below(2) == 0) {
      for (const auto& user : people_) (void)calls_.hang_up(at(), user, {});
    } else {
      const auto pages = pages_;
      for (const auto& [id, page] : pages) crash(id);
    }
    pump();
    advance(Duration::seconds(11));
    EXPECT_TRUE(calls_.empty());
    check();
    const auto pages = pages_;
    for (const auto& [id, page] : pages) crash(id);
    const auto lines = lines_;
    for (const auto& [id, line] : lines) close_line(id);
    advance(Duration::seconds(3600));
    EXPECT_TRUE(broadcasts_.empty());
    EXPECT_TRUE(presence_.empty());
    EXPECT_TRUE(recorded_.empty());
    EXPECT_TRUE(calls_.next_timeout().is_never());
    EXPECT_TRUE(presence_.next_timeout().is_never());
    for (const auto& [id, call] : calls_known_) EXPECT_LE(call.over, 1u);
  }

  static CallLimits limits() {
    CallLimits limits;
    limits.can_record = true;
    return limits;
  }

  Random random_;
  Instant now_ = Instant::from_us(1'000'000);
  FakeMedia media_;
  Broadcasts broadcasts_{media_, {}, Random::Seed{9}};
  Presence presence_;
  Calls calls_{presence_, limits(), Random::Seed{8}};
  std::vector<PublicUser> people_;
  uint64_t last_id_ = 0;  // of lines and of pages
  std::map<ClientId, Page> pages_;
  std::map<LineId, Line> lines_;
  std::map<ClientId, std::string> links_;  // broadcasts that are or were on air
  std::vector<std::string> call_ids_;
  std::map<std::string, Known> calls_known_;
  std::set<std::string> recorded_;
};

void run(size_t people, uint64_t seeds) {
  uint64_t accepted = 0, connected = 0, crossed = 0, resumed = 0;
  std::array<uint64_t, static_cast<size_t>(EndReason::kCount)> ended{};
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed << ", " << people << " people");
    World world(seed, people);
    world.run(300);
    if (testing::Test::HasFailure()) return;
    accepted += world.counters().accepted;
    connected += world.counters().connected;
    crossed += world.counters().crossed;
    resumed += world.counters().resumed;
    for (size_t i = 0; i < ended.size(); ++i) ended[i] += world.counters().ended[i];
  }
  // Runs in which hardly anything happens show little.
  EXPECT_GT(accepted, seeds / 2);
  EXPECT_GT(connected, seeds / 20);
  EXPECT_GT(crossed, seeds / 10);
  EXPECT_GT(resumed, seeds / 20);
  for (size_t i = 0; i < ended.size(); ++i) {
    const auto reason = static_cast<EndReason>(i);
    if (people == 2 && reason == EndReason::kBusy) continue;         // takes a third
    const bool elsewhere = reason == EndReason::kAnsweredElsewhere;  // the end of a line only
    EXPECT_EQ(ended[i] > 0, !elsewhere && reason != EndReason::kServerStopping) << to_text(reason);
  }
}

TEST(CallsProperty, TwoPeopleInRandomOrders) { run(2, 2000); }
TEST(CallsProperty, ThreePeopleInRandomOrders) { run(3, 2000); }

}  // namespace
}  // namespace loopcast::app
