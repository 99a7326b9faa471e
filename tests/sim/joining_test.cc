// How viewers begin.
#include "sim/scenario.h"

namespace loopcast::sim {
namespace {

class Joining : public Scenario {};

TEST_F(Joining, LateViewerSeesAPictureSoon) {
  const ClientId source = add_connected_presenter();
  // Long after the first keyframe: it cannot be replayed any more.
  simulation.run_for(Duration::seconds(10));
  const Duration one_way = Duration::millis(40);
  const ClientId late = simulation.add_viewer(source, viewer(), both_ways(link(one_way)));
  simulation.run_for(Duration::seconds(3));
  Browser& browser = simulation.browser(late);
  ASSERT_EQ(browser.state(), Browser::State::kConnected);
  ASSERT_GT(browser.video().decoded, 0u);
  EXPECT_LE(browser.video().first_at - browser.connected_at(), one_way * 4 + Duration::millis(300));
  expect_no_violations(simulation, late);
  EXPECT_LE(simulation.browser(source).sender()->keyframe_requests(), 1u);
}

TEST_F(Joining, NewestKeyframeIsReplayed) {
  const ClientId source = add_connected_presenter();
  simulation.run_for(Duration::seconds(1));
  const ClientId id =
      simulation.add_viewer(source, viewer(), both_ways(link(Duration::millis(20))));
  simulation.run_for(Duration::seconds(2));
  EXPECT_EQ(simulation.browser(source).sender()->keyframe_requests(), 0u);
  EXPECT_EQ(simulation.browser(id).video().first, 1u);
  EXPECT_GE(simulation.counters().get(rtc::Counter::kKeyframeReplays), 1u);
  EXPECT_LE(simulation.browser(id).video().first_at - simulation.browser(id).connected_at(),
            Duration::millis(80));
  expect_no_violations(simulation, id);
}

TEST_F(Joining, HalfAKeyframeIsCompletedWhereverTheViewerComesIn) {
  // Keyframes leave in two bursts, 40 ms apart.
  BrowserOptions options = presenter();
  options.sender.keyframe_interval = Duration::seconds(1);
  options.sender.pacing = Bitrate::kbps(1600);
  const ClientId source = add_connected_presenter(options);
  simulation.run_for(Duration::seconds(1));
  std::vector<ClientId> viewers;
  for (int i = 0; i < 60; ++i) {
    viewers.push_back(
        simulation.add_viewer(source, viewer(), both_ways(link(Duration::millis(5)))));
    simulation.run_for(Duration::millis(17));
  }
  simulation.run_for(Duration::seconds(3));
  EXPECT_EQ(simulation.browser(source).sender()->keyframe_requests(), 0u);
  for (const ClientId id : viewers) {
    ASSERT_TRUE(connected(id));
    const Browser& browser = simulation.browser(id);
    EXPECT_GE(browser.video().in_time_share(), 1.0);
    EXPECT_GE(browser.video().decoded, 85u);
    EXPECT_EQ(browser.video().freezes, 0u);
    EXPECT_EQ(browser.video().nacks, 0u);
    EXPECT_EQ(browser.video().keyframe_requests, 0u);
    EXPECT_LE(browser.video().first_at - browser.connected_at(), Duration::millis(100));
    expect_no_violations(simulation, id);
  }
}

TEST_F(Joining, CrowdCostsThePresenterTwoKeyframes) {
  const ClientId source = add_connected_presenter();
  simulation.run_for(Duration::seconds(5));
  std::vector<ClientId> crowd;
  for (int i = 0; i < 100; ++i) {
    crowd.push_back(
        simulation.add_viewer(source, viewer(), both_ways(link(Duration::millis(10 + i % 40)))));
    simulation.run_for(Duration::millis(1));
  }
  simulation.run_for(Duration::seconds(2));
  EXPECT_LE(simulation.browser(source).sender()->keyframe_requests(), 2u);
  for (const ClientId id : crowd) {
    EXPECT_GT(simulation.browser(id).video().decoded, 30u);
    expect_no_violations(simulation, id);
  }
}

TEST_F(Joining, ViewerConnectsOverALossyPath) {
  const ClientId source = add_connected_presenter();
  std::vector<ClientId> viewers;
  for (int i = 0; i < 10; ++i)
    viewers.push_back(
        simulation.add_viewer(source, viewer(), both_ways(lossy(Duration::millis(50), 0.2))));
  simulation.run_for(Duration::seconds(6));
  for (const ClientId id : viewers) {
    ASSERT_TRUE(connected(id));
    EXPECT_LE(simulation.browser(id).connected_at() - Instant::from_us(1'000'000),
              Duration::seconds(5));
    EXPECT_GT(simulation.browser(id).video().decoded, 30u);
    expect_no_violations(simulation, id);
  }
}

TEST_F(Joining, ViewerBeforeThePresentersFirstPictureWaitsForIt) {
  const ClientId source =
      simulation.add_presenter(presenter(), both_ways(link(Duration::millis(100))));
  const ClientId id = simulation.add_viewer(source, viewer(), both_ways(link(Duration::millis(5))));
  simulation.run_for(Duration::seconds(3));
  EXPECT_EQ(simulation.browser(id).video().first, 1u);
  EXPECT_GE(simulation.browser(id).video().in_time_share(), 1.0);
  EXPECT_EQ(simulation.browser(source).sender()->keyframe_requests(), 0u);
  expect_no_violations(simulation, id);
}

TEST_F(Joining, CodecThatThePresenterDoesNotSendIsRefused) {
  const ClientId source = add_connected_presenter();
  BrowserOptions options = viewer();
  options.session.codec = wire::Codec::kVp8;
  const ClientId id = simulation.add_viewer(source, options, both_ways(link(Duration::millis(5))));
  ASSERT_TRUE(simulation.events(id).refused);
  EXPECT_EQ(simulation.events(id).refused->code, "no_common_codec");
  EXPECT_EQ(simulation.worker().peers(), 1u);
}

TEST_F(Joining, Vp8IsForwardedAsWell) {
  BrowserOptions options = presenter();
  options.session.codec = wire::Codec::kVp8;
  const ClientId source = add_connected_presenter(options);
  BrowserOptions watches = viewer();
  watches.session.codec = wire::Codec::kVp8;
  const ClientId id = simulation.add_viewer(source, watches, both_ways(link(Duration::millis(5))));
  simulation.run_for(Duration::seconds(3));
  EXPECT_GE(simulation.browser(id).video().in_time_share(), 1.0);
  expect_no_violations(simulation, id);
}

}  // namespace
}  // namespace loopcast::sim
