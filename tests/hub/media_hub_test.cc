// Two workers: who is placed where, what is relayed between them, and what ends with what.
#include "server/media_hub.h"

#include <array>
#include <map>
#include <memory>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "net/clock.h"
#include "net/test_sockets.h"
#include "sim/browser.h"

namespace loopcast::server {
namespace {

using net::test::loopback;

// Viewers that do not connect, after whom a worker is taken for loaded.
constexpr app::MediaId kCrowd = 700;

// A simulated browser with a socket of its own.
class Client {
 public:
  Client(const sim::BrowserContext& context, const sim::BrowserOptions& options, uint64_t seed)
      : browser(context, options, Random::from_number(seed).fork()),
        fd_(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {}

  void drive() {
    std::array<uint8_t, 2048> buffer;
    net::Sockaddr name{};
    for (;;) {
      socklen_t length = sizeof name;
      const ssize_t n = ::recvfrom(fd_.get(), buffer.data(), buffer.size(), 0, &name.any, &length);
      if (n <= 0) break;
      browser.handle_datagram(net::now(), net::from_sockaddr(name),
                              MutableBytes(buffer).first(static_cast<size_t>(n)));
    }
    if (browser.next_timeout() <= net::now()) browser.handle_timeout(net::now());
    for (sim::Datagram out; browser.poll_transmit(out);) {
      const socklen_t length = net::to_sockaddr(out.to, name);
      sent_to.insert(out.to.port);
      ::sendto(fd_.get(), out.bytes.data(), out.bytes.size(), 0, &name.any, length);
    }
  }

  sim::Browser browser;
  std::set<uint16_t> sent_to;

 private:
  net::Fd fd_;
};

class MediaHubTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const Status started = hub.start([this](app::MediaEvent event) { take(event); });
    ASSERT_TRUE(started) << started.error().message;
  }

  static MediaHubOptions options() {
    MediaHubOptions options;
    options.workers = 2;
    options.port = 0;
    options.bind = options.announce = {loopback(0).ip};
    options.video_codecs = {wire::Codec::kH264};
    return options;
  }

  void take(app::MediaEvent& event) {
    if (auto* answered = std::get_if<app::MediaAnswered>(&event)) {
      ++answers;
      if (const auto client = clients.find(answered->id); client != clients.end()) {
        EXPECT_TRUE(client->second->browser.set_answer(net::now(), answered->sdp));
      }
    } else if (auto* refused = std::get_if<app::MediaRefused>(&event)) {
      refusals[refused->id] = refused->error.code;
    } else if (const auto* heard = std::get_if<app::MediaHeard>(&event)) {
      heard_of.insert(heard->id);
    } else if (const auto* over = std::get_if<app::MediaEnded>(&event)) {
      ended.insert(over->id);
    }
  }

  template <typename Done>
  bool run_until(Done done, Duration limit = Duration::seconds(30)) {
    const Instant end = net::now() + limit;
    while (!done() && net::now() < end) {
      context.restart();
      context.run_for(std::chrono::milliseconds(1));
      for (const auto& [id, client] : clients) client->drive();
    }
    return done();
  }

