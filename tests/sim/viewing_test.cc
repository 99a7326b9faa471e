// What viewers see over good and bad networks.
#include "sim/scenario.h"

namespace loopcast::sim {
namespace {

class Viewing : public Scenario {};

TEST_F(Viewing, PresenterSeesThemselvesByLoopback) {
  BrowserOptions options;
  options.session.receive = true;
  const ClientId id = add_connected_presenter(options);
  simulation.run_for(Duration::seconds(5));
  Browser& browser = simulation.browser(id);
  EXPECT_GE(browser.video().in_time_share(), 1.0);
  EXPECT_GE(browser.audio().in_time_share(), 1.0);
  EXPECT_GE(browser.video().decoded, 140u);
  EXPECT_LE(browser.video().worst_latency, Duration::millis(12));
  EXPECT_EQ(browser.video().freezes, 0u);
  EXPECT_EQ(browser.sender()->keyframe_requests(), 0u);
  expect_no_violations(simulation, id);
}

TEST_F(Viewing, TwentyViewersOverGoodNetworks) {
  const ClientId source = add_connected_presenter();
  std::vector<ClientId> viewers;
  for (int i = 0; i < 20; ++i)
    viewers.push_back(
        simulation.add_viewer(source, viewer(), both_ways(link(Duration::millis(5 + i)))));
  simulation.run_for(Duration::seconds(5));
  for (const ClientId id : viewers) {
    ASSERT_TRUE(connected(id));
    Browser& browser = simulation.browser(id);
    EXPECT_GE(browser.video().in_time_share(), 1.0);
    EXPECT_GE(browser.audio().in_time_share(), 1.0);
    EXPECT_GE(browser.video().decoded, 130u);
    EXPECT_EQ(browser.video().nacks, 0u);
    EXPECT_EQ(browser.video().keyframe_requests, 0u);
    EXPECT_EQ(browser.video().freezes, 0u);
    ASSERT_TRUE(browser.lip_sync_error());
    EXPECT_LE(*browser.lip_sync_error(), Duration::millis(5));
    expect_no_violations(simulation, id);
  }
  EXPECT_LE(simulation.browser(source).sender()->keyframe_requests(), 1u);
}

}  // namespace
}  // namespace loopcast::sim
