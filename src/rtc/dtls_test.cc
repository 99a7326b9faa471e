#include "rtc/dtls.h"

#include <algorithm>
#include <deque>
#include <functional>

#include <gtest/gtest.h>

#include "base/random.h"

namespace loopcast::rtc {
namespace {

DtlsFingerprint fingerprint_of(const DtlsIdentity& identity) {
  const std::string& text = identity.fingerprint();
  const size_t space = text.find(' ');
  DtlsFingerprint f{text.substr(0, space), {}};
  for (size_t i = space + 1; i < text.size(); i += 3)
    f.digest.push_back(static_cast<uint8_t>(std::stoi(text.substr(i, 2), nullptr, 16)));
  return f;
}

const DtlsIdentity& server_identity() {
  static const DtlsIdentity identity = DtlsIdentity::generate();
  return identity;
}
const DtlsIdentity& client_identity() {
  static const DtlsIdentity identity = DtlsIdentity::generate();
  return identity;
}

using Datagram = std::vector<uint8_t>;

// A server and a client over a link of 10 ms each way, in virtual time.
class Pair {
 public:
  explicit Pair(size_t mtu = Dtls::kMtu)
      : server(server_identity(), Dtls::Role::kServer, fingerprint_of(client_identity()), mtu),
        client(client_identity(), Dtls::Role::kClient, fingerprint_of(server_identity()), mtu) {}

  // What happens to datagram number `n` (over both directions, in order of sending): the delays of
  // its copies; none: lost.
  std::function<std::vector<Duration>(int n, bool to_server, Datagram&)> link =
      [](int, bool, Datagram&) { return std::vector{Duration::millis(10)}; };

  void start() {
    server.start(now);
    client.start(now);
    collect();
  }
  // Until nothing is under way and neither has a timer, or `limit` from now.
  void run(Duration limit = Duration::seconds(40)) {
    const Instant end = now + limit;
    while (step(end)) {
    }
  }
  void collect() {
    collect(server, false);
    collect(client, true);
  }

  Dtls server, client;
  Instant now = Instant::from_us(1'000'000);
  int sent = 0;
  size_t largest = 0;

 private:
  struct Flying {
    Instant at;
    bool to_server;
    Datagram bytes;
  };

  bool step(Instant end) {
    Instant next = std::min(server.next_timeout(), client.next_timeout());
    for (const Flying& f : flying_) next = std::min(next, f.at);
    if (next > end) return false;
    now = std::max(now, next);
    const auto due =
        std::find_if(flying_.begin(), flying_.end(), [&](const Flying& f) { return f.at <= now; });
    if (due != flying_.end()) {
      const Flying f = *due;
      flying_.erase(due);
      (f.to_server ? server : client).handle_datagram(now, f.bytes);
    } else {
      server.handle_timeout(now);
      client.handle_timeout(now);
    }
    collect();
    return true;
  }
  void collect(Dtls& from, bool to_server) {
    uint8_t out[Dtls::kMtu];
    while (const size_t n = from.poll_transmit(out)) {
      Datagram bytes(out, out + n);
      largest = std::max(largest, n);
      for (const Duration delay : link(sent++, to_server, bytes))
        flying_.push_back({now + delay, to_server, bytes});
    }
  }

