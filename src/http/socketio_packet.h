// Socket.IO packets as text: <type>[<attachments>-][<namespace>,][<ack id>][<JSON>].
// https://github.com/socketio/socket.io-protocol (revisions 4 and 5 write them alike)
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <boost/json/value.hpp>

namespace loopcast::http {

enum class SocketType : uint8_t {
  kConnect,
  kDisconnect,
  kEvent,
  kAck,
  kConnectError,  // ERROR in revision 4
  kBinaryEvent,
  kBinaryAck,
};

struct SocketPacket {
  SocketType type = SocketType::kEvent;
  size_t attachments = 0;  // how many binary messages follow
  std::string name_space = "/";
  std::optional<uint64_t> id;  // of the acknowledgement asked for or given
  std::optional<boost::json::value> data;
};

// nullopt: not a packet. The shape of `data` is checked: an event is an array that begins with its
// name (a string), an acknowledgement is an array with its id, CONNECT carries nothing or an
// object. Binary packets carry at most `max_attachments` and every placeholder stands for one of
// them. A query string behind a namespace (revision 4) is left out.
std::optional<SocketPacket> decode_socket_packet(std::string_view text, size_t max_attachments);
std::string encode_socket_packet(const SocketPacket& packet);

}  // namespace loopcast::http
