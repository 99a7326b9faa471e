#include <algorithm>
#include <array>
#include <set>

#include <gtest/gtest.h>

#include "rtc/ice_fixture.h"

namespace loopcast::rtc {
namespace {

TEST_F(IceTest, ChecksAnAddressBeforeItSendsThereAndBeforeItAnswers) {
  EXPECT_EQ(agent.state(), State::kChecking);
  const Datagram request = browser.request(true);
  EXPECT_EQ(send(route(1), request), Result::kHandled);
  EXPECT_EQ(agent.selected(), nullptr);
  EXPECT_FALSE(agent.is_validated(route(1)));

  const auto sent = drain();
  ASSERT_EQ(sent.size(), 2u);
  const StunMessage check = sent[0].message();
  EXPECT_EQ(sent[0].to, route(1));
  EXPECT_EQ(check.cls, StunClass::kRequest);
  EXPECT_EQ(check.username, "their:ours");
  EXPECT_TRUE(check.check_integrity(kTheirs.password));
  EXPECT_TRUE(check.has_fingerprint);
  EXPECT_TRUE(check.ice_controlled);
  EXPECT_FALSE(check.ice_controlling);
  EXPECT_FALSE(check.use_candidate);
  EXPECT_TRUE(check.priority);
  const StunMessage answer = sent[1].message();
  EXPECT_EQ(answer.cls, StunClass::kSuccess);
  EXPECT_EQ(answer.transaction, StunMessage::parse(request)->transaction);
  EXPECT_EQ(answer.xor_mapped_address, route(1).remote);
  EXPECT_TRUE(answer.check_integrity(kOurs.password));
  EXPECT_TRUE(answer.has_fingerprint);

  now = now + Duration::millis(30);
  EXPECT_EQ(send(route(1), browser.answer(check)), Result::kHandled);
  EXPECT_EQ(agent.state(), State::kConnected);
  ASSERT_NE(agent.selected(), nullptr);
  EXPECT_EQ(*agent.selected(), route(1));
  EXPECT_TRUE(agent.is_validated(route(1)));
  EXPECT_EQ(agent.last_round_trip(), Duration::millis(30));
  // The same answer once more is no answer.
  EXPECT_EQ(send(route(1), browser.answer(check)), Result::kUnexpectedResponse);
}

TEST_F(IceTest, ALostCheckDoesNotAddToTheRoundTrip) {
  send(route(1), browser.request(true));
  const auto sent = drain();
  now = now + IceAgent::kFirstRetransmission;
  agent.handle_timeout(now);
  const auto repeated = drain();
  ASSERT_EQ(repeated.size(), 1u);
  now = now + Duration::millis(30);
  EXPECT_EQ(send(route(1), browser.answer(repeated[0].message())), Result::kHandled);
  EXPECT_EQ(agent.last_round_trip(), Duration::millis(30));
  EXPECT_EQ(send(route(1), browser.answer(sent[0].message())), Result::kUnexpectedResponse);
}

TEST_F(IceTest, AnAnswerThatComesAfterARepeatCountsFromWhatItAnswers) {
  send(route(1), browser.request(true));
  const auto sent = drain();
  now = now + IceAgent::kFirstRetransmission;
  agent.handle_timeout(now);
  drain();
  now = now + Duration::millis(50);
  EXPECT_EQ(send(route(1), browser.answer(sent[0].message())), Result::kHandled);
  EXPECT_EQ(agent.last_round_trip(), Duration::millis(150));
}

TEST_F(IceTest, ASpoofedSourceIsNeverValidated) {
  const Route victim = route(66), peer = route(1);
  EXPECT_EQ(send(victim, browser.request(true)), Result::kHandled);
  const auto sent = drain();
  ASSERT_EQ(sent.size(), 2u);
  const StunMessage check = sent[0].message();
  // The spoofer cannot see the check. It could guess; it could answer from its own address; the
  // victim could answer without the password.
  StunMessage guess = check;
  guess.transaction[0] ^= 1;
  EXPECT_EQ(send(victim, browser.answer(guess)), Result::kUnexpectedResponse);
  EXPECT_EQ(send(peer, browser.answer(check)), Result::kUnexpectedResponse);
  EXPECT_EQ(send(victim, browser.answer(check, "")), Result::kBadIntegrity);
  EXPECT_EQ(send(victim, browser.answer(check, kOurs.password)), Result::kBadIntegrity);
  EXPECT_FALSE(agent.is_validated(victim));

  validate(peer);
  EXPECT_EQ(*agent.selected(), peer);
  EXPECT_EQ(send(victim, browser.request(true)), Result::kHandled);
  EXPECT_EQ(*agent.selected(), peer);
}

TEST_F(IceTest, WhatAVictimGetsIsBounded) {
  int checks = 0;
  size_t bytes = 0, asked = 0;
  while (now < begin + Duration::seconds(10)) {
    const Datagram request = browser.request();
    asked += request.size();
    send(route(66), request);
    agent.handle_timeout(now);
    for (const Sent& s : drain()) {
      bytes += s.bytes.size();
      if (s.message().cls == StunClass::kRequest) ++checks;
    }
    now = now + Duration::millis(20);
  }
  EXPECT_EQ(checks, IceAgent::kCheckTries);
  EXPECT_LT(bytes, asked + 1000);
}

TEST_F(IceTest, RepeatsAnUnansweredCheck) {
  send(route(1), browser.request());
  std::vector<int64_t> at;
  std::set<wire::TransactionId> transactions{drain()[0].message().transaction};
  while (agent.next_timeout() < begin + IceAgent::kValidationTimeout) {
    now = agent.next_timeout();
    agent.handle_timeout(now);
    for (const Sent& s : drain()) {
      at.push_back((now - begin).ms());
      EXPECT_EQ(s.message().cls, StunClass::kRequest);
      EXPECT_TRUE(s.message().check_integrity(kTheirs.password));
      EXPECT_TRUE(transactions.insert(s.message().transaction).second);
    }
  }
  EXPECT_EQ(at, (std::vector<int64_t>{100, 300, 700, 1500, 3100, 6300}));
}

TEST_F(IceTest, DoesNotRepeatOverTcp) {
  Route tcp = route(1);
  tcp.tcp = 9;
  send(tcp, browser.request());
  EXPECT_EQ(drain().size(), 2u);
  while (agent.next_timeout() < begin + IceAgent::kValidationTimeout) {
    now = agent.next_timeout();
    agent.handle_timeout(now);
    EXPECT_TRUE(drain().empty());
  }
  validate(tcp);
  EXPECT_FALSE(agent.is_validated(route(1)));
}

TEST_F(IceTest, AnIndicationProvesNothing) {
  validate(route(1), true);
  std::array<uint8_t, 100> out;
  StunWriter w(out, StunClass::kIndication, wire::kStunBinding, {1});
  const size_t size = w.finish({});
  for (const Route& from : {route(1), route(2)})
    EXPECT_EQ(agent.handle_datagram(now, from, Bytes(out).first(size)), Result::kIndication);
  EXPECT_FALSE(agent.is_validated(route(2)));
  EXPECT_TRUE(drain().empty());
}

TEST_F(IceTest, ARouteValidatedLongAgoIsCheckedAgainBeforeItIsSelected) {
  validate(route(1), true);
  validate(route(2));
  run_until(now + Duration::seconds(60), {route(1)});
  EXPECT_EQ(agent.state(), State::kConnected);
  drain();
  send(route(2), browser.request(true));
  EXPECT_EQ(*agent.selected(), route(1));
  EXPECT_TRUE(agent.is_validated(route(2)));
  EXPECT_TRUE(answer_checks(route(2)));
  EXPECT_EQ(*agent.selected(), route(2));
}

TEST_F(IceTest, ChecksConsentEveryFiveSecondsOrSo) {
  validate(route(1), true);
  std::vector<Duration> gaps;
  Instant last = now;
  while (now < begin + Duration::seconds(300)) {
    now = agent.next_timeout();
    agent.handle_timeout(now);
    if (!answer_checks(route(1))) continue;
    gaps.push_back(now - last);
    last = now;
  }
  const auto [least, most] = std::minmax_element(gaps.begin(), gaps.end());
  EXPECT_GE(*least, Duration::millis(4000));
  EXPECT_LE(*most, Duration::millis(6000));
  EXPECT_LT(*least + Duration::millis(1000), *most);  // they vary
  EXPECT_EQ(agent.state(), State::kConnected);
}

TEST_F(IceTest, LosesConsentTwentySecondsAfterTheLastAnswer) {
  validate(route(1), true);
  run_until(now + Duration::seconds(30), {route(1)});
  drain();
  // The peer still sends requests, but does not answer: media must stop all the same.
  const Instant silent = now;
  Instant failed;
  while (agent.state() != State::kFailed) {
    now = agent.next_timeout();
    send(route(1), browser.request(true));
    agent.handle_timeout(now);
    drain();
    failed = now;
  }
  EXPECT_LE(failed - silent, IceAgent::kConsentTimeout);
  EXPECT_GE(failed - silent, IceAgent::kConsentTimeout - Duration::seconds(6));
  EXPECT_EQ(agent.selected(), nullptr);
  EXPECT_FALSE(agent.is_validated(route(1)));
  EXPECT_TRUE(agent.next_timeout().is_never());
  EXPECT_EQ(send(route(1), browser.request(true)), Result::kFailed);
  EXPECT_TRUE(drain().empty());
}

TEST_F(IceTest, SurvivesTheLossOfHalfOfItsConsentChecks) {
  validate(route(1), true);
  Random random = Random::from_number(3);
  while (now < begin + Duration::seconds(600)) {
    now = agent.next_timeout();
    agent.handle_timeout(now);
    if (random.unit() < 0.5)
      answer_checks(route(1));
    else
      drain();
    ASSERT_EQ(agent.state(), State::kConnected);
  }
}

TEST_F(IceTest, FallsBackToAnotherFreshRouteWhenConsentIsLost) {
  validate(route(1), true);
  validate(route(2));
  // Only the second answers, and asks every four seconds as spare routes do.
  for (int i = 0; i < 8; ++i) {
    run_until(now + Duration::seconds(4), {route(2)});
    send(route(2), browser.request());
    answer_checks(route(2));
  }
  EXPECT_EQ(agent.state(), State::kConnected);
  EXPECT_EQ(*agent.selected(), route(2));
}

TEST_F(IceTest, FailsWithoutAValidatedRoute) {
  run_until(now + Duration::seconds(60), {});
  EXPECT_EQ(agent.state(), State::kFailed);

  IceAgent other(begin, kOurs, kTheirs, Random::from_number(2).fork());
  EXPECT_EQ(other.next_timeout(), begin + IceAgent::kValidationTimeout);
  other.handle_timeout(begin + Duration::millis(19'999));
  EXPECT_EQ(other.state(), State::kChecking);
}

TEST_F(IceTest, RefusesWhatItCannotBelieve) {
  const auto refused = [&](const Datagram& d, Result why, int code, std::string_view password) {
    EXPECT_EQ(send(route(1), d), why);
    const auto sent = drain();
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_EQ(sent[0].message().cls, StunClass::kError);
    EXPECT_EQ(sent[0].message().error_code, code);
    EXPECT_LE(sent[0].bytes.size(), d.size());
    EXPECT_EQ(sent[0].message().check_integrity(password), !password.empty());
  };
  refused(browser.request(true, "ours:their", ""), Result::kUnauthenticated, 400, "");
  refused(browser.request(true, "", kOurs.password), Result::kUnauthenticated, 400, "");
  refused(browser.request(true, "ours:other", kOurs.password), Result::kUnknownUser, 401, "");
  refused(browser.request(true, "their:ours", kOurs.password), Result::kUnknownUser, 401, "");
  refused(browser.request(true, "ours:their", "wrong"), Result::kBadIntegrity, 401, "");
  refused(browser.request(true, "ours:their", kOurs.password, true), Result::kRoleConflict, 487,
          kOurs.password);
  EXPECT_FALSE(agent.is_validated(route(1)));
  EXPECT_EQ(agent.next_timeout(), begin + IceAgent::kValidationTimeout);  // no check was started
}

TEST_F(IceTest, AnswersAnUnknownRequiredAttributeWith420) {
  // FINGERPRINT and MESSAGE-INTEGRITY of a message with an attribute of our choice: a USERNAME of
  // zero length beside the real one, renamed to 0x7777 before the message is signed.
  std::array<uint8_t, 300> out;
  StunWriter probe(out, StunClass::kRequest, wire::kStunBinding, {});
  probe.username("ours:their");
  probe.use_candidate();
  store_u16(&out[20 + 4 + 12], 0x7777);
  const size_t n = probe.finish(kOurs.password);
  EXPECT_EQ(agent.handle_datagram(now, route(1), Bytes(out).first(n)), Result::kUnknownAttribute);
  const auto sent = drain();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].message().error_code, 420);
  EXPECT_TRUE(sent[0].message().check_integrity(kOurs.password));
}

TEST_F(IceTest, ABareRequestGetsNoLongerAnswer) {
  std::array<uint8_t, 100> out;
  StunWriter w(out, StunClass::kRequest, wire::kStunBinding, {});
  const size_t n = w.finish("");
  EXPECT_EQ(agent.handle_datagram(now, route(1), Bytes(out).first(n)), Result::kUnauthenticated);
  EXPECT_TRUE(drain().empty());
}

TEST_F(IceTest, AnErrorResponseDoesNotEndACheck) {
  send(route(1), browser.request());
  const auto sent = drain();
  const StunMessage check = sent[0].message();
  std::array<uint8_t, 100> out;
  StunWriter w(out, StunClass::kError, wire::kStunBinding, check.transaction);
  w.error(401, "");
  const size_t n = w.finish("");
  EXPECT_EQ(agent.handle_datagram(now, route(1), Bytes(out).first(n)), Result::kRefused);
  EXPECT_EQ(send(route(1), browser.answer(check)), Result::kHandled);
  EXPECT_TRUE(agent.is_validated(route(1)));
}

TEST_F(IceTest, FloodsAreBounded) {
  for (int i = 0; i < 1000; ++i) {
    const Result r = send(route(66, static_cast<uint16_t>(1 + i)), browser.request(true));
    EXPECT_EQ(r, i < 16 ? Result::kHandled : Result::kTooManyRoutes);
  }
  EXPECT_EQ(drain().size(), IceAgent::kMaxQueued);
  // When their checks have run out the real peer finds room.
  run_until(now + Duration::seconds(13), {});
  validate(route(1), true);
  EXPECT_EQ(*agent.selected(), route(1));
  // And a validated route is not pushed out.
  for (int i = 0; i < 1000; ++i)
    send(route(67, static_cast<uint16_t>(1 + i)), browser.request(true));
  drain();
  EXPECT_EQ(*agent.selected(), route(1));
}

TEST_F(IceTest, RandomDatagramsChangeNothing) {
  validate(route(1), true);
  const Instant next = agent.next_timeout();
  Random random = Random::from_number(11);
  for (int i = 0; i < 10'000; ++i) {
    Datagram d(random.below(200));
    if (i % 2 == 0) d = browser.request(true);
    if (i % 2 == 0)  // a real one with one byte changed
      d[random.below(static_cast<uint32_t>(d.size()))] ^=
          static_cast<uint8_t>(1 + random.below(255));
    else
      random.fill(d);
    EXPECT_NE(send(route(2), d), Result::kHandled);
    drain();
  }
  EXPECT_FALSE(agent.is_validated(route(2)));
  EXPECT_EQ(*agent.selected(), route(1));
  EXPECT_EQ(agent.next_timeout(), next);
}

TEST_F(IceTest, RestartKeepsTheOldRouteUntilTheNewIsValidated) {
  validate(route(1), true);
  run_until(now + Duration::seconds(10), {route(1)});
  agent.restart(now, kOurs2, kTheirs2);
  EXPECT_EQ(agent.local(), kOurs2);
  EXPECT_EQ(agent.state(), State::kConnected);
  EXPECT_EQ(*agent.selected(), route(1));
  // The old credentials still get an answer, and no check.
  EXPECT_EQ(send(route(1), browser.request(true)), Result::kHandled);
  auto sent = drain();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_TRUE(sent[0].message().check_integrity(kOurs.password));

  Browser old = browser;
  browser.server = kOurs2;
  browser.own = kTheirs2;
  validate(route(2));
  EXPECT_EQ(*agent.selected(), route(2));
  EXPECT_EQ(send(route(1), old.request(true)), Result::kHandled);
  EXPECT_EQ(*agent.selected(), route(2));
  send(route(2), browser.request(true));
  EXPECT_EQ(send(route(1), old.request(true)), Result::kUnknownUser);
  run_until(now + Duration::seconds(60), {route(2)});
  EXPECT_EQ(agent.state(), State::kConnected);
}

TEST_F(IceTest, RestartOnTheSameRouteIsValidatedAnew) {
  validate(route(1), true);
  agent.restart(now, kOurs2, kTheirs2);
  browser.server = kOurs2;
  browser.own = kTheirs2;
  EXPECT_EQ(send(route(1), browser.request(true)), Result::kHandled);
  const auto sent = drain();
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(sent[0].message().username, "their2:ours2");
  EXPECT_EQ(send(route(1), browser.answer(sent[0].message())), Result::kHandled);
  run_until(now + Duration::seconds(60), {route(1)});
  EXPECT_EQ(agent.state(), State::kConnected);
}

TEST_F(IceTest, RestartFailsWithoutANewRoute) {
  validate(route(1), true);
  run_until(now + Duration::seconds(10), {route(1)});
  agent.restart(now, kOurs2, kTheirs2);
  const Instant restarted = now;
  while (agent.state() != State::kFailed) {
    now = agent.next_timeout();
    agent.handle_timeout(now);
  }
  EXPECT_EQ(now - restarted, IceAgent::kValidationTimeout);
  // And one more brings it back.
  agent.restart(now, kOurs, kTheirs);
  EXPECT_EQ(agent.state(), State::kChecking);
  validate(route(4), true);
  EXPECT_EQ(agent.state(), State::kConnected);
}

TEST_F(IceTest, ACheckAnsweredAcrossARestartCountsForTheOldCredentials) {
  send(route(1), browser.request());
  const auto sent = drain();
  agent.restart(now, kOurs2, kTheirs2);
  EXPECT_EQ(send(route(1), browser.answer(sent[0].message())), Result::kHandled);
  EXPECT_EQ(agent.state(), State::kChecking);
  EXPECT_EQ(agent.selected(), nullptr);
  EXPECT_TRUE(agent.is_validated(route(1)));
}

TEST_F(IceTest, TheSameSeedMakesTheSameBytes) {
  IceAgent a(now, kOurs, kTheirs, Random::from_number(5).fork());
  IceAgent b(now, kOurs, kTheirs, Random::from_number(5).fork());
  const Datagram request = browser.request();
  std::array<uint8_t, 1200> x{}, y{};
  Route to;
  a.handle_datagram(now, route(1), request);
  b.handle_datagram(now, route(1), request);
  const size_t n = a.poll_transmit(now, x, to);
  EXPECT_EQ(n, b.poll_transmit(now, y, to));
  EXPECT_EQ(x, y);
}

}  // namespace
}  // namespace loopcast::rtc
