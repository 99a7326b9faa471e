#include "net/udp_socket.h"

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <netinet/udp.h>

#include "net/test_sockets.h"

namespace loopcast::net {
namespace {

using test::loopback;
using test::loopback6;
using test::put;

std::unique_ptr<UdpSocket> open(const SocketAddress& address,
                                const UdpSocket::Options& options = {}) {
  auto socket = UdpSocket::open(address, options);
  EXPECT_TRUE(socket) << (socket ? "" : socket.error().message);
  return socket ? std::move(*socket) : nullptr;
}

struct Received {
  std::vector<std::string> payloads;
  std::vector<Route> from;
};

// `count` datagrams, or what has come until nothing more does.
Received receive(UdpSocket& socket, size_t count) {
  Received r;
  ReceiveBatch batch;
  while (r.payloads.size() < count && test::readable(socket.fd())) {
    socket.receive(batch);
    for (const Datagram& d : batch.datagrams()) {
      r.payloads.emplace_back(as_text(d.data));
      r.from.push_back(d.from);
    }
  }
  return r;
}

std::string payload(size_t size, int number) {
  std::string s(size, static_cast<char>('a' + number % 26));
  s.replace(0, std::min<size_t>(s.size(), 4), std::to_string(1000 + number));
  s.resize(size);
  return s;
}

bool is_run(const mmsghdr& m) {
  msghdr header = m.msg_hdr;
  for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c))
    if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_SEGMENT) return true;
  return false;
}

// Sends up to the first run, which fails with kError.
template <int kError>
int refuse_runs(int fd, mmsghdr* messages, unsigned count, int flags) {
  const auto plain =
      static_cast<unsigned>(std::find_if(messages, messages + count, is_run) - messages);
  if (plain > 0) return ::sendmmsg(fd, messages, plain, flags);
  errno = kError;
  return -1;
}
int one_at_a_time(int fd, mmsghdr* messages, unsigned, int flags) {
  return ::sendmmsg(fd, messages, 1, flags);
}
template <int kError>
int always_fail(int, mmsghdr*, unsigned, int) {
  errno = kError;
  return -1;
}

// Many sizes to one address, so that there are plain datagrams and runs.
std::vector<std::string> fill(TransmitBatch& batch, const Route& to) {
  std::vector<std::string> all;
  for (int i = 0; i < 150; ++i) {
    all.push_back(payload(i % 10 == 9 ? 300 : 200 + static_cast<size_t>(i / 50), i));
    put(batch, to, all.back());
  }
  return all;
}

struct Pair {
  std::unique_ptr<UdpSocket> sender;
  std::unique_ptr<UdpSocket> receiver;
};
Pair pair(const UdpSocket::Options& sender, const UdpSocket::Options& receiver = {}) {
  return {open(loopback(0), sender), open(loopback(0), receiver)};
}

TEST(UdpSocket, CarriesBatches) {
  for (const bool v6 : {false, true}) {
    if (v6 && !test::has_ipv6()) GTEST_SKIP() << "no IPv6 here";
    const auto a = open(v6 ? loopback6(0) : loopback(0));
    const auto b = open(v6 ? loopback6(0) : loopback(0));
    TransmitBatch batch;
    const auto sent = fill(batch, {b->local(), a->local().ip, 0});
    a->send(batch, batch.sends());
    const Received got = receive(*b, sent.size());
    EXPECT_EQ(got.payloads, sent);
    for (const Route& from : got.from) EXPECT_EQ(from, (Route{a->local(), b->local().ip, 0}));
    EXPECT_EQ(a->counters().sent, sent.size());
    EXPECT_EQ(b->counters().received, sent.size());
    EXPECT_EQ(a->counters().sent_bytes, b->counters().received_bytes);
    EXPECT_EQ(a->counters().segmented_refusals, 0u);
  }
}

