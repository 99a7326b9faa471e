// Publishers that send nothing any more, and nobody knows yet whether they are dead.
#include "sim/scenario.h"

namespace loopcast::sim {
namespace {

constexpr Duration kLate = rtc::Peer::kReportInterval + Duration::millis(100);

class Silence : public Scenario {
 protected:
  // It is connected, and has sent nothing.
  ClientId add_paused_presenter() {
    const ClientId id = simulation.add_presenter(presenter(), both_ways(link(Duration::millis(5))));
    simulation.run_until([&] { return simulation.browser(id).sender() != nullptr; },
                         Duration::seconds(10));
    simulation.browser(id).sender()->pause(true);
    simulation.run_until([&] { return connected(id); }, Duration::seconds(10));
    EXPECT_TRUE(connected(id));
    return id;
  }
  // From now on nothing of it arrives.
  void cut(ClientId id) { simulation.up(id).set_options(lossy(Duration::millis(5), 1)); }
  void mend(ClientId id) { simulation.up(id).set_options(link(Duration::millis(5))); }
  const std::vector<Instant>& silent(ClientId id) { return simulation.events(id).silent_at; }
  const std::vector<Instant>& heard(ClientId id) { return simulation.events(id).heard_at; }
};

TEST_F(Silence, APublisherThatVanishesIsSilentLongBeforeItsConsentExpires) {
  const ClientId source = add_connected_presenter();
  simulation.run_for(Duration::seconds(5));
  const Instant vanished = simulation.now();
  simulation.vanish(source);
  simulation.run_until([&] { return !simulation.events(source).ended_at.is_never(); },
                       Duration::seconds(60));
  ASSERT_EQ(silent(source).size(), 1u);
  EXPECT_GE(silent(source)[0] - vanished, sfu::Worker::kSilence - Duration::millis(30));
  EXPECT_LE(silent(source)[0] - vanished, sfu::Worker::kSilence + kLate);
  EXPECT_GT(simulation.events(source).ended_at - silent(source)[0], Duration::seconds(10));
  EXPECT_EQ(heard(source).size(), 1u);  // its first packet
}

TEST_F(Silence, APublisherWhoseNetworkIsBackIsHeardWithItsFirstPacket) {
  const ClientId source = add_connected_presenter();
  for (size_t round = 1; round <= 3; ++round) {
    cut(source);
    simulation.run_for(Duration::seconds(6));
    ASSERT_EQ(silent(source).size(), round);
    const Instant mended = simulation.now();
    mend(source);
    simulation.run_for(Duration::seconds(3));
    ASSERT_EQ(heard(source).size(), 1 + round);
    EXPECT_LE(heard(source).back() - mended, Duration::millis(30));
  }
  EXPECT_EQ(silent(source).size(), 3u);
  EXPECT_TRUE(simulation.events(source).ended_at.is_never());
}

TEST_F(Silence, AShortOutageIsNone) {
  const ClientId source = add_connected_presenter();
  for (int i = 0; i < 5; ++i) {
    cut(source);
    simulation.run_for(sfu::Worker::kSilence - Duration::millis(100));
    mend(source);
    simulation.run_for(Duration::millis(1300));
  }
  EXPECT_TRUE(silent(source).empty());
}

TEST_F(Silence, WhoSendsAllTheTimeIsNeverSilent) {
  const ClientId bad = add_connected_presenter(
      presenter(), {lossy(Duration::millis(80), 0.3), lossy(Duration::millis(80), 0.3)});
  BrowserOptions options = presenter();
  options.session.video = false;
  const ClientId sound = add_connected_presenter(options);
  simulation.run_for(Duration::seconds(60));
  EXPECT_TRUE(silent(bad).empty());
  EXPECT_TRUE(silent(sound).empty());
}

TEST_F(Silence, APublisherThatConnectsAndSendsNothingIsSilentOnlyAfterAWhile) {
  const ClientId source = add_paused_presenter();
  simulation.run_for(Duration::seconds(10));
  ASSERT_EQ(silent(source).size(), 1u);
  const Duration after = silent(source)[0] - simulation.events(source).connected_at;
  EXPECT_GE(after, sfu::Worker::kSilence);
  EXPECT_LE(after, sfu::Worker::kSilence + kLate);
  EXPECT_TRUE(heard(source).empty());
}

TEST_F(Silence, WhoBeginsToSendIsHeardOnceWithTheFirstPacket) {
  const ClientId source = add_paused_presenter();
  simulation.run_for(Duration::seconds(1));
  EXPECT_TRUE(heard(source).empty());
  const Instant begun = simulation.now();
  simulation.browser(source).sender()->pause(false);
  simulation.run_for(Duration::seconds(5));
  ASSERT_EQ(heard(source).size(), 1u);
  EXPECT_LE(heard(source)[0] - begun, Duration::millis(50));
  EXPECT_TRUE(silent(source).empty());
}

TEST_F(Silence, NothingIsToldOfWhoNeverConnected) {
  const ClientId source =
      simulation.add_presenter(presenter(), both_ways(lossy(Duration::millis(5), 1)));
  simulation.run_for(Duration::seconds(60));
  EXPECT_EQ(simulation.events(source).end_reason, "ice");
  EXPECT_TRUE(silent(source).empty());
}

TEST_F(Silence, NothingIsToldOfViewers) {
  const ClientId source = add_connected_presenter();
  const ClientId watcher =
      simulation.add_viewer(source, viewer(), both_ways(link(Duration::millis(5))));
  simulation.run_for(Duration::seconds(2));
  simulation.vanish(watcher);
  simulation.run_for(Duration::seconds(15));
  EXPECT_TRUE(silent(watcher).empty());
  EXPECT_TRUE(silent(source).empty());
}

// Reports on what it receives do not tell that it sends.
TEST_F(Silence, APresenterWhoSeesThemselvesIsNoException) {
  const ClientId source = add_connected_presenter(BrowserOptions{});
  simulation.run_for(Duration::seconds(3));
  EXPECT_TRUE(silent(source).empty());
  simulation.vanish(source);
  simulation.run_for(Duration::seconds(4));
  EXPECT_EQ(silent(source).size(), 1u);
}

}  // namespace
}  // namespace loopcast::sim
