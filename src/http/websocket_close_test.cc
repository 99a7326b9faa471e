// WebSockets whose reader and closer wait for each other: Beast holds a read that has something
// malformed until who closes is through, and who closes until the reader is.
#include <array>
#include <string>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/engineio.h"
#include "http/server.h"

namespace loopcast::http {
namespace {

using asio::ip::tcp;
using std::chrono::milliseconds;

struct Sessions final : EngineHandler {
  void on_open(const std::shared_ptr<EngineSocket>& socket) override { opened = socket; }
  void on_message(const std::shared_ptr<EngineSocket>&, std::string, bool) override {}
  void on_close(const std::shared_ptr<EngineSocket>&, std::string_view) override { ++closed; }
  std::shared_ptr<EngineSocket> opened;
  int closed = 0;
};

class WebSocketCloseTest : public ::testing::Test {
 protected:
  WebSocketCloseTest() {
    options_.listen = {{{IpAddress::v4(127, 0, 0, 1), 0}, false}};
    options_.stop_timeout = milliseconds(300);
    EngineOptions engine;
    engine.closing_time = milliseconds(500);
    engine_ = std::make_unique<EngineIo>(context_, random_, engine, sessions_, counters_);
    server_ = std::make_unique<Server>(context_, router_, options_, counters_);
    server_->mount(*engine_);
  }

  // Does what there is to do for so long.
  void run(milliseconds time) {
    context_.restart();
    context_.run_for(time);
  }
  // Until `done`, or for `limit`; whether it was done.
  template <typename Done>
  bool run_until(Done done, milliseconds limit) {
    const auto end = std::chrono::steady_clock::now() + limit;
    while (!done() && std::chrono::steady_clock::now() < end) run(milliseconds(5));
    return done();
  }

  void open() {
    ASSERT_TRUE(server_->start());
    client_.connect({asio::ip::address_v4::loopback(), server_->addresses().front().address.port});
    asio::write(client_, asio::buffer(std::string(
                             "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: a\r\n"
                             "Connection: Upgrade\r\nUpgrade: websocket\r\n"
                             "Sec-WebSocket-Version: 13\r\n"
                             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")));
    ASSERT_TRUE(run_until([&] { return sessions_.opened != nullptr; }, milliseconds(5'000)));
    run(milliseconds(50));  // what it is told at first
    client_.non_blocking(true);
  }

  // The server's end of the client's connection.
  int server_end() const {
    for (int fd = 3; fd < 1024; ++fd) {
      sockaddr_in name{};
      socklen_t length = sizeof name;
      if (::getpeername(fd, reinterpret_cast<sockaddr*>(&name), &length) == 0 &&
          name.sin_family == AF_INET && ntohs(name.sin_port) == client_.local_endpoint().port())
        return fd;
    }
    return -1;
  }
  // There is no room for another byte on the way to the client, who does not read.
  void fill() const {
    const int fd = server_end();
    ASSERT_GE(fd, 0);
    const std::array<char, 4096> bytes{};
    while (::send(fd, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
    }
    while (::send(fd, bytes.data(), 1, MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
    }
  }
  // While the server's close frame waits for room, its reader gets what is no frame; then there is
  // room. From here on both wait.
  void lock_up() {
    run(milliseconds(50));
    const std::array<unsigned char, 4> malformed{0xff, 0xff, 0xff, 0xff};
    asio::write(client_, asio::buffer(malformed));
    run(milliseconds(50));
    error_code error;
    std::array<char, 65'536> bytes{};
    for (int quiet = 0; quiet < 5; ++quiet) {
      while (client_.read_some(asio::buffer(bytes), error) > 0) quiet = 0;
      run(milliseconds(10));
    }
  }

  HttpCounters counters_;
  asio::io_context context_{1};
  Random random_ = Random::from_number(4);
  Router router_;
  ServerOptions options_;
  Sessions sessions_;
  std::unique_ptr<EngineIo> engine_;
  std::unique_ptr<Server> server_;
  asio::io_context client_context_;
  tcp::socket client_{client_context_};
};

TEST_F(WebSocketCloseTest, ASessionThatIsClosedEndsWithinItsTime) {
  open();
  fill();
  sessions_.opened->close("enough");
  lock_up();
  EXPECT_EQ(sessions_.closed, 1);
  EXPECT_EQ(counters_.websockets, 1u) << "it was to be locked up";
  EXPECT_TRUE(run_until([&] { return counters_.websockets == 0; }, milliseconds(5'000)));
}

TEST_F(WebSocketCloseTest, AServerStops) {
  open();
  fill();
  bool stopped = false;
  const auto stop = [&]() -> Task<> {
    co_await server_->stop();
    stopped = true;
  };
  asio::co_spawn(context_, stop, asio::detached);
  lock_up();
  // Not only that stop() is done: nothing is left that would hold up the end of the process.
  EXPECT_TRUE(run_until([&] { return stopped && context_.stopped(); }, milliseconds(5'000)));
  EXPECT_EQ(counters_.websockets, 0u);
}

}  // namespace
}  // namespace loopcast::http
