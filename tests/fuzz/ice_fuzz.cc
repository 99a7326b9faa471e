// An ICE agent fed with datagrams from a few addresses. The input is a series of steps: one byte of
// kind and address, one of length, then that many bytes. Steps are a datagram as it is; its body as
// the attributes of a request, or of an answer to the agent's latest check, with the right
// MESSAGE-INTEGRITY; or time passing.
#include <algorithm>
#include <array>
#include <cstdlib>

#include "rtc/ice.h"

using namespace loopcast;
using namespace loopcast::rtc;

namespace {

const IceCredentials kOurs{"ours", "our-password-of-24-chars"};
const IceCredentials kTheirs{"their", "their-password-of-24-char"};

// A message with `body` behind its own attributes, signed.
size_t signed_message(MutableBytes out, wire::StunClass cls, const wire::TransactionId& id,
                      Bytes body, std::string_view password) {
  // SOFTWARE of the body's size makes the room that the body then takes.
  wire::StunWriter writer(out, cls, wire::kStunBinding, id);
  if (cls == wire::StunClass::kRequest) writer.username("ours:their");
  const size_t at = cls == wire::StunClass::kRequest ? 36 : 20;
  writer.software(as_text(body));
  for (size_t i = 0; i < body.size() && body.size() >= 4; ++i) out[at + i] = body[i];
  return writer.finish(password);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ByteReader in({data, size});
  Instant now = Instant::from_us(1'000'000);
  IceAgent agent(now, kOurs, kTheirs, Random::from_number(1).fork());
  wire::TransactionId latest_check{};
  Route latest_route;
  uint32_t requests = 0;

  while (in.remaining() >= 2) {
    const uint8_t kind = in.u8();
    const size_t length = in.u8();
    const Bytes body = in.bytes(std::min(length, in.remaining()));
    Route from;
    from.remote = {IpAddress::v4(192, 0, 2, static_cast<uint8_t>(kind >> 3)), 5000};

    std::array<uint8_t, 700> out;
    switch (kind & 3) {
      case 0:
        agent.handle_datagram(now, from, body);
        break;
      case 1: {
        wire::TransactionId id{};
        store_u32(id.data(), ++requests);
        const size_t n = signed_message(out, wire::StunClass::kRequest, id, body, kOurs.password);
        agent.handle_datagram(now, from, Bytes(out).first(n));
        break;
      }
      case 2: {
        const size_t n =
            signed_message(out, wire::StunClass::kSuccess, latest_check, body, kTheirs.password);
        agent.handle_datagram(now, (kind & 4) != 0 ? latest_route : from, Bytes(out).first(n));
        break;
      }
      default:
        now = now + Duration::millis(static_cast<int64_t>(length) * length);
        agent.handle_timeout(now);
        if (!agent.next_timeout().is_never() && agent.next_timeout() <= now) std::abort();
    }

    std::array<uint8_t, 1200> sent;
    Route to;
    size_t count = 0;
    while (const size_t n = agent.poll_transmit(now, sent, to)) {
      if (++count > IceAgent::kMaxQueued) std::abort();
      const auto message = wire::StunMessage::parse(Bytes(sent).first(n));
      if (!message) std::abort();
      if (message->cls == wire::StunClass::kRequest) {
        latest_check = message->transaction;
        latest_route = to;
      }
    }
    if (agent.selected() != nullptr && !agent.is_validated(*agent.selected())) std::abort();
    if ((agent.state() == IceAgent::State::kConnected) != (agent.selected() != nullptr))
      std::abort();
  }
  return 0;
}
