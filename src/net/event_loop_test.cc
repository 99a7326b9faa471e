#include "net/event_loop.h"

#include <thread>

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "net/clock.h"

namespace loopcast::net {
namespace {

const Duration kPatience = Duration::seconds(5);

struct SocketPair {
  SocketPair() {
    int fds[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    a = Fd(fds[0]);
    b = Fd(fds[1]);
  }
  Fd a, b;
};

TEST(EventLoop, WaitsAboutAsLongAsAsked) {
  EventLoop loop;
  const Instant start = now();
  EXPECT_TRUE(loop.wait(start, start + Duration::millis(5)).empty());
  EXPECT_GE(now() - start, Duration::millis(5));
  EXPECT_LT(now() - start, kPatience);
}

TEST(EventLoop, DoesNotWaitForThePast) {
  EventLoop loop;
  const Instant start = now();
  EXPECT_TRUE(loop.wait(start, start - Duration::seconds(1)).empty());
  EXPECT_LT(now() - start, kPatience);
}

TEST(EventLoop, TellsWhichDescriptorIsReady) {
  EventLoop loop;
  SocketPair first, second;
  ASSERT_TRUE(loop.add(first.a.get(), {7, 1}));
  ASSERT_TRUE(loop.add(second.a.get(), {7, 2}));
  ASSERT_EQ(::write(second.b.get(), "x", 1), 1);
  auto ready = loop.wait(now(), now() + kPatience);
  ASSERT_EQ(ready.size(), 1u);
  EXPECT_EQ(ready[0].tag, (EventLoop::Tag{7, 2}));
  EXPECT_TRUE(ready[0].readable);
  EXPECT_FALSE(ready[0].writable);

  loop.want_writable(first.a.get(), {7, 1}, true);
  loop.remove(second.a.get());
  ready = loop.wait(now(), now() + kPatience);
  ASSERT_EQ(ready.size(), 1u);
  EXPECT_EQ(ready[0].tag, (EventLoop::Tag{7, 1}));
  EXPECT_TRUE(ready[0].writable);

  loop.want_writable(first.a.get(), {7, 1}, false);
  first.b.reset();
  ready = loop.wait(now(), now() + kPatience);
  ASSERT_EQ(ready.size(), 1u);
  EXPECT_TRUE(ready[0].readable) << "a hang-up is found by reading";
}

TEST(EventLoop, TellsOnceOfWhatIsWatchedOnce) {
  EventLoop loop;
  SocketPair pair;
  ASSERT_TRUE(loop.add_once(pair.a.get(), {7, 1}));
  ASSERT_EQ(::write(pair.b.get(), "x", 1), 1);
  for (int times = 0; times < 2; ++times) {
    const auto ready = loop.wait(now(), now() + kPatience);
    ASSERT_EQ(ready.size(), 1u);
    EXPECT_EQ(ready[0].tag, (EventLoop::Tag{7, 1}));
    EXPECT_TRUE(loop.wait(now(), now()).empty()) << "it can be read, but that is known";
    loop.watch_once(pair.a.get(), {7, 1});
  }
}

TEST(EventLoop, IsWokenByAnotherThreadOnce) {
  EventLoop loop;
  std::thread other([&] {
    loop.wake();
    loop.wake();
  });
  const auto ready = loop.wait(now(), Instant::never());
  ASSERT_EQ(ready.size(), 1u);
  EXPECT_EQ(ready[0].tag.kind, EventLoop::kWakeKind);
  other.join();
  loop.wait(now(), now());  // the second call may have come after the first wait
  EXPECT_TRUE(loop.wait(now(), now()).empty());
}

TEST(EventLoop, RefusesWhatCannotBeWatched) {
  EventLoop loop;
  const Status status = loop.add(-1, {1, 1});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, "epoll_failed");
}

}  // namespace
}  // namespace loopcast::net
