#include "http/engineio_codec.h"

#include <algorithm>
#include <utility>

#include <sodium.h>

#include "http/utf8.h"

namespace loopcast::http {
namespace {

// Revision 4 separates the packets of a payload by this character.
constexpr char kSeparator = '\x1e';
// Of a length in a payload: 9 digits are more than any body.
constexpr size_t kMaxLengthDigits = 9;

std::optional<EngineType> type_of(uint8_t number) {
  if (number > static_cast<uint8_t>(EngineType::kNoop)) return std::nullopt;
  return static_cast<EngineType>(number);
}
std::optional<EngineType> type_of_digit(char digit) {
  return type_of(static_cast<uint8_t>(digit - '0'));
}
char digit_of(EngineType type) { return static_cast<char>('0' + static_cast<int>(type)); }

std::optional<std::string> decode_base64(std::string_view text) {
  // Browsers pad, some clients do not.
  while (text.ends_with('=')) text.remove_suffix(1);
  std::string out(text.size() / 4 * 3 + 3, '\0');
  size_t size = 0;
  const char* end = nullptr;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(out.data()), out.size(), text.data(),
                        text.size(), nullptr, &size, &end,
                        sodium_base64_VARIANT_ORIGINAL_NO_PADDING) != 0 ||
      end != text.data() + text.size())
    return std::nullopt;
  out.resize(size);
  return out;
}

