#include "api/live.h"

#include <stdexcept>

#include <gtest/gtest.h>

namespace loopcast::api {
namespace {

struct NoMedia final : app::MediaControl {
  void publish(app::MediaId, std::string) override {}
  void watch(app::MediaId, app::MediaId, std::string) override {}
  void add_candidate(app::MediaId, std::string) override {}
  void restart_ice(app::MediaId, std::string) override {}
  void stop(app::MediaId) override {}
};

TEST(Live, ASinkThatThrowsCostsItsOwnNoticeOnly) {
  NoMedia media;
  app::Broadcasts broadcasts(media, {}, Random::Seed{1});
  http::asio::io_context context;
  Live live(
      context, broadcasts, [] { return app::Moment{}; }, Random::Seed{2});
  const app::ClientId bad =
      live.add([](app::Notice&) { throw std::runtime_error("out of order"); });
  int told = 0;
  const app::ClientId good = live.add([&](app::Notice&) { ++told; });
  EXPECT_THROW(live.watch(bad, {}, "unknown", {}), std::runtime_error);
  live.watch(good, {}, "unknown", {});
  EXPECT_EQ(told, 1);
}

// How many there are at once is limited elsewhere; this is how often.
TEST(Live, GoingLiveHasARateForEachUser) {
  NoMedia media;
  app::Broadcasts broadcasts(media, {}, Random::Seed{1});
  http::asio::io_context context;
  Live live(
      context, broadcasts, [] { return app::Moment{}; }, Random::Seed{2});
  const Instant start = Instant::from_us(1'000'000'000);
  uint32_t allowed = 0;
  for (int i = 0; i < 6000; ++i)  // a hundred times a second
    allowed += live.may_present(start + Duration::millis(10 * i), "alice").has_value();
  EXPECT_LE(allowed, Live::kGoingLive.burst + 60);
  EXPECT_EQ(live.may_present(start, "alice").error().code, "rate_limited");
  EXPECT_TRUE(live.may_present(start, "bob"));
  EXPECT_EQ(live.rate_limited(), 6001u - allowed);
}

}  // namespace
}  // namespace loopcast::api
