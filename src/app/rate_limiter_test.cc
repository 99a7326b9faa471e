#include "app/rate_limiter.h"

#include <gtest/gtest.h>

namespace loopcast::app {
namespace {

constexpr Random::Seed kSeed{1, 2, 3};
constexpr Instant kStart = Instant::from_us(1'000'000'000);
constexpr RateLimit kLimit{3, Duration::seconds(10)};

TEST(RateLimiter, AllowsABurstAndThenARate) {
  RateLimiter limiter(kLimit, 10, kSeed);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limiter.take(kStart, "a").allowed);
  const auto refused = limiter.take(kStart + Duration::seconds(4), "a");
  EXPECT_FALSE(refused.allowed);
  EXPECT_EQ(refused.retry_after, Duration::seconds(6));
  EXPECT_TRUE(limiter.take(kStart, "b").allowed) << "another key";
  EXPECT_TRUE(limiter.take(kStart + Duration::seconds(10), "a").allowed);
  EXPECT_FALSE(limiter.take(kStart + Duration::seconds(10), "a").allowed);
  EXPECT_EQ(limiter.refused(), 2u);
}

TEST(RateLimiter, RefusalsCostNothing) {
  RateLimiter limiter(kLimit, 10, kSeed);
  for (int i = 0; i < 100; ++i) (void)limiter.take(kStart, "a");
  EXPECT_TRUE(limiter.take(kStart + Duration::seconds(10), "a").allowed);
}

TEST(RateLimiter, ForgivesOneKey) {
  RateLimiter limiter(kLimit, 10, kSeed);
  for (const char* key : {"a", "b"})
    for (int i = 0; i < 3; ++i) (void)limiter.take(kStart, key);
  limiter.forgive("a");
  limiter.forgive("never heard of");
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limiter.take(kStart, "a").allowed);
  EXPECT_FALSE(limiter.take(kStart, "a").allowed);
  EXPECT_FALSE(limiter.take(kStart, "b").allowed);
  EXPECT_EQ(limiter.size(), 2u);
}

TEST(RateLimiter, FillsUpToTheBurstOnly) {
  RateLimiter limiter(kLimit, 10, kSeed);
  (void)limiter.take(kStart, "a");
  const Instant later = kStart + Duration::seconds(100'000);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limiter.take(later, "a").allowed);
  EXPECT_FALSE(limiter.take(later, "a").allowed);
}

TEST(RateLimiter, ForgetsTheKeyUnusedForLongest) {
  RateLimiter limiter({1, Duration::seconds(10)}, 2, kSeed);
  EXPECT_TRUE(limiter.take(kStart, "a").allowed);
  EXPECT_TRUE(limiter.take(kStart, "b").allowed);
  EXPECT_FALSE(limiter.take(kStart, "a").allowed);
  EXPECT_TRUE(limiter.take(kStart, "c").allowed);  // forgets b
  EXPECT_FALSE(limiter.take(kStart, "a").allowed);
  EXPECT_TRUE(limiter.take(kStart, "b").allowed);  // forgets c
  EXPECT_EQ(limiter.size(), 2u);
  EXPECT_EQ(limiter.forgotten(), 2u);
}

TEST(HostKey, IsOnePerHost) {
  const auto key = [](const char* text) { return host_key(*IpAddress::parse(text)); };
  EXPECT_NE(key("192.0.2.1"), key("192.0.2.2"));
  EXPECT_EQ(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::9"));
  EXPECT_NE(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
  EXPECT_EQ(key("::ffff:192.0.2.1"), key("192.0.2.1"));
}

TEST(LoginLimiter, LimitsANicknameFromManyAddresses) {
  LoginLimiter limiter({}, kSeed);
  int allowed = 0;
  for (uint8_t i = 0; i < 50; ++i)
    // However it is written.
    allowed +=
        limiter.login(kStart, i % 2 ? "Alice" : " alice", IpAddress::v4(10, 0, 0, i)).allowed;
  EXPECT_EQ(allowed, 10);
}

TEST(LoginLimiter, LimitsAnAddressWithManyNicknames) {
  LoginLimiter limiter({}, kSeed);
  const IpAddress attacker = IpAddress::v4(10, 0, 0, 1);
  int allowed = 0;
  for (int i = 0; i < 50; ++i)
    allowed += limiter.login(kStart, "user" + std::to_string(i), attacker).allowed;
  EXPECT_EQ(allowed, 30);
  // Refused by its address, the attacker cannot lock anybody else out.
  for (int i = 0; i < 50; ++i) (void)limiter.login(kStart, "victim", attacker);
  EXPECT_TRUE(limiter.login(kStart, "victim", IpAddress::v4(10, 0, 0, 2)).allowed);
}

TEST(LoginLimiter, LimitsRegistrationsByAddress) {
  LoginLimiter limiter({}, kSeed);
  int allowed = 0;
  for (int i = 0; i < 50; ++i)
    allowed += limiter.registration(kStart, IpAddress::v4(10, 0, 0, 1)).allowed;
  EXPECT_EQ(allowed, 10);
  EXPECT_EQ(limiter.refused(), 40u);
}

}  // namespace
}  // namespace loopcast::app
