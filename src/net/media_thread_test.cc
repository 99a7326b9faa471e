#include "net/media_thread.h"

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "net/framing.h"
#include "net/test_sockets.h"

namespace loopcast::net {
namespace {

using test::loopback;

class SlowCommand;
struct Command {
  Route to;
  std::string text;
  int copies = 1;
  SlowCommand* slow = nullptr;
};
struct Event {
  std::string what;
};

// A command that takes longer than the thread gives to commands in one turn, so that the rest of
// them waits for the next, or as long as the test likes.
class SlowCommand {
 public:
  // By the test: returns when the thread is at it.
  void wait_until_begun() const { begun_.wait(false); }
  void let_end() {
    may_end_ = true;
    may_end_.notify_one();
  }
  // By the worker.
  void run() {
    begun_ = true;
    begun_.notify_one();
    may_end_.wait(false);
    occupy();
  }
  // Longer than a turn has for commands, by the clock that it is measured with.
  static void occupy() {
    for (const Instant end = now() + Duration::millis(3); now() < end;) {
    }
  }

 private:
  std::atomic<bool> begun_ = false, may_end_ = false;
};

// Sends back what it gets at the end of the batch, and tells the control side about everything.
class EchoWorker {
 public:
  void handle_datagrams(Instant, std::span<const Datagram> datagrams, Outlet&) {
    for (const Datagram& d : datagrams) {
      if (as_text(d.data).ends_with("throw")) throw std::runtime_error("a datagram");
      echoes_.push_back({d.from, std::string(as_text(d.data))});
    }
  }
  void flush(Instant, Outlet& out) {
    for (const Command& echo : echoes_) write(echo, out);
    echoes_.clear();
  }
  Instant next_timeout() const { return timeout_; }
  void handle_timeout(Instant now, Outlet&) {
    tell(now >= timeout_ ? "timeout" : "timeout too early");
    timeout_ = Instant::never();
  }
  void route_closed(Instant, const Route& route) { tell("closed " + std::to_string(route.tcp)); }
  void handle(Instant now, Command&& command, Outlet& out) {
    if (command.text == "throw") throw std::runtime_error("a command");
    if (command.text == "timer")
      timeout_ = now + Duration::millis(3);
    else if (command.text == "tell")
      for (int i = 0; i < command.copies; ++i) tell(std::to_string(i));
    else if (command.slow != nullptr)
      command.slow->run();
    else if (command.text == "slow")
      SlowCommand::occupy();
    else
      for (int i = 0; i < command.copies; ++i) write(command, out);
  }
  bool poll_event(Event& event) {
    if (next_event_ == events_.size()) return false;
    event = events_[next_event_++];
    return true;
  }

 protected:
  void tell(std::string what) { events_.push_back({std::move(what)}); }

 private:
  static void write(const Command& c, Outlet& out) {
    const MutableBytes slot = out.slot();
    ASSERT_GE(slot.size(), c.text.size());
    std::memcpy(slot.data(), c.text.data(), c.text.size());
    out.commit(c.to, c.text.size());
  }

  std::vector<Command> echoes_;
  std::vector<Event> events_;
  size_t next_event_ = 0;
  Instant timeout_ = Instant::never();
};

// ... and about what is handed over to it.
class TakingWorker : public EchoWorker {
 public:
  using Handed = std::string;
  bool poll_handover(Handed&) { return false; }
  void handle_handover(Instant, Handed&& handed, Outlet&) { tell(std::move(handed)); }
};

class MediaThreadTest : public testing::Test {
 protected:
  using Thread = MediaThread<EchoWorker, Command, Event>;

  static MediaThreadOptions options() {
    MediaThreadOptions o;
    o.udp = {loopback(0)};
    if (test::has_ipv6()) o.udp.push_back(test::loopback6(0));
    o.tcp = {loopback(0)};
    o.mailbox = 8;
    return o;
  }
  void start() {
    const Status opened = thread.open();
    ASSERT_TRUE(opened) << opened.error().message;
    thread.start(std::make_unique<EchoWorker>());
  }
  // The next event, or "" when none comes in time.
  std::string next_event() {
    while (next == taken.size() && test::readable(waker.fd())) {
      waker.clear();
      events.take(taken);
      next = 0;
    }
    return next < taken.size() ? taken[next++].what : "";
  }

