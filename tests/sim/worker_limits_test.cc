// What one peer may take of its worker: addresses, turns of handshakes, and what its end costs.
#include <array>

#include "sim/checks.h"
#include "sim/scenario.h"

namespace loopcast::sim {
namespace {

using rtc::Counter;

struct Nowhere final : TransmitSink {
  void send(TransmitBatch& batch) override { batch.clear(); }
};

class WorkerLimits : public Scenario {
 protected:
  WorkerLimits() : random_(Random::from_number(78)) { source = add_connected_presenter(); }

  ClientId add_connected_viewer(const PathOptions& path = both_ways(link(Duration::millis(20)))) {
    BrowserOptions options = viewer();
    options.transport_feedback = true;
    const ClientId id = simulation.add_viewer(source, options, path);
    simulation.run_for(Duration::seconds(1));
    EXPECT_TRUE(connected(id));
    return id;
  }
  // A check as `id` itself would send it, but for the nomination.
  std::vector<uint8_t> own_check(ClientId id) {
    return make_own_check(random_, simulation.browser(id), false);
  }
  static SocketAddress elsewhere(int i) {
    return {IpAddress::v4(203, 0, 113, static_cast<uint8_t>(i)), 4444};
  }

  Random random_;
  ClientId source = 0;
};

// A peer that tries many pairs, or a program behind a NAT that is restarted: what is in use stays.
TEST_F(WorkerLimits, ARouteThatIsUsedIsNotDroppedForManyThatAreNot) {
  const ClientId id = add_connected_viewer();
  for (int i = 0; i < 60; ++i) {
    simulation.inject(elsewhere(i), own_check(id));
    simulation.run_for(Duration::millis(100));
  }
  EXPECT_EQ(simulation.counters().get(Counter::kDropUnknownAddress), 0u);
  EXPECT_EQ(simulation.counters().get(Counter::kDropSrtpUnvalidated), 0u);
  const uint64_t before = simulation.browser(id).video().decoded;
  simulation.run_for(Duration::seconds(1));
  EXPECT_GE(simulation.browser(id).video().decoded - before, 29u);
  expect_no_violations(simulation, id);
}

TEST_F(WorkerLimits, AConnectionThatIsGoneLeadsNowhere) {
  Nowhere nowhere;
  TransmitBatch batch;
  Outlet out{batch, nowhere};
  const ClientId id = add_connected_viewer();
  sfu::Worker& worker = simulation.worker();
  const auto unknown = [&] { return simulation.counters().get(Counter::kDropUnknownAddress); };
  const auto media_from = [&](const Route& route) {
    std::array<uint8_t, 40> rtp{0x80, 96};
    worker.handle_datagram(simulation.now(), route, rtp, out);
  };
  std::vector<Route> routes;
  for (uint32_t tcp = 1; tcp <= 3; ++tcp) routes.push_back({elsewhere(1), {}, tcp});
  for (const Route& route : routes) {
    auto check = own_check(id);
    worker.handle_datagram(simulation.now(), route, check, out);
    media_from(route);
  }
  EXPECT_EQ(unknown(), 0u);
  worker.route_closed(simulation.now(), routes[1]);
  for (const Route& route : routes) media_from(route);
  EXPECT_EQ(unknown(), 1u);
  // Of a connection that never was anybody's.
  worker.route_closed(simulation.now(), {elsewhere(1), {}, 99});
  for (const Route& route : routes) media_from(route);
  EXPECT_EQ(unknown(), 2u);
}

TEST_F(WorkerLimits, HandshakesHaveTwoStepsInATurn) {
  constexpr size_t kCrowd = 20;
  std::vector<ClientId> crowd;
  for (size_t i = 0; i < kCrowd; ++i)
    crowd.push_back(simulation.add_viewer(source, viewer(), both_ways(link(Duration::millis(10)))));
  size_t before = 0, most = 0;
  const bool all = simulation.run_until(
      [&] {
        const auto now = static_cast<size_t>(std::ranges::count_if(
            crowd, [&](ClientId id) { return !simulation.events(id).connected_at.is_never(); }));
        most = std::max(most, now - before);
        before = now;
        return now == kCrowd;
      },
      Duration::seconds(5));
  EXPECT_TRUE(all);
  // All of them have their turn at the same moment, as their paths are the same.
  EXPECT_EQ(most, 2u);
}

TEST_F(WorkerLimits, OnePeersDatagramsDoNotFillTheQueueOfHandshakes) {
  // Its address is validated, and it never goes on with its handshake.
  const ClientId flooder =
      simulation.add_viewer(source, viewer(), both_ways(link(Duration::millis(10))));
  ASSERT_TRUE(
      simulation.run_until([&] { return simulation.browser(flooder).ice().selected().has_value(); },
                           Duration::seconds(5)));
  simulation.vanish(flooder);
  std::array<uint8_t, 64> hello{22, 254, 253};
  constexpr uint64_t kFlood = 10'000;
  for (uint64_t i = 0; i < kFlood; ++i) {
    auto copy = hello;
    simulation.inject(simulation.address(flooder), copy);
  }
  EXPECT_GE(simulation.counters().get(Counter::kDropHandshakeLimit),
            kFlood - sfu::Worker::kMaxHandshakesOfPeer);
  const uint64_t dropped = simulation.counters().get(Counter::kDropHandshakeLimit);
  const ClientId other =
      simulation.add_viewer(source, viewer(), both_ways(link(Duration::millis(10))));
  ASSERT_TRUE(simulation.run_until([&] { return connected(other); }, Duration::seconds(1)));
  EXPECT_EQ(simulation.counters().get(Counter::kDropHandshakeLimit), dropped);
}

TEST_F(WorkerLimits, FewUserNamesLeadToOnePeer) {
  const ClientId id = add_connected_viewer();
  const auto first = own_check(id);
  const auto unknown_user = [&] {
    return simulation.counters().get(Counter::kDropStunUnknownUser);
  };
  const auto unknown_address = [&] {
    return simulation.counters().get(Counter::kDropUnknownAddress);
  };
  for (int restarts = 1; restarts <= 4; ++restarts) {
    simulation.restart_ice(id);
    simulation.run_for(Duration::seconds(1));
    const uint64_t user = unknown_user(), address = unknown_address();
    simulation.inject(elsewhere(1), first);
    EXPECT_EQ(unknown_user() - user, restarts < 4 ? 1u : 0u) << restarts;
    EXPECT_EQ(unknown_address() - address, restarts < 4 ? 0u : 1u) << restarts;
  }
}

TEST_F(WorkerLimits, NeitherPresentersNorViewersArePeersBeyondTheMost) {
  Nowhere nowhere;
  TransmitBatch batch;
  Outlet out{batch, nowhere};
  sfu::WorkerOptions options;
  options.max_peers = 2;
  sfu::Worker worker(options, Random::from_number(5).fork());
  const std::string presents = simulation.browser(source).offer();
  const std::string watches = simulation.browser(add_connected_viewer()).offer();
  const auto refusal = [&](sfu::Command command) {
    worker.handle(simulation.now(), std::move(command), out);
    sfu::Event event;
    EXPECT_TRUE(worker.poll_event(event));
    const auto* refused = std::get_if<sfu::Refused>(&event);
    return refused ? refused->error.code : "";
  };
  EXPECT_EQ(refusal(sfu::Publish{1, presents}), "");
  EXPECT_EQ(refusal(sfu::Watch{2, 1, watches}), "");
  EXPECT_EQ(refusal(sfu::Publish{3, presents}), "server_full");
  EXPECT_EQ(refusal(sfu::Watch{4, 1, watches}), "server_full");
  EXPECT_EQ(worker.peers(), 2u);
  worker.handle(simulation.now(), sfu::Stop{2}, out);
  EXPECT_EQ(refusal(sfu::Watch{5, 1, watches}), "");
}

TEST_F(WorkerLimits, ACrowdGetsItsReplaysOneAfterTheOther) {
  constexpr size_t kCrowd = 40;
  simulation.run_for(Duration::seconds(1));
  for (size_t i = 0; i < kCrowd; ++i)
    simulation.add_viewer(source, viewer(), both_ways(link(Duration::millis(10))));
  const auto replays = [&] { return simulation.counters().get(Counter::kKeyframeReplays); };
  const auto forwarded = [&] { return simulation.counters().get(Counter::kRtpForwarded); };
  Instant at = simulation.now();
  uint64_t before = forwarded(), sent = before, most = 0;
  const bool all = simulation.run_until(
      [&] {
        if (at != simulation.now()) before = sent;
        at = simulation.now();
        sent = forwarded();
        most = std::max(most, sent - before);
        return replays() == kCrowd;
      },
      Duration::seconds(5));
  EXPECT_TRUE(all) << replays();
  // The last replay may go beyond the budget, and a frame may leave to everybody meanwhile.
  constexpr uint64_t kFrame = 8;
  EXPECT_LE(most, static_cast<uint64_t>(sfu::Worker::kReplayBurst + sfu::Publisher::kMaxReplay) +
                      kCrowd * kFrame);
}

TEST_F(WorkerLimits, FiguresTellOfSlowViewersUntilTheyGo) {
  add_connected_viewer();
  EXPECT_EQ(simulation.figures().slow_viewers, 0u);
  const ClientId slow = add_connected_viewer(both_ways(lossy(Duration::millis(20), 0.2)));
  ASSERT_TRUE(simulation.run_until([&] { return simulation.figures().slow_viewers == 1; },
                                   Duration::seconds(5)));
  EXPECT_EQ(simulation.figures().peers, 3u);
  simulation.stop(slow);
  EXPECT_EQ(simulation.figures().slow_viewers, 0u);
  EXPECT_EQ(simulation.figures().peers, 2u);
}

}  // namespace
}  // namespace loopcast::sim
