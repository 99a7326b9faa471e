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
  router_.set_fallback([](Request request) -> Task<Response> {
    if (request.path == "/b") co_return Response::text("file");
    co_return Response::problem(404, "not_found", "Nothing");
  });
  EXPECT_EQ(ask("GET", "/b").body, "file");
  EXPECT_EQ(ask("HEAD", "/b").body, "file");
  EXPECT_EQ(ask("GET", "/a").status, 405u);
  EXPECT_EQ(ask("PUT", "/b").status, 405u);
  EXPECT_EQ(ask("PUT", "/b").headers.get("allow"), "GET, HEAD, OPTIONS");
  EXPECT_EQ(ask("PUT", "/c").status, 404u);
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
  EXPECT_EQ(preflight.headers.get("access-control-allow-methods"), "POST, HEAD, OPTIONS");
}

TEST_F(RouterTest, PreflightsGetTheHeadersThatTheyAskFor) {
  router_.add("POST", "/whip", answering("ok"));
  router_.add("PATCH", "/whip/{id}", answering("ok"));
  router_.add_cors({.prefix = "/whip", .origins = {"*"}});
  const auto headers_for = [&](const std::string& asked) {
    return std::string(ask("OPTIONS", "/whip",
                           {{"Origin", "https://a.example"},
                            {"Access-Control-Request-Method", "POST"},
                            {"Access-Control-Request-Headers", asked}})
                           .headers.get("access-control-allow-headers"));
  };
  EXPECT_EQ(headers_for("authorization,oven-capabilities"), "authorization,oven-capabilities");
  EXPECT_EQ(headers_for("x\"y"), "");
  EXPECT_EQ(headers_for(std::string(2'000, 'x')), "");
  const Response plain = ask("OPTIONS", "/whip", {{"Origin", "https://a.example"}});
  EXPECT_EQ(plain.headers.get("access-control-allow-methods"), "POST, PATCH, HEAD, OPTIONS")
      << "those of the resources that it makes too";
  EXPECT_EQ(plain.headers.get("allow"), "POST, OPTIONS");
}

TEST_F(RouterTest, OptionsTellWhatABodyMayBe) {
  router_.add("POST", "/whip", answering("ok"), {.accepts = "application/sdp"});
  router_.add("PATCH", "/whip/{id}", answering("ok"), {.accepts = "application/x"});
  EXPECT_EQ(ask("OPTIONS", "/whip").headers.get("accept-post"), "application/sdp");
  EXPECT_FALSE(ask("OPTIONS", "/whip").headers.has("accept-patch"));
  EXPECT_EQ(ask("OPTIONS", "/whip/1").headers.get("accept-patch"), "application/x");
}

TEST_F(RouterTest, SomeRoutesAreForNoOtherOrigin) {
  router_.add("POST", "/api/users", answering("ok"), {.pages = Pages::kSameOrigin});
  router_.add("GET", "/api/users", answering("ok"));
  router_.add_cors({.prefix = "/api/", .origins = {"*"}});
  const Headers::Field origin{"Origin", "https://a.example"};
  EXPECT_FALSE(ask("POST", "/api/users", {origin}).headers.has("access-control-allow-origin"));
  EXPECT_TRUE(ask("GET", "/api/users", {origin}).headers.has("access-control-allow-origin"));
  const auto preflight = [&](const char* method) {
    return ask("OPTIONS", "/api/users", {origin, {"Access-Control-Request-Method", method}});
  };
  EXPECT_FALSE(preflight("POST").headers.has("access-control-allow-origin"));
  EXPECT_TRUE(preflight("GET").headers.has("access-control-allow-origin"));
}

TEST_F(RouterTest, DefaultHeadersOfAPrefix) {
  router_.add("GET", "/api/a", answering("ok"));
  router_.add("GET", "/b", answering("ok"));
  router_.add_default("/api/", "Cache-Control", "no-store");
  EXPECT_EQ(ask("GET", "/api/a").headers.get("cache-control"), "no-store");
  EXPECT_EQ(ask("GET", "/api/none").headers.get("cache-control"), "no-store");
  EXPECT_FALSE(ask("GET", "/b").headers.has("cache-control"));
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
