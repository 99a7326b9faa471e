#include "http/request_rules.h"

#include <gtest/gtest.h>

namespace loopcast::http {
namespace {

using Fields = std::vector<Headers::Field>;

// The status of the refusal; 0: it is acceptable.
unsigned status_of(const Fields& fields, unsigned version = 11, std::string target = "/") {
  Request request;
  request.method = "POST";
  request.target = std::move(target);
  for (const auto& [name, value] : fields) request.headers.add(name, value);
  const auto fault = find_fault(request, version);
  EXPECT_FALSE(fault && fault->title.empty());
  return fault ? fault->status : 0;
}

TEST(RequestRules, DemandOneGoodHost) {
  for (const char* host :
       {"", "x", "example.org", "example.org:8080", "example.org:", "192.0.2.1:1", "[::1]",
        "[2001:db8::1]:443", "xn--bcher-kva.example", "a_b", "%41"})
    EXPECT_EQ(status_of({{"Host", host}}), 0u) << host;
  for (const char* host : {"a b", "a/b", "a@b", "[::1", "::1", "[x]", "[127.0.0.1]", "a:b", "a:1:2",
                           "[::1]x", "%4", "a\"", "<a>", "a?b", "a#b", "a\\b"})
    EXPECT_EQ(status_of({{"Host", host}}), 400u) << host;
  EXPECT_EQ(status_of({}), 400u);
  EXPECT_EQ(status_of({}, 10), 0u);
  EXPECT_EQ(status_of({{"Host", "a"}, {"host", "a"}}), 400u);
  EXPECT_EQ(status_of({{"Host", "a"}, {"Host", "b"}}, 10), 400u);
  EXPECT_EQ(status_of({{"Host", "a b"}}, 10), 400u);
}

TEST(RequestRules, DemandAHostOfAbsoluteTargets) {
  const Fields host = {{"Host", "a"}};
  EXPECT_EQ(status_of(host, 11, "http://a/x"), 0u);
  EXPECT_EQ(status_of(host, 11, "http://a:80?x=http://b c"), 0u);
  EXPECT_EQ(status_of(host, 11, "/x?y=http://"), 0u);
  for (const char* target :
       {"http:///x", "http://", "http://user@a/", "http://:80/", "http://a b/"})
    EXPECT_EQ(status_of(host, 11, target), 400u) << target;
}

TEST(RequestRules, TakeNoBodyWhoseEndIsNotKnownForSure) {
  const auto with = [](const std::string& coding, unsigned version = 11) {
    return status_of({{"Host", "a"}, {"Transfer-Encoding", coding}}, version);
  };
  EXPECT_EQ(with("chunked"), 0u);
  EXPECT_EQ(with("Chunked"), 0u);
  EXPECT_EQ(with(" , chunked,"), 0u);
  for (const char* coding :
       {"gzip", "", "identity", "chunked, gzip", "xchunked", "chunked;q=1", "chunked, identity",
        "\"chunked\"", "chunked, chunked", "chunked chunked"})
    EXPECT_EQ(with(coding), 400u) << coding;
  EXPECT_EQ(with("gzip, chunked"), 501u);
  EXPECT_EQ(with("chunked", 10), 400u);
  EXPECT_EQ(with("gzip", 10), 400u);
  EXPECT_EQ(status_of({{"Host", "a"}, {"Transfer-Encoding", "chunked"}, {"Content-Length", "5"}}),
            400u);
  EXPECT_EQ(status_of({{"Host", "a"}, {"Content-Length", "5"}, {"Transfer-Encoding", "chunked"}}),
            400u);
  EXPECT_EQ(
      status_of({{"Host", "a"}, {"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "gzip"}}),
      400u);
  EXPECT_EQ(
      status_of({{"Host", "a"}, {"Transfer-Encoding", "gzip"}, {"Transfer-Encoding", "chunked"}}),
      501u);
}

TEST(RequestRules, KnowOneExpectation) {
  EXPECT_EQ(status_of({{"Host", "a"}, {"Expect", "100-Continue"}}), 0u);
  EXPECT_EQ(status_of({{"Host", "a"}, {"Expect", "x=1"}}), 417u);
  EXPECT_EQ(status_of({{"Host", "a"}, {"Expect", "x=1"}}, 10), 0u) << "ignored";
  Request request;
  request.headers.add("Expect", "100-continue");
  EXPECT_TRUE(expects_continue(request, 11));
  EXPECT_FALSE(expects_continue(request, 10));
}

TEST(RequestRules, TakeOneAuthorizationOnly) {
  EXPECT_EQ(
      status_of({{"Host", "a"}, {"Authorization", "Bearer a"}, {"authorization", "Bearer b"}}),
      400u);
}

std::optional<bool> same_site(const Fields& fields) {
  Request request;
  for (const auto& [name, value] : fields) request.headers.add(name, value);
  return is_same_site(request);
}

TEST(RequestRules, TellPagesOfOtherSites) {
  const Headers::Field host{"Host", "live.example:8080"};
  const Headers::Field other{"Origin", "https://other.example"};
  for (const char* site : {"same-origin", "same-site", "none"})
    EXPECT_EQ(same_site({host, other, {"Sec-Fetch-Site", site}}), true) << site;
  EXPECT_EQ(same_site({host, {"Origin", "http://live.example"}, {"Sec-Fetch-Site", "cross-site"}}),
            false);
  // A browser that does not say it.
  for (const char* origin :
       {"http://live.example:8080", "https://LIVE.example", "http://live.example"})
    EXPECT_EQ(same_site({host, {"Origin", origin}}), true) << origin;
  for (const char* origin : {"null", "https://other.example", "http://live.example.other.example"})
    EXPECT_EQ(same_site({host, {"Origin", origin}}), false) << origin;
  EXPECT_EQ(same_site({{"Host", "[::1]:80"}, {"Origin", "http://[::1]"}}), true);
  // A program, and a proxy that writes a Host of its own.
  EXPECT_EQ(same_site({host}), std::nullopt);
  EXPECT_EQ(same_site({{"Host", "10.0.0.5"}, other, {"X-Forwarded-For", "192.0.2.1"}}),
            std::nullopt);
}

}  // namespace
}  // namespace loopcast::http
