#include "http/socketio_client.h"

#include <exception>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

namespace loopcast::http {
namespace {

namespace json = boost::json;

// 132 bits.
constexpr size_t kSocketIdLength = 22;

}  // namespace

SocketClient::SocketClient(std::shared_ptr<SocketServer> server,
                           const std::shared_ptr<EngineSocket>& engine)
    : server_(std::move(server)),
      engine_(engine),
      handshake_(engine->handshake()),
      join_timer_(server_->context.get_executor()) {}

void SocketClient::start() {
  // Clients of revision 4 are in the default namespace from the start.
  if (protocol() == 3)
    join({SocketType::kConnect, 0, "/", std::nullopt, std::nullopt});
  else
    wait_for_join();
}

void SocketClient::wait_for_join() {
  join_timer_.expires_after(server_->options.connect_timeout);
  join_timer_.async_wait([weak = weak_from_this()](error_code error) {
    const auto self = weak.lock();
    if (error || !self || !self->members_.empty()) return;
    if (const auto engine = self->engine_.lock()) engine->close("connect timeout");
  });
}

void SocketClient::protocol_error() {
  ++server_->counters.socket_protocol_errors;
  if (const auto engine = engine_.lock()) engine->close("parse error");
}

void SocketClient::receive(std::string data, bool binary) {
  if (binary) {
    if (!partial_) return protocol_error();
    partial_bytes_ += data.size();
    // All together as much as one message.
    if (partial_bytes_ > server_->options.engine.max_payload) return protocol_error();
    partial_attachments_.push_back(std::move(data));
    if (partial_attachments_.size() < partial_->attachments) return;
    SocketPacket packet = std::move(*partial_);
    partial_.reset();
    return handle(std::move(packet), std::exchange(partial_attachments_, {}));
  }
  if (partial_) return protocol_error();
  auto packet = decode_socket_packet(data, server_->options.max_attachments);
  if (!packet) return protocol_error();
  if (packet->attachments > 0) {
    // Nothing is kept for who has joined nothing.
    if (!members_.contains(packet->name_space) && !joined_before_) return protocol_error();
    partial_ = std::move(packet);
    partial_bytes_ = 0;
    return;
  }
  handle(std::move(*packet), {});
}

void SocketClient::handle(SocketPacket packet, Attachments attachments) {
  switch (packet.type) {
    case SocketType::kConnect:
      return join(packet);
    case SocketType::kDisconnect:
      return leave(packet);
    case SocketType::kEvent:
    case SocketType::kBinaryEvent:
      return event(std::move(packet), std::move(attachments));
    case SocketType::kAck:
    case SocketType::kBinaryAck:
      return;  // nothing that is sent asks for one
    case SocketType::kConnectError:
      return protocol_error();
  }
}

void SocketClient::join(const SocketPacket& packet) {
  const std::string& name = packet.name_space;
  if (members_.contains(name)) {
    if (protocol() == 4) protocol_error();
    return;
  }
  const NamespaceHandlers* handlers = server_->handlers(name);
  if (!handlers || members_.size() >= server_->options.max_namespaces) {
    const json::object why{{"message", "Invalid namespace"}};
    send({SocketType::kConnectError, 0, name, std::nullopt, why}, {});
    // Who begins with that wants nothing that there is here.
    const auto engine = engine_.lock();
    if (engine && !joined_before_) engine->close("invalid namespace");
    return;
  }
  auto member = std::make_shared<Member>(server_->context.get_executor());
  member->handlers = handlers;
  member->socket = std::make_shared<Socket>();
  Socket& socket = *member->socket;
  socket.id_ = server_->random.token(kSocketIdLength);
  socket.name_space_ = name;
  socket.auth_ = packet.data.value_or(json::object());
  socket.client_ = weak_from_this();
  socket.handshake_ = handshake_;
  members_.emplace(name, member);
  joined_before_ = true;
  join_timer_.cancel();
  ++server_->counters.sockets;

  SocketPacket answer{SocketType::kConnect, 0, name, std::nullopt, std::nullopt};
  if (protocol() == 4) answer.data = json::object{{"sid", socket.id_}};
  send(std::move(answer), {});
  if (const auto engine = engine_.lock()) engine->set_joining(true);
  asio::co_spawn(server_->context, pump(server_, std::move(member)), asio::detached);
}

void SocketClient::leave(const SocketPacket& packet) {
  const auto it = members_.find(packet.name_space);
  if (it == members_.end()) return;
  const auto member = it->second;
  members_.erase(it);
  end(member, "client namespace disconnect");
  // A client of revision 4 cannot come back to the default namespace.
  if (protocol() == 3 && packet.name_space == "/") {
    if (const auto engine = engine_.lock()) engine->close("client namespace disconnect");
  } else if (members_.empty()) {
    wait_for_join();
  }
}

void SocketClient::event(SocketPacket packet, Attachments attachments) {
  const auto it = members_.find(packet.name_space);
  if (it == members_.end()) {
    // It may not know yet that it was disconnected; but if it never joined, it makes no sense.
    if (!joined_before_) protocol_error();
    return;
  }
  Member& member = *it->second;
  if (member.events.size() >= server_->options.max_waiting_events) {
    ++server_->counters.socket_event_overflows;
    if (const auto engine = engine_.lock()) engine->close("event overflow");
    return;
  }
  json::array& data = packet.data->as_array();
  Event event;
  event.name = data.front().as_string();
  data.erase(data.begin());
  event.args = std::move(data);
  event.attachments = std::move(attachments);
  if (packet.id) {
    event.ack.state_ = std::make_shared<Ack::State>();
    event.ack.state_->socket = member.socket;
    event.ack.state_->id = *packet.id;
  }
  ++server_->counters.socket_events;
  member.events.push_back(std::move(event));
  member.news.notify();
}

void SocketClient::closed(std::string_view reason) {
  join_timer_.cancel();
  for (const auto& [name, member] : members_) end(member, reason);
  members_.clear();
}

void SocketClient::end(const std::shared_ptr<Member>& member, std::string_view reason) {
  if (!member->end.empty()) return;
  member->end = reason;
  member->socket->connected_ = false;
  member->news.notify();
}

void SocketClient::send(SocketPacket packet, const Attachments& attachments) {
  const auto engine = engine_.lock();
  if (!engine || !engine->open()) return;
  packet.attachments = attachments.size();
  engine->send(encode_socket_packet(packet), false);
  for (const std::string& attachment : attachments) engine->send(attachment, true);
}

bool SocketClient::admit() {
  const auto engine = engine_.lock();
  return engine && engine->admit();
}

void SocketClient::joined() {
  if (const auto engine = engine_.lock()) engine->set_joining(false);
}

void SocketClient::disconnect(Socket& socket) {
  const auto it = members_.find(socket.name_space());
  if (it == members_.end() || it->second->socket.get() != &socket) return;
  const auto member = it->second;
  send({SocketType::kDisconnect, 0, socket.name_space(), std::nullopt, std::nullopt}, {});
  members_.erase(it);
  // What the client asked for since is not wanted any more.
  member->events.clear();
  end(member, "server namespace disconnect");
  if (!members_.empty()) return;
  if (const auto engine = engine_.lock()) engine->close("server namespace disconnect");
}

Task<bool> SocketClient::call(std::shared_ptr<SocketServer> server,
                              std::function<Task<>()> handler) {
  try {
    co_await handler();
    co_return true;
  } catch (const std::exception& e) {
    server->log(e.what());
  }
  ++server->counters.handler_exceptions;
  co_return false;
}

Task<> SocketClient::pump(std::shared_ptr<SocketServer> server, std::shared_ptr<Member> member) {
  const SocketPtr socket = member->socket;
  if (member->handlers->on_connect && !server->stopped) {
    std::function<Task<>()> connect = [&] { return member->handlers->on_connect(socket); };
    const bool fine = co_await call(server, std::move(connect));
    if (!fine) socket->disconnect();
  }
  socket->auth_ = nullptr;
  if (const auto client = socket->client_.lock()) client->joined();
  while (!server->stopped) {
    if (!member->events.empty()) {
      Event event = std::move(member->events.front());
      member->events.pop_front();
      if (!member->handlers->on_event) continue;
      std::function<Task<>()> handle = [&] {
        return member->handlers->on_event(socket, std::move(event));
      };
      co_await call(server, std::move(handle));
      continue;
    }
    if (!member->end.empty()) break;
    co_await member->news.wait();
  }
  --server->counters.sockets;
  if (server->stopped || !member->handlers->on_disconnect) co_return;
  try {
    member->handlers->on_disconnect(socket, member->end);
  } catch (const std::exception& e) {
    ++server->counters.handler_exceptions;
    server->log(e.what());
  }
}

}  // namespace loopcast::http