TEST(UdpSocket, GivesRtcpSeparatelyIfAsked) {
  const std::vector<std::string> rtcp{
      "\x80\xc0"
      "first type",
      "\xbf\xdf"
      "last type",
      "\x80\xc8"};
  const std::vector<std::string> others{
      "\x80\xbf"
      "RTP below",
      "\x80\xe0"
      "RTP above",
      "\x7f\xc8"
      "version 1",
      "\xc0\xc8"
      "version 3",
      "\x16\xfe\xfd"
      "DTLS",
      std::string(1, '\x80')};
  for (const bool v6 : {false, true}) {
    if (v6 && !test::has_ipv6()) GTEST_SKIP() << "no IPv6 here";
    for (const bool separate : {false, true}) {
      const auto a = open(v6 ? loopback6(0) : loopback(0));
      const auto b = open(v6 ? loopback6(0) : loopback(0), {.separate_rtcp = separate});
      ASSERT_EQ(b->rtcp_fd() >= 0, separate);
      const auto send = [&](const std::string& datagram) {
        TransmitBatch batch;
        put(batch, {b->local(), {}, 0}, datagram);
        a->send(batch, batch.sends());
      };
      for (size_t i = 0; i < others.size(); ++i) {
        if (i < rtcp.size()) send(rtcp[i]);
        send(others[i]);
      }
      if (!separate) {
        EXPECT_EQ(receive(*b, rtcp.size() + others.size()).payloads.size(),
                  rtcp.size() + others.size());
        continue;
      }
      EXPECT_EQ(receive(*b, others.size()).payloads, others);
      ReceiveBatch received;
      ASSERT_TRUE(test::readable(b->rtcp_fd()));
      EXPECT_EQ(b->receive_rtcp(received), rtcp.size());
      for (size_t i = 0; i < rtcp.size(); ++i) {
        EXPECT_EQ(as_text(received.datagrams()[i].data), rtcp[i]);
        EXPECT_EQ(received.datagrams()[i].from, (Route{a->local(), b->local().ip, 0}));
      }
      EXPECT_EQ(b->receive_rtcp(received), 0u);
    }
  }
}

TEST(UdpSocket, SendsARunInOneCallAndItArrivesAsDatagrams) {
  for (const bool coalescing : {false, true}) {
    const Pair p = pair({}, {.coalescing = coalescing});
    TransmitBatch batch;
    std::vector<std::string> sent;
    for (int i = 0; i < 9; ++i) sent.push_back(payload(1170, i));
    sent.push_back(payload(500, 9));
    for (const auto& s : sent) put(batch, {p.receiver->local(), {}, 0}, s);
    ASSERT_EQ(batch.sends().size(), 1u);
    p.sender->send(batch, batch.sends());
    EXPECT_EQ(p.sender->counters().send_calls, 1u);
    EXPECT_EQ(p.sender->counters().segmented_sends, 1u);
    EXPECT_EQ(p.sender->counters().sent, 10u);
    EXPECT_EQ(receive(*p.receiver, 10).payloads, sent);
  }
}

TEST(UdpSocket, ARunThatComesAfterASingleDatagramHasItsAddressToo) {
  const Pair p = pair({});
  const Route to{p.receiver->local(), {}, 0};
  // The kernel tells more of a run, in the same memory.
  ReceiveBatch batch;
  for (const int count : {1, 9, 1, 9}) {
    TransmitBatch sent;
    for (int i = 0; i < count; ++i) put(sent, to, payload(1170, i));
    p.sender->send(sent, sent.sends());
    ASSERT_TRUE(test::readable(p.receiver->fd()));
    ASSERT_EQ(p.receiver->receive(batch), static_cast<size_t>(count));
    for (const Datagram& d : batch.datagrams())
      EXPECT_EQ(d.from, (Route{p.sender->local(), p.receiver->local().ip, 0}));
  }
}

TEST(UdpSocket, SplitsAtTheKernelsLimitOfSegments) {
  const Pair p = pair({});
  TransmitBatch batch;
  std::vector<std::string> sent;
  for (int i = 0; i < 130; ++i) {
    sent.push_back(payload(100, i));
    put(batch, {p.receiver->local(), {}, 0}, sent.back());
  }
  EXPECT_EQ(batch.sends().size(), 3u);
  p.sender->send(batch, batch.sends());
  EXPECT_EQ(receive(*p.receiver, sent.size()).payloads, sent);
  EXPECT_EQ(p.sender->counters().segmented_sends, 3u);
  EXPECT_EQ(p.sender->counters().segmented_refusals, 0u);
}

TEST(UdpSocket, RemembersThatTheDeviceCannotSegment) {
  const Pair p = pair({.send = &refuse_runs<EIO>});
  for (int round = 0; round < 2; ++round) {
    TransmitBatch batch;
    const auto sent = fill(batch, {p.receiver->local(), p.sender->local().ip, 0});
    p.sender->send(batch, batch.sends());
    const Received got = receive(*p.receiver, sent.size());
    EXPECT_EQ(got.payloads, sent);
    for (const Route& from : got.from) EXPECT_EQ(from.remote, p.sender->local());
    EXPECT_FALSE(p.sender->segmentation());
    EXPECT_EQ(p.sender->counters().segmented_sends, 0u);
    // Those that were laid out before the first refusal, and none later.
    EXPECT_GT(p.sender->counters().segmented_refusals, 0u);
    EXPECT_LE(p.sender->counters().segmented_refusals, 64u);
    if (round == 1) {
      EXPECT_EQ(p.sender->counters().sent, 2 * sent.size());
    }
  }
}

