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

IpAddress numbered(int i) {
  return IpAddress::v4(127, static_cast<uint8_t>(1 + (i >> 16)), static_cast<uint8_t>(i >> 8),
                       static_cast<uint8_t>(i));
}

TEST(SourceAddresses, AskOnlySoMuch) {
  SourceAddresses sources(IpAddress::Family::kV4);
  int known = 0;
  for (int i = 0; i < 2 * SourceAddresses::kPerSecond; ++i)
    known += sources.chosen_for(kStart, numbered(i)).is_v4() ? 1 : 0;
  EXPECT_EQ(known, SourceAddresses::kPerSecond);
  int later = 0;
  for (int i = 0; i < 2 * SourceAddresses::kPerSecond; ++i)
    later += sources.chosen_for(kStart + Duration::seconds(1), numbered(i)).is_v4() ? 1 : 0;
  EXPECT_GT(later, known);
}

TEST(SourceAddresses, NobodyTakesAnAnswersPlaceBeforeItsTime) {
  SourceAddresses sources(IpAddress::Family::kV4);
  const IpAddress first = IpAddress::v4(127, 0, 0, 1);
  ASSERT_EQ(sources.chosen_for(kStart, first), first);
  for (int second = 0; second < 9; ++second) {
    const Instant now = kStart + Duration::seconds(second);
    for (int i = 0; i < 2000; ++i) sources.chosen_for(now, numbered(2000 * second + i));
    EXPECT_EQ(sources.chosen_for(now, first), first);
  }
}

}  // namespace
}  // namespace loopcast::net
