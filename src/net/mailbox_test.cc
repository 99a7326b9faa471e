#include "net/mailbox.h"

#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "net/test_sockets.h"

namespace loopcast::net {
namespace {

TEST(Mailbox, KeepsTheOrder) {
  Waker waker;
  Mailbox<int> box(10, waker);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(box.post(i));
  std::vector<int> taken{99};
  box.take(taken);
  EXPECT_EQ(taken, (std::vector<int>{0, 1, 2}));
  box.take(taken);
  EXPECT_TRUE(taken.empty());
}

TEST(Mailbox, RefusesWhenFullAndLeavesTheMessage) {
  Waker waker;
  Mailbox<std::unique_ptr<int>> box(1, waker);
  EXPECT_TRUE(box.post(std::make_unique<int>(1)));
  auto second = std::make_unique<int>(2);
  EXPECT_FALSE(box.post(std::move(second)));
  ASSERT_TRUE(second);
  EXPECT_EQ(box.refused(), 1u);
  std::vector<std::unique_ptr<int>> taken;
  box.take(taken);
  EXPECT_EQ(taken.size(), 1u);
  EXPECT_TRUE(box.post(std::move(second)));
}

TEST(Mailbox, WakesTheReader) {
  Waker waker;
  Mailbox<int> box(10, waker);
  EXPECT_FALSE(test::readable(waker.fd(), 0));
  EXPECT_TRUE(box.post(1));
  EXPECT_TRUE(test::readable(waker.fd(), 0));
  waker.clear();
  EXPECT_FALSE(test::readable(waker.fd(), 0));
}

TEST(Mailbox, LosesNothingOfManyThreads) {
  constexpr int kThreads = 4, kEach = 5000;
  struct Message {
    int thread;
    int number;
  };
  Waker waker;
  Mailbox<Message> box(64, waker);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&box, t] {
      for (int i = 0; i < kEach; ++i)
        while (!box.post(Message{t, i})) std::this_thread::yield();
    });
  }
  std::vector<int> next(kThreads, 0);
  std::vector<Message> taken;
  int total = 0;
  bool ordered = true;
  while (total < kThreads * kEach && test::readable(waker.fd())) {
    waker.clear();
    box.take(taken);
    EXPECT_LE(taken.size(), 64u);
    for (const Message& m : taken) ordered &= m.number == next[static_cast<size_t>(m.thread)]++;
    total += static_cast<int>(taken.size());
  }
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(total, kThreads * kEach);
  EXPECT_TRUE(ordered);
}

}  // namespace
}  // namespace loopcast::net
