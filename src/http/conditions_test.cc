#include "http/conditions.h"

#include <gtest/gtest.h>

namespace loopcast::http {
namespace {

using enum EtagComparison;

TEST(NamesEtag, ReadsLists) {
  EXPECT_TRUE(names_etag(R"("a")", R"("a")", kStrong));
  EXPECT_TRUE(names_etag(R"("x", "a")", R"("a")", kStrong));
  EXPECT_TRUE(names_etag("\"x\",\t\"a\" , \"y\"", R"("a")", kStrong));
  EXPECT_TRUE(names_etag(R"(, ,"a",)", R"("a")", kStrong));
  EXPECT_TRUE(names_etag("*", R"("a")", kStrong));
  EXPECT_TRUE(names_etag(R"("a,b", "c")", R"("c")", kStrong)) << "a comma within a tag";
  EXPECT_TRUE(names_etag(R"("a,b")", R"("a,b")", kStrong));
  for (const char* list : {"", "a", R"("b")", R"("a)", R"(a")", R"("A")", R"(""a"")"})
    EXPECT_FALSE(names_etag(list, R"("a")", kStrong)) << list;
}

TEST(NamesEtag, WeakTagsAreEqualInTheWeakComparisonOnly) {
  EXPECT_TRUE(names_etag(R"(W/"a")", R"("a")", kWeak));
  EXPECT_FALSE(names_etag(R"(W/"a")", R"("a")", kStrong));
  EXPECT_TRUE(names_etag(R"(W/"a", "a")", R"("a")", kStrong));
}

Precondition check(const std::vector<Headers::Field>& fields, std::string method = "GET") {
  Request request;
  request.method = std::move(method);
  for (const auto& [name, value] : fields) request.headers.add(name, value);
  // Sun, 06 Nov 1994 08:49:37 GMT.
  return check_preconditions(request, R"("a")", 784111777);
}

TEST(Preconditions, OfTags) {
  EXPECT_EQ(check({}), Precondition::kMet);
  EXPECT_EQ(check({{"If-Match", R"("a")"}}), Precondition::kMet);
  EXPECT_EQ(check({{"If-Match", R"("b")"}}), Precondition::kFailed);
  EXPECT_EQ(check({{"If-Match", R"("b")"}, {"If-Match", R"("a")"}}), Precondition::kMet)
      << "several lines are one list";
  EXPECT_EQ(check({{"If-None-Match", R"("a")"}}), Precondition::kNotModified);
  EXPECT_EQ(check({{"If-None-Match", R"("b")"}, {"If-None-Match", R"(W/"a")"}}),
            Precondition::kNotModified);
  EXPECT_EQ(check({{"If-None-Match", R"("a")"}}, "PUT"), Precondition::kFailed);
}

TEST(Preconditions, OfDatesWhereThereIsNoTag) {
  const std::string before = "Sun, 06 Nov 1994 08:49:36 GMT";
  const std::string same = "Sun, 06 Nov 1994 08:49:37 GMT";
  EXPECT_EQ(check({{"If-Unmodified-Since", before}}), Precondition::kFailed);
  EXPECT_EQ(check({{"If-Unmodified-Since", same}}), Precondition::kMet);
  EXPECT_EQ(check({{"If-Unmodified-Since", "yesterday"}}), Precondition::kMet);
  EXPECT_EQ(check({{"If-Modified-Since", same}}), Precondition::kNotModified);
  EXPECT_EQ(check({{"If-Modified-Since", before}}), Precondition::kMet);
  EXPECT_EQ(check({{"If-Match", R"("a")"}, {"If-Unmodified-Since", before}}), Precondition::kMet);
  EXPECT_EQ(check({{"If-None-Match", R"("b")"}, {"If-Modified-Since", same}}), Precondition::kMet);
}

}  // namespace
}  // namespace loopcast::http
