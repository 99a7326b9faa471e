#include "http/strangers.h"

#include <algorithm>
#include <deque>

#include <gtest/gtest.h>

namespace loopcast::http {
namespace {

// A client that holds a share and is gone when it is evicted.
struct Client {
  Client(const std::shared_ptr<Strangers>& strangers, const char* from)
      : share(strangers, *IpAddress::parse(from), [this] { gone = true; }) {}
  bool gone = false;
  StrangerShare share;
};

class StrangersTest : public ::testing::Test {
 protected:
  Client& client(const char* from) { return clients_.emplace_back(strangers_, from); }

  std::shared_ptr<Strangers> strangers_ = std::make_shared<Strangers>(100);
  std::deque<Client> clients_;
};

TEST_F(StrangersTest, HoldNoMoreThanTheBudget) {
  size_t held = 0;
  for (int i = 0; i < 50; ++i) held += client("192.0.2.1").share.resize(9);
  EXPECT_EQ(held, 11u);
  EXPECT_EQ(strangers_->bytes(), 99u);
  EXPECT_EQ(strangers_->refused(), 39u);
  clients_.clear();
  EXPECT_EQ(strangers_->bytes(), 0u);
  EXPECT_EQ(strangers_->shares(), 0u);
}

TEST_F(StrangersTest, MakeRoomAtTheAddressThatHoldsMost) {
  Client& small = client("192.0.2.1");
  ASSERT_TRUE(small.share.resize(20));
  Client& first = client("192.0.2.2");
  Client& second = client("192.0.2.2");
  ASSERT_TRUE(first.share.resize(40));
  ASSERT_TRUE(second.share.resize(40));
  Client& newcomer = client("192.0.2.3");
  EXPECT_TRUE(newcomer.share.resize(30));
  EXPECT_TRUE(first.gone) << "its oldest";
  EXPECT_FALSE(second.gone);
  EXPECT_FALSE(small.gone);
  EXPECT_EQ(strangers_->bytes(), 90u);
  EXPECT_EQ(strangers_->evicted(), 1u);
  EXPECT_FALSE(first.share.resize(1)) << "it has been ended";
}

// As many addresses as there is room for, each with less than a newcomer needs to sign in.
TEST_F(StrangersTest, OfACrowdTheFirstGiveWay) {
  const auto strangers = std::make_shared<Strangers>(800);
  const auto client = [&](int i) -> Client& {
    return clients_.emplace_back(strangers, ("192.0.2." + std::to_string(i)).c_str());
  };
  for (int i = 1; i <= 40; ++i) ASSERT_TRUE(client(i).share.resize(20));
  Client& newcomer = client(200);
  ASSERT_TRUE(newcomer.share.resize(60)) << "more than any of them holds";
  EXPECT_EQ(std::ranges::count(clients_, true, &Client::gone), 3);
  EXPECT_TRUE(clients_[0].gone && clients_[1].gone && clients_[2].gone);
  for (int i = 41; i <= 70; ++i) ASSERT_TRUE(client(i).share.resize(20));
  EXPECT_FALSE(newcomer.gone) << "there are older ones";
  EXPECT_FALSE(newcomer.share.resize(101)) << "more than its share";
}

TEST_F(StrangersTest, EndTheIdleFirst) {
  Client& busy = client("192.0.2.2");
  Client& idle = client("192.0.2.2");
  ASSERT_TRUE(busy.share.resize(50));
  ASSERT_TRUE(idle.share.resize(50));
  idle.share.set_idle(true);
  EXPECT_TRUE(client("192.0.2.3").share.resize(10));
  EXPECT_TRUE(idle.gone);
  EXPECT_FALSE(busy.gone);
}

TEST_F(StrangersTest, RefuseWhoHoldsMost) {
  Client& most = client("192.0.2.1");
  ASSERT_TRUE(most.share.resize(60));
  Client& other = client("192.0.2.2");
  ASSERT_TRUE(other.share.resize(40));
  EXPECT_FALSE(client("192.0.2.1").share.resize(10)) << "nothing of its own is idle";
  EXPECT_FALSE(other.gone);
  most.share.set_idle(true);
  EXPECT_TRUE(client("192.0.2.1").share.resize(10));
  EXPECT_TRUE(most.gone);
}

TEST_F(StrangersTest, NeverEndTheOneThatAsks) {
  Client& one = client("192.0.2.1");
  one.share.set_idle(true);
  ASSERT_TRUE(one.share.resize(90));
  EXPECT_FALSE(one.share.resize(101));
  EXPECT_FALSE(one.gone);
  EXPECT_EQ(strangers_->bytes(), 90u);
  EXPECT_TRUE(one.share.resize(10));
  EXPECT_EQ(strangers_->bytes(), 10u);
}

TEST_F(StrangersTest, OfOneNetworkOfIpv6AreOne) {
  ASSERT_TRUE(client("2001:db8:0:1::1").share.resize(40));
  ASSERT_TRUE(client("2001:db8:0:2::1").share.resize(40));
  Client& other = client("192.0.2.1");
  EXPECT_TRUE(other.share.resize(50)) << "less than the 80 of the others together";
}

TEST_F(StrangersTest, EqualOnesGiveWayToTheNext) {
  // As many addresses as there is room: the oldest goes, so that nobody is kept out for ever.
  for (const char* from : {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"})
    ASSERT_TRUE(client(from).share.resize(25));
  EXPECT_TRUE(client("192.0.2.5").share.resize(25));
  EXPECT_EQ(std::ranges::count(clients_, true, &Client::gone), 1);
}

TEST_F(StrangersTest, AreNoneAnyMoreWhenTheyHaveSignedIn) {
  Client& user = client("192.0.2.1");
  ASSERT_TRUE(user.share.resize(80));
  user.share.admit();
  EXPECT_EQ(strangers_->bytes(), 0u);
  EXPECT_TRUE(user.share.resize(1'000));
  EXPECT_TRUE(client("192.0.2.2").share.resize(100));
  EXPECT_FALSE(user.gone);
}

TEST_F(StrangersTest, CountForTheAddressThatAProxyNames) {
  Client& one = client("127.0.0.1");
  Client& two = client("127.0.0.1");
  ASSERT_TRUE(one.share.resize(50));
  ASSERT_TRUE(two.share.resize(50));
  one.share.move_to(*IpAddress::parse("192.0.2.1"));
  two.share.move_to(*IpAddress::parse("192.0.2.2"));
  EXPECT_TRUE(client("192.0.2.3").share.resize(10));
  EXPECT_NE(one.gone, two.gone);
  EXPECT_EQ(strangers_->bytes(), 60u);
}

}  // namespace
}  // namespace loopcast::http
