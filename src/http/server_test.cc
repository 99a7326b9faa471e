#include "http/server.h"

#include "http/server_fixture.h"
#include "http/signal.h"
#include "http/strangers.h"

namespace loopcast::http {
namespace {

TEST_F(ServerTest, AnswersARequest) {
  start();
  const std::string answer = exchange({get("/hello")});
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n"));
  EXPECT_TRUE(answer.ends_with("\r\n\r\nhello"));
  EXPECT_EQ(counters_.requests, 1u);
}

TEST_F(ServerTest, AnswersPipelinedRequestsInOrder) {
  start();
  const std::string first = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
  const std::string chunked =
      "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      "2\r\nde\r\n1\r\nf\r\n0\r\n\r\n";
  const std::string answer = exchange({first + chunked + get("/hello")});
  const size_t a = answer.find("\r\n\r\nabc");
  const size_t d = answer.find("\r\n\r\ndef");
  const size_t h = answer.find("\r\n\r\nhello");
  EXPECT_LT(a, d);
  EXPECT_LT(d, h);
  EXPECT_NE(h, std::string::npos);
}

TEST_F(ServerTest, ReadsRequestsByteByByte) {
  start();
  std::vector<std::string> pieces;
  for (const char c : std::string("POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                                  "Content-Length: 4\r\n\r\nabcd"))
    pieces.emplace_back(1, c);
  EXPECT_TRUE(exchange(pieces).ends_with("abcd"));
}

TEST_F(ServerTest, HeadHasNoBody) {
  start();
  const std::string answer =
      exchange({"HEAD /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"});
  EXPECT_NE(answer.find("Content-Length: 5\r\n"), std::string::npos);
  EXPECT_TRUE(answer.ends_with("\r\n\r\n"));
}

TEST_F(ServerTest, RefusesWhatIsMalformed) {
  start();
  EXPECT_EQ(status_of(exchange({"nonsense\r\n\r\n"})), 400);
  EXPECT_EQ(status_of(exchange({"GET / HTTP/1.1\r\n\r\n"})), 400);  // no Host
  EXPECT_EQ(status_of(exchange({get("/../etc/passwd")})), 400);
  EXPECT_EQ(status_of(exchange({"GET http://[ HTTP/1.1\r\nHost: a\r\nX Y: z\r\n\r\n"})), 400);
  EXPECT_EQ(status_of(exchange({"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
                                "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"})),
            400);
  EXPECT_EQ(counters_.requests_malformed, 5u);
  // The server lingers until it has seen the client go.
  while (counters_.connections > 0 && context_.run_one() > 0) {
  }
  EXPECT_EQ(counters_.connections, 0u);
}

TEST_F(ServerTest, TakesNothingBehindARequestWhoseEndIsNotKnown) {
  start();
  const std::string smuggled = get("/hello");
  for (const char* coding : {"gzip", "identity", "chunked, gzip", "gzip, chunked", "xchunked"}) {
    const std::string answer = exchange({std::string("POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-"
                                                     "Encoding: ") +
                                         coding + "\r\n\r\n" + smuggled});
    EXPECT_TRUE(status_of(answer) == 400 || status_of(answer) == 501) << coding;
    EXPECT_EQ(answer.find("hello"), std::string::npos) << coding;
    EXPECT_NE(answer.find("Connection: close"), std::string::npos) << coding;
  }
  for (const char* fields :
       {"Transfer-Encoding : chunked\r\n", "Transfer-Encoding: gzip\r\nTransfer-Encoding: x\r\n",
        "Content-Length: 1\r\nContent-Length: 2\r\n", "Content-Length: 1, 2\r\n",
        "Content-Length: +1\r\n", "Content-Length: 0x1\r\n", " Content-Length: 1\r\n"}) {
    const std::string answer =
        exchange({std::string("POST /echo HTTP/1.1\r\nHost: a\r\n") + fields + "\r\n" + smuggled});
    EXPECT_EQ(status_of(answer), 400) << fields;
    EXPECT_EQ(answer.find("hello"), std::string::npos) << fields;
  }
  EXPECT_EQ(
      status_of(exchange({"POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" + smuggled})),
      400);
}

TEST_F(ServerTest, PassesOverEmptyLinesBeforeARequest) {
  start();
  EXPECT_TRUE(exchange({"\r\n" + get("/hello")}).ends_with("hello"));
  EXPECT_TRUE(exchange({"\r\n", "\r\n", get("/hello")}).ends_with("hello"));
  std::string many;
  for (int i = 0; i < 100; ++i) many += "\r\n";
  EXPECT_EQ(status_of(exchange({many + get("/hello")})), 400);
}

TEST_F(ServerTest, SaysContinueToNobodyWhoDoesNotKnowIt) {
  start();
  const std::string answer =
      exchange({"POST /echo HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab"});
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n"));
  EXPECT_EQ(status_of(exchange({get("/hello", "Expect: something\r\n")})), 417);
}

TEST_F(ServerTest, ErrorsBeforeTheRouterHaveCorsToo) {
  router_.add_cors({.prefix = "/echo", .origins = {"*"}});
  start();
  const std::string origin = "Origin: http://other.example\r\n";
  const auto allowed = [](const std::string& answer) {
    return answer.find("Access-Control-Allow-Origin: *\r\n") != std::string::npos;
  };
  const std::string large =
      exchange({"POST /echo HTTP/1.1\r\nHost: a\r\n" + origin + "Content-Length: 65537\r\n\r\n"});
  EXPECT_EQ(status_of(large), 413);
  EXPECT_TRUE(allowed(large));
  const std::string target = exchange({get("/echo/a%2Fb", origin)});
  EXPECT_EQ(status_of(target), 400);
  EXPECT_TRUE(allowed(target));
}

TEST_F(ServerTest, EveryAnswerSaysThatItIsNotToBeGuessedAt) {
  start();
  for (const std::string& answer :
       {exchange({get("/hello")}), exchange({get("/nothing")}), exchange({"nonsense\r\n\r\n"})})
    EXPECT_NE(answer.find("X-Content-Type-Options: nosniff\r\n"), std::string::npos);
}

TEST_F(ServerTest, BoundsTheNumberOfHeaders) {
  start();
  std::string many;
  for (int i = 0; i < 101; ++i) many += "a: b\r\n";
  EXPECT_EQ(status_of(exchange({get("/hello", many)})), 431);
  EXPECT_EQ(status_of(exchange({"GET /hello HTTP/1.1\r\n" + many + many})), 431)
      << "before their end has come";
  EXPECT_TRUE(exchange({get("/hello", many.substr(0, 6 * 80))}).ends_with("hello"));
}

// A server whose users have the token "good".
class StrangerTest : public ServerTest {
 protected:
  StrangerTest() {
    options_.knows_token = [this](std::string_view token) { return token == known_; };
    options_.authenticate = [this](const Request&,
                                   std::string token) -> Task<std::optional<Response>> {
      ++authenticated_;
      if (token != "good") co_return Response::problem(401, "unauthorized", "Sign in");
      known_ = token;
      co_return std::nullopt;
    };
  }
  static std::string post(size_t size, const std::string& more = {}) {
    return "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: " +
           std::to_string(size) + "\r\n" + more + "\r\n";
  }
  std::string known_ = "none";
  int authenticated_ = 0;
};

TEST_F(StrangerTest, SendLargeBodiesWhenTheyHaveSignedInOnly) {
  start();
  const std::string large(40'000, 'x');
  EXPECT_EQ(status_of(exchange({post(4'096), std::string(4'096, 'x')})), 200);
  EXPECT_EQ(authenticated_, 0);
  EXPECT_EQ(status_of(exchange({post(large.size()), large})), 401);
  EXPECT_EQ(status_of(exchange({post(large.size(), "Authorization: Bearer bad\r\n"), large})), 401);
  EXPECT_EQ(status_of(exchange({post(large.size(), "Authorization: Bearer good\r\n"), large})),
            200);
  EXPECT_EQ(authenticated_, 3);
  EXPECT_EQ(status_of(exchange({post(large.size(), "Authorization: Bearer good\r\n"), large})),
            200);
  EXPECT_EQ(authenticated_, 3) << "known now";
  EXPECT_EQ(counters_.requests_not_signed_in, 2u);
  const std::string chunked =
      "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1770\r\n" +
      std::string(6'000, 'x') + "\r\n0\r\n\r\n";
  EXPECT_EQ(status_of(exchange({chunked})), 413);
}

TEST_F(StrangerTest, AreToldFromUsersBehindTheSameProxy) {
  options_.trusted_proxies = {*IpPrefix::parse("127.0.0.1")};
  start();
  const std::string large(40'000, 'x');
  const std::string user = "GET /hello HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer good\r\n\r\n";
  known_ = "good";
  const std::string answers = exchange({user, post(large.size()), large});
  EXPECT_TRUE(answers.starts_with("HTTP/1.1 200 OK\r\n"));
  EXPECT_NE(answers.find("HTTP/1.1 401 "), std::string::npos);
}

TEST_F(StrangerTest, AreTurnedAwayWhereThereIsNoRoom) {
  options_.stranger_budget = 2 * 14 * 1024 + 8 * 1024;
  start();
  run([&]() -> Task<> {
    TcpSocket first = co_await connect();
    TcpSocket second = co_await connect();
    // Both are in the middle of a request, and all are of one address.
    const std::string begin = "GET /hello HTTP/1.1\r\n";
    co_await asio::async_write(first, asio::buffer(begin), use_task);
    co_await asio::async_write(second, asio::buffer(begin), use_task);
    TcpSocket third = co_await connect();
    const std::string request = get("/hello");
    co_await asio::async_write(third, asio::buffer(request), use_task);
    const std::string answer = co_await read_all(third);
    EXPECT_EQ(status_of(answer), 503);
    EXPECT_EQ(counters_.connections_no_room, 1u);
    EXPECT_LE(server_->strangers().bytes(), options_.stranger_budget);
  });
}

TEST_F(StrangerTest, AreNoneOnceTheyBringAGoodToken) {
  options_.stranger_budget = 20 * 1024;
  known_ = "good";
  start();
  run([&]() -> Task<> {
    TcpSocket user = co_await connect();
    const std::string request =
        "GET /hello HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer good\r\n\r\n";
    co_await asio::async_write(user, asio::buffer(request), use_task);
    while (server_->strangers().shares() > 0 || counters_.requests == 0) {
      Timer turn(context_.get_executor(), Timer::duration::zero());
      co_await turn.async_wait(use_task);
    }
    EXPECT_EQ(server_->strangers().bytes(), 0u);
    TcpSocket stranger = co_await connect();
    const std::string other = get("/hello");
    co_await asio::async_write(stranger, asio::buffer(other), use_task);
    const std::string answer = co_await read_all(stranger);
    EXPECT_EQ(status_of(answer), 200);
    EXPECT_EQ(counters_.connections, 1u) << "the user is still there";
  });
}

TEST_F(ServerTest, BoundsHeaders) {
  start();
  EXPECT_EQ(status_of(exchange({get("/hello", "X: " + std::string(20'000, 'x') + "\r\n")})), 431);
  EXPECT_EQ(counters_.requests_header_too_large, 1u);
}

TEST_F(ServerTest, BoundsBodies) {
  start();
  const std::string head = "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n";
  EXPECT_EQ(status_of(exchange({head + "Content-Length: 65537\r\n\r\n"})), 413);
  const std::string large(70'000, 'x');
  EXPECT_EQ(status_of(exchange({head + "Content-Length: 70000\r\n\r\n", large})), 413);
  EXPECT_EQ(status_of(exchange({head + "Transfer-Encoding: chunked\r\n\r\n11170\r\n" + large})),
            413);
  EXPECT_EQ(status_of(exchange({head + "Content-Length: 65536\r\n\r\n", std::string(65'536, 'x')})),
            200);
  EXPECT_EQ(counters_.requests_body_too_large, 3u);
}

TEST_F(ServerTest, BoundsWhatStandsBetweenChunks) {
  start();
  EXPECT_EQ(
      status_of(exchange({"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;",
                          std::string(40'000, 'x')})),
      400);
}

TEST_F(ServerTest, SaysContinue) {
  start();
  const std::string answer =
      exchange({"POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n",
                "ab"});
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"));
}

TEST_F(ServerTest, ExceptionsOfHandlersAre500) {
  start();
  EXPECT_EQ(status_of(exchange({get("/throw")})), 500);
  EXPECT_EQ(counters_.handler_exceptions, 1u);
  EXPECT_EQ(logged_, "out of order");
}

TEST_F(ServerTest, BelievesNobodyAboutTheClient) {
  start();
  const std::string answer =
      exchange({get("/who", "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\n")});
  EXPECT_TRUE(answer.ends_with("\r\n\r\n127.0.0.1"));
}

TEST_F(ServerTest, BelievesItsProxies) {
  options_.trusted_proxies = {*IpPrefix::parse("127.0.0.1"), *IpPrefix::parse("10.0.0.0/24")};
  start();
  const std::string answer = exchange({get("/who",
                                           "X-Forwarded-For: 6.6.6.6, 192.0.2.1, 10.0.0.1\r\n"
                                           "X-Forwarded-Proto: https\r\n")});
  EXPECT_TRUE(answer.ends_with("\r\n\r\n192.0.2.1 tls"));
}

TEST_F(ServerTest, BoundsConnectionsOfOneAddress) {
  options_.max_connections_per_ip = 2;
  start();
  run([&]() -> Task<> {
    TcpSocket first = co_await connect();
    TcpSocket second = co_await connect();
    TcpSocket third = co_await connect();
    const std::string request = get("/hello");
    co_await asio::async_write(third, asio::buffer(request), use_task);
    const std::string answer = co_await read_all(third);
    EXPECT_EQ(status_of(answer), 503);
    EXPECT_NE(answer.find("\"server_full\""), std::string::npos);
    EXPECT_EQ(counters_.connections, 2u);
    EXPECT_EQ(counters_.connections_over_ip_limit, 1u);
  });
}

TEST_F(ServerTest, BoundsAllConnections) {
  options_.max_connections = 1;
  start();
  run([&]() -> Task<> {
    TcpSocket first = co_await connect();
    TcpSocket second = co_await connect();
    const std::string request = get("/hello");
    co_await asio::async_write(second, asio::buffer(request), use_task);
    const std::string answer = co_await read_all(second);
    EXPECT_EQ(status_of(answer), 503);
    const size_t head = answer.find("\r\n\r\n") + 4;
    EXPECT_NE(answer.find("Content-Length: " + std::to_string(answer.size() - head) + "\r\n"),
              std::string::npos);
    EXPECT_EQ(counters_.connections_over_limit, 1u);
  });
}

TEST_F(ServerTest, DropsClientsThatTakeTheirTime) {
  options_.header_timeout = std::chrono::milliseconds(20);
  options_.idle_timeout = std::chrono::milliseconds(20);
  start();
  EXPECT_EQ(status_of(exchange({"GET / HT"})), 408);
  EXPECT_EQ(exchange({}), "");
  const std::string kept = exchange({"GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"});
  EXPECT_TRUE(kept.ends_with("hello"));  // closed after it was idle
  EXPECT_EQ(counters_.requests_timed_out, 1u);
}

TEST_F(ServerTest, StopLetsARequestFinish) {
  Signal go(context_.get_executor());
  router_.add("GET", "/slow", [&](Request) -> Task<Response> {
    co_await go.wait();
    co_return Response::text("finished");
  });
  start();
  run([&]() -> Task<> {
    TcpSocket idle = co_await connect();
    TcpSocket busy = co_await connect();
    const std::string request = "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n";
    co_await asio::async_write(busy, asio::buffer(request), use_task);
    while (counters_.requests == 0) {
      // Lets the server go on.
      Timer turn(context_.get_executor(), Timer::duration::zero());
      co_await turn.async_wait(use_task);
    }
    bool stopped = false;
    asio::co_spawn(context_, server_->stop(), [&](const std::exception_ptr&) { stopped = true; });
    const std::string nothing = co_await read_all(idle);
    EXPECT_EQ(nothing, "");
    EXPECT_FALSE(stopped);
    go.notify();
    const std::string answer = co_await read_all(busy);
    EXPECT_TRUE(answer.ends_with("finished"));
  });
}

TEST_F(ServerTest, SaysWhyItCannotListen) {
  start();
  ServerOptions same = options_;
  same.listen = {server_->addresses().front()};
  Server second(context_, router_, same, counters_);
  EXPECT_EQ(second.start().error().code, "listen_failed");
  same.listen = {{{IpAddress::v4(127, 0, 0, 1), 0}, true}};
  Server third(context_, router_, same, counters_);
  EXPECT_EQ(third.start().error().code, "tls_invalid");
}

}  // namespace
}  // namespace loopcast::http
