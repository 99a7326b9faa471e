// What the tests of IceAgent share: an agent, and a browser that checks it and answers its checks.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "rtc/ice.h"

namespace loopcast::rtc {

using wire::StunClass;
using wire::StunMessage;
using wire::StunWriter;
using Result = IceAgent::Result;
using State = IceAgent::State;

inline const IceCredentials kOurs{"ours", "our-password-of-24-chars"};
inline const IceCredentials kTheirs{"their", "their-password-of-24-char"};
inline const IceCredentials kOurs2{"ours2", "our-second-password-24ch"};
inline const IceCredentials kTheirs2{"their2", "their-second-password-24"};

inline Route route(uint8_t host, uint16_t port = 5000) {
  Route r;
  r.remote = {IpAddress::v4(192, 0, 2, host), port};
  r.local = IpAddress::v4(198, 51, 100, 1);
  return r;
}

using Datagram = std::vector<uint8_t>;

// What a browser does: requests from routes of its choice, and honest answers.
class Browser {
 public:
  IceCredentials server = kOurs, own = kTheirs;

  Datagram request(bool nominate = false) {
    return request(nominate, server.ufrag + ":" + own.ufrag, server.password);
  }
  Datagram request(bool nominate, const std::string& username, const std::string& password,
                   bool controlled = false, uint32_t priority = 1853824767) {
    std::array<uint8_t, 700> out;
    StunWriter w(out, StunClass::kRequest, wire::kStunBinding, next_transaction());
    if (!username.empty()) w.username(username);
    w.priority(priority);
    if (controlled)
      w.ice_controlled(7);
    else
      w.ice_controlling(7);
    if (nominate) w.use_candidate();
    return {out.begin(), out.begin() + static_cast<long>(w.finish(password))};
  }
  Datagram answer(const StunMessage& check) { return answer(check, own.password); }
  Datagram answer(const StunMessage& check, const std::string& password) {
    std::array<uint8_t, 200> out;
    StunWriter w(out, StunClass::kSuccess, wire::kStunBinding, check.transaction);
    w.xor_mapped_address({IpAddress::v4(198, 51, 100, 1), 3478});
    return {out.begin(), out.begin() + static_cast<long>(w.finish(password))};
  }

 private:
  wire::TransactionId next_transaction() {
    wire::TransactionId id{};
    store_u32(id.data(), ++count_);
    return id;
  }
  uint32_t count_ = 0;
};

struct Sent {
  Route to;
  Datagram bytes;
  StunMessage message() const { return *StunMessage::parse(bytes); }
};

class IceTest : public testing::Test {
 protected:
  std::vector<Sent> drain() {
    std::vector<Sent> all;
    std::array<uint8_t, 1200> out;
    Route to;
    while (const size_t n = agent.poll_transmit(now, out, to))
      all.push_back({to, {out.begin(), out.begin() + static_cast<long>(n)}});
    return all;
  }
  Result send(const Route& from, const Datagram& bytes) {
    return agent.handle_datagram(now, from, bytes);
  }
  // Answers every check that the agent has sent to `at`; true if there was one.
  bool answer_checks(const Route& at) {
    bool any = false;
    for (const Sent& s : drain())
      if (s.to == at && s.message().cls == StunClass::kRequest) {
        EXPECT_EQ(send(at, browser.answer(s.message())), Result::kHandled);
        any = true;
      }
    return any;
  }
  void validate(const Route& at, bool nominate = false) {
    EXPECT_EQ(send(at, browser.request(nominate)), Result::kHandled);
    EXPECT_TRUE(answer_checks(at));
    EXPECT_TRUE(agent.is_validated(at));
  }
  // Runs the agent's timers until `end`; `answering` routes answer its checks.
  void run_until(Instant end, const std::vector<Route>& answering) {
    while (agent.next_timeout() <= end) {
      now = std::max(now, agent.next_timeout());
      agent.handle_timeout(now);
      if (answering.empty()) drain();
      for (const Route& r : answering) answer_checks(r);
    }
    now = end;
  }

  Instant now = Instant::from_us(1'000'000);
  Instant begin = now;
  Browser browser;
  IceAgent agent{now, kOurs, kTheirs, Random::from_number(1).fork()};
};

}  // namespace loopcast::rtc
