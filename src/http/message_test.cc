#include "http/message.h"

#include <gtest/gtest.h>

#include "http/response_head.h"

namespace loopcast::http {
namespace {

TEST(Headers, ListsMayComeInSeveralLines) {
  Headers headers;
  headers.add("Accept", "a");
  headers.add("X", "b");
  headers.add("accept", "c, d");
  EXPECT_EQ(headers.list("ACCEPT"), "a, c, d");
  EXPECT_EQ(headers.get("accept"), "a");
  EXPECT_EQ(headers.count("accept"), 2u);
  EXPECT_EQ(headers.list("none"), "");
}

TEST(ParseJson, RefusesNumbersBeyondADouble) {
  for (const char* text : {"1e999", "[13E456]", R"({"a":{"b":[1,-1e400]}})"})
    EXPECT_FALSE(parse_json(text)) << text;
  for (const char* text : {"1e308", "[0.1]", "1e-999", R"({"a":12345678901234567890})"})
    EXPECT_TRUE(parse_json(text)) << text;
}

TEST(Message, HeadersAreFoundWhateverTheirCase) {
  Headers headers;
  headers.add("Content-Type", "a");
  headers.add("content-type", "b");
  EXPECT_EQ(headers.get("CONTENT-TYPE"), "a");
  headers.set("Content-type", "c");
  EXPECT_EQ(headers.fields().size(), 1u);
  EXPECT_FALSE(headers.has("x"));
}

TEST(Message, BearerToken) {
  Request request;
  EXPECT_EQ(request.bearer_token(), "");
  request.headers.set("Authorization", "bearer  abc");
  EXPECT_EQ(request.bearer_token(), "abc");
  request.headers.set("Authorization", "Basic abc");
  EXPECT_EQ(request.bearer_token(), "");
}

TEST(Message, TokensOfALists) {
  EXPECT_TRUE(list_has_token("keep-alive, Upgrade", "upgrade"));
  EXPECT_FALSE(list_has_token("keep-alive, Upgrades", "upgrade"));
  EXPECT_FALSE(list_has_token("", "upgrade"));
}

TEST(Message, ProblemsHaveACode) {
  const Response response = Response::problem(404, "not_found", "Nothing here", "Really");
  EXPECT_EQ(response.status, 404u);
  EXPECT_EQ(response.headers.get("content-type"), "application/problem+json");
  const auto body = parse_json(response.body);
  ASSERT_TRUE(body);
  EXPECT_EQ(body->at("code"), "not_found");
  EXPECT_EQ(body->at("status"), 404);
  EXPECT_EQ(body->at("detail"), "Really");
}

TEST(Message, JsonFromTheNetworkIsChecked) {
  EXPECT_TRUE(parse_json("{\"a\":[1,null]}"));
  for (const std::string_view bad : {"", "{", "{} x", "'a'", "\"\xff\"", "[1,]"})
    EXPECT_FALSE(parse_json(bad)) << bad;
  EXPECT_FALSE(parse_json(std::string(100'000, '[')));
}

TEST(Message, ValuesCannotEndAHeaderField) {
  Response response = Response::text("x");
  response.set("Location", "/a\r\nSet-Cookie: b\r\n\r\n<html>");
  const std::string head = response_head(response, true);
  EXPECT_NE(head.find("Location: /aSet-Cookie: b<html>\r\n"), std::string::npos);
  EXPECT_NE(head.find("Content-Length: 1\r\n"), std::string::npos);
  EXPECT_TRUE(head.starts_with("HTTP/1.1 200 OK\r\n"));
  EXPECT_TRUE(head.ends_with("\r\n\r\n"));
}

}  // namespace
}  // namespace loopcast::http
