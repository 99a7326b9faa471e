// What one peer may take of its worker: addresses, turns of handshakes, and what its end costs.
#include <array>

#include "sim/scenario.h"
#include "wire/stun.h"

namespace loopcast::sim {
namespace {

using rtc::Counter;

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
    Browser& browser = simulation.browser(id);
    std::vector<uint8_t> out(500);
    wire::TransactionId transaction;
    random_.fill(transaction);
    wire::StunWriter writer(out, wire::StunClass::kRequest, wire::kStunBinding, transaction);
    writer.username(browser.agreed().ice.ufrag + ":" + browser.ice().local().ufrag);
    writer.priority(1);
    writer.ice_controlling(5);
    out.resize(writer.finish(browser.agreed().ice.password));
    return out;
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
  struct Nowhere final : TransmitSink {
    void send(TransmitBatch& batch) override { batch.clear(); }
  } nowhere;
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