  std::deque<Flying> flying_;
};

const auto kOnce = std::vector{Duration::millis(10)};
const std::vector<Duration> kLost;

void expect_connected(const Pair& pair) {
  EXPECT_EQ(pair.server.state(), Dtls::State::kConnected) << pair.server.failure();
  EXPECT_EQ(pair.client.state(), Dtls::State::kConnected) << pair.client.failure();
  EXPECT_EQ(pair.server.srtp_profile(), kSrtpAeadAes128Gcm);
  EXPECT_EQ(pair.client.srtp_profile(), kSrtpAeadAes128Gcm);
  EXPECT_EQ(pair.server.srtp_keying_material().size(), 56u);
  EXPECT_EQ(pair.server.srtp_keying_material(), pair.client.srtp_keying_material());
}

TEST(DtlsIdentity, HasTheFingerprintOfItsCertificate) {
  const DtlsIdentity identity = DtlsIdentity::generate();
  EXPECT_EQ(identity.fingerprint().substr(0, 8), "sha-256 ");
  EXPECT_EQ(identity.fingerprint().size(), 8u + 32 * 3 - 1);
  EXPECT_NE(identity.fingerprint(), server_identity().fingerprint());
}

TEST(Dtls, ConnectsInTwoRoundTripsWithoutARepeat) {
  Pair pair;
  const Instant begin = pair.now;
  pair.start();
  pair.run();
  expect_connected(pair);
  EXPECT_EQ(pair.now - begin, Duration::millis(40));
  EXPECT_LE(pair.largest, Dtls::kMtu);
  EXPECT_EQ(pair.sent, 4);  // each flight fits in one datagram
  EXPECT_TRUE(pair.server.next_timeout().is_never());
  EXPECT_TRUE(pair.client.next_timeout().is_never());
}

TEST(Dtls, ServerStartsByTheFirstClientHello) {
  Pair pair;
  pair.client.start(pair.now);
  EXPECT_EQ(pair.server.state(), Dtls::State::kNew);
  pair.collect();
  pair.run();
  expect_connected(pair);
}

// With small datagrams every flight is several, the ClientHello among them.
class DtlsMtu : public testing::TestWithParam<size_t> {};
INSTANTIATE_TEST_SUITE_P(Sizes, DtlsMtu, testing::Values(256, 400, 1200));

TEST_P(DtlsMtu, ConnectsIfAnyOneDatagramIsLost) {
  int total = 1;
  for (int lost = -1; lost < total; ++lost) {
    SCOPED_TRACE(lost);
    Pair pair(GetParam());
    pair.link = [&](int n, bool, Datagram&) { return n == lost ? kLost : kOnce; };
    const Instant begin = pair.now;
    pair.start();
    pair.run();
    expect_connected(pair);
    EXPECT_LE(pair.largest, GetParam());
    EXPECT_LE(pair.now - begin, Duration::millis(500));
    if (lost == -1) total = pair.sent;
  }
  EXPECT_GE(total, 4);
}

TEST_P(DtlsMtu, ConnectsIfAnyTwoDatagramsAreLost) {
  for (int a = 0; a < 8; ++a)
    for (int b = a + 1; b < a + 6; ++b) {
      SCOPED_TRACE(testing::Message() << a << " and " << b);
      Pair pair(GetParam());
      pair.link = [&](int n, bool, Datagram&) { return n == a || n == b ? kLost : kOnce; };
      pair.start();
      pair.run();
      expect_connected(pair);
    }
}

TEST_P(DtlsMtu, ConnectsThroughHeavyRandomLoss) {
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE(seed);
    Random random = Random::from_number(seed);
    Pair pair(GetParam());
    pair.link = [&](int, bool, Datagram&) { return random.unit() < 0.4 ? kLost : kOnce; };
    pair.start();
    pair.run();
    expect_connected(pair);
  }
}

TEST_P(DtlsMtu, ConnectsThroughDuplicatesAndReordering) {
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE(seed);
    Random random = Random::from_number(seed);
    Pair pair(GetParam());
    pair.link = [&](int, bool, Datagram&) {
      return std::vector{Duration::millis(5 + random.below(40)),
                         Duration::millis(5 + random.below(40))};
    };
    pair.start();
    pair.run();
    expect_connected(pair);
  }
}

TEST(Dtls, ServerAnswersARepeatedFinishedAfterItIsConnected) {
  // The server's last flight is lost three times over: only the client's repeats, which the server
  // must take as new records, bring it again.
  Pair pair;
  int to_client = 0;
  pair.link = [&](int, bool to_server, Datagram&) {
    if (to_server) return kOnce;
    ++to_client;
    return to_client >= 2 && to_client <= 4 ? kLost : kOnce;
  };
  pair.start();
  pair.run();
  expect_connected(pair);
}

