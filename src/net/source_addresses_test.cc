#include "net/source_addresses.h"

#include <gtest/gtest.h>

namespace loopcast::net {
namespace {

constexpr Instant kStart = Instant::from_us(1'000'000);

TEST(SourceAddresses, AreThoseOfTheRoutingTable) {
  SourceAddresses sources(IpAddress::Family::kV4);
  const IpAddress us = IpAddress::v4(127, 0, 0, 1);
  EXPECT_EQ(sources.chosen_for(kStart, us), us);
  // The answer to the one before is forgotten. On loopback one speaks to an address from itself.
  const IpAddress second = IpAddress::v4(127, 0, 0, 2);
  const IpAddress chosen = sources.chosen_for(kStart, second);
  EXPECT_TRUE(chosen == us || chosen == second) << chosen.to_string();
  EXPECT_EQ(sources.chosen_for(kStart, us), us);
}

TEST(SourceAddresses, WorkForIpv6) {
  SourceAddresses sources(IpAddress::Family::kV6);
  const IpAddress loopback = *IpAddress::parse("::1");
  EXPECT_EQ(sources.chosen_for(kStart, loopback), loopback);
}

TEST(SourceAddresses, KnowNothingOfAnAddressOfTheOtherFamily) {
  SourceAddresses sources(IpAddress::Family::kV4);
  EXPECT_EQ(sources.chosen_for(kStart, *IpAddress::parse("::1")), IpAddress());
}

TEST(SourceAddresses, AskOnlySoMuch) {
  SourceAddresses sources(IpAddress::Family::kV4);
  const auto address = [](int i) {
    return IpAddress::v4(127, 1, static_cast<uint8_t>(i >> 8), static_cast<uint8_t>(i));
  };
  for (int i = 0; i < SourceAddresses::kPerSecond; ++i)
    EXPECT_TRUE(sources.chosen_for(kStart, address(i)).is_v4());
  const IpAddress more = IpAddress::v4(127, 2, 0, 1);
  EXPECT_EQ(sources.chosen_for(kStart, more), IpAddress());
  EXPECT_TRUE(sources.chosen_for(kStart + Duration::seconds(1), more).is_v4());
}

}  // namespace
}  // namespace loopcast::net
