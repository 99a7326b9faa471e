#include "http/offload.h"

#include <stdexcept>
#include <string>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <gtest/gtest.h>

namespace loopcast::http {
namespace {

class OffloadTest : public testing::Test {
 protected:
  template <typename F>
  void run(F test) {
    asio::io_context context;
    bool done = false;
    auto whole = [&]() -> Task<> {
      co_await test();
      done = true;
    };
    asio::co_spawn(context, whole, asio::detached);
    context.run();
    EXPECT_TRUE(done);
  }

  std::vector<std::string> reports;
  Pool pool{1, [this](std::string_view what) { reports.emplace_back(what); }};
};

TEST_F(OffloadTest, WhatThrowsIsTheErrorOfItsOwnWorkOnly) {
  run([&]() -> Task<> {
    auto fails = []() -> Expected<int> { throw std::runtime_error("no memory"); };
    const auto failed = co_await offload(pool, fails);
    EXPECT_FALSE(failed);
    if (!failed) {
      EXPECT_EQ(failed.error(), (Error{"internal", "no memory"}));
    }
    auto works = []() -> Expected<int> { return 7; };
    const auto worked = co_await offload(pool, works);
    EXPECT_TRUE(worked);
    if (worked) {
      EXPECT_EQ(*worked, 7);
    }
  });
  pool.join();
  EXPECT_EQ(reports, std::vector<std::string>{"no memory"});
}

TEST_F(OffloadTest, WhatHasNoErrorThrowsToWhoAwaitsIt) {
  run([&]() -> Task<> {
    auto fails = []() -> int { throw std::runtime_error("no memory"); };
    bool thrown = false;
    try {
      (void)co_await offload(pool, fails);
    } catch (const std::runtime_error& e) {
      thrown = e.what() == std::string("no memory");
    }
    EXPECT_TRUE(thrown);
    auto works = [] { return 7; };
    EXPECT_EQ(co_await offload(pool, works), 7);
  });
}

}  // namespace
}  // namespace loopcast::http
