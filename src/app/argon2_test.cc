#include "app/argon2.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

namespace loopcast::app {
namespace {

TEST(Argon2, VerifiesItsOwnHashes) {
  const Argon2 hasher;
  const auto hash = hasher.hash("correct horse", Salt{1, 2, 3});
  ASSERT_TRUE(hash);
  EXPECT_THAT(*hash, testing::StartsWith("$argon2id$v=19$m=19456,t=2,p=1$"));
  EXPECT_TRUE(*hasher.verify(*hash, "correct horse"));
  EXPECT_FALSE(*hasher.verify(*hash, "correct horsf"));
  EXPECT_FALSE(*hasher.verify(*hash, ""));
  const auto salted = hasher.hash("correct horse", Salt{1, 2, 4});
  ASSERT_TRUE(salted);
  EXPECT_NE(*hash, *salted);
}

// Made by the reference implementation of the algorithm's authors (its test.c, version 0x13).
TEST(Argon2, VerifiesHashesOfTheReferenceImplementation) {
  const Argon2 hasher;
  EXPECT_TRUE(
      *hasher.verify("$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ"
                     "$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
                     "password"));
}

TEST(Argon2, RefusesMalformedHashes) {
  const Argon2 hasher;
  for (const char* hash : {"", "$argon2id$", "password", "$argon2id$v=19$m=19456,t=2,p=1$AA$"})
    EXPECT_FALSE(*hasher.verify(hash, "password")) << hash;
}

TEST(Argon2, TheDummyIsAHashLikeAnyOther) {
  const Argon2 hasher;
  const auto real = hasher.hash("x", Salt{});
  ASSERT_TRUE(real);
  const std::string dummy = hasher.dummy_hash();
  // The same parameters and lengths, so that it costs the same.
  EXPECT_EQ(dummy.size(), real->size());
  EXPECT_EQ(dummy.substr(0, dummy.rfind('$')), real->substr(0, real->rfind('$')));
  EXPECT_FALSE(*hasher.verify(dummy, "x"));
}

#if !defined(__SANITIZE_ADDRESS__)
TEST(Argon2, WithoutMemoryNothingIsKnown) {
  const Argon2 hasher;
  const auto hash = hasher.hash("correct horse", Salt{});
  ASSERT_TRUE(hash);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_AS, &before), 0);
  rlimit none = before;
  none.rlim_cur = 1;  // less than there is already: nothing more is given
  ASSERT_EQ(setrlimit(RLIMIT_AS, &none), 0);
  const auto right = hasher.verify(*hash, "correct horse");
  const auto made = hasher.hash("x", Salt{});
  ASSERT_EQ(setrlimit(RLIMIT_AS, &before), 0);
  ASSERT_FALSE(right);
  EXPECT_EQ(right.error().code, "overloaded");
  EXPECT_FALSE(made);
  EXPECT_TRUE(*hasher.verify(*hash, "correct horse"));
}
#endif

}  // namespace
}  // namespace loopcast::app