TEST(Dtls, RepeatedClientHelloIsAnsweredBeforeTheTimer) {
  Pair pair;
  Datagram hello;
  pair.link = [&](int n, bool to_server, Datagram& d) {
    if (n == 0) hello = d;
    return to_server && n == 0 ? kOnce : kLost;
  };
  pair.start();
  pair.run(Duration::millis(700));  // by now the server waits 400 ms between repeats
  uint8_t out[Dtls::kMtu];
  const Instant now = pair.server.next_timeout() - Duration::millis(300);
  pair.server.handle_datagram(now, hello);
  EXPECT_GT(pair.server.poll_transmit(out), 0u);
  while (pair.server.poll_transmit(out)) {
  }
  pair.server.handle_datagram(now, hello);  // but not for each datagram of the same repeat
  EXPECT_EQ(pair.server.poll_transmit(out), 0u);
}

TEST(Dtls, RepeatsWithNewRecordNumbers) {
  Pair pair;
  std::vector<std::vector<uint8_t>> numbers;  // epoch and sequence number of each datagram
  pair.link = [&](int, bool, Datagram& d) {
    numbers.emplace_back(d.begin() + 3, d.begin() + 11);
    return kLost;
  };
  pair.client.start(pair.now);
  pair.collect();
  pair.run(Duration::millis(1000));
  EXPECT_EQ(numbers.size(), 5u);  // at 0, 50, 150, 350 and 750 ms
  std::sort(numbers.begin(), numbers.end());
  EXPECT_EQ(std::unique(numbers.begin(), numbers.end()), numbers.end());
}

TEST(Dtls, GivesUpAfterHalfAMinute) {
  Pair pair;
  pair.link = [](int, bool, Datagram&) { return kLost; };
  const Instant begin = pair.now;
  pair.start();
  pair.run();
  EXPECT_EQ(pair.client.state(), Dtls::State::kFailed);
  EXPECT_EQ(pair.server.state(), Dtls::State::kFailed);
  EXPECT_EQ(pair.now - begin, Dtls::kHandshakeTimeout);
  EXPECT_EQ(pair.client.failure(), "no answer");
  EXPECT_LE(pair.sent, 80);
}

TEST(Dtls, RefusesAnotherCertificate) {
  for (const bool wrong_client : {false, true}) {
    SCOPED_TRACE(wrong_client);
    const DtlsIdentity stranger = DtlsIdentity::generate();
    Dtls server(server_identity(), Dtls::Role::kServer,
                fingerprint_of(wrong_client ? stranger : client_identity()));
    Dtls client(client_identity(), Dtls::Role::kClient,
                fingerprint_of(wrong_client ? server_identity() : stranger));
    Instant now;
    client.start(now);
    uint8_t out[Dtls::kMtu];
    for (int i = 0; i < 10; ++i) {
      while (const size_t n = client.poll_transmit(out)) server.handle_datagram(now, {out, n});
      while (const size_t n = server.poll_transmit(out)) client.handle_datagram(now, {out, n});
    }
    // The one that was deceived tells the other.
    EXPECT_EQ(server.state(), Dtls::State::kFailed);
    EXPECT_EQ(client.state(), Dtls::State::kFailed);
    EXPECT_FALSE(server.failure().empty());
    EXPECT_TRUE(server.srtp_keying_material().empty());
    EXPECT_TRUE(client.srtp_keying_material().empty());
    EXPECT_FALSE(server.srtp_profile());
    EXPECT_FALSE(client.srtp_profile());
  }
}

