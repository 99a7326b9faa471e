#include "sfu/packet_cache.h"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

namespace loopcast::sfu {
namespace {

CachedPacket packet(int64_t index) {
  CachedPacket packet;
  packet.index = index;
  packet.timestamp = 7;
  packet.marker = true;
  return packet;
}
std::vector<uint8_t> bytes(std::initializer_list<uint8_t> list) { return list; }

TEST(PacketCache, FindsWhatItWasGiven) {
  PacketCache cache(8);
  const auto payload = bytes({1, 2, 3});
  EXPECT_EQ(cache.highest(), -1);
  ASSERT_TRUE(cache.insert(packet(100), payload));
  const CachedPacket* found = cache.find(100);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->timestamp, 7u);
  EXPECT_TRUE(found->marker);
  const Bytes stored = cache.payload(*found);
  EXPECT_EQ(std::vector<uint8_t>(stored.begin(), stored.end()), payload);
  EXPECT_EQ(cache.highest(), 100);
  EXPECT_EQ(cache.find(99), nullptr);
  EXPECT_EQ(cache.find(108), nullptr) << "shares its slot";
  EXPECT_EQ(cache.find(-1), nullptr);
}

TEST(PacketCache, HoldsPayloadsUpToItsOwnSize) {
  PacketCache cache(8, 2000);
  EXPECT_EQ(cache.max_payload(), 2000u);
  for (int64_t i = 0; i < 8; ++i) {
    const std::vector<uint8_t> payload(2000, static_cast<uint8_t>(i));
    ASSERT_TRUE(cache.insert(packet(i), payload));
  }
  for (int64_t i = 0; i < 8; ++i) {
    const Bytes stored = cache.payload(*cache.find(i));
    EXPECT_TRUE(std::ranges::all_of(stored, [&](uint8_t byte) { return byte == i; }));
  }
  EXPECT_FALSE(cache.insert(packet(8), std::vector<uint8_t>(2001)));
}

TEST(PacketCache, TakesTheOldOnesPlace) {
  PacketCache cache(8);
  for (int64_t i = 0; i < 20; ++i) ASSERT_TRUE(cache.insert(packet(i), bytes({9})));
  for (int64_t i = 0; i < 12; ++i) EXPECT_EQ(cache.find(i), nullptr) << i;
  for (int64_t i = 12; i < 20; ++i) EXPECT_NE(cache.find(i), nullptr) << i;
}

TEST(PacketCache, RefusesDuplicatesAndWhatIsTooOld) {
  PacketCache cache(8);
  ASSERT_TRUE(cache.insert(packet(50), bytes({1})));
  EXPECT_FALSE(cache.insert(packet(50), bytes({2})));
  EXPECT_EQ(cache.payload(*cache.find(50))[0], 1);
  EXPECT_TRUE(cache.insert(packet(43), bytes({3}))) << "late, within the cache";
  EXPECT_EQ(cache.highest(), 50);
  EXPECT_FALSE(cache.insert(packet(42), bytes({4}))) << "older than the whole cache";
  EXPECT_EQ(cache.find(42), nullptr);
  EXPECT_FALSE(cache.insert(packet(-1), bytes({4})));
}

TEST(PacketCache, BoundsThePayload) {
  PacketCache cache(2);
  const std::vector<uint8_t> largest(PacketCache::kMaxPayload, 5);
  EXPECT_TRUE(cache.insert(packet(1), largest));
  EXPECT_EQ(cache.payload(*cache.find(1)).size(), largest.size());
  const std::vector<uint8_t> larger(PacketCache::kMaxPayload + 1, 5);
  EXPECT_FALSE(cache.insert(packet(2), larger));
  EXPECT_EQ(cache.highest(), 1);
  EXPECT_TRUE(cache.insert(packet(3), {}));
  EXPECT_TRUE(cache.payload(*cache.find(3)).empty());
}

TEST(PacketCache, APacketOfAnotherCacheBeginsAnewHere) {
  PacketCache cache(4);
  CachedPacket elsewhere = packet(1);
  elsewhere.padding = 1;
  elsewhere.sent = true;
  ASSERT_TRUE(cache.insert(elsewhere, bytes({1, 2})));
  EXPECT_EQ(cache.plain(*cache.find(1)).payload.size(), 2u) << "the padding has not come with it";
  cache.pad(1);
  EXPECT_EQ(cache.find(1)->padding, 1) << "nobody has it here";
  cache.mark_sent(1);
  EXPECT_EQ(cache.plain(*cache.find(1)).payload.back(), 1);
}

TEST(PacketCache, WritesTheOriginalNumberInFront) {
  PacketCache cache(4);
  // The neighbours of the slot stay as they are.
  for (int64_t i = 0; i < 3; ++i)
    ASSERT_TRUE(cache.insert(packet(i), std::vector<uint8_t>(PacketCache::kMaxPayload, 0x11)));
  const Bytes again = cache.retransmission_payload(*cache.find(1), 0xABCD);
  ASSERT_EQ(again.size(), PacketCache::kMaxPayload + 2);
  EXPECT_EQ(load_u16(again.data()), 0xABCD);
  EXPECT_EQ(again[2], 0x11);
  EXPECT_EQ(cache.payload(*cache.find(0)).back(), 0x11);
  EXPECT_EQ(cache.payload(*cache.find(2)).front(), 0x11);
}

}  // namespace
}  // namespace loopcast::sfu
