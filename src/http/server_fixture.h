// For tests of a whole server.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>

#include "http/server.h"

namespace loopcast::http {

// A server and a client in one io_context: each test ends when its client is done.
class ServerTest : public ::testing::Test {
 protected:
  ServerTest() {
    options_.listen = {{{IpAddress::v4(127, 0, 0, 1), 0}, false}};
    options_.log = [this](std::string_view what) { logged_ = what; };
    router_.add("GET", "/hello",
                [](Request) -> Task<Response> { co_return Response::text("hello"); });
    router_.add("POST", "/echo",
                [](Request request) -> Task<Response> { co_return Response::text(request.body); });
    router_.add("GET", "/who", [](Request request) -> Task<Response> {
      co_return Response::text(request.remote.ip.to_string() + (request.secure ? " tls" : ""));
    });
    router_.add("GET", "/throw", [](Request) -> Task<Response> {
      throw std::runtime_error("out of order");
      co_return Response();
    });
  }

  void start(EngineIo* engine = nullptr) {
    server_ = std::make_unique<Server>(context_, router_, options_, counters_);
    if (engine) server_->mount(*engine);
    const Status status = server_->start();
    ASSERT_TRUE(status) << status.error().message;
  }

  Task<TcpSocket> connect() {
    const asio::ip::tcp::endpoint endpoint(asio::ip::address_v4::loopback(),
                                           server_->addresses().front().address.port);
    TcpSocket socket(context_.get_executor());
    co_await socket.async_connect(endpoint, use_task);
    co_return socket;
  }

  // Everything that comes until the server closes.
  Task<std::string> read_all(TcpSocket& socket) {
    std::string text;
    error_code error;
    co_await asio::async_read(socket, asio::dynamic_buffer(text),
                              asio::redirect_error(use_task, error));
    co_return text;
  }

  // Sends the pieces on one connection, and returns what comes until the server closes.
  std::string exchange(const std::vector<std::string>& pieces) {
    std::string result;
    run([&]() -> Task<> {
      TcpSocket socket = co_await connect();
      for (const std::string& piece : pieces) {
        error_code error;
        co_await asio::async_write(socket, asio::buffer(piece),
                                   asio::redirect_error(use_task, error));
      }
      result = co_await read_all(socket);
    });
    return result;
  }

  template <typename F>
  void run(F client) {
    bool done = false;
    asio::co_spawn(context_, client(), [&](const std::exception_ptr& error) {
      EXPECT_FALSE(error);
      done = true;
    });
    context_.restart();
    while (!done && context_.run_one() > 0) {
    }
  }

  static std::string get(const std::string& path, const std::string& more = {}) {
    return "GET " + path + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + more + "\r\n";
  }
  static int status_of(const std::string& answer) {
    return answer.size() > 12 ? std::stoi(answer.substr(9, 3)) : 0;
  }

  HttpCounters counters_;
  asio::io_context context_{1};
  Router router_;
  ServerOptions options_;
  std::unique_ptr<Server> server_;
  std::string logged_;
};

}  // namespace loopcast::http
