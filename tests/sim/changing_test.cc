// Browsers that go away, change their address, or start their streams anew.
#include "sim/scenario.h"

namespace loopcast::sim {
namespace {

class Changing : public Scenario {
 protected:
  ClientId watch(ClientId source, Duration one_way = Duration::millis(20)) {
    const ClientId id = simulation.add_viewer(source, viewer(), both_ways(link(one_way)));
    simulation.run_until([&] { return simulation.browser(id).video().decoded > 0; },
                         Duration::seconds(3));
    EXPECT_GT(simulation.browser(id).video().decoded, 0u);
    return id;
  }
  // Pictures that `id` sees in the next `duration`.
  uint64_t pictures(ClientId id, Duration duration) {
    const uint64_t before = simulation.browser(id).video().decoded;
    simulation.run_for(duration);
    return simulation.browser(id).video().decoded - before;
  }
  bool ended(ClientId id) { return !simulation.events(id).ended_at.is_never(); }
};

TEST_F(Changing, VanishedViewersEndAndTheOthersGoOn) {
  const ClientId source = add_connected_presenter();
  const ClientId stays = watch(source), goes = watch(source), goes_too = watch(source);
  const Instant at = simulation.now();
  simulation.vanish(goes);
  simulation.vanish(goes_too);
  simulation.run_for(Duration::seconds(30));
  EXPECT_TRUE(ended(goes));
  EXPECT_TRUE(ended(goes_too));
  EXPECT_EQ(simulation.events(goes).end_reason, "ice");
  EXPECT_FALSE(simulation.events(goes).goodbye);
  EXPECT_GT(simulation.events(goes).ended_at - at, Duration::seconds(10));
  EXPECT_FALSE(ended(stays));
  EXPECT_FALSE(ended(source));
  EXPECT_EQ(simulation.worker().peers(), 2u);
  EXPECT_GE(simulation.browser(stays).video().in_time_share(), 1.0);
  EXPECT_EQ(simulation.browser(stays).video().freezes, 0u);
  expect_no_violations(simulation, stays);
}

TEST_F(Changing, VanishedPresenterEnds) {
  const ClientId source = add_connected_presenter();
  const ClientId id = watch(source);
  simulation.vanish(source);
  simulation.run_for(Duration::seconds(30));
  EXPECT_TRUE(ended(source));
  EXPECT_FALSE(ended(id));
  simulation.stop(id);
  simulation.run_for(Duration::seconds(1));
  EXPECT_EQ(simulation.browser(id).state(), Browser::State::kClosed);
  EXPECT_EQ(simulation.worker().peers(), 0u);
}

TEST_F(Changing, GoodbyeEndsAtOnce) {
  const ClientId source = add_connected_presenter();
  const ClientId id = watch(source);
  simulation.close(id);
  simulation.run_for(Duration::millis(25));
  EXPECT_TRUE(ended(id));
  EXPECT_EQ(simulation.events(id).end_reason, "closed");
  EXPECT_TRUE(simulation.events(id).goodbye);
  EXPECT_EQ(simulation.worker().peers(), 1u);
}

TEST_F(Changing, NeverConnectedEnds) {
  const ClientId source = add_connected_presenter();
  const ClientId id = simulation.add_viewer(source, viewer(), both_ways(link(Duration::millis(5))));
  simulation.vanish(id);
  simulation.run_for(Duration::seconds(30));
  EXPECT_TRUE(ended(id));
  EXPECT_EQ(simulation.worker().peers(), 1u);
}

TEST_F(Changing, IceRestartOntoANewAddressGoesOn) {
  const ClientId source = add_connected_presenter();
  const ClientId id = watch(source);
  for (const ClientId moves : {id, source}) {
    simulation.restart_ice(moves);
    simulation.run_for(Duration::seconds(2));
    EXPECT_FALSE(ended(moves));
    EXPECT_GE(pictures(id, Duration::seconds(2)), 58u);
  }
  EXPECT_LE(simulation.browser(id).video().longest_gap, Duration::seconds(1));
  expect_no_violations(simulation, id);
}

TEST_F(Changing, ViewerBehindANatThatForgetsGoesOn) {
  const ClientId source = add_connected_presenter();
  const ClientId id = watch(source);
  const SocketAddress old = simulation.address(id);
  simulation.rebind(id);
  simulation.watch_address(old);
  // The browser notices nothing: its next checks, every 2.5 s, come from the new address.
  simulation.run_for(Duration::seconds(4));
  EXPECT_FALSE(ended(id));
  EXPECT_GE(pictures(id, Duration::seconds(2)), 58u);
  const size_t strayed = simulation.strayed(old).datagrams;
  simulation.run_for(Duration::seconds(20));
  EXPECT_LE(simulation.strayed(old).datagrams, strayed + 10) << "media went on to the old address";
  EXPECT_FALSE(ended(id));
  expect_no_violations(simulation, id);
}

TEST_F(Changing, PresenterBehindANatThatForgetsGoesOn) {
  const ClientId source = add_connected_presenter();
  const ClientId id = watch(source);
  simulation.rebind(source);
  simulation.run_for(Duration::seconds(5));
  EXPECT_FALSE(ended(source));
  EXPECT_GE(pictures(id, Duration::seconds(2)), 58u);
  expect_no_violations(simulation, id);
}

TEST_F(Changing, SequenceAndTimestampOfThePresenterWrap) {
  BrowserOptions options = presenter();
  options.sender.first_sequence = 65'300;
  options.sender.first_timestamp = 0xFFFF'FFFFu - 300'000;
  const ClientId source =
      add_connected_presenter(options, both_ways(lossy(Duration::millis(20), 0.05)));
  const ClientId id = watch(source);
  simulation.run_for(Duration::seconds(8));
  EXPECT_GE(simulation.browser(id).video().in_time_share(), 0.99);
  EXPECT_LE(*simulation.browser(id).lip_sync_error(), Duration::millis(5));
  expect_no_violations(simulation, id);
}

TEST_F(Changing, SequenceOfTheViewersStreamWraps) {
  BrowserOptions options = presenter();
  options.sender.frame_bytes = 4'000;
  options.sender.packet_bytes = 50;  // 80 packets a frame: 2,400 a second
  const ClientId source = add_connected_presenter(options);
  const ClientId id =
      simulation.add_viewer(source, viewer(), both_ways(lossy(Duration::millis(10), 0.01)));
  simulation.run_until([&] { return simulation.browser(id).video().packets > 62'000; },
                       Duration::seconds(40));
  EXPECT_GT(simulation.browser(id).video().packets, 62'000u);
  EXPECT_GE(simulation.browser(id).video().in_time_share(), 0.99);
  expect_no_violations(simulation, id);
}

TEST_F(Changing, PresentersSequenceStartsAnew) {
  const ClientId source = add_connected_presenter();
  const ClientId id = watch(source);
  simulation.run_for(Duration::seconds(1));
  simulation.browser(id).forgive_restart();
  simulation.browser(source).sender()->restart_sequence(20'000);
  simulation.run_for(Duration::seconds(2));
  EXPECT_LE(simulation.browser(id).video().longest_gap, Duration::millis(700));
  EXPECT_GE(pictures(id, Duration::seconds(2)), 58u);
  // The viewer's own numbers went on without a gap.
  EXPECT_LE(simulation.browser(id).video().nacks, 2u);
  expect_no_violations(simulation, id);
}

// A presenter whose path loses one packet in 20, before and after something of their streams began
// anew.
class LossyPresenter : public Changing {
 protected:
  void SetUp() override {
    source = add_connected_presenter(presenter(), both_ways(lossy(Duration::millis(20), 0.05)));
    id = watch(source);
    simulation.run_for(Duration::seconds(2));
    simulation.browser(id).forgive_restart();
  }
  uint64_t count(rtc::Counter counter) { return simulation.counters().get(counter); }
  // What is lost is had again and nobody notices anything.
  void expect_mending() {
    simulation.run_for(Duration::seconds(1));
    const uint64_t recovered = count(rtc::Counter::kRtpRecovered);
    const uint64_t abandoned = count(rtc::Counter::kNackAbandoned);
    const uint64_t requests = count(rtc::Counter::kKeyframeRequestsSent);
    EXPECT_GE(pictures(id, Duration::seconds(10)), 295u);
    // Some 90 packets of video a second.
    EXPECT_GE(count(rtc::Counter::kRtpRecovered) - recovered, 30u);
    EXPECT_LE(count(rtc::Counter::kNackAbandoned) - abandoned, 2u);
    EXPECT_LE(count(rtc::Counter::kKeyframeRequestsSent) - requests, 1u);
    expect_no_violations(simulation, id);
  }

  ClientId source = 0, id = 0;
};

TEST_F(LossyPresenter, IsMendedAfterTheSequenceStartedAnew) {
  simulation.browser(source).sender()->restart_sequence(20'000);
  expect_mending();
  EXPECT_LE(simulation.browser(id).video().longest_gap, Duration::millis(700));
}

TEST_F(LossyPresenter, IsMendedAfterTheirSourcesChanged) {
  for (int i = 0; i < 3; ++i) {
    const uint64_t unknown = count(rtc::Counter::kDropRtpUnknownStream);
    simulation.browser(source).sender()->change_sources();
    expect_mending();
    // The MID says where they belong; what is dropped was sent by the sources before.
    EXPECT_LE(count(rtc::Counter::kDropRtpUnknownStream) - unknown, 5u);
  }
  EXPECT_LE(simulation.browser(id).video().longest_gap, Duration::millis(700));
  EXPECT_LE(*simulation.browser(id).lip_sync_error(), Duration::millis(60));
}

TEST_F(Changing, PausedPresenterComesBack) {
  const ClientId source = add_connected_presenter();
  const ClientId id = watch(source);
  simulation.browser(source).sender()->pause(true);
  simulation.run_for(Duration::seconds(20));
  EXPECT_FALSE(ended(source));
  EXPECT_FALSE(ended(id));
  simulation.browser(source).sender()->pause(false);
  EXPECT_GE(pictures(id, Duration::seconds(2)), 57u);
  expect_no_violations(simulation, id);
}

}  // namespace
}  // namespace loopcast::sim
