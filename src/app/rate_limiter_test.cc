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

// How many of these addresses are allowed one attempt each at once.
int allowed(AddressLimiter& limiter, const char* format, int count) {
  int sum = 0;
  for (int i = 0; i < count; ++i) {
    char text[64];
    std::snprintf(text, sizeof text, format, i);
    sum += limiter.take(kStart, *IpAddress::parse(text)).allowed;
  }
  return sum;
}

TEST(AddressLimiter, LimitsHosts) {
  AddressLimiter limiter(kLimit, 100, kSeed);
  EXPECT_EQ(allowed(limiter, "192.0.2.%d", 100), 100) << "each is another";
  EXPECT_EQ(allowed(limiter, "2001:db8:1:2::%x", 100), 3) << "one /64 is one host";
  for (int i = 0; i < 2; ++i)
    EXPECT_TRUE(limiter.take(kStart, *IpAddress::parse("192.0.2.7")).allowed);
  EXPECT_FALSE(limiter.take(kStart, *IpAddress::parse("::ffff:192.0.2.7")).allowed);
}

TEST(AddressLimiter, LimitsTheNetworksOfOneCustomer) {
  AddressLimiter limiter(kLimit, 1000, kSeed);
  EXPECT_EQ(allowed(limiter, "2001:db8:5:%x::1", 200), 6) << "one /56";
  EXPECT_EQ(allowed(limiter, "2001:db8:6:%x00::1", 200), 9) << "one /48";
  EXPECT_EQ(allowed(limiter, "2001:db8:%x::1", 5), 5) << "others";
  const auto refused = limiter.take(kStart, *IpAddress::parse("2001:db8:6:ff00::1"));
  EXPECT_FALSE(refused.allowed);
  EXPECT_GT(refused.retry_after, Duration::millis(0));
  EXPECT_LE(refused.retry_after, Duration::seconds(4)) << "three hosts are three times as fast";
}

TEST(LoginLimiter, AStrangerWhoGuessesKeepsNobodyOut) {
  LoginLimiter limiter({}, kSeed);
  const IpAddress stranger = IpAddress::v4(10, 0, 0, 1);
  int guesses = 0;
  int let_in = 0;
  // A guess each second for an hour; the owner comes from another address each minute.
  for (int i = 0; i < 3600; ++i) {
    const Instant now = kStart + Duration::seconds(i);
    // However it is written.
    guesses += limiter.login(now, i % 2 ? "Alice" : " alice", stranger, false).allowed;
    if (i % 60 == 30)
      let_in +=
          limiter.login(now, "alice", IpAddress::v4(10, 1, 0, uint8_t(i / 60)), false).allowed;
  }
  EXPECT_EQ(let_in, 60);
  EXPECT_GE(guesses, 3600 / 30);
  EXPECT_LE(guesses, 10 + 3600 / 30);
}

TEST(LoginLimiter, AllAddressesOfAHostAreOneWhoGuesses) {
  LoginLimiter limiter({}, kSeed);
  int guesses = 0;
  for (int i = 0; i < 50; ++i) {
    const auto from = IpAddress::parse("2001:db8:1:2::" + std::to_string(i));
    guesses += limiter.login(kStart, "alice", *from, true).allowed;
  }
  EXPECT_EQ(guesses, 10);
  EXPECT_TRUE(limiter.login(kStart, "alice", *IpAddress::parse("2001:db8:1:3::1"), true).allowed);
}

TEST(LoginLimiter, WhoGuessesFromManyAddressesIsLimitedAndTheOwnerKnown) {
  LoginLimiter limiter({}, kSeed);
  int guesses = 0;
  for (int i = 0; i < 3600; ++i)
    for (uint8_t host = 0; host < 40; ++host)
      guesses +=
          limiter
              .login(kStart + Duration::seconds(i), "alice", IpAddress::v4(10, 0, 0, host), false)
              .allowed;
  EXPECT_LE(guesses, 100 + 3600 / 2);
  const Instant now = kStart + Duration::seconds(3600);
  const IpAddress home = IpAddress::v4(192, 0, 2, 1);
  EXPECT_TRUE(limiter.login(now, "alice", home, true).allowed);
  // Another place of the owner's waits with the strangers: there is nothing to tell them apart.
  for (uint8_t host = 0; host < 40; ++host)
    (void)limiter.login(now, "alice", IpAddress::v4(10, 0, 0, host), false);
  EXPECT_FALSE(limiter.login(now, "alice", IpAddress::v4(192, 0, 2, 2), false).allowed);
  EXPECT_TRUE(limiter.login(now, "alice", home, true).allowed);
}

TEST(LoginLimiter, AKnownPlaceIsNoLicenceToGuess) {
  LoginLimiter limiter({}, kSeed);
  int allowed = 0;
  for (int i = 0; i < 50; ++i)
    allowed += limiter.login(kStart, "alice", IpAddress::v4(10, 0, 0, 1), true).allowed;
  EXPECT_EQ(allowed, 10);
}

TEST(LoginLimiter, LimitsAnAddressWithManyNicknames) {
  LoginLimiter limiter({}, kSeed);
  int allowed = 0;
  for (int i = 0; i < 50; ++i)
    allowed += limiter.attempt(kStart, IpAddress::v4(10, 0, 0, 1)).allowed;
  EXPECT_EQ(allowed, 30);
  EXPECT_TRUE(limiter.attempt(kStart, IpAddress::v4(10, 0, 0, 2)).allowed);
}

TEST(LoginLimiter, ConfirmationsCountForTheirSession) {
  LoginLimiter limiter({}, kSeed);
  int allowed = 0;
  for (int i = 0; i < 50; ++i) allowed += limiter.confirmation(kStart, "stolen").allowed;
  EXPECT_EQ(allowed, 10);
  EXPECT_TRUE(limiter.confirmation(kStart, "the owner's").allowed);
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
