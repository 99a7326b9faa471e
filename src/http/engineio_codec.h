// Engine.IO packets, protocol revisions 3 and 4, as bytes: one packet in a WebSocket frame, several
// in the payload of a polling request.
// https://github.com/socketio/engine.io-protocol
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace loopcast::http {

enum class EngineType : uint8_t { kOpen, kClose, kPing, kPong, kMessage, kUpgrade, kNoop };

struct EnginePacket {
  EngineType type = EngineType::kNoop;
  std::string data;     // UTF-8 unless binary
  bool binary = false;  // messages only
  bool operator==(const EnginePacket&) const = default;
};

// The content of a WebSocket frame or of a polling request.
struct EngineFrame {
  std::string data;
  bool binary = false;
  bool operator==(const EngineFrame&) const = default;
};

// A payload with more packets is malformed. Clients send what piled up during one request:
// hundreds.
inline constexpr size_t kMaxPacketsInPayload = 10'000;

// `protocol` is 3 or 4 everywhere. nullopt: not a packet, or text that is not UTF-8.
std::optional<EnginePacket> decode_engine_frame(int protocol, std::string_view data, bool binary);
EngineFrame encode_engine_frame(int protocol, const EnginePacket& packet);

// `binary`: the request's Content-Type is application/octet-stream (revision 3 only). nullopt if
// any packet is malformed, if there is none, or if there are more than kMaxPacketsInPayload.
std::optional<std::vector<EnginePacket>> decode_engine_payload(int protocol, std::string_view body,
                                                               bool binary);
// `binary_allowed`: the client can read revision 3's binary payloads (it did not ask for b64=1);
// used only if one of the packets is binary. The text of each packet must be UTF-8.
EngineFrame encode_engine_payload(int protocol, std::span<const EnginePacket> packets,
                                  bool binary_allowed);

}  // namespace loopcast::http