  Waker waker;
  Mailbox<Event> events{4, waker};
  Thread thread{options(), events};
  std::vector<Event> taken;
  size_t next = 0;
};

TEST_F(MediaThreadTest, EchoesOverUdp) {
  start();
  for (const SocketAddress& address : thread.udp_addresses()) {
    const Fd client = test::connect(address, SOCK_DGRAM);
    for (int i = 0; i < 200; ++i) {
      const std::string text = "datagram " + std::to_string(i);
      ASSERT_TRUE(test::write_all(client.get(), text));
      ASSERT_EQ(test::read_some(client.get()), text);
    }
  }
  thread.stop();
  const MediaCounters counters = thread.counters();
  for (size_t i = 0; i < thread.udp_addresses().size(); ++i) {
    EXPECT_EQ(counters.udp[i].received, 200u);
    EXPECT_EQ(counters.udp[i].sent, 200u);
  }
  EXPECT_GT(counters.turns, 0u);
}

// One by one, so that each finds the thread watching for it or waiting for the next look; and more
// at once than one look takes.
TEST_F(MediaThreadTest, EchoesRtcpAmongOthers) {
  start();
  for (const SocketAddress& address : thread.udp_addresses()) {
    const Fd client = test::connect(address, SOCK_DGRAM);
    const auto rtcp = [](int i) { return "\x80\xc9 report " + std::to_string(i); };
    for (int i = 0; i < 50; ++i) {
      const std::string text = i % 3 == 0 ? "\x80\x60 media" : rtcp(i);
      ASSERT_TRUE(test::write_all(client.get(), text));
      ASSERT_EQ(test::read_some(client.get()), text);
    }
    for (int i = 0; i < 150; ++i) ASSERT_TRUE(test::write_all(client.get(), rtcp(i)));
    for (int i = 0; i < 150; ++i) ASSERT_EQ(test::read_some(client.get()), rtcp(i));
  }
}

TEST_F(MediaThreadTest, EchoesOverTcpAndTellsOfTheEnd) {
  start();
  Fd client = test::connect(thread.tcp_addresses().at(0), SOCK_STREAM);
  const std::string framed("\0\5\0stun", 7);
  ASSERT_TRUE(test::write_all(client.get(), framed));
  EXPECT_EQ(test::read_some(client.get()), framed);
  client.reset();
  EXPECT_EQ(next_event(), "closed 1");
}

TEST_F(MediaThreadTest, WhatThrowsCostsItsTurnAndNothingElse) {
  std::vector<std::string> reports;
  thread.on_failure([&](const char* what) { reports.emplace_back(what); });
  start();
  const std::string rtcp = "\x80\xc9 report", rtcp_throw = "\x80\xc9 throw";
  uint64_t thrown = 0;
  for (const SocketAddress& address : thread.udp_addresses()) {
    const Fd client = test::connect(address, SOCK_DGRAM);
    for (int i = 0; i < 20; ++i) {
      // Each kind of input throws, and each is served after it.
      ASSERT_TRUE(test::write_all(client.get(), i % 2 == 0 ? "throw" : rtcp_throw));
      if (i % 3 == 0) {
        ASSERT_TRUE(thread.post({{}, "throw"}));
        ++thrown;
      }
      ++thrown;
      ASSERT_TRUE(thread.post({{}, "timer"}));
      ASSERT_EQ(next_event(), "timeout") << i;
      // What came with a datagram that throws is lost with it.
      const std::string text = i % 2 == 0 ? rtcp : "media";
      ASSERT_TRUE(test::write_all(client.get(), text));
      ASSERT_EQ(test::read_some(client.get()), text) << i;
    }
  }
  thread.stop();
  EXPECT_GE(thread.counters().failures, 1u);
  EXPECT_LE(thread.counters().failures, thrown);
  ASSERT_FALSE(reports.empty());
  EXPECT_LT(reports.size(), 10u);  // once a second
}

TEST_F(MediaThreadTest, WhatThrowsAtTheEndDoesNotKeepTheThread) {
  start();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(thread.post({{}, "throw"}));
  thread.stop();
  EXPECT_GE(thread.counters().failures, 1u);
}

TEST_F(MediaThreadTest, KeepsTime) {
  start();
  ASSERT_TRUE(thread.post({{}, "timer"}));
  EXPECT_EQ(next_event(), "timeout");
}

TEST_F(MediaThreadTest, ABatchThatIsFullIsSentByItself) {
  start();
  const Fd client = test::connect(thread.udp_addresses()[0], SOCK_DGRAM);
  const int big = 8 << 20;
  ::setsockopt(client.get(), SOL_SOCKET, SO_RCVBUF, &big, sizeof big);
  // 2 MB, twice the memory of a batch; the client need not hear all of it.
  ASSERT_TRUE(thread.post({{bound_address(client.get()), {}, 0}, std::string(1000, 'x'), 2000}));
  EXPECT_EQ(test::read_some(client.get()).size(), 1000u);
  thread.stop();
  EXPECT_EQ(thread.counters().udp[0].sent, 2000u);
}

TEST_F(MediaThreadTest, NoEventIsLostWhileTheControlSideIsSlow) {
  start();
  ASSERT_TRUE(thread.post({{}, "tell", 50}));  // and the mailbox takes 4
  for (int i = 0; i < 50; ++i) ASSERT_EQ(next_event(), std::to_string(i));
}

TEST_F(MediaThreadTest, HandlesWhatWasPostedBeforeTheEnd) {
  start();
  const Fd client = test::connect(thread.udp_addresses()[0], SOCK_DGRAM);
  ASSERT_TRUE(thread.post({{bound_address(client.get()), {}, 0}, "bye"}));
  thread.stop();
  EXPECT_EQ(test::read_some(client.get()), "bye");
  thread.stop();
}

TEST_F(MediaThreadTest, RefusesCommandsBeyondItsMailbox) {
  ASSERT_TRUE(thread.open());
  for (int i = 0; i < 8; ++i) EXPECT_TRUE(thread.post({{}, "tell", 0}));
  EXPECT_FALSE(thread.post({{}, "tell", 0}));
  EXPECT_EQ(thread.commands_refused(), 1u);
  thread.start(std::make_unique<EchoWorker>());
  thread.stop();
  EXPECT_EQ(thread.counters().commands, 8u);
}

// What is posted while the rest of an earlier batch waits for its turn wakes nobody a second time.
TEST_F(MediaThreadTest, HandlesWhatWasPostedWhileCommandsWereLeft) {
  ASSERT_TRUE(thread.open());
  SlowCommand first, second;
  ASSERT_TRUE(thread.post({{}, "", 1, &first}));
  ASSERT_TRUE(thread.post({{}, "", 1, &second}));
  ASSERT_TRUE(thread.post({{}, "tell"}));
  thread.start(std::make_unique<EchoWorker>());
  first.wait_until_begun();
  ASSERT_TRUE(thread.post({{}, "tell", 2}));
  first.let_end();
  // Its own turn: the wake-up by the last post is used up, and its command not yet taken.
  second.wait_until_begun();
  second.let_end();
  EXPECT_EQ(next_event(), "0");
  EXPECT_EQ(next_event(), "0");
  EXPECT_EQ(next_event(), "1");
  ASSERT_TRUE(thread.post({{}, "tell"}));
  EXPECT_EQ(next_event(), "0");
}

TEST_F(MediaThreadTest, HandlesEveryCommandOfManyThreadsWhateverTheyTake) {
  constexpr int kThreads = 3, kEach = 60;
  start();
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([this, t] {
      for (int i = 0; i < kEach; ++i)
        while (!thread.post({{}, (i + t) % 7 == 0 ? "slow" : "tell"})) std::this_thread::yield();
    });
  }
  int told = 0;
  for (int t = 0; t < kThreads; ++t)
    for (int i = 0; i < kEach; ++i) told += (i + t) % 7 == 0 ? 0 : 1;
  while (told > 0 && next_event() == "0") --told;
  EXPECT_EQ(told, 0);
  for (std::thread& t : threads) t.join();
}

TEST_F(MediaThreadTest, MediaHasItsTurnBetweenSlowCommands) {
  ASSERT_TRUE(thread.open());
  const Fd client = test::connect(thread.udp_addresses()[0], SOCK_DGRAM);
  SlowCommand first, second;
  ASSERT_TRUE(thread.post({{}, "", 1, &first}));
  ASSERT_TRUE(thread.post({{}, "slow"}));
  ASSERT_TRUE(thread.post({{}, "", 1, &second}));
  thread.start(std::make_unique<EchoWorker>());
  first.wait_until_begun();
  ASSERT_TRUE(test::write_all(client.get(), "media"));
  first.let_end();
  second.wait_until_begun();
  EXPECT_EQ(test::read_some(client.get()), "media");
  second.let_end();
}

TEST_F(MediaThreadTest, WhatIsHandedOverComesBehindTheCommandsBeforeIt) {
  MediaThread<TakingWorker, Command, Event> taking(options(), events);
  ASSERT_TRUE(taking.open());
  ASSERT_TRUE(taking.post({{}, "tell"}));
  ASSERT_TRUE(taking.take_over("handed"));
  taking.start(std::make_unique<TakingWorker>());
  EXPECT_EQ(next_event(), "0");
  EXPECT_EQ(next_event(), "handed");
}

TEST_F(MediaThreadTest, CountersAreReadWhileItRuns) {
  start();
  const Fd client = test::connect(thread.udp_addresses()[0], SOCK_DGRAM);
  ASSERT_TRUE(test::write_all(client.get(), "x"));
  const Instant deadline = now() + Duration::millis(test::kPatienceMs);
  while (thread.counters().udp[0].received == 0 && now() < deadline) std::this_thread::yield();
  EXPECT_EQ(thread.counters().udp[0].received, 1u);
}

TEST_F(MediaThreadTest, RefusesUnusableOptions) {
  MediaThreadOptions two = options();
  two.udp = {loopback(0), loopback(0)};
  EXPECT_EQ(Thread(two, events).open().error().code, "too_many_addresses");
  MediaThreadOptions pinned = options();
  pinned.cpu = 100'000;
  EXPECT_EQ(Thread(pinned, events).open().error().code, "bad_cpu");
}

}  // namespace
}  // namespace loopcast::net
