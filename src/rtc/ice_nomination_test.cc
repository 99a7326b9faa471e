// Which of several routes is selected, by peers that choose one and by those that nominate all.
#include <gtest/gtest.h>

#include "rtc/ice_fixture.h"

namespace loopcast::rtc {
namespace {

TEST_F(IceTest, TheLatestNominationIsSelected) {
  validate(route(1));
  validate(route(2));
  EXPECT_EQ(*agent.selected(), route(1));  // none is nominated: no reason to change
  send(route(2), browser.request(true));
  EXPECT_EQ(*agent.selected(), route(2));
  send(route(1), browser.request());
  EXPECT_EQ(*agent.selected(), route(2));
  send(route(1), browser.request(true));
  EXPECT_EQ(*agent.selected(), route(1));
  // A new address that is nominated at once is selected when it has answered, not before.
  send(route(3), browser.request(true));
  EXPECT_EQ(*agent.selected(), route(1));
  EXPECT_TRUE(answer_checks(route(3)));
  EXPECT_EQ(*agent.selected(), route(3));
}

class IceAggressive : public IceTest {
 protected:
  void nominate(const Route& at, uint32_t priority) {
    send(at, browser.request(true, browser.server.ufrag + ":" + browser.own.ufrag,
                             browser.server.password, false, priority));
    answer_checks(at);
  }
  static Route tcp(uint8_t n) {
    Route r = route(n);
    r.tcp = n;
    return r;
  }
};

TEST_F(IceAggressive, UdpIsSelectedBeforeTcpAndThenTheHighestPriority) {
  nominate(route(1), 100);
  nominate(tcp(2), 900);
  EXPECT_EQ(*agent.selected(), route(1)) << "rather than TCP";
  nominate(route(3), 300);
  EXPECT_EQ(*agent.selected(), route(3)) << "the higher priority";
  now = now + Duration::millis(2500);
  nominate(route(1), 100);
  nominate(tcp(2), 900);
  EXPECT_EQ(*agent.selected(), route(3)) << "repeated checks change nothing";
  // The peer has left it: others are nominated, it is not.
  now = now + IceAgent::kNominationWindow;
  nominate(route(1), 100);
  EXPECT_EQ(*agent.selected(), route(1));
}

TEST_F(IceAggressive, EqualsFollowTheLatestNomination) {
  nominate(route(1), 100);
  nominate(route(2), 100);
  EXPECT_EQ(*agent.selected(), route(2)) << "a NAT that forgot, for one";
}

TEST_F(IceAggressive, APeerThatChoosesIsObeyedAtOnce) {
  validate(route(1));
  validate(tcp(2));
  nominate(route(1), 900);
  nominate(tcp(2), 100);
  EXPECT_EQ(*agent.selected(), tcp(2));
}

TEST_F(IceAggressive, ARestartTellsAnewHowThePeerNominates) {
  validate(route(1));  // a check without a nomination: this peer chooses
  nominate(route(1), 100);
  agent.restart(now, kOurs2, kTheirs2);
  browser.server = kOurs2;
  browser.own = kTheirs2;
  nominate(route(1), 900);
  nominate(route(2), 100);
  EXPECT_EQ(*agent.selected(), route(1)) << "the higher priority, as it has nominated both";
}

}  // namespace
}  // namespace loopcast::rtc
