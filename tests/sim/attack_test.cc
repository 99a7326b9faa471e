// Strangers on the network, and viewers that mean harm.
#include <array>

#include "sim/checks.h"
#include "sim/scenario.h"

namespace loopcast::sim {
namespace {

using rtc::Counter;

class Attack : public Scenario {
 protected:
  Attack() : random_(Random::from_number(77)) {
    source = add_connected_presenter();
    victim = simulation.add_viewer(source, viewer(), both_ways(link(Duration::millis(20))));
    simulation.run_for(Duration::seconds(1));
    EXPECT_TRUE(connected(victim));
    simulation.watch_address(stranger);
  }

  // A check as `id` itself would send it.
  std::vector<uint8_t> own_check(ClientId id) {
    return make_own_check(random_, simulation.browser(id), true);
  }
  // Whoever was attacked sees everything as if nothing had been.
  void expect_undisturbed() {
    const uint64_t before = simulation.browser(victim).video().decoded;
    simulation.run_for(Duration::seconds(2));
    EXPECT_GE(simulation.browser(victim).video().decoded - before, 58u);
    EXPECT_EQ(simulation.browser(victim).video().freezes, 0u);
    EXPECT_GE(simulation.browser(victim).video().in_time_share(), 1.0);
    EXPECT_EQ(simulation.browser(victim).undecryptable(), 0u);
    EXPECT_EQ(simulation.browser(source).undecryptable(), 0u);
    expect_no_violations(simulation, victim);
    EXPECT_EQ(simulation.browser(source).sender()->keyframe_requests(), 0u);
  }

