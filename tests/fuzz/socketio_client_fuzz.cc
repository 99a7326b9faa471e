// The messages of one Socket.IO client, in any order. The first byte chooses the revision; then
// come messages: a flag byte (binary; let the handlers run), a size in 16 bits, and so many bytes.
// The handlers answer every event with what it brought.
#include <algorithm>
#include <cstdlib>
#include <stdexcept>

#include "base/bytes.h"
#include "http/engineio_server.h"
#include "http/socketio_client.h"

using namespace loopcast;
using namespace loopcast::http;

namespace {

enum Flag : uint8_t { kBinary = 1, kRun = 2, kDisconnect = 4 };

void require(bool holds) {
  if (!holds) std::abort();
}

// What is sent is complete: each packet is followed by as many attachments as it announces.
class FakeEngine final : public EngineSocket {
 public:
  explicit FakeEngine(int protocol) {
    auto handshake = std::make_shared<Handshake>();
    handshake->protocol = protocol;
    handshake_ = std::move(handshake);
  }

  const std::string& id() const override { return id_; }
  const std::shared_ptr<const Handshake>& handshake() const override { return handshake_; }
  void send(std::string data, bool binary) override {
    require(open() && binary == (expected_ > 0));
    if (binary) {
      --expected_;
      return;
    }
    const auto packet = decode_socket_packet(data, SocketIoOptions().max_attachments);
    require(packet.has_value());
    expected_ = packet->attachments;
  }
  void close(std::string_view reason) override {
    open_ = false;
    if (reason_.empty()) reason_ = reason;
  }
  bool admit() override { return true; }
  void set_joining(bool) override {}

  const std::string& reason() const { return reason_; }
  size_t expected() const { return expected_; }

 private:
  std::string id_ = "session";
  std::shared_ptr<const Handshake> handshake_;
  std::string reason_;
  size_t expected_ = 0;  // attachments of the last packet that have not been sent
};

// What lasts for all runs: none of it remembers anything of one that matters to the next.
struct Fixture {
  Fixture() {
    for (const char* name : {"/", "/live", "/call"}) server->namespaces[name] = handlers();
  }

  NamespaceHandlers handlers() {
    NamespaceHandlers all;
    all.on_connect = [this](SocketPtr socket) -> Task<> {
      ++connected;
      socket->emit("hello");
      co_return;
    };
    all.on_event = [this](SocketPtr socket, Event event) -> Task<> {
      require(connected > 0);
      if (event.name == "bye") socket->disconnect();
      if (event.name == "wrong") throw std::runtime_error("as a handler may");
      event.ack(std::move(event.args), std::move(event.attachments));
      co_return;
    };
    all.on_disconnect = [this](const SocketPtr& socket, std::string_view reason) {
      require(connected > 0 && !socket->connected() && !reason.empty());
      --connected;
    };
    return all;
  }

  asio::io_context context{1};
  Random random = Random::from_number(1);
  HttpCounters counters;
  std::shared_ptr<SocketServer> server =
      std::make_shared<SocketServer>(context, random, SocketIoOptions(), counters);
  size_t connected = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Fixture fixture;
  EngineHandler& handler = *fixture.server;
  const auto run = [] {
    fixture.context.restart();
    fixture.context.poll();
  };
  ByteReader in({data, size});
  const auto engine = std::make_shared<FakeEngine>((in.u8() & 1) ? 4 : 3);
  handler.on_open(engine);
  while (in.ok() && in.remaining() >= 3 && engine->open()) {
    const uint8_t flags = in.u8();
    const Bytes message = in.bytes(std::min<size_t>(in.u16(), in.remaining()));
    handler.on_message(engine, std::string(as_text(message)), (flags & kBinary) != 0);
    require(engine->expected() == 0);
    if ((flags & kRun) != 0) run();
    if ((flags & kDisconnect) != 0) engine->close("transport close");
  }
  handler.on_close(engine, engine->reason().empty() ? "transport close" : engine->reason());
  run();
  require(fixture.connected == 0 && fixture.counters.sockets == 0);
  return 0;
}
