#include "http/router.h"

#include <stdexcept>

#include <boost/asio/co_spawn.hpp>
#include <gtest/gtest.h>

namespace loopcast::http {
namespace {

Handler answering(std::string text) {
  return [text](Request request) -> Task<Response> {
    std::string out = text;
    for (const auto& [name, value] : request.params) out += ' ' + name + '=' + value;
    co_return Response::text(out);
  };
}

class RouterTest : public ::testing::Test {
 protected:
  Response ask(const std::string& method, const std::string& path,
               const std::vector<std::pair<std::string, std::string>>& headers = {}) {
    Request request;
    request.method = method;
    request.path = path;
    for (const auto& [name, value] : headers) request.headers.add(name, value);
    Response answer;
    asio::io_context context(1);
    asio::co_spawn(context, router_.handle(std::move(request)),
                   [&](const std::exception_ptr& error, Response response) {
                     EXPECT_FALSE(error);
                     answer = std::move(response);
                   });
    context.run();
    return answer;
  }

  Router router_;
};

TEST_F(RouterTest, MatchesSegments) {
  router_.add("GET", "/api/things/{id}", answering("thing"));
  router_.add("GET", "/api/things/{id}/parts/{part}", answering("part"));
  router_.add("GET", "/api/things/special", answering("special"));
  EXPECT_EQ(ask("GET", "/api/things/7").body, "thing id=7");
  EXPECT_EQ(ask("GET", "/api/things/7/parts/a b").body, "part id=7 part=a b");
  EXPECT_EQ(ask("GET", "/api/things/special").body, "special");
  EXPECT_EQ(ask("GET", "/api/things/").status, 404u);
  EXPECT_EQ(ask("GET", "/api/things/7/parts").status, 404u);
  EXPECT_EQ(ask("GET", "/").status, 404u);
}

TEST_F(RouterTest, SpeaksTheLanguageOfTheClient) {
  router_.add("GET", "/a", answering("a"));
  EXPECT_NE(ask("GET", "/b").body.find("There is nothing here"), std::string::npos);
  router_.set_wording([](std::string_view code, std::string_view language) {
    return "<" + std::string(code) + " in " + std::string(language) + ">";
  });
  EXPECT_NE(ask("GET", "/b", {{"accept-language", "xy"}}).body.find("<not_found in xy>"),
            std::string::npos);
  EXPECT_NE(ask("PUT", "/a", {{"accept-language", "xy"}}).body.find("<method_not_allowed in xy>"),
            std::string::npos);
}

TEST_F(RouterTest, NamesTheMethodsOfAPath) {
  router_.add("GET", "/a", answering("get"));
  router_.add("POST", "/a", answering("post"));
  const Response refused = ask("DELETE", "/a");
  EXPECT_EQ(refused.status, 405u);
  EXPECT_EQ(refused.headers.get("allow"), "GET, POST, HEAD, OPTIONS");
  EXPECT_EQ(refused.headers.get("content-type"), "application/problem+json");
  EXPECT_EQ(ask("OPTIONS", "/a").status, 204u);
  EXPECT_EQ(ask("HEAD", "/a").body, "get");
}

TEST_F(RouterTest, FallbackAnswersUnknownPathsOnly) {
  router_.add("POST", "/a", answering("post"));
  router_.set_fallback(answering("file"));
  EXPECT_EQ(ask("GET", "/b").body, "file");
  EXPECT_EQ(ask("HEAD", "/b").body, "file");
  EXPECT_EQ(ask("GET", "/a").status, 405u);
  EXPECT_EQ(ask("PUT", "/b").status, 404u);
}

TEST_F(RouterTest, CrossOriginAccess) {
  router_.add("POST", "/whip", answering("ok"));
  router_.add("GET", "/private", answering("ok"));
  router_.add_cors({.prefix = "/whip", .origins = {"https://a.example"}});
  const Response allowed = ask("POST", "/whip", {{"Origin", "https://a.example"}});
  EXPECT_EQ(allowed.headers.get("access-control-allow-origin"), "https://a.example");
  EXPECT_EQ(allowed.headers.get("vary"), "Origin");
  const Response other = ask("POST", "/whip", {{"Origin", "https://b.example"}});
  EXPECT_FALSE(other.headers.has("access-control-allow-origin"));
  EXPECT_FALSE(ask("GET", "/private", {{"Origin", "https://a.example"}})
                   .headers.has("access-control-allow-origin"));

  const Response preflight =
      ask("OPTIONS", "/whip",
          {{"Origin", "https://a.example"}, {"Access-Control-Request-Method", "POST"}});
  EXPECT_EQ(preflight.status, 204u);
  EXPECT_EQ(preflight.headers.get("access-control-allow-methods"), "POST, OPTIONS");
  EXPECT_TRUE(preflight.headers.has("access-control-allow-headers"));
}

TEST_F(RouterTest, EveryOrigin) {
  EXPECT_EQ(allowed_origin({"*"}, "https://a.example"), "*");
  EXPECT_EQ(allowed_origin({"*"}, ""), "");
  EXPECT_EQ(allowed_origin({}, "https://a.example"), "");
}

TEST_F(RouterTest, BodyLimitsByRoute) {
  router_.add("POST", "/big", answering("ok"), {.max_body = 1'000'000});
  EXPECT_EQ(router_.max_body("POST", "/big"), 1'000'000u);
  EXPECT_EQ(router_.max_body("POST", "/other"), kDefaultMaxBody);
}

TEST_F(RouterTest, ListsItsRoutes) {
  router_.add("GET", "/a/{id}", answering("x"));
  router_.add("DELETE", "/a/{id}", answering("x"));
  const std::vector<RouteInfo> expected = {{"GET", "/a/{id}"}, {"DELETE", "/a/{id}"}};
  EXPECT_EQ(router_.routes(), expected);
  EXPECT_THROW(router_.add("GET", "/a/{id}", answering("x")), std::logic_error);
}

}  // namespace
}  // namespace loopcast::http
