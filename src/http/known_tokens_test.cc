#include "http/known_tokens.h"

#include <gtest/gtest.h>

namespace loopcast::http {
namespace {

constexpr Instant kStart = Instant::from_us(1'000'000'000);

TEST(KnownTokens, AreKnownForAWhile) {
  KnownTokens known(10, Duration::seconds(60), Random::Seed{1});
  EXPECT_FALSE(known.contains(kStart, "a"));
  known.remember(kStart, "a");
  EXPECT_TRUE(known.contains(kStart + Duration::seconds(59), "a"));
  EXPECT_FALSE(known.contains(kStart + Duration::seconds(60), "a"));
  known.remember(kStart + Duration::seconds(50), "a");
  EXPECT_TRUE(known.contains(kStart + Duration::seconds(100), "a"));
  EXPECT_FALSE(known.contains(kStart, "b"));
  EXPECT_FALSE(known.contains(kStart, ""));
}

TEST(KnownTokens, AreBounded) {
  KnownTokens known(2, Duration::seconds(60), Random::Seed{1});
  known.remember(kStart, "a");
  known.remember(kStart, "b");
  known.remember(kStart, "a");
  known.remember(kStart, "c");
  EXPECT_EQ(known.size(), 2u);
  EXPECT_TRUE(known.contains(kStart, "a"));
  EXPECT_FALSE(known.contains(kStart, "b"));
}

}  // namespace
}  // namespace loopcast::http