  const SocketAddress stranger{IpAddress::v4(203, 0, 113, 7), 4444};
  Random random_;
  ClientId source = 0, victim = 0;
};

TEST_F(Attack, ChecksWithAWrongPasswordMoveNothing) {
  Browser& browser = simulation.browser(victim);
  const std::string username = browser.agreed().ice.ufrag + ":" + browser.ice().local().ufrag;
  size_t sent = 0;
  for (int i = 0; i < 200; ++i) {
    const auto forged = make_check(random_, username, "notthepasswordofanybodyhere", true);
    sent += forged.size();
    simulation.inject(stranger, forged);
  }
  EXPECT_EQ(simulation.counters().get(Counter::kDropStunIntegrity), 200u);
  EXPECT_LE(simulation.strayed(stranger).bytes, sent);
  expect_undisturbed();
  EXPECT_LE(simulation.strayed(stranger).bytes, sent);
}

TEST_F(Attack, ReplayedCheckFromAnotherAddressGetsNoMedia) {
  // A real check of the victim's, seen on its way and repeated from elsewhere.
  const auto seen = own_check(victim);
  for (int i = 0; i < 20; ++i) {
    simulation.inject(stranger, seen);
    simulation.run_for(Duration::millis(100));
  }
  // An answer and a few checks of ours for each, but no media.
  EXPECT_LE(simulation.strayed(stranger).datagrams, 40u);
  EXPECT_LE(simulation.strayed(stranger).bytes, 40u * 150u);
  expect_undisturbed();
}

TEST_F(Attack, DtlsAndMediaFromAnotherAddressAreDropped) {
  std::vector<std::vector<uint8_t>> seen;
  const SocketAddress presenter_address = simulation.address(source);
  simulation.set_tap([&](const SocketAddress& from, Bytes datagram) {
    if (from == presenter_address && seen.size() < 200)
      seen.emplace_back(datagram.begin(), datagram.end());
  });
  simulation.run_for(Duration::seconds(2));
  simulation.set_tap({});
  const uint64_t before = simulation.counters().get(Counter::kDropUnknownAddress);
  size_t injected = 0;
  for (const auto& datagram : seen) {
    if (wire::classify(datagram) == wire::DatagramKind::kStun) continue;
    simulation.inject(stranger, datagram);
    ++injected;
  }
  std::vector<uint8_t> hello(200, 0x16);
  simulation.inject(stranger, hello);
  EXPECT_EQ(simulation.counters().get(Counter::kDropUnknownAddress), before + injected + 1);
  EXPECT_EQ(simulation.strayed(stranger).datagrams, 0u);
  expect_undisturbed();
}

TEST_F(Attack, MediaFromAnAddressThatIsNotValidatedIsDropped) {
  std::vector<uint8_t> seen;
  const SocketAddress presenter_address = simulation.address(source);
  simulation.set_tap([&](const SocketAddress& from, Bytes datagram) {
    if (from == presenter_address && wire::classify(datagram) == wire::DatagramKind::kRtp)
      seen.assign(datagram.begin(), datagram.end());
  });
  simulation.run_for(Duration::seconds(1));
  simulation.set_tap({});
  simulation.inject(stranger, own_check(source));  // leads the address to the presenter's peer
  simulation.inject(stranger, seen);
  EXPECT_EQ(simulation.counters().get(Counter::kDropSrtpUnvalidated), 1u);
  std::vector<uint8_t> record(100, 0x17);
  simulation.inject(stranger, record);
  EXPECT_EQ(simulation.counters().get(Counter::kDropDtlsUnvalidated), 1u);
  expect_undisturbed();
}

TEST_F(Attack, ReplayedPacketsAreNotHandedOn) {
  std::vector<std::pair<SocketAddress, std::vector<uint8_t>>> seen;
  simulation.set_tap([&](const SocketAddress& from, Bytes datagram) {
    if (wire::classify(datagram) != wire::DatagramKind::kStun)
      seen.emplace_back(from, std::vector<uint8_t>(datagram.begin(), datagram.end()));
  });
  simulation.run_for(Duration::seconds(1));
  simulation.set_tap({});
  ASSERT_GT(seen.size(), 100u);
  for (const auto& [from, datagram] : seen) simulation.inject(from, datagram);
  EXPECT_EQ(simulation.counters().get(Counter::kDropSrtpReplayed), seen.size());
  EXPECT_EQ(simulation.browser(victim).video().duplicates, 0u);
  expect_undisturbed();
}

TEST_F(Attack, SignedInPeerCannotTakeTheAddressOfAnother) {
  const ClientId thief =
      simulation.add_viewer(source, viewer(), both_ways(link(Duration::millis(20))));
  simulation.run_for(Duration::seconds(1));
  ASSERT_TRUE(connected(thief));
  // Authenticated by the thief's own password, the source address spoofed.
  for (int i = 0; i < 50; ++i) {
    simulation.inject(simulation.address(victim), own_check(thief));
    simulation.inject(simulation.address(source), own_check(thief));
    simulation.run_for(Duration::millis(20));
  }
  EXPECT_GE(simulation.counters().get(Counter::kDropRouteChallenged), 2u);
  expect_undisturbed();
}

TEST_F(Attack, AddressThatWasClaimedBeforeItsOwnerCameIsGivenBack) {
  const ClientId thief =
      simulation.add_viewer(source, viewer(), both_ways(link(Duration::millis(20))));
  simulation.run_for(Duration::seconds(1));
  ASSERT_TRUE(connected(thief));
  const ClientId late =
      simulation.add_viewer(source, viewer(), both_ways(link(Duration::millis(60))));
  for (int i = 0; i < 100; ++i) {
    simulation.inject(simulation.address(late), own_check(thief));
    simulation.run_for(Duration::millis(10));
  }
  EXPECT_TRUE(connected(late));
  simulation.run_for(Duration::seconds(2));
  EXPECT_GT(simulation.browser(late).video().decoded, 50u);
  expect_no_violations(simulation, late);
  EXPECT_LE(simulation.browser(source).sender()->keyframe_requests(), 2u);
}

TEST_F(Attack, GarbageIsCountedAndForgotten) {
  const std::array<SocketAddress, 4> from{stranger, simulation.address(source),
                                          simulation.address(victim),
                                          SocketAddress{IpAddress::v4(203, 0, 113, 8), 1}};
  for (int i = 0; i < 10'000; ++i) {
    std::vector<uint8_t> garbage(random_.below(300));
    random_.fill(garbage);
    // Most of it looks like something at its first byte.
    if (!garbage.empty() && i % 4 != 0)
      garbage[0] = std::array<uint8_t, 4>{0x00, 0x16, 0x80, 0x90}[random_.below(4)];
    simulation.inject(from[random_.below(4)], garbage);
    if (i % 100 == 0) simulation.run_for(Duration::millis(10));
  }
  EXPECT_EQ(simulation.strayed(stranger).datagrams, 0u);
  EXPECT_FALSE(simulation.events(source).ended_at < simulation.now());
  EXPECT_EQ(simulation.worker().peers(), 2u);
  expect_undisturbed();
}

TEST_F(Attack, FloodOfRetransmissionRequestsIsBounded) {
  const ClientId flooder =
      simulation.add_viewer(source, viewer(), both_ways(link(Duration::millis(5))));
  simulation.run_for(Duration::seconds(2));
  Browser& browser = simulation.browser(flooder);
  const Ssrc media = browser.remote_ssrc(rtc::MediaKind::kVideo).value_or(Ssrc{});
  const uint64_t before = simulation.counters().get(Counter::kRetransmissionsSent);
  const Instant begun = simulation.now();
  for (int i = 0; i < 1'000; ++i) {
    // Every number there is, a piece at a time, and many at once.
    std::array<uint8_t, 1200> buffer;
    ByteWriter w(buffer);
    for (uint32_t item = 0; item < 4; ++item) {
      std::vector<Seq16> numbers;
      for (int n = 0; n < 400; ++n)
        numbers.push_back(Seq16{static_cast<uint16_t>((i * 4 + static_cast<int>(item)) * 400 + n)});
      wire::write_nack(w, browser.own_ssrc(), media, numbers);
    }
    browser.send_compound(w.written());
    simulation.run_for(Duration::millis(1));
  }
  simulation.run_for(Duration::seconds(1));
  const double seconds = (simulation.now() - begun).as_seconds();
  const uint64_t sent = simulation.counters().get(Counter::kRetransmissionsSent) - before;
  EXPECT_GT(sent, 0u);
  EXPECT_LE(static_cast<double>(sent), sfu::Subscriber::kRetransmissionBurst +
                                           sfu::Subscriber::kRetransmissionsPerSecond * seconds +
                                           1);
  expect_undisturbed();
}

TEST_F(Attack, AFloodOfAPresentersMediaIsBounded) {
  EXPECT_EQ(simulation.counters().get(Counter::kDropRtpOverRate), 0u);
  BrowserOptions flood = presenter();
  flood.sender.frame_bytes = 400'000;  // about 100 Mbit/s
  const ClientId flooder = add_connected_presenter(flood);
  uint64_t packets = 0;
  double bytes = 0;
  simulation.set_tap([&](const SocketAddress& from, Bytes datagram) {
    if (from != simulation.address(flooder)) return;
    ++packets;
    bytes += static_cast<double>(datagram.size() + sfu::RateBound::kHeaders);
  });
  const uint64_t before = simulation.counters().get(Counter::kDropRtpOverRate);
  const Instant begun = simulation.now();
  simulation.run_for(Duration::seconds(5));
  const double seconds = (simulation.now() - begun).as_seconds();
  const uint64_t dropped = simulation.counters().get(Counter::kDropRtpOverRate) - before;
  const double bound = static_cast<double>(sfu::WorkerOptions{}.max_presenter_bitrate) / 8;
  // They are all nearly of one size.
  const double passed = bytes * (1 - static_cast<double>(dropped) / static_cast<double>(packets));
  EXPECT_GT(bytes, 2 * bound * seconds);
  EXPECT_LE(passed, 1.05 * bound * (seconds + 1));
  EXPECT_GE(passed, 0.95 * bound * seconds);
  expect_undisturbed();
}

TEST_F(Attack, FloodOfKeyframeRequestsIsBounded) {
  std::vector<ClientId> flooders;
  for (int i = 0; i < 5; ++i)
    flooders.push_back(
        simulation.add_viewer(source, viewer(), both_ways(link(Duration::millis(5)))));
  simulation.run_for(Duration::seconds(3));
  const uint64_t before = simulation.browser(source).sender()->keyframes();
  const Instant begun = simulation.now();
  for (uint8_t i = 0; i < 200; ++i) {
    for (const ClientId id : flooders) {
      Browser& browser = simulation.browser(id);
      const Ssrc media = browser.remote_ssrc(rtc::MediaKind::kVideo).value_or(Ssrc{});
      std::array<uint8_t, 200> buffer;
      ByteWriter w(buffer);
      const wire::FirEntry fir{media, i};
      wire::write_pli(w, browser.own_ssrc(), media);
      wire::write_fir(w, browser.own_ssrc(), {&fir, 1});
      browser.send_compound(w.written());
    }
    simulation.run_for(Duration::millis(10));
  }
  const auto least = sfu::KeyframeRequester::kMinInterval;
  const auto most = static_cast<uint64_t>((simulation.now() - begun).us() / least.us() + 2);
  const uint64_t keyframes = simulation.browser(source).sender()->keyframes() - before;
  EXPECT_GE(keyframes, 1u);
  EXPECT_LE(keyframes, most);
  EXPECT_EQ(simulation.browser(victim).video().freezes, 0u);
  expect_no_violations(simulation, victim);
}

}  // namespace
}  // namespace loopcast::sim