TEST(UdpSocket, OnePathThatRefusesRunsDoesNotEndThemForAll) {
  const Pair p = pair({.send = &refuse_runs<EINVAL>});
  TransmitBatch batch;
  const auto sent = fill(batch, {p.receiver->local(), {}, 0});
  p.sender->send(batch, batch.sends());
  EXPECT_EQ(receive(*p.receiver, sent.size()).payloads, sent);
  EXPECT_TRUE(p.sender->segmentation());
}

TEST(UdpSocket, WorksWithoutSegmentation) {
  const Pair p = pair({.segmentation = false}, {.coalescing = false});
  TransmitBatch batch;
  const auto sent = fill(batch, {p.receiver->local(), {}, 0});
  p.sender->send(batch, batch.sends());
  EXPECT_EQ(receive(*p.receiver, sent.size()).payloads, sent);
}

TEST(UdpSocket, GoesOnAfterAPartialSend) {
  const Pair p = pair({.send = &one_at_a_time});
  TransmitBatch batch;
  const auto sent = fill(batch, {p.receiver->local(), {}, 0});
  p.sender->send(batch, batch.sends());
  EXPECT_EQ(receive(*p.receiver, sent.size()).payloads, sent);
  EXPECT_EQ(p.sender->counters().send_calls, batch.sends().size());
}

TEST(UdpSocket, CountsWhatCannotLeave) {
  const std::pair<UdpSocket::SendFunction, uint64_t UdpCounters::*> cases[] = {
      {&always_fail<EAGAIN>, &UdpCounters::dropped_no_buffer},
      {&always_fail<ENOBUFS>, &UdpCounters::dropped_no_buffer},
      {&always_fail<ENETUNREACH>, &UdpCounters::dropped_unreachable},
      {&always_fail<ECONNREFUSED>, &UdpCounters::dropped_unreachable},
      {&always_fail<EMSGSIZE>, &UdpCounters::dropped_too_big},
      {&always_fail<EPERM>, &UdpCounters::dropped_other},
      {&always_fail<EIO>, &UdpCounters::dropped_other},
  };
  for (const auto& [send, counter] : cases) {
    const auto socket = open(loopback(0), {.send = send});
    TransmitBatch batch;
    const auto sent = fill(batch, {loopback(9), {}, 0});
    socket->send(batch, batch.sends());
    EXPECT_EQ(socket->counters().*counter, sent.size());
    EXPECT_EQ(socket->counters().sent, 0u);
  }
}

TEST(UdpSocket, LeavesOtherFamiliesAndTcpAlone) {
  const Pair p = pair({});
  TransmitBatch batch;
  put(batch, {loopback6(p.receiver->local().port), {}, 0}, "v6");
  put(batch, {p.receiver->local(), {}, 7}, "tcp");
  put(batch, {p.receiver->local(), {}, 0}, "mine");
  p.sender->send(batch, batch.sends());
  EXPECT_EQ(receive(*p.receiver, 1).payloads, std::vector<std::string>{"mine"});
  EXPECT_EQ(p.sender->counters().sent, 1u);
}

TEST(UdpSocket, AnswersFromTheAddressThatWasSpokenTo) {
  const auto server = open({IpAddress::v4(0, 0, 0, 0), 0});
  const uint16_t port = server->local().port;
  for (const uint8_t last : {uint8_t{2}, uint8_t{3}}) {
    // A connected client hears only the address that it spoke to.
    const Fd client = test::connect(loopback(port, last), SOCK_DGRAM);
    ASSERT_TRUE(client);
    ASSERT_TRUE(test::write_all(client.get(), "hello"));
    const Received got = receive(*server, 1);
    ASSERT_EQ(got.from.size(), 1u);
    EXPECT_EQ(got.from[0].local, IpAddress::v4(127, 0, 0, last));
    EXPECT_EQ(got.from[0].remote, bound_address(client.get()));
    TransmitBatch batch;
    for (const char* text : {"one", "two"}) put(batch, got.from[0], text);
    server->send(batch, batch.sends());
    EXPECT_EQ(test::read_some(client.get()), "one");
    EXPECT_EQ(test::read_some(client.get()), "two");
  }
}