TEST(Dtls, AcceptsOnlyStrongFingerprintsOfTheRightLength) {
  const DtlsFingerprint good = fingerprint_of(server_identity());
  DtlsFingerprint upper = good, sha1 = good, cut = good, longer = good, empty;
  upper.algorithm = "SHA-256";
  sha1.algorithm = "sha-1";
  cut.digest.pop_back();
  longer.digest.push_back(0);
  const auto connects = [](const DtlsFingerprint& f) {
    Dtls server(server_identity(), Dtls::Role::kServer, fingerprint_of(client_identity()));
    Dtls client(client_identity(), Dtls::Role::kClient, f);
    client.start(Instant());
    uint8_t out[Dtls::kMtu];
    for (int i = 0; i < 10; ++i) {
      while (const size_t n = client.poll_transmit(out)) server.handle_datagram({}, {out, n});
      while (const size_t n = server.poll_transmit(out)) client.handle_datagram({}, {out, n});
    }
    return client.state() == Dtls::State::kConnected;
  };
  EXPECT_TRUE(connects(good));
  EXPECT_TRUE(connects(upper));
  EXPECT_FALSE(connects(sha1));
  EXPECT_FALSE(connects(cut));
  EXPECT_FALSE(connects(longer));
  EXPECT_FALSE(connects(empty));
  // One of several that were told.
  DtlsFingerprint among = fingerprint_of(client_identity());
  EXPECT_FALSE(connects(among));
  among.others = {cut.digest, good.digest};
  EXPECT_TRUE(connects(among));
}

TEST(Dtls, GarbageBeforeBetweenAndAfterIsIgnored) {
  Random random = Random::from_number(7);
  Pair pair;
  const auto garbage = [&](int count) {
    for (int i = 0; i < count; ++i) {
      Datagram d(random.below(300));
      random.fill(d);
      if (!d.empty()) d[0] = static_cast<uint8_t>(20 + random.below(44));
      pair.server.handle_datagram(pair.now, d);
      pair.client.handle_datagram(pair.now, d);
    }
  };
  pair.link = [&](int, bool, Datagram&) {
    garbage(20);
    return kOnce;
  };
  garbage(100);
  pair.start();
  pair.run();
  garbage(100);
  pair.run();
  expect_connected(pair);
}

TEST(Dtls, ABadClientHelloDoesNotSpoilTheServer) {
  Pair pair;
  Datagram hello;
  pair.link = [&](int n, bool, Datagram& d) {
    if (n == 0) hello = d;
    return kOnce;
  };
  pair.client.start(pair.now);
  pair.collect();
  for (int i = 0; i < Dtls::kMaxFreshStarts; ++i) {
    Datagram bad = hello;
    bad[59] = 255;  // the length of the session id: 0 to 32
    pair.server.handle_datagram(pair.now, bad);
  }
  pair.run();
  expect_connected(pair);
}

TEST(Dtls, AServerDoesNotStartAfreshForEver) {
  Pair pair;
  Datagram bad;
  pair.link = [&](int, bool, Datagram& d) {
    bad = d;
    return kLost;
  };
  pair.client.start(pair.now);
  pair.collect();
  bad[59] = 255;  // the length of the session id: 0 to 32
  for (int i = 0; i <= Dtls::kMaxFreshStarts; ++i) {
    EXPECT_EQ(pair.server.state(), i == 0 ? Dtls::State::kNew : Dtls::State::kHandshaking);
    pair.server.handle_datagram(pair.now, bad);
  }
  EXPECT_EQ(pair.server.state(), Dtls::State::kFailed);
}

TEST(Dtls, AFloodOfEarlyEncryptedRecordsIsBounded) {
  Pair pair;
  bool flooded = false;
  pair.link = [&](int, bool to_server, Datagram&) {
    if (!to_server && !flooded) {
      flooded = true;
      // Finished of an epoch that the server has no keys for yet, again and again.
      Datagram early{22, 0xFE, 0xFD, 0, 1, 0, 0, 0, 0, 0, 0, 0, 40};
      early.resize(53);
      for (int i = 0; i < 1000; ++i) {
        store_u16(&early[9], static_cast<uint16_t>(i));
        pair.server.handle_datagram(pair.now, early);
      }
    }
    return kOnce;
  };
  pair.start();
  pair.run(Duration::seconds(5));
  EXPECT_TRUE(flooded);
  // The flood spent what the server puts up with for this flight: the end is a clean one.
  EXPECT_NE(pair.server.state(), Dtls::State::kConnected);
}