std::string encode_base64(std::string_view data) {
  std::string out(sodium_base64_encoded_len(data.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
  sodium_bin2base64(out.data(), out.size(), reinterpret_cast<const unsigned char*>(data.data()),
                    data.size(), sodium_base64_VARIANT_ORIGINAL);
  out.resize(out.size() - 1);  // libsodium ends it with a zero
  return out;
}

std::optional<EnginePacket> decode_text(int protocol, std::string_view text) {
  if (text.empty()) return std::nullopt;
  if (text[0] == 'b') {
    text.remove_prefix(1);
    if (protocol == 3) {  // the type comes before the base64
      if (text.empty() || type_of_digit(text[0]) != EngineType::kMessage) return std::nullopt;
      text.remove_prefix(1);
    }
    auto data = decode_base64(text);
    if (!data) return std::nullopt;
    return EnginePacket{EngineType::kMessage, std::move(*data), true};
  }
  const auto type = type_of_digit(text[0]);
  text.remove_prefix(1);
  if (!type || !is_utf8(text)) return std::nullopt;
  return EnginePacket{*type, std::string(text), false};
}

std::optional<EnginePacket> decode_binary(int protocol, std::string_view data) {
  if (protocol == 3) {
    if (data.empty() || type_of(static_cast<uint8_t>(data[0])) != EngineType::kMessage)
      return std::nullopt;
    data.remove_prefix(1);
  }
  return EnginePacket{EngineType::kMessage, std::string(data), true};
}

// As text for a payload: binary data in base64.
std::string encode_text(int protocol, const EnginePacket& packet) {
  std::string out;
  if (packet.binary) {
    out = protocol == 3 ? "b4" : "b";
    return out + encode_base64(packet.data);
  }
  out.reserve(packet.data.size() + 1);
  out = digit_of(packet.type);
  return out + packet.data;
}

// A decimal number followed by ':'; takes both away.
std::optional<size_t> take_length(std::string_view& text) {
  const size_t colon = text.find(':');
  if (colon == 0 || colon == std::string_view::npos || colon > kMaxLengthDigits)
    return std::nullopt;
  size_t value = 0;
  for (const char c : text.substr(0, colon)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<size_t>(c - '0');
  }
  text.remove_prefix(colon + 1);
  return value;
}

using Packets = std::optional<std::vector<EnginePacket>>;

// <length>:<packet> repeated; lengths in UTF-16 code units.
Packets decode_payload_v3(std::string_view body) {
  std::vector<EnginePacket> packets;
  while (!body.empty()) {
    const auto length = take_length(body);
    if (!length || *length == 0) return std::nullopt;
    const auto bytes = utf16_prefix(body, *length);
    if (!bytes) return std::nullopt;
    auto packet = decode_text(3, body.substr(0, *bytes));
    if (!packet || packets.size() == kMaxPacketsInPayload) return std::nullopt;
    packets.push_back(std::move(*packet));
    body.remove_prefix(*bytes);
  }
  return packets;
}

// 0 (text) or 1 (binary), the digits of the length in bytes as numbers 0 to 9, 255, the packet;
// repeated.
Packets decode_payload_v3_binary(std::string_view body) {
  std::vector<EnginePacket> packets;
  while (!body.empty()) {
    const auto kind = static_cast<uint8_t>(body[0]);
    if (kind > 1) return std::nullopt;
    body.remove_prefix(1);
    const size_t end = body.find('\xff');
    if (end == 0 || end == std::string_view::npos || end > kMaxLengthDigits) return std::nullopt;
    size_t length = 0;
    for (const char c : body.substr(0, end)) {
      if (static_cast<uint8_t>(c) > 9) return std::nullopt;
      length = length * 10 + static_cast<uint8_t>(c);
    }
    body.remove_prefix(end + 1);
    if (length > body.size()) return std::nullopt;
    const std::string_view data = body.substr(0, length);
    auto packet = kind == 1 ? decode_binary(3, data) : decode_text(3, data);
    if (!packet || packets.size() == kMaxPacketsInPayload) return std::nullopt;
    packets.push_back(std::move(*packet));
    body.remove_prefix(length);
  }
  return packets;
}

Packets decode_payload_v4(std::string_view body) {
  std::vector<EnginePacket> packets;
  for (;;) {
    const size_t end = std::min(body.find(kSeparator), body.size());
    auto packet = decode_text(4, body.substr(0, end));
    if (!packet || packets.size() == kMaxPacketsInPayload) return std::nullopt;
    packets.push_back(std::move(*packet));
    if (end == body.size()) return packets;
    body.remove_prefix(end + 1);
  }
}

std::string encode_payload_v3_binary(std::span<const EnginePacket> packets) {
  std::string out;
  for (const EnginePacket& packet : packets) {
    out += packet.binary ? '\1' : '\0';
    for (const char digit : std::to_string(packet.data.size() + 1))
      out += static_cast<char>(digit - '0');
    out += '\xff';
    out += packet.binary ? static_cast<char>(packet.type) : digit_of(packet.type);
    out += packet.data;
  }
  return out;
}

}  // namespace

std::optional<EnginePacket> decode_engine_frame(int protocol, std::string_view data, bool binary) {
  return binary ? decode_binary(protocol, data) : decode_text(protocol, data);
}

EngineFrame encode_engine_frame(int protocol, const EnginePacket& packet) {
  EngineFrame frame;
  frame.binary = packet.binary;
  frame.data.reserve(packet.data.size() + 1);
  if (!packet.binary)
    frame.data += digit_of(packet.type);
  else if (protocol == 3)
    frame.data += static_cast<char>(packet.type);
  frame.data += packet.data;
  return frame;
}

Packets decode_engine_payload(int protocol, std::string_view body, bool binary) {
  if (body.empty()) return std::nullopt;
  if (protocol == 4) return decode_payload_v4(body);
  return binary ? decode_payload_v3_binary(body) : decode_payload_v3(body);
}

EngineFrame encode_engine_payload(int protocol, std::span<const EnginePacket> packets,
                                  bool binary_allowed) {
  EngineFrame frame;
  if (protocol == 4) {
    for (const EnginePacket& packet : packets) {
      if (!frame.data.empty()) frame.data += kSeparator;
      frame.data += encode_text(4, packet);
    }
    return frame;
  }
  if (binary_allowed && std::ranges::any_of(packets, &EnginePacket::binary)) {
    frame.data = encode_payload_v3_binary(packets);
    frame.binary = true;
    return frame;
  }
  for (const EnginePacket& packet : packets) {
    const std::string text = encode_text(3, packet);
    frame.data += std::to_string(utf16_length(text).value_or(text.size()));
    frame.data += ':';
    frame.data += text;
  }
  return frame;
}

}  // namespace loopcast::http
