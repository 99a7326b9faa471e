#include "net/interfaces.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace loopcast::net {
namespace {

TEST(Interfaces, AnnouncesWhatOthersCanReach) {
  const auto addresses = local_addresses();
  ASSERT_FALSE(addresses.empty());
  const bool any_outside = std::any_of(addresses.begin(), addresses.end(),
                                       [](const IpAddress& a) { return !a.is_loopback(); });
  bool seen_v6 = false;
  for (const IpAddress& a : addresses) {
    EXPECT_FALSE(a.is_link_local()) << a.to_string();
    EXPECT_FALSE(a.is_unspecified());
    if (any_outside) {
      EXPECT_FALSE(a.is_loopback()) << a.to_string();
    }
    EXPECT_EQ(std::count(addresses.begin(), addresses.end(), a), 1) << a.to_string();
    EXPECT_FALSE(seen_v6 && a.is_v4()) << "IPv4 comes first";
    seen_v6 |= a.is_v6();
  }
}

TEST(Interfaces, FindsUnfitAddresses) {
  const auto unfit = unfit_ipv6_addresses(
      "00000000000000000000000000000001 01 80 10 80       lo\n"
      "20010db8000000000000000000000001 02 40 00 80     eth0\n"
      "20010db8000000000000000000000002 02 40 00 01     eth0\n"  // temporary
      "20010db8000000000000000000000003 02 40 00 20     eth0\n"  // deprecated
      "20010db8000000000000000000000004 02 40 00 40     eth0\n"  // tentative
      "20010db8000000000000000000000005 02 40 00 c8     eth0\n"  // a duplicate
      "20010db800000000000000000000000 02 40 00 20     eth0\n"   // too short
      "20010db80000000000000000000000zz 02 40 00 20     eth0\n"
      "20010db8000000000000000000000006 02 40\n");
  std::vector<IpAddress> expected;
  for (const char* text : {"2001:db8::2", "2001:db8::3", "2001:db8::4", "2001:db8::5"})
    expected.push_back(*IpAddress::parse(text));
  EXPECT_EQ(unfit, expected);
}

}  // namespace
}  // namespace loopcast::net
