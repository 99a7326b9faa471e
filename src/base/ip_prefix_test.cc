#include "base/ip_prefix.h"

#include <gtest/gtest.h>

namespace loopcast {
namespace {

IpAddress ip(const char* text) { return *IpAddress::parse(text); }

TEST(IpPrefix, IsReadAsItIsWritten) {
  const auto ten = IpPrefix::parse("10.0.0.0/8");
  ASSERT_TRUE(ten);
  EXPECT_TRUE(ten->contains(ip("10.255.0.1")));
  EXPECT_FALSE(ten->contains(ip("11.0.0.1")));
  EXPECT_TRUE(ten->contains(ip("::ffff:10.1.2.3"))) << "the same host by another name";
  const auto odd = IpPrefix::parse("192.0.2.128/25");
  ASSERT_TRUE(odd);
  EXPECT_TRUE(odd->contains(ip("192.0.2.200")));
  EXPECT_FALSE(odd->contains(ip("192.0.2.127")));
  const auto six = IpPrefix::parse("2001:db8:8000::/33");
  ASSERT_TRUE(six);
  EXPECT_TRUE(six->contains(ip("2001:db8:ffff::1")));
  EXPECT_FALSE(six->contains(ip("2001:db8:7fff::1")));
  EXPECT_TRUE(IpPrefix::parse("192.0.2.7")->contains(ip("192.0.2.7")));
  EXPECT_FALSE(IpPrefix::parse("192.0.2.7")->contains(ip("192.0.2.8")));
  EXPECT_TRUE(IpPrefix::parse("0.0.0.0/0")->contains(ip("8.8.8.8")));
  EXPECT_FALSE(IpPrefix::parse("0.0.0.0/0")->contains(ip("::1")));
}

TEST(IpPrefix, RefusesWhatIsNone) {
  for (const char* text : {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.1/8", "2001:db8::/129",
                           "10.0.0.0/8x", "10.0.0.0/-1", "proxy.example/24", "10/8"})
    EXPECT_FALSE(IpPrefix::parse(text)) << text;
}

TEST(NetworkCounts, CountTheWiderNetworksOfIpv6Too) {
  NetworkCounts counts;
  const auto fill = [&](const char* format, int from, int to) {
    int added = 0;
    for (int i = from; i < to; ++i) {
      char text[64];
      std::snprintf(text, sizeof text, format, i);
      if (!counts.has_room(ip(text), 10)) continue;
      counts.add(ip(text));
      ++added;
    }
    return added;
  };
  EXPECT_EQ(fill("2001:db8:0:1::%x", 1, 50), 10) << "one /64";
  EXPECT_EQ(fill("2001:db8:0:%x::1", 2, 0x80), 10) << "the rest of its /56";
  EXPECT_EQ(fill("2001:db8:0:%x00::1", 1, 0xff), 10) << "the rest of its /48";
  EXPECT_EQ(fill("2001:db8:%x::1", 1, 50), 49) << "others";
  EXPECT_EQ(fill("192.0.2.%d", 1, 50), 49);
}

TEST(NetworkCounts, ForgetWhatIsGone) {
  NetworkCounts counts;
  for (const char* text : {"192.0.2.1", "2001:db8::1"}) {
    counts.add(ip(text));
    EXPECT_FALSE(counts.has_room(ip(text), 1));
    counts.remove(ip(text));
    EXPECT_TRUE(counts.has_room(ip(text), 1));
  }
  EXPECT_TRUE(counts.empty());
}

}  // namespace
}  // namespace loopcast
