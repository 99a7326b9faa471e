// One Engine.IO session under a client that keeps to no rules. The first byte chooses revision and
// transport; then come steps: a kind, a size, and so many bytes.
#include <algorithm>
#include <cstdlib>

#include "base/bytes.h"
#include "http/engineio_session.h"

using namespace loopcast;
using http::EngineSession;

namespace {

enum Step : uint8_t {
  kPacket,
  kSend,
  kBeginPoll,
  kTakePoll,
  kTakePacket,
  kBeginProbe,
  kProbePacket,
  kEndProbe,
  kTime,  // milliseconds in 16 bits
  kCloseWhenSent,
  kClose,
  kSteps
};

constexpr size_t kMaxQueue = 4096;

void require(bool holds) {
  if (!holds) std::abort();
}

class Client {
 public:
  explicit Client(uint8_t choice) : protocol_((choice & 1) ? 4 : 3), session_(make(choice)) {}

  void take(Step step, Bytes body) {
    const bool was_on_websocket = session_.on_websocket();
    const EngineSession::Phase was = session_.phase();
    act(step, body);
    require(session_.queued() <= kMaxQueue);
    require(session_.on_websocket() || !was_on_websocket);
    require(session_.phase() >= was);
    require((session_.phase() == EngineSession::Phase::kOpen) == session_.close_reason().empty());
    if (session_.phase() != EngineSession::Phase::kClosed) return;
    require(session_.queued() == 0 && session_.next_timeout().is_never());
  }

 private:
  EngineSession make(uint8_t choice) const {
    EngineSession::Config config;
    config.protocol = protocol_;
    config.websocket = (choice & 2) != 0;
    config.max_queue = kMaxQueue;
    return {now_, config, {http::EngineType::kOpen, "{}"}};
  }
  // As it comes from the wire.
  std::optional<http::EnginePacket> packet(Bytes body) const {
    if (body.empty()) return std::nullopt;
    const bool binary = (body[0] & 0x80) != 0;
    return http::decode_engine_frame(protocol_, as_text(body.subspan(binary ? 1 : 0)), binary);
  }

  void act(Step step, Bytes body) {
    switch (step) {
      case kPacket:
        if (auto read = packet(body)) {
          const auto message = session_.receive(now_, *read);
          require(!message || *message == *read);
        }
        break;
      case kSend:
        session_.send({http::EngineType::kMessage, std::string(as_text(body)), true});
        break;
      case kBeginPoll:
        if (session_.begin_poll(now_) == EngineSession::Poll::kWait) polls_ = true;
        break;
      case kTakePoll:
        // Whoever holds the poll answers it when it is ready, and no sooner.
        if (!polls_ || !session_.poll_ready()) break;
        polls_ = false;
        require(!session_.take_poll().empty() || session_.on_websocket());
        break;
      case kTakePacket:
        if (session_.write_ready()) session_.take_packet();
        break;
      case kBeginProbe:
        if (session_.begin_probe(now_)) require(session_.upgrading());
        break;
      case kProbePacket:
        if (const auto read = packet(body)) {
          const auto answer = session_.receive_probe(now_, *read);
          require(answer != EngineSession::ProbeAnswer::kUpgraded || session_.on_websocket());
        }
        break;
      case kEndProbe:
        session_.end_probe();
        break;
      case kTime:
        if (body.size() >= 2) now_ = now_ + Duration::millis(load_u16(body.data()));
        session_.handle_timeout(now_);
        // Several may be due, one after the other.
        for (int i = 0; session_.next_timeout() <= now_; ++i) {
          require(i < 10);
          session_.handle_timeout(now_);
        }
        break;
      case kCloseWhenSent:
        session_.close_when_sent(now_, "test");
        break;
      case kClose:
        session_.close("test");
        break;
      case kSteps:
        break;
    }
  }

  int protocol_;
  Instant now_ = Instant::from_us(1'000'000);
  EngineSession session_;
  bool polls_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ByteReader in({data, size});
  Client client(in.u8());
  while (in.ok() && in.remaining() >= 2) {
    const auto step = static_cast<Step>(in.u8() % kSteps);
    client.take(step, in.bytes(std::min<size_t>(in.u8(), in.remaining())));
  }
  return 0;
}
