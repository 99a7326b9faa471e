#include "sfu/keyframe_requester.h"

#include <gtest/gtest.h>

namespace loopcast::sfu {
namespace {

constexpr Instant at(int64_t ms) { return Instant::from_us(1'000'000 + ms * 1000); }

TEST(KeyframeRequester, IsIdleUntilSomebodyWants) {
  KeyframeRequester requester;
  EXPECT_TRUE(requester.next_timeout().is_never());
  EXPECT_FALSE(requester.take(at(0)));
}

TEST(KeyframeRequester, FirstWishIsGrantedAtOnceAndShared) {
  KeyframeRequester requester;
  requester.want(at(0));
  requester.want(at(0));
  EXPECT_TRUE(requester.take(at(0)));
  requester.want(at(1));
  EXPECT_FALSE(requester.take(at(1)));
}

TEST(KeyframeRequester, WishesSoonAfterAKeyframeWait) {
  KeyframeRequester requester;
  requester.want(at(0));
  ASSERT_TRUE(requester.take(at(0)));
  requester.on_keyframe();
  EXPECT_TRUE(requester.next_timeout().is_never());
  requester.want(at(50));
  EXPECT_FALSE(requester.take(at(50)));
  EXPECT_EQ(requester.next_timeout(), at(0) + KeyframeRequester::kMinInterval);
  EXPECT_FALSE(requester.take(at(299)));
  EXPECT_TRUE(requester.take(at(300)));
}

TEST(KeyframeRequester, AsksAgainUntilAKeyframeComes) {
  KeyframeRequester requester;
  requester.want(at(0));
  ASSERT_TRUE(requester.take(at(0)));
  EXPECT_FALSE(requester.take(at(499)));
  EXPECT_TRUE(requester.take(at(500)));
  requester.on_keyframe();
  EXPECT_FALSE(requester.take(at(5000)));
}

TEST(KeyframeRequester, SlowsDownForOneThatNeverAnswers) {
  KeyframeRequester requester;
  requester.want(at(0));
  int requests = 0;
  for (int64_t ms = 0; ms < 60'000; ms += 10) requests += requester.take(at(ms)) ? 1 : 0;
  // Ten in the first 4.5 s, then every 3 s.
  EXPECT_GE(requests, 26);
  EXPECT_LE(requests, 30);
}

}  // namespace
}  // namespace loopcast::sfu
