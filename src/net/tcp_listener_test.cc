#include "net/tcp_listener.h"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include "net/framing.h"
#include "net/test_sockets.h"

namespace loopcast::net {
namespace {

using test::loopback;
using test::put;

std::string frame(std::string_view data) {
  const auto header = frame_header(data.size());
  return std::string(header.begin(), header.end()).append(data);
}

// Looks like STUN: its first byte is 0.
const std::string kHello = std::string("\0\1hello", 7);

struct Recorder : TcpListener::Receiver {
  void on_datagram(const Route& from, MutableBytes data) override {
    datagrams.emplace_back(from, as_text(data));
  }
  void on_closed(const Route& route) override {
    closed.push_back(route.tcp);
    closed_routes.push_back(route);
  }
  std::vector<std::pair<Route, std::string>> datagrams;
  std::vector<uint32_t> closed;
  std::vector<Route> closed_routes;
};

class TcpListenerTest : public testing::Test {
 protected:
  static constexpr uint32_t kKind = 10;

  explicit TcpListenerTest(const TcpListener::Limits& limits = {}) : listener(loop, kKind, limits) {
    const auto bound = listener.listen(loopback(0));
    EXPECT_TRUE(bound);
    if (bound) address = *bound;
  }

  // Serves the listener until `done`; false when that does not come about in time.
  template <typename Predicate>
  bool serve_until(Predicate done) {
    const Instant deadline = now() + Duration::millis(test::kPatienceMs);
    while (!done()) {
      if (now() >= deadline) return false;
      for (const auto& ready : loop.wait(now(), now() + Duration::millis(10)))
        if (listener.owns(ready.tag)) listener.handle(time, ready, recorder);
    }
    return true;
  }
  bool serve_until_datagrams(size_t n) {
    return serve_until([&] { return recorder.datagrams.size() >= n; });
  }
  bool serve_until_open(size_t n) {
    return serve_until([&] { return listener.counters().open == n; });
  }
  Fd connect() { return test::connect(address, SOCK_STREAM); }
  // A connection that has said hello, and its route.
  std::pair<Fd, Route> greeted() {
    Fd fd = connect();
    const size_t before = recorder.datagrams.size();
    EXPECT_TRUE(test::write_all(fd.get(), frame(kHello)));
    EXPECT_TRUE(serve_until_datagrams(before + 1));
    const Route route =
        recorder.datagrams.size() > before ? recorder.datagrams.back().first : Route{};
    return {std::move(fd), route};
  }

