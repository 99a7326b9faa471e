#include "sfu/route_table.h"

#include <unordered_map>

#include <gtest/gtest.h>

#include "base/random.h"

namespace loopcast::sfu {
namespace {

RouteKey key_of(uint32_t number) {
  return {{IpAddress::v4(10, 0, static_cast<uint8_t>(number >> 12), 1),
           static_cast<uint16_t>(number & 0xfff)},
          number % 5};
}

TEST(RouteTable, FindsNothingAtFirst) {
  RouteTable table;
  EXPECT_FALSE(table.find(key_of(1)));
  table.prefetch(key_of(1));
  table.erase(key_of(1));
  EXPECT_EQ(table.size(), 0u);
}

TEST(RouteTable, TellsFamiliesPortsAndConnectionsApart) {
  RouteTable table;
  const SocketAddress v4{IpAddress::v4(1, 2, 3, 4), 5};
  const SocketAddress v6{IpAddress::v6({1, 2, 3, 4}), 5};
  table.set({v4, 0}, {1, 1});
  table.set({v6, 0}, {2, 1});
  table.set({v4, 9}, {3, 1});
  table.set({{v4.ip, 6}, 0}, {4, 1});
  EXPECT_EQ(table.find({v4, 0}), (SlabId{1, 1}));
  EXPECT_EQ(table.find({v6, 0}), (SlabId{2, 1}));
  EXPECT_EQ(table.find({v4, 9}), (SlabId{3, 1}));
  EXPECT_EQ(table.find({{v4.ip, 6}, 0}), (SlabId{4, 1}));
  table.erase({v4, 9});
  EXPECT_FALSE(table.find({v4, 9}));
  EXPECT_EQ(table.find({v4, 0}), (SlabId{1, 1}));
  EXPECT_EQ(table.size(), 3u);
}

// Against a map of the library, with so many erased that chains are torn and mended often.
TEST(RouteTable, HoldsWhatAMapHolds) {
  Random random({7});
  RouteTable table;
  std::unordered_map<uint32_t, SlabId> expected;
  for (uint32_t step = 1; step <= 200'000; ++step) {
    const uint32_t number = random.below(3000);
    switch (random.below(4)) {
      case 0:
      case 1:
        table.set(key_of(number), {step, 1});
        expected[number] = {step, 1};
        break;
      case 2:
        table.erase(key_of(number));
        expected.erase(number);
        break;
      default:
        const auto it = expected.find(number);
        ASSERT_EQ(table.find(key_of(number)), it == expected.end() ? SlabId{} : it->second);
    }
    ASSERT_EQ(table.size(), expected.size());
  }
  for (uint32_t number = 0; number < 3000; ++number) {
    const auto it = expected.find(number);
    ASSERT_EQ(table.find(key_of(number)), it == expected.end() ? SlabId{} : it->second);
  }
}

}  // namespace
}  // namespace loopcast::sfu
