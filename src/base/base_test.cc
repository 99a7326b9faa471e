#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/address.h"
#include "base/bytes.h"
#include "base/expected.h"
#include "base/random.h"
#include "base/secret.h"
#include "base/slab.h"
#include "base/timers.h"
#include "base/transmit.h"
#include "base/units.h"

namespace loopcast {
namespace {

TEST(Seq16, WrapsAround) {
  EXPECT_TRUE(Seq16{0}.newer_than(Seq16{65535}));
  EXPECT_FALSE(Seq16{65535}.newer_than(Seq16{0}));
  EXPECT_EQ(Seq16{2}.distance_from(Seq16{65534}), 4);
}

TEST(SeqExtender, FollowsWrapsBothWays) {
  SeqExtender e;
  const int64_t first = e.extend(Seq16{65534});
  EXPECT_EQ(e.extend(Seq16{1}), first + 3);
  EXPECT_EQ(e.extend(Seq16{65535}), first + 1);
  EXPECT_EQ(e.highest(), first + 3);
}

TEST(ByteReader, StopsAtTheEnd) {
  const uint8_t raw[] = {1, 2, 3};
  ByteReader r(raw);
  EXPECT_EQ(r.u16(), 0x0102);
  EXPECT_EQ(r.u16(), 0);
  EXPECT_FALSE(r.ok());
  EXPECT_EQ(r.u8(), 0);
}

TEST(ByteWriter, StopsAtTheEnd) {
  uint8_t raw[3] = {};
  ByteWriter w(raw);
  w.u16(0x0102);
  w.u16(0x0304);
  EXPECT_FALSE(w.ok());
  EXPECT_EQ(raw[2], 0);
}

TEST(IpAddress, ParsesAndPrints) {
  EXPECT_EQ(IpAddress::parse("192.0.2.1")->to_string(), "192.0.2.1");
  EXPECT_EQ(IpAddress::parse("2001:db8::1")->to_string(), "2001:db8::1");
  EXPECT_EQ(IpAddress::parse("::ffff:192.0.2.1"), IpAddress::v4(192, 0, 2, 1));
  EXPECT_FALSE(IpAddress::parse("example.org"));
  EXPECT_FALSE(IpAddress::parse("192.0.2.1 "));
  EXPECT_TRUE(IpAddress::parse("::1")->is_loopback());
  EXPECT_TRUE(IpAddress::parse("10.1.2.3")->is_private());
  EXPECT_FALSE(IpAddress::parse("8.8.4.4")->is_private());
}

TEST(SocketAddress, ParsesAndPrints) {
  EXPECT_EQ(SocketAddress::parse("127.0.0.1:80")->to_string(), "127.0.0.1:80");
  EXPECT_EQ(SocketAddress::parse("[::1]:443")->to_string(), "[::1]:443");
  for (const char* bad :
       {"127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "::1:80", "[127.0.0.1]:80", ":80"})
    EXPECT_FALSE(SocketAddress::parse(bad)) << bad;
}

TEST(Random, SameSeedSameStream) {
  Random a = Random::from_number(7), b = Random::from_number(7), c = Random::from_number(8);
  const std::string token = a.token(700);
  EXPECT_EQ(token, b.token(700));
  EXPECT_NE(token, c.token(700));
  for (int i = 0; i < 1000; ++i) EXPECT_LT(a.below(3), 3u);
}

TEST(Slab, StaleIdsFindNothing) {
  Slab<int> slab;
  const SlabId first = slab.emplace(1);
  EXPECT_TRUE(slab.remove(first));
  const SlabId second = slab.emplace(2);
  EXPECT_EQ(second.index, first.index);
  EXPECT_EQ(slab.find(first), nullptr);
  EXPECT_EQ(*slab.find(second), 2);
  EXPECT_FALSE(slab.remove(first));
  EXPECT_EQ(slab.find(SlabId{}), nullptr);
}

enum class Timer { kA, kB, kCount };

TEST(TimerTable, ExpiresOnce) {
  TimerTable<Timer> timers;
  EXPECT_TRUE(timers.next().is_never());
  timers.set(Timer::kB, Instant::from_us(5));
  EXPECT_FALSE(timers.expire(Timer::kB, Instant::from_us(4)));
  EXPECT_TRUE(timers.expire(Timer::kB, Instant::from_us(5)));
  EXPECT_FALSE(timers.expire(Timer::kB, Instant::from_us(6)));
}

TEST(TransmitBatch, JoinsEqualSizesToOneRoute) {
  TransmitBatch batch;
  const Route a{{IpAddress::v4(127, 0, 0, 1), 1}, {}, 0},
      b{{IpAddress::v4(127, 0, 0, 1), 2}, {}, 0};
  batch.commit(a, 100);
  batch.commit(a, 100);
  batch.commit(a, 60);   // the shorter end of the run
  batch.commit(a, 60);   // a new run
  batch.commit(a, 100);  // longer: a new run
  batch.commit(b, 100);
  ASSERT_EQ(batch.sends().size(), 4u);
  EXPECT_EQ(batch.sends()[0].size, 260u);
  EXPECT_EQ(batch.sends()[0].segment, 100u);
  EXPECT_EQ(batch.sends()[1].size, 60u);
  EXPECT_EQ(batch.sends()[2].offset, 320u);
  EXPECT_EQ(batch.datagrams(), 6u);
}

TEST(TransmitBatch, KeepsToTheKernelsLimits) {
  TransmitBatch batch;
  const Route a{{IpAddress::v4(127, 0, 0, 1), 1}, {}, 0};
  for (int i = 0; i < 65; ++i) batch.commit(a, 100);
  EXPECT_EQ(batch.sends().size(), 2u);
  batch.clear();
  for (int i = 0; i < 50; ++i) batch.commit(a, 1400);
  EXPECT_EQ(batch.sends().size(), 2u);
}

TEST(EqualSecret, Compares) {
  EXPECT_TRUE(equal_secret("abc", "abc"));
  EXPECT_FALSE(equal_secret("abc", "abd"));
  EXPECT_FALSE(equal_secret("abc", "abcd"));
}

}  // namespace
}  // namespace loopcast
