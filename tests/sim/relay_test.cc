// Viewers of one presenter on two workers.
#include "sim/scenario.h"

namespace loopcast::sim {
namespace {

class Relay : public Scenario {
 protected:
  Relay() : Scenario(1, 2) {}
  ClientId add_viewer_over_there(ClientId source, const PathOptions& path) {
    return simulation.add_viewer(source, viewer(), path, 1);
  }
};

TEST_F(Relay, ViewersOnBothWorkersSeeTheSame) {
  const ClientId source = add_connected_presenter();
  std::vector<ClientId> viewers;
  for (int i = 0; i < 10; ++i) {
    const auto path = both_ways(link(Duration::millis(5 + i)));
    viewers.push_back(simulation.add_viewer(source, viewer(), path));
    viewers.push_back(add_viewer_over_there(source, path));
  }
  simulation.run_for(Duration::seconds(5));
  for (const ClientId id : viewers) {
    ASSERT_TRUE(connected(id));
    Browser& browser = simulation.browser(id);
    EXPECT_GE(browser.video().in_time_share(), 1.0);
    EXPECT_GE(browser.audio().in_time_share(), 1.0);
    EXPECT_GE(browser.video().decoded, 130u);
    EXPECT_EQ(browser.video().nacks, 0u);
    EXPECT_EQ(browser.video().keyframe_requests, 0u);
    ASSERT_TRUE(browser.lip_sync_error());
    EXPECT_LE(*browser.lip_sync_error(), Duration::millis(5));
    expect_no_violations(simulation, id);
  }
  EXPECT_EQ(simulation.worker(0).peers(), 11u);
  EXPECT_EQ(simulation.worker(1).peers(), 10u);
  // Once for a frame or a sound, however many watch there.
  EXPECT_LE(simulation.handed_over(), 5u * (30 + 50) + 20);
  EXPECT_LE(simulation.browser(source).sender()->keyframe_requests(), 1u);
}

TEST_F(Relay, LossesAreMendedByTheViewersOwnWorker) {
  const ClientId source = add_connected_presenter();
  const ClientId id = add_viewer_over_there(source, both_ways(lossy(Duration::millis(20), 0.05)));
  simulation.run_for(Duration::seconds(10));
  ASSERT_TRUE(connected(id));
  EXPECT_GT(simulation.browser(id).video().recovered, 10u);
  EXPECT_GE(simulation.browser(id).video().in_time_share(), 0.95);
  EXPECT_GT(simulation.counters(1).get(rtc::Counter::kRetransmissionsSent), 10u);
  EXPECT_EQ(simulation.counters(0).get(rtc::Counter::kRetransmissionsSent), 0u);
  expect_no_violations(simulation, id);
}

TEST_F(Relay, KeyframeRequestsReachThePresenter) {
  const ClientId source = add_connected_presenter();
  const ClientId first = add_viewer_over_there(source, both_ways(link(Duration::millis(10))));
  // Until the keyframe in the cache is too old to begin with.
  simulation.run_for(Duration::seconds(10));
  ASSERT_TRUE(connected(first));
  const uint64_t before = simulation.browser(source).sender()->keyframe_requests();
  std::vector<ClientId> crowd;
  for (int i = 0; i < 20; ++i)
    crowd.push_back(add_viewer_over_there(source, both_ways(link(Duration::millis(10 + i)))));
  simulation.run_for(Duration::seconds(2));
  for (const ClientId id : crowd) {
    EXPECT_GT(simulation.browser(id).video().decoded, 30u);
    expect_no_violations(simulation, id);
  }
  const uint64_t asked = simulation.browser(source).sender()->keyframe_requests() - before;
  EXPECT_GE(asked, 1u);
  EXPECT_LE(asked, 2u);
}

TEST_F(Relay, BeginsWithoutItsFirstBatch) {
  const ClientId source = add_connected_presenter();
  bool lost = false;
  simulation.lose_handovers([&](const sfu::PacketBatch&) { return !std::exchange(lost, true); });
  const ClientId id = add_viewer_over_there(source, both_ways(link(Duration::millis(10))));
  simulation.run_for(Duration::seconds(3));
  ASSERT_TRUE(lost);
  ASSERT_TRUE(connected(id));
  EXPECT_GT(simulation.browser(id).video().decoded, 30u);
  expect_no_violations(simulation, id);
}

// A presenter who sends nothing for the time being is as good as one whose batches are lost.
TEST_F(Relay, AnswersAViewerBeforeAnythingIsHandedOver) {
  const ClientId source = add_connected_presenter();
  simulation.lose_handovers([](const sfu::PacketBatch&) { return true; });
  const ClientId id = add_viewer_over_there(source, both_ways(link(Duration::millis(10))));
  simulation.run_for(Duration::seconds(2));
  EXPECT_TRUE(connected(id));
}

TEST_F(Relay, EndsWithoutItsLastBatch) {
  const ClientId source = add_connected_presenter();
  const ClientId id = add_viewer_over_there(source, both_ways(link(Duration::millis(10))));
  simulation.run_for(Duration::seconds(1));
  ASSERT_TRUE(connected(id));
  simulation.lose_handovers([](const sfu::PacketBatch& batch) { return batch.last; });
  simulation.close(source);  // the application learns of it from the worker
  simulation.run_for(Duration::seconds(1));
  const ClientId late =
      simulation.add_viewer(source, viewer(), both_ways(link(Duration::millis(10))), 1);
  ASSERT_TRUE(simulation.events(late).refused);
  EXPECT_EQ(simulation.events(late).refused->code, "publisher_gone");
}

TEST_F(Relay, EndsWithThePresenter) {
  const ClientId source = add_connected_presenter();
  const ClientId id = add_viewer_over_there(source, both_ways(link(Duration::millis(10))));
  simulation.run_for(Duration::seconds(1));
  ASSERT_TRUE(connected(id));
  simulation.stop(source);
  simulation.run_for(Duration::seconds(1));
  // Who comes now is refused, not left waiting.
  const ClientId late =
      simulation.add_viewer(source, viewer(), both_ways(link(Duration::millis(10))), 1);
  ASSERT_TRUE(simulation.events(late).refused);
  EXPECT_EQ(simulation.events(late).refused->code, "publisher_gone");
  simulation.stop(id);
  EXPECT_EQ(simulation.worker(1).peers(), 0u);
}

}  // namespace
}  // namespace loopcast::sim