TEST(Dtls, CloseIsSeenByThePeerAtOnce) {
  for (const bool server_closes : {false, true}) {
    Pair pair;
    pair.start();
    pair.run();
    expect_connected(pair);
    (server_closes ? pair.server : pair.client).close();
    pair.collect();
    pair.run();
    EXPECT_EQ(pair.server.state(), Dtls::State::kClosed);
    EXPECT_EQ(pair.client.state(), Dtls::State::kClosed);
    EXPECT_TRUE(pair.server.srtp_keying_material().empty());
  }
}

TEST(Dtls, SettledPeersStillSayGoodbye) {
  for (const bool server_closes : {true, false}) {
    for (const bool server_settles : {true, false}) {
      for (const bool client_settles : {true, false}) {
        Pair pair;
        pair.start();
        pair.run();
        expect_connected(pair);
        if (server_settles) pair.server.settle();
        if (client_settles) pair.client.settle();
        EXPECT_EQ(pair.server.state(), Dtls::State::kConnected);
        EXPECT_EQ(pair.server.settled(), server_settles);
        (server_closes ? pair.server : pair.client).close();
        pair.collect();
        pair.run();
        EXPECT_EQ(pair.server.state(), Dtls::State::kClosed);
        EXPECT_EQ(pair.client.state(), Dtls::State::kClosed);
      }
    }
  }
}

TEST(Dtls, ASettledPeerBelievesNoForgedGoodbye) {
  Pair pair;
  Datagram goodbye;
  pair.start();
  pair.run();
  pair.server.settle();
  pair.link = [&](int, bool, Datagram& bytes) {
    goodbye = bytes;
    return kLost;
  };
  pair.client.close();
  pair.collect();
  ASSERT_FALSE(goodbye.empty());
  for (size_t i = 0; i < goodbye.size(); ++i) {
    Datagram forged = goodbye;
    forged[i] ^= 1;
    pair.server.handle_datagram(pair.now, forged);
    forged.resize(i);
    pair.server.handle_datagram(pair.now, forged);
    EXPECT_EQ(pair.server.state(), Dtls::State::kConnected) << i;
  }
  pair.server.handle_datagram(pair.now, goodbye);
  EXPECT_EQ(pair.server.state(), Dtls::State::kClosed);
}

TEST(Dtls, SettlingBeforeTheEndOfTheHandshakeDoesNothing) {
  Pair pair;
  pair.server.settle();
  pair.start();
  pair.server.settle();
  pair.client.settle();
  pair.run();
  expect_connected(pair);
  EXPECT_FALSE(pair.server.settled());
}

TEST(Dtls, CloseBeforeTheEndOfTheHandshake) {
  Pair pair;
  pair.server.close();
  pair.start();
  pair.client.close();
  EXPECT_EQ(pair.client.state(), Dtls::State::kClosed);
  EXPECT_EQ(pair.server.state(), Dtls::State::kClosed);
  EXPECT_TRUE(pair.client.next_timeout().is_never());
  pair.run();
  EXPECT_EQ(pair.server.state(), Dtls::State::kClosed);
}

TEST(Dtls, TransmitIsBoundedWhenNobodyPolls) {
  Dtls client(client_identity(), Dtls::Role::kClient, fingerprint_of(server_identity()));
  client.start(Instant());
  while (!client.next_timeout().is_never()) client.handle_timeout(client.next_timeout());
  size_t bytes = 0;
  uint8_t out[Dtls::kMtu];
  while (const size_t n = client.poll_transmit(out)) bytes += n;
  EXPECT_GT(bytes, 0u);
  EXPECT_LE(bytes, Dtls::kMaxQueuedBytes);
}

}  // namespace
}  // namespace loopcast::rtc