// 127.0.0.0/8 is all ours on loopback, so that one socket can send from any address of it.
IpAddress stranger(int i) {
  return IpAddress::v4(127, static_cast<uint8_t>(1 + i / 60'000), static_cast<uint8_t>(i / 250),
                       static_cast<uint8_t>(1 + i % 250));
}

// As whoever spoofs a great many addresses does, and as a great many viewers do.
TEST(UdpSocket, ARouteStaysTheSameWhoeverElseSends) {
  const auto server = open({IpAddress::v4(0, 0, 0, 0), 0});
  const SocketAddress target = loopback(server->local().port);
  const auto flood = open({IpAddress::v4(0, 0, 0, 0), 0});
  const Fd client = test::connect(target, SOCK_DGRAM);
  const Route route{bound_address(client.get()), target.ip, 0};
  for (int round = 0, next = 0; round < 20; ++round) {
    TransmitBatch batch;
    for (int i = 0; i < 250; ++i) put(batch, {target, stranger(next++), 0}, "x");
    flood->send(batch, batch.sends());
    ASSERT_TRUE(test::write_all(client.get(), "peer"));
    const Received got = receive(*server, 251);
    ASSERT_EQ(got.from.size(), 251u);
    for (size_t i = 0; i < got.from.size(); ++i) {
      EXPECT_EQ(got.from[i].local, target.ip);
      if (got.payloads[i] == "peer") {
        EXPECT_EQ(got.from[i], route);
      }
    }
    // What is answered to all of them leaves from the address that they spoke to.
    TransmitBatch answers;
    for (const Route& from : got.from) put(answers, from, "answer");
    server->send(answers, answers.sends());
    EXPECT_EQ(test::read_some(client.get()), "answer");
    for (const Route& from : receive(*flood, 250).from) EXPECT_EQ(from.remote, target);
  }
}

TEST(UdpSocket, AnswersManyAddressesEachFromTheOneThatItSpokeTo) {
  const auto server = open({IpAddress::v4(0, 0, 0, 0), 0});
  const auto peers = open({IpAddress::v4(0, 0, 0, 0), 0});
  for (int round = 0; round < 2; ++round) {
    for (int first = 0; first < 3000; first += 250) {
      TransmitBatch batch;
      for (int i = first; i < first + 250; ++i)
        put(batch, {loopback(server->local().port, static_cast<uint8_t>(2 + i % 5)), stranger(i)},
            std::to_string(i));
      peers->send(batch, batch.sends());
      const Received got = receive(*server, 250);
      TransmitBatch answers;
      for (size_t i = 0; i < got.from.size(); ++i) put(answers, got.from[i], got.payloads[i]);
      server->send(answers, answers.sends());
      const Received answered = receive(*peers, 250);
      ASSERT_EQ(answered.from.size(), 250u);
      for (size_t i = 0; i < answered.from.size(); ++i) {
        const int number = std::stoi(answered.payloads[i]);
        EXPECT_EQ(answered.from[i].local, stranger(number));
        EXPECT_EQ(answered.from[i].remote.ip,
                  IpAddress::v4(127, 0, 0, static_cast<uint8_t>(2 + number % 5)));
      }
    }
  }
}

TEST(UdpSocket, BothFamiliesShareAPort) {
  if (!test::has_ipv6()) GTEST_SKIP() << "no IPv6 here";
  const auto v4 = open({IpAddress::v4(0, 0, 0, 0), 0});
  const auto v6 = open({*IpAddress::parse("::"), v4->local().port});
  ASSERT_TRUE(v6);
  const Fd client = test::connect(loopback6(v6->local().port), SOCK_DGRAM);
  ASSERT_TRUE(test::write_all(client.get(), "hello"));
  const Received got = receive(*v6, 1);
  ASSERT_EQ(got.from.size(), 1u);
  EXPECT_EQ(got.from[0].local, *IpAddress::parse("::1"));
  TransmitBatch batch;
  put(batch, got.from[0], "answer");
  v4->send(batch, batch.sends());
  v6->send(batch, batch.sends());
  EXPECT_EQ(test::read_some(client.get()), "answer");
  EXPECT_EQ(v4->counters().sent, 0u);
}

TEST(UdpSocket, DropsWhatIsTooLongForWebRtc) {
  const auto server = open(loopback(0));
  const Fd client = test::connect(server->local(), SOCK_DGRAM);
  const std::string longest(ReceiveBatch::kMaxDatagram, 'x');
  ASSERT_TRUE(test::write_all(client.get(), longest + "y"));
  ASSERT_TRUE(test::write_all(client.get(), ""));
  ASSERT_TRUE(test::write_all(client.get(), longest));
  EXPECT_EQ(receive(*server, 1).payloads, std::vector<std::string>{longest});
  EXPECT_EQ(server->counters().receive_oversized, 1u);
}

TEST(UdpSocket, GoneReceiversDisturbNobody) {
  const Pair p = pair({});
  const uint16_t gone = open(loopback(0))->local().port;
  for (int i = 0; i < 50; ++i) {
    TransmitBatch batch;
    put(batch, {loopback(gone), {}, 0}, "nobody");
    put(batch, {p.receiver->local(), {}, 0}, "here");
    p.sender->send(batch, batch.sends());
  }
  EXPECT_EQ(receive(*p.receiver, 50).payloads.size(), 50u);
}

TEST(UdpSocket, SaysWhyItCannotBind) {
  const auto first = open(loopback(0));
  const auto second = UdpSocket::open(first->local());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, "bind_failed");
  EXPECT_NE(second.error().message.find(first->local().to_string()), std::string::npos);
}

}  // namespace
}  // namespace loopcast::net
