#include "http/socketio_packet.h"

#include <charconv>

#include <boost/json/serialize.hpp>

#include "http/message.h"

namespace loopcast::http {
namespace {

namespace json = boost::json;

// A longer one is no namespace of ours.
constexpr size_t kMaxNamespace = 256;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The decimal number that `text` begins with, taken away. nullopt if there is none or it is too
// large.
std::optional<uint64_t> take_number(std::string_view& text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return value;
}

// Whether each placeholder in the value stands for one of `attachments`. The parser has bounded the
// depth.
bool placeholders_fit(const json::value& value, size_t attachments) {
  if (const auto* array = value.if_array()) {
    for (const auto& element : *array)
      if (!placeholders_fit(element, attachments)) return false;
  } else if (const auto* object = value.if_object()) {
    const auto* mark = object->if_contains("_placeholder");
    if (mark && mark->is_bool() && mark->get_bool()) {
      const auto* number = object->if_contains("num");
      return number && number->is_int64() && number->get_int64() >= 0 &&
             static_cast<uint64_t>(number->get_int64()) < attachments;
    }
    for (const auto& member : *object)
      if (!placeholders_fit(member.value(), attachments)) return false;
  }
  return true;
}

bool shape_fits(const SocketPacket& packet) {
  const json::array* array = packet.data ? packet.data->if_array() : nullptr;
  switch (packet.type) {
    case SocketType::kConnect:
      return !packet.data || packet.data->is_object();
    case SocketType::kDisconnect:
      return !packet.data;
    case SocketType::kEvent:
    case SocketType::kBinaryEvent:
      return array && !array->empty() && array->front().is_string() &&
             placeholders_fit(*packet.data, packet.attachments);
    case SocketType::kAck:
    case SocketType::kBinaryAck:
      return array && packet.id && placeholders_fit(*packet.data, packet.attachments);
    case SocketType::kConnectError:
      return packet.data && (packet.data->is_object() || packet.data->is_string());
  }
  return false;
}

}  // namespace

std::optional<SocketPacket> decode_socket_packet(std::string_view text, size_t max_attachments) {
  SocketPacket packet;
  if (text.empty() || text[0] < '0' || text[0] > '6') return std::nullopt;
  packet.type = static_cast<SocketType>(text[0] - '0');
  text.remove_prefix(1);

  if (packet.type == SocketType::kBinaryEvent || packet.type == SocketType::kBinaryAck) {
    const auto count = take_number(text);
    if (!count || *count > max_attachments || !text.starts_with('-')) return std::nullopt;
    packet.attachments = *count;
    text.remove_prefix(1);
  }
  if (text.starts_with('/')) {
    const size_t end = std::min(text.find(','), text.size());
    if (end > kMaxNamespace) return std::nullopt;
    packet.name_space = text.substr(0, std::min(text.find('?'), end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  if (!text.empty() && is_digit(text[0])) {
    packet.id = take_number(text);
    if (!packet.id) return std::nullopt;
  }
  if (!text.empty()) {
    packet.data = parse_json(text);
    if (!packet.data) return std::nullopt;
  }
  if (!shape_fits(packet)) return std::nullopt;
  return packet;
}

std::string encode_socket_packet(const SocketPacket& packet) {
  std::string out(1, static_cast<char>('0' + static_cast<int>(packet.type)));
  if (packet.type == SocketType::kBinaryEvent || packet.type == SocketType::kBinaryAck)
    out += std::to_string(packet.attachments) + '-';
  if (packet.name_space != "/") out += packet.name_space + ',';
  if (packet.id) out += std::to_string(*packet.id);
  if (packet.data) out += json::serialize(*packet.data);
  return out;
}

}  // namespace loopcast::http
