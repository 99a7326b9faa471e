#include "http/socketio.h"

#include "http/server_fixture.h"

namespace loopcast::http {
namespace {

// Clients that speak Socket.IO over polling.
class SocketIoTest : public ServerTest {
 protected:
  SocketIoTest() { settings_.engine.cors_origins = {"*"}; }
  void TearDown() override { server_.reset(); }

  void start_sockets() {
    sockets_ = std::make_unique<SocketIo>(context_, random_, settings_, counters_);
    NamespaceHandlers handlers;
    handlers.on_event = [this](SocketPtr, Event event) -> Task<> {
      events_.push_back(std::move(event));
      co_return;
    };
    sockets_->add_namespace("/", std::move(handlers));
    start(&sockets_->engine());
  }
  static std::string poll(const std::string& sid = {}) { return get(path(sid)); }
  static std::string post(const std::string& sid, const std::string& body) {
    return "POST " + path(sid) + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: " +
           std::to_string(body.size()) + "\r\n\r\n" + body;
  }
  // The id of a new session; empty if there is no room for it.
  std::string open() {
    const std::string answer = exchange({poll()});
    const std::string mark = "\"sid\":\"";
    const size_t at = answer.find(mark);
    if (at == std::string::npos) return {};
    return answer.substr(at + mark.size(), answer.find('"', at + mark.size()) - at - mark.size());
  }
  // The same in the default namespace.
  std::string join() {
    const std::string sid = open();
    EXPECT_EQ(status_of(exchange({post(sid, "40")})), 200);
    EXPECT_EQ(status_of(exchange({poll(sid)})), 200);
    return sid;
  }

  SocketIoOptions settings_;
  std::vector<Event> events_;

 private:
  static std::string path(const std::string& sid) {
    return "/socket.io/?EIO=4&transport=polling" + (sid.empty() ? "" : "&sid=" + sid);
  }

  Random random_ = Random::from_number(6);
  std::unique_ptr<SocketIo> sockets_;
};

TEST_F(SocketIoTest, AStrangerWhoLeavesMakesRoomForTheNext) {
  settings_.engine.sign_in = true;
  settings_.engine.max_strangers_per_host = 2;
  start_sockets();
  const std::string other = open();
  EXPECT_NE(other, "");
  for (int i = 0; i < 5; ++i) {
    const std::string sid = open();
    EXPECT_NE(sid, "") << i;
    EXPECT_EQ(open(), "") << i;
    EXPECT_EQ(status_of(exchange({post(sid, "1")})), 200);
  }
  EXPECT_EQ(counters_.engine_strangers_refused, 5u);
}

TEST_F(SocketIoTest, EventsThatWaitAreBounded) {
  settings_.max_waiting_events = 4;
  start_sockets();
  const std::string event = "42[\"a\"]";
  const std::string sid = join();
  EXPECT_EQ(status_of(exchange({post(sid, event + '\x1e' + event)})), 200);
  EXPECT_EQ(events_.size(), 2u);
  std::string many = event;
  for (int i = 0; i < 20; ++i) many += '\x1e' + event;
  exchange({post(sid, many)});
  EXPECT_EQ(counters_.socket_event_overflows, 1u);
  EXPECT_LE(events_.size(), 2 + settings_.max_waiting_events);
  EXPECT_TRUE(exchange({poll(sid)}).ends_with("\r\n\r\n1")) << "it is closed";
}

TEST_F(SocketIoTest, AttachmentsAreTogetherAsMuchAsOneMessage) {
  settings_.engine.max_payload = 1'000;
  start_sockets();
  const std::string event =
      "453-[\"a\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1},"
      "{\"_placeholder\":true,\"num\":2}]";
  // In base64, which takes four letters for three bytes.
  for (const size_t bytes : {333, 336}) {
    const std::string sid = join();
    exchange({post(sid, event)});
    for (int i = 0; i < 3; ++i) exchange({post(sid, 'b' + std::string(bytes / 3 * 4, 'A'))});
    EXPECT_EQ(events_.size(), 1u) << bytes;
    EXPECT_EQ(counters_.socket_protocol_errors, bytes > 333 ? 1u : 0u);
  }
  ASSERT_EQ(events_.front().attachments.size(), 3u);
}

}  // namespace
}  // namespace loopcast::http
