#include "http/client_address.h"

#include <gtest/gtest.h>

namespace loopcast::http {
namespace {

using Fields = std::vector<Headers::Field>;

std::string client_of(const Fields& fields) {
  const std::vector<IpPrefix> proxies = {
      *IpPrefix::parse("127.0.0.1"), *IpPrefix::parse("10.0.0.0/8"), *IpPrefix::parse("fd00::/8")};
  Headers headers;
  for (const auto& [name, value] : fields) headers.add(name, value);
  return find_client(headers, {IpAddress::v4(127, 0, 0, 1), 4000}, proxies).ip.to_string();
}

TEST(ClientAddress, IsWhomTheLastProxySaw) {
  EXPECT_EQ(client_of({}), "127.0.0.1");
  EXPECT_EQ(client_of({{"X-Forwarded-For", "192.0.2.1"}}), "192.0.2.1");
  EXPECT_EQ(client_of({{"X-Forwarded-For", "198.51.100.1, 192.0.2.1"}}), "192.0.2.1");
  EXPECT_EQ(client_of({{"X-Forwarded-For", "198.51.100.1, 192.0.2.1, 10.1.2.3"}}), "192.0.2.1");
  EXPECT_EQ(client_of({{"X-Forwarded-For", "10.1.1.1,10.2.2.2"}}), "10.1.1.1");
  EXPECT_EQ(client_of({{"X-Forwarded-For", "192.0.2.1, fd00::2"}}), "192.0.2.1");
  EXPECT_EQ(client_of({{"X-Real-IP", "192.0.2.1"}}), "192.0.2.1");
}

TEST(ClientAddress, LinesOfOneNameAreOneList) {
  EXPECT_EQ(client_of({{"X-Forwarded-For", "198.51.100.1"}, {"x-forwarded-for", "192.0.2.1"}}),
            "192.0.2.1");
  EXPECT_EQ(client_of({{"X-Forwarded-For", "192.0.2.1"}, {"X-Forwarded-For", "10.0.0.9"}}),
            "192.0.2.1");
}

TEST(ClientAddress, HasAPortAtSomeProxies) {
  EXPECT_EQ(client_of({{"X-Forwarded-For", "192.0.2.7:51000"}}), "192.0.2.7");
  EXPECT_EQ(client_of({{"X-Forwarded-For", "[2001:db8::1]:443"}}), "2001:db8::1");
  EXPECT_EQ(client_of({{"X-Forwarded-For", "[2001:db8::1]"}}), "2001:db8::1");
  EXPECT_EQ(client_of({{"X-Forwarded-For", "2001:db8::1"}}), "2001:db8::1");
  EXPECT_EQ(client_of({{"X-Forwarded-For", "192.0.2.7:51000, 10.0.0.1:80"}}), "192.0.2.7");
}

TEST(ClientAddress, WhatIsNoneEndsTheList) {
  EXPECT_EQ(client_of({{"X-Forwarded-For", "unknown"}}), "127.0.0.1");
  EXPECT_EQ(client_of({{"X-Forwarded-For", "192.0.2.1, unknown, 10.0.0.1"}}), "10.0.0.1");
  EXPECT_EQ(client_of({{"X-Forwarded-For", ", ,"}}), "127.0.0.1");
}

TEST(ClientAddress, ForwardedRequestsAreKnown) {
  for (const char* name : {"Forwarded", "Via", "X-Real-IP", "X-Forwarded-For", "x-forwarded-proto",
                           "X-Forwarded-Host", "CF-Connecting-IP"}) {
    Headers headers;
    headers.add(name, "x");
    EXPECT_TRUE(is_forwarded(headers)) << name;
  }
  Headers headers;
  headers.add("Host", "localhost");
  EXPECT_FALSE(is_forwarded(headers));
}

}  // namespace
}  // namespace loopcast::http