  Client& add(app::MediaId id, bool sends) {
    sim::BrowserOptions browser;
    browser.session.send = sends;
    browser.session.receive = !sends;
    browser.sender.keyframe_interval = Duration::seconds(1);
    return *(clients[id] =
                 std::make_unique<Client>(sim::BrowserContext{identity, *crypto}, browser, id));
  }
  // A publisher that is heard.
  void publish(app::MediaId id) {
    hub.publish(id, add(id, true).browser.offer());
    ASSERT_TRUE(run_until([&] { return heard_of.contains(id); }));
  }
  // From here on, and for less than a second, the publisher's worker is taken for loaded.
  void crowd(app::MediaId publisher) {
    const std::string offer = add(0, false).browser.offer();
    clients.erase(0);
    for (app::MediaId i = 0; i < kCrowd; ++i) hub.watch(next_of_crowd++, publisher, offer);
  }
  void end_crowd() {
    for (app::MediaId id = 1000; id < next_of_crowd; ++id) hub.stop(id);
  }
  // The first worker has nobody, and was asked for its figures since.
  bool is_at_rest() {
    if (!run_until([&] { return hub.figures()[0].peers == 0; })) return false;
    const auto asked = [&] { return hub.figures()[0].network.commands; };
    const uint64_t before = asked();
    return run_until([&] { return asked() >= before + 2; });
  }
  void watch(app::MediaId id, app::MediaId publisher) {
    hub.watch(id, publisher, add(id, false).browser.offer());
  }
  bool sees(app::MediaId id, uint64_t more = 30) {
    const uint64_t before = clients[id]->browser.video().decoded;
    return run_until([&] { return clients[id]->browser.video().decoded >= before + more; });
  }
  uint16_t port_of(unsigned worker) { return hub.candidates_of(worker).front().address.port; }

  rtc::DtlsIdentity identity = rtc::DtlsIdentity::generate();
  std::unique_ptr<rtc::SrtpCrypto> crypto = rtc::SrtpCrypto::make_best();
  boost::asio::io_context context{1};
  Random random = Random::from_number(5);
  MediaHub hub{context, options(), random};
  std::map<app::MediaId, std::unique_ptr<Client>> clients;
  std::map<app::MediaId, std::string> refusals;
  std::set<app::MediaId> heard_of, ended;
  app::MediaId next_of_crowd = 1000;
  size_t answers = 0;
};

TEST_F(MediaHubTest, AViewerOfALoadedWorkerIsServedByTheOtherOne) {
  publish(1);
  watch(2, 1);  // with the publisher
  crowd(1);
  watch(3, 1);
  ASSERT_TRUE(sees(2));
  ASSERT_TRUE(sees(3));
  EXPECT_EQ(clients[2]->sent_to, std::set<uint16_t>{port_of(0)});
  EXPECT_EQ(clients[3]->sent_to, std::set<uint16_t>{port_of(1)});
  EXPECT_TRUE(clients[3]->browser.violations().empty());

  // The publisher ends, and with it what was relayed: nobody can watch it any more, here or there.
  hub.stop(1);
  clients.erase(1);
  hub.stop(2);
  hub.stop(3);
  end_crowd();
  watch(4, 1);
  ASSERT_TRUE(run_until([&] { return refusals.contains(4); }));
  EXPECT_EQ(refusals[4], "publisher_gone");
  ASSERT_TRUE(run_until([&] {
    size_t left = 0;
    for (const WorkerFigures& worker : hub.figures()) left += worker.peers + worker.publishers;
    return left == 0;
  }));
}

TEST_F(MediaHubTest, WhatReplacesAPublisherOnTheOtherWorkerIsRelayedTheOtherWay) {
  publish(1);
  crowd(1);
  watch(3, 1);
  ASSERT_TRUE(sees(3));
  // It says goodbye by its media, and is on its way to come back by another worker, since the crowd
  // is still with the first.
  clients[1]->browser.close(net::now());
  ASSERT_TRUE(run_until([&] { return ended.contains(1); }));
  watch(4, 1);
  ASSERT_TRUE(run_until([&] { return refusals.contains(4); }));
  EXPECT_EQ(refusals[4], "publisher_gone");
  hub.stop(1);
  clients.erase(1);
  hub.stop(3);
  publish(5);
  EXPECT_EQ(clients[5]->sent_to, std::set<uint16_t>{port_of(1)});
  ASSERT_TRUE(run_until([&] { return hub.figures()[0].peers > 0; }));
  end_crowd();
  ASSERT_TRUE(is_at_rest());
  crowd(5);
  watch(6, 5);
  ASSERT_TRUE(sees(6));
  EXPECT_EQ(clients[6]->sent_to, std::set<uint16_t>{port_of(0)});
  EXPECT_TRUE(clients[6]->browser.violations().empty());
}

}  // namespace
}  // namespace loopcast::server
