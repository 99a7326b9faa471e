#include "http/target.h"

#include <gtest/gtest.h>

namespace loopcast::http {
namespace {

std::string path_of(std::string_view target) {
  const auto parsed = parse_target(target);
  return parsed ? parsed->path : "(none)";
}

TEST(Target, NormalisesPaths) {
  EXPECT_EQ(path_of("/"), "/");
  EXPECT_EQ(path_of("/a/b"), "/a/b");
  EXPECT_EQ(path_of("/a/"), "/a/");
  EXPECT_EQ(path_of("//a///b//"), "/a/b/");
  EXPECT_EQ(path_of("/a/./b/."), "/a/b/");
  EXPECT_EQ(path_of("/%E4%BD%A0%20+"), "/\u4f60 +");
  EXPECT_EQ(path_of("http://example.org/a?b"), "/a");
  EXPECT_EQ(path_of("http://example.org"), "/");
  EXPECT_EQ(path_of("/a#fragment"), "/a");
}

TEST(Target, RefusesWhatMightLeaveTheRoot) {
  for (const std::string_view bad :
       {"", "a", "*", "/..", "/a/../b", "/%2e%2e/", "/.%2E", "/a%2Fb", "/a%5cb", "/a\\b", "/%00",
        "/%0a", "/%", "/%4", "/%zz", "/%ff", "/%c0%af"})
    EXPECT_EQ(path_of(bad), "(none)") << bad;
}

TEST(Target, ReadsQueries) {
  const auto target = parse_target("/v?a=1&b=x+y&b=2&c&=d&&e=%E4%BD%A0%2B&f=1=2");
  ASSERT_TRUE(target);
  const Query& query = target->query;
  EXPECT_EQ(query.get("a"), "1");
  EXPECT_EQ(query.get("b"), "x y");
  EXPECT_EQ(query.find("c"), "");
  EXPECT_EQ(query.get("e"), "\u4f60+");
  EXPECT_EQ(query.get("f"), "1=2");
  EXPECT_EQ(query.find("g"), std::nullopt);
  EXPECT_EQ(query.pairs().size(), 7u);
}

TEST(Target, BoundsQueries) {
  std::string target = "/?";
  for (size_t i = 0; i < kMaxQueryPairs; ++i) target += "a=1&";
  EXPECT_TRUE(parse_target(target));
  EXPECT_FALSE(parse_target(target + "a=1"));
  EXPECT_FALSE(parse_target("/?a=%"));
  EXPECT_EQ(parse_target("/?a=%ff&b=1")->query.pairs().size(), 1u);
}

}  // namespace
}  // namespace loopcast::http
