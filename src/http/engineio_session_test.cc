#include "http/engineio_session.h"

#include <gtest/gtest.h>

namespace loopcast::http {
namespace {

constexpr Instant kStart = Instant::from_us(1'000'000);
Instant at(int64_t ms) { return kStart + Duration::millis(ms); }

EngineSession make(int protocol, bool websocket = false, size_t max_queue = 10'000) {
  EngineSession::Config config;
  config.protocol = protocol;
  config.websocket = websocket;
  config.ping_interval = Duration::millis(300);
  config.ping_timeout = Duration::millis(200);
  config.upgrade_timeout = Duration::millis(1'000);
  config.max_queue = max_queue;
  return EngineSession(kStart, config, {EngineType::kOpen, "{}"});
}

EnginePacket message(std::string text) { return {EngineType::kMessage, std::move(text)}; }
const EnginePacket kProbe{EngineType::kPing, "probe"};
const EnginePacket kUpgrade{EngineType::kUpgrade, ""};
const std::vector<EnginePacket> kNoop{{EngineType::kNoop, ""}};
const std::vector<EnginePacket> kClose{{EngineType::kClose, ""}};

// A polling session whose open packet has left.
EngineSession opened(int protocol) {
  EngineSession session = make(protocol);
  session.begin_poll(kStart);
  session.take_poll();
  return session;
}

TEST(EngineSession, FirstPollHasTheOpenPacketAndWhatFollowed) {
  EngineSession session = make(3);
  session.send(message("0"));
  EXPECT_EQ(session.begin_poll(kStart), EngineSession::Poll::kWait);
  EXPECT_TRUE(session.poll_ready());
  const auto packets = session.take_poll();
  ASSERT_EQ(packets.size(), 2u);
  EXPECT_EQ(packets[0].type, EngineType::kOpen);
  EXPECT_EQ(packets[1].data, "0");
  EXPECT_FALSE(session.poll_ready());
}

TEST(EngineSession, SecondPollAtOnceClosesAndTheFirstLearnsIt) {
  EngineSession session = opened(4);
  EXPECT_EQ(session.begin_poll(kStart), EngineSession::Poll::kWait);
  EXPECT_EQ(session.begin_poll(kStart), EngineSession::Poll::kConflict);
  EXPECT_EQ(session.phase(), EngineSession::Phase::kClosed);
  EXPECT_TRUE(session.poll_ready());
  EXPECT_EQ(session.take_poll(), kClose);
  EXPECT_EQ(session.begin_poll(kStart), EngineSession::Poll::kElsewhere);
}

TEST(EngineSession, CloseByTheClientEndsTheHangingPollWithANoop) {
  EngineSession session = opened(3);
  session.begin_poll(kStart);
  session.receive(at(1), {EngineType::kClose, ""});
  EXPECT_EQ(session.close_reason(), "transport close");
  EXPECT_EQ(session.take_poll(), kNoop);
}

TEST(EngineSession, ServerPingsInRevision4) {
  EngineSession session = opened(4);
  EXPECT_EQ(session.next_timeout(), at(300));
  session.handle_timeout(at(310));  // late
  EXPECT_EQ(session.take_poll()[0].type, EngineType::kPing);
  EXPECT_EQ(session.next_timeout(), at(500));  // not later for that
  session.receive(at(400), {EngineType::kPong, ""});
  EXPECT_EQ(session.next_timeout(), at(700));
  session.handle_timeout(at(700));
  session.handle_timeout(at(900));
  EXPECT_EQ(session.close_reason(), "ping timeout");
}

TEST(EngineSession, AnyPacketCountsAsAliveWhileAPongIsDue) {
  EngineSession session = opened(4);
  session.handle_timeout(at(300));
  session.receive(at(450), message("x"));
  session.handle_timeout(at(600));
  EXPECT_EQ(session.phase(), EngineSession::Phase::kOpen);
  session.handle_timeout(at(650));
  EXPECT_EQ(session.phase(), EngineSession::Phase::kClosed);
}

TEST(EngineSession, ClientPingsInRevision3) {
  EngineSession session = opened(3);
  EXPECT_EQ(session.next_timeout(), at(500));
  session.receive(at(400), {EngineType::kPing, "x"});
  EXPECT_EQ(session.take_poll(), (std::vector<EnginePacket>{{EngineType::kPong, "x"}}));
  session.handle_timeout(at(899));
  EXPECT_EQ(session.phase(), EngineSession::Phase::kOpen);
  session.handle_timeout(at(900));
  EXPECT_EQ(session.close_reason(), "ping timeout");
}

TEST(EngineSession, ClientMustNotPingInRevision4) {
  EngineSession session = opened(4);
  session.receive(at(1), {EngineType::kPing, ""});
  EXPECT_EQ(session.close_reason(), "parse error");
}

TEST(EngineSession, UpgradeEndsPollsAndLosesNothing) {
  EngineSession session = opened(4);
  session.begin_poll(at(0));
  EXPECT_TRUE(session.begin_probe(at(1)));
  EXPECT_FALSE(session.begin_probe(at(1)));
  EXPECT_EQ(session.receive_probe(at(2), kProbe), EngineSession::ProbeAnswer::kPong);
  EXPECT_FALSE(session.poll_ready());
  EXPECT_EQ(session.next_timeout(), at(52));
  session.handle_timeout(at(52));
  EXPECT_TRUE(session.poll_ready());
  EXPECT_EQ(session.take_poll(), kNoop);

  session.send(message("queued"));
  EXPECT_FALSE(session.write_ready());
  EXPECT_EQ(session.receive_probe(at(60), kUpgrade), EngineSession::ProbeAnswer::kUpgraded);
  EXPECT_TRUE(session.on_websocket());
  EXPECT_EQ(session.take_packet(), message("queued"));
  EXPECT_EQ(session.take_packet(), std::nullopt);
  EXPECT_EQ(session.begin_poll(at(61)), EngineSession::Poll::kElsewhere);
  EXPECT_FALSE(session.begin_probe(at(61)));
}

TEST(EngineSession, PollsDuringTheUpgradeEndToo) {
  EngineSession session = opened(4);
  session.begin_probe(at(1));
  session.receive_probe(at(2), kProbe);
  session.begin_poll(at(10));
  EXPECT_FALSE(session.poll_ready());
  session.handle_timeout(at(60));
  EXPECT_EQ(session.take_poll(), kNoop);
  session.begin_poll(at(61));
  EXPECT_FALSE(session.poll_ready());
  session.send(message("x"));
  EXPECT_EQ(session.take_poll(), std::vector<EnginePacket>{message("x")});
}

TEST(EngineSession, PollThatTheUpgradeOvertakesIsRefusedAndTakesNothingAlong) {
  EngineSession session = opened(3);
  session.begin_probe(at(1));
  session.receive_probe(at(2), kProbe);
  session.begin_poll(at(3));
  session.receive_probe(at(3), kUpgrade);
  session.send(message("later"));
  EXPECT_TRUE(session.poll_ready());
  EXPECT_EQ(session.take_poll(), std::vector<EnginePacket>{});
  EXPECT_EQ(session.take_packet(), message("later"));
}

TEST(EngineSession, FailedProbeLeavesPollingAsItWas) {
  EngineSession session = opened(3);
  session.begin_probe(at(1));
  EXPECT_EQ(session.receive_probe(at(2), kUpgrade), std::nullopt);  // before the probe
  EXPECT_EQ(session.receive_probe(at(2), message("x")), std::nullopt);
  session.receive_probe(at(3), kProbe);
  session.end_probe();
  session.begin_poll(kStart);
  EXPECT_FALSE(session.poll_ready());
  EXPECT_TRUE(session.begin_probe(at(4)));
}

TEST(EngineSession, ProbeHasADeadline) {
  EngineSession session = make(4);
  session.begin_probe(at(0));
  for (int64_t ms = 300; ms < 1000; ms += 100) {
    session.handle_timeout(at(ms));
    session.receive(at(ms), {EngineType::kPong, ""});
  }
  EXPECT_TRUE(session.upgrading());
  session.handle_timeout(at(1000));
  EXPECT_FALSE(session.upgrading());
  EXPECT_EQ(session.phase(), EngineSession::Phase::kOpen);
}

TEST(EngineSession, QueueIsBounded) {
  EngineSession session = make(4, false, 500);
  while (session.phase() == EngineSession::Phase::kOpen) session.send(message("0123456789"));
  EXPECT_EQ(session.close_reason(), "queue overflow");
}

TEST(EngineSession, WhatWasTakenCountsNoMore) {
  for (const bool websocket : {false, true}) {
    EngineSession session = make(4, websocket, 1'000);
    for (int i = 0; i < 10; ++i) {
      session.send(message(std::string(500, 'x')));
      ASSERT_EQ(session.phase(), EngineSession::Phase::kOpen) << i;
      if (websocket) {
        while (session.take_packet()) {
        }
      } else {
        session.begin_poll(kStart);
        session.take_poll();
      }
    }
  }
}

TEST(EngineSession, ClosingWaitsForWhatWasSent) {
  EngineSession session = opened(4);
  session.send(message("bye"));
  session.close_when_sent(at(10), "kicked");
  EXPECT_EQ(session.phase(), EngineSession::Phase::kClosing);
  session.send(message("too late"));
  EXPECT_EQ(session.receive(at(11), message("x")), std::nullopt);
  session.begin_poll(kStart);
  EXPECT_EQ(session.take_poll(), (std::vector<EnginePacket>{message("bye")}));
  EXPECT_EQ(session.phase(), EngineSession::Phase::kClosing);
  session.begin_poll(kStart);
  EXPECT_TRUE(session.poll_ready());
  EXPECT_EQ(session.take_poll(), kClose);
  EXPECT_EQ(session.phase(), EngineSession::Phase::kClosed);
  EXPECT_EQ(session.close_reason(), "kicked");
}

TEST(EngineSession, ClosingInRevision3TakesOnePoll) {
  EngineSession session = opened(3);
  session.send(message("bye"));
  session.close_when_sent(at(10), "kicked");
  session.begin_poll(kStart);
  EXPECT_EQ(session.take_poll(),
            (std::vector<EnginePacket>{message("bye"), {EngineType::kClose, ""}}));
  EXPECT_EQ(session.phase(), EngineSession::Phase::kClosed);
}

TEST(EngineSession, ClosingEndsWithoutAnotherPoll) {
  EngineSession session = opened(4);
  session.send(message("bye"));
  session.close_when_sent(at(10), "kicked");
  session.begin_poll(kStart);
  session.take_poll();
  session.handle_timeout(at(210));
  EXPECT_EQ(session.phase(), EngineSession::Phase::kClosed);
  EXPECT_EQ(session.close_reason(), "kicked");
}

TEST(EngineSession, ClosingDuringTheUpgradeLosesNothing) {
  EngineSession session = opened(4);
  session.begin_probe(at(1));
  session.receive_probe(at(2), kProbe);
  session.send(message("bye"));
  session.close_when_sent(at(3), "kicked");
  EXPECT_EQ(session.receive_probe(at(4), kUpgrade), EngineSession::ProbeAnswer::kUpgraded);
  EXPECT_TRUE(session.write_ready());
  EXPECT_EQ(session.take_packet(), message("bye"));
  EXPECT_EQ(session.phase(), EngineSession::Phase::kClosing);
  EXPECT_EQ(session.take_packet(), std::nullopt);
  EXPECT_EQ(session.phase(), EngineSession::Phase::kClosed);
}

TEST(EngineSession, ClosingOverWebSocketAndItsDeadline) {
  EngineSession session = make(4, true);
  session.close_when_sent(at(10), "kicked");
  EXPECT_TRUE(session.take_packet());  // the open packet
  EXPECT_FALSE(session.take_packet());
  EXPECT_EQ(session.phase(), EngineSession::Phase::kClosed);

  EngineSession stuck = make(4, true);
  stuck.close_when_sent(at(10), "kicked");
  stuck.handle_timeout(at(210));
  EXPECT_EQ(stuck.phase(), EngineSession::Phase::kClosed);
  EXPECT_EQ(stuck.close_reason(), "kicked");
}

}  // namespace
}  // namespace loopcast::http