  EventLoop loop;
  TcpListener listener;
  Recorder recorder;
  SocketAddress address;
  Instant time = Instant::from_us(1'000'000);
};

TEST_F(TcpListenerTest, CarriesDatagramsBothWays) {
  auto [fd, route] = greeted();
  EXPECT_EQ(recorder.datagrams[0].second, kHello);
  EXPECT_EQ(route, (Route{bound_address(fd.get()), loopback(0).ip, 1}));
  TransmitBatch batch;
  put(batch, route, "answer");
  put(batch, route, "second");
  put(batch, route, "3");
  ASSERT_EQ(batch.sends().size(), 1u);
  put(batch, {route.remote, route.local, 0}, "for UDP");
  put(batch, {route.remote, route.local, 99}, "for nobody");
  listener.send(batch, batch.sends());
  const std::string expected = frame("answer") + frame("second") + frame("3");
  std::string got;
  while (got.size() < expected.size()) {
    const std::string more = test::read_some(fd.get());
    if (more.empty()) break;
    got += more;
  }
  EXPECT_EQ(got, expected);
  EXPECT_EQ(listener.counters().sent, 3u);
  EXPECT_EQ(listener.counters().dropped_closed, 1u);
}

TEST_F(TcpListenerTest, TakesFramesByteByByteAndTogether) {
  const Fd fd = connect();
  for (const char c : frame(kHello)) ASSERT_TRUE(test::write_all(fd.get(), {&c, 1}));
  ASSERT_TRUE(test::write_all(fd.get(), frame("\x80one") + frame("\x80two") + frame("")));
  ASSERT_TRUE(serve_until_datagrams(3));
  EXPECT_EQ(recorder.datagrams[1].second, "\x80one");
  EXPECT_EQ(recorder.datagrams[2].second, "\x80two");
}

TEST_F(TcpListenerTest, ClosesWhatIsNotStun) {
  const Fd rtp = connect();
  ASSERT_TRUE(test::write_all(rtp.get(), frame("\x80 RTP first")));
  const Fd web = connect();
  ASSERT_TRUE(test::write_all(web.get(), "GET / HTTP/1.1\r\n\r\n"));
  ASSERT_TRUE(serve_until([&] { return listener.counters().closed_bad == 2; }));
  EXPECT_EQ(test::read_some(rtp.get()), "");
  EXPECT_EQ(test::read_some(web.get()), "");
  EXPECT_TRUE(recorder.datagrams.empty());
  EXPECT_TRUE(recorder.closed.empty()) << "of connections that nobody knows";
  EXPECT_EQ(listener.counters().open, 0u);
}

TEST_F(TcpListenerTest, ClosesOnATooLongFrameAfterTheGoodOnes) {
  auto [fd, route] = greeted();
  ASSERT_TRUE(test::write_all(fd.get(), frame("good") + std::string("\x08\x01", 2)));
  ASSERT_TRUE(serve_until_open(0));
  EXPECT_EQ(recorder.datagrams.back().second, "good");
  EXPECT_EQ(recorder.closed, std::vector<uint32_t>{route.tcp});
}

TEST_F(TcpListenerTest, TellsWhenThePeerCloses) {
  auto [fd, route] = greeted();
  fd.reset();
  ASSERT_TRUE(serve_until_open(0));
  EXPECT_EQ(recorder.closed, std::vector<uint32_t>{route.tcp});
  const auto [next_fd, next] = greeted();
  EXPECT_EQ(next.tcp, route.tcp + 1) << "numbers are not used again";
}

TEST_F(TcpListenerTest, ClosesWhatStaysSilent) {
  EXPECT_TRUE(listener.next_timeout().is_never());
  const Fd silent = connect();
  ASSERT_TRUE(serve_until_open(1));
  const auto [talking, route] = greeted();
  EXPECT_EQ(listener.next_timeout(), time + Duration::seconds(1));
  listener.handle_timeout(time + Duration::millis(9'999), recorder);
  EXPECT_EQ(listener.counters().open, 2u);
  listener.handle_timeout(time + Duration::seconds(10), recorder);
  EXPECT_EQ(listener.counters().open, 1u);
  EXPECT_EQ(test::read_some(silent.get()), "");

  time = time + Duration::seconds(50);
  ASSERT_TRUE(test::write_all(talking.get(), frame("alive")));
  ASSERT_TRUE(serve_until_datagrams(2));
  listener.handle_timeout(time + Duration::millis(59'999), recorder);
  EXPECT_TRUE(recorder.closed.empty());
  listener.handle_timeout(time + Duration::seconds(60), recorder);
  EXPECT_EQ(recorder.closed, std::vector<uint32_t>{route.tcp});
  EXPECT_EQ(listener.counters().closed_idle, 2u);
  EXPECT_TRUE(listener.next_timeout().is_never());
}

TEST_F(TcpListenerTest, AByteNowAndThenIsSilenceToo) {
  const Fd slow = connect();
  for (int second = 0; second < 9; ++second) {
    ASSERT_TRUE(test::write_all(slow.get(), frame(kHello).substr(0, 1)));
    ASSERT_TRUE(serve_until_open(1));
    listener.handle_timeout(time + Duration::seconds(second), recorder);
  }
  listener.handle_timeout(time + Duration::seconds(10), recorder);
  EXPECT_EQ(listener.counters().open, 0u);
}

class TcpListenerLimitsTest : public TcpListenerTest {
 protected:
  TcpListenerLimitsTest()
      : TcpListenerTest({.connections = 5, .connections_per_remote = 3, .queue = 20'000}) {}

  Fd connect_from(uint8_t last) {
    Fd fd(::socket(AF_INET, SOCK_STREAM, 0));
    Sockaddr name;
    socklen_t length = to_sockaddr(loopback(0, last), name);
    EXPECT_EQ(::bind(fd.get(), &name.any, length), 0);
    length = to_sockaddr(address, name);
    EXPECT_EQ(::connect(fd.get(), &name.any, length), 0);
    return fd;
  }
};

TEST_F(TcpListenerLimitsTest, AFloodOfConnectionsIsBounded) {
  std::vector<Fd> flood;
  for (int i = 0; i < 20; ++i) flood.push_back(connect_from(2));
  ASSERT_TRUE(serve_until([&] { return listener.counters().refused == 17; }));
  EXPECT_EQ(listener.counters().open, 3u);
  for (int i = 0; i < 20; ++i) flood.push_back(connect_from(3));
  ASSERT_TRUE(serve_until([&] { return listener.counters().refused == 35; }));
  EXPECT_EQ(listener.counters().open, 5u) << "of all remotes together";
  flood.clear();
  ASSERT_TRUE(serve_until_open(0));
  EXPECT_NE(greeted().second.tcp, 0u) << "there is place again";
  ASSERT_TRUE(serve_until_open(0));
  for (int i = 0; i < 3; ++i) flood.push_back(connect_from(2));
  EXPECT_TRUE(serve_until_open(3)) << "for those who had come before as well";
}

TEST_F(TcpListenerLimitsTest, ASlowReaderLosesWholeFrames) {
  auto [fd, route] = greeted();
  // Far more than the buffers of both kernels and the queue hold, unread.
  const std::string filler(1170, 'x');
  int number = 0;
  while (listener.counters().dropped_queue_full < 1000 && number < 50'000) {
    TransmitBatch batch;
    for (int i = 0; i < 50; ++i) put(batch, route, std::to_string(100'000 + number++) + filler);
    listener.send(batch, batch.sends());
  }
  ASSERT_GE(listener.counters().dropped_queue_full, 1000u);
  EXPECT_EQ(listener.counters().sent + listener.counters().dropped_queue_full,
            static_cast<uint64_t>(number));

  // What arrives is whole, in order, and as much as was counted.
  const uint64_t expected = listener.counters().sent;
  FrameDecoder decoder;
  uint64_t frames = 0;
  int last = -1;
  const int client = fd.get();
  ASSERT_TRUE(serve_until([&] {
    while (test::readable(client, 0)) {
      const MutableBytes space = decoder.space();
      const ssize_t n = ::recv(client, space.data(), space.size(), MSG_DONTWAIT);
      if (n <= 0) break;
      decoder.commit(static_cast<size_t>(n));
      while (const auto datagram = decoder.next()) {
        EXPECT_EQ(datagram->size(), 6 + filler.size());
        EXPECT_EQ(as_text(*datagram).substr(6), filler);
        const int got = std::stoi(std::string(as_text(*datagram).substr(0, 6)));
        EXPECT_GT(got, last);
        last = got;
        ++frames;
      }
    }
    return frames == expected || decoder.failed();
  }));
  EXPECT_FALSE(decoder.failed());
  // And all is well again.
  TransmitBatch batch;
  put(batch, route, "after");
  listener.send(batch, batch.sends());
  EXPECT_EQ(test::read_some(client), frame("after"));
  EXPECT_TRUE(loop.wait(now(), now()).empty()) << "nothing waits to be written";
}

TEST_F(TcpListenerTest, GoesOnOnceThereAreDescriptorsAgain) {
  const Fd fd = connect();
  // Meanwhile this object is not touched: the sanitizer needs descriptors to look at its type.
  EventLoop& events = loop;
  TcpListener& tcp = listener;
  TcpListener::Receiver& receiver = recorder;
  const Instant begin = time;
  rlimit before;
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  Fd next(::dup(fd.get()));
  const rlimit none{static_cast<rlim_t>(next.get()), before.rlim_max};
  next.reset();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  for (const auto& ready : events.wait(now(), now() + Duration::millis(test::kPatienceMs)))
    tcp.handle(begin, ready, receiver);
  const bool quiet = events.wait(now(), now()).empty();
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_TRUE(quiet) << "the loop does not turn for what cannot be accepted";
  EXPECT_EQ(listener.counters().open, 0u);
  ASSERT_EQ(listener.next_timeout(), begin + Duration::seconds(1));
  listener.handle_timeout(listener.next_timeout(), recorder);
  EXPECT_TRUE(serve_until_open(1));
}

TEST_F(TcpListenerTest, AConnectionThatBreaksWhileItIsSentToIsReportedLater) {
  auto [fd, route] = greeted();
  // A reset, not an orderly end.
  const linger hard{1, 0};
  ASSERT_EQ(::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &hard, sizeof hard), 0);
  fd.reset();
  for (int i = 0; i < 3; ++i) {
    TransmitBatch batch;
    put(batch, route, "too late");
    listener.send(batch, batch.sends());
  }
  EXPECT_EQ(listener.counters().dropped_closed, 3u);
  EXPECT_TRUE(recorder.closed.empty());
  ASSERT_LE(listener.next_timeout(), time);
  listener.handle_timeout(time, recorder);
  EXPECT_EQ(recorder.closed, std::vector<uint32_t>{route.tcp});
}

}  // namespace
}  // namespace loopcast::net
