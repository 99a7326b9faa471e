#include "http/socketio.h"

#include <utility>

#include "http/engineio_server.h"
#include "http/socketio_client.h"

namespace loopcast::http {

namespace json = boost::json;

void Ack::operator()(json::array args, Attachments attachments) const {
  if (!state_ || std::exchange(state_->given, true)) return;
  const SocketPtr socket = state_->socket.lock();
  if (!socket || !socket->connected()) return;
  const auto client = socket->client_.lock();
  if (!client) return;
  const auto type = attachments.empty() ? SocketType::kAck : SocketType::kBinaryAck;
  client->send({type, 0, socket->name_space(), state_->id, json::value(std::move(args))},
               attachments);
}

std::string_view Socket::query(std::string_view name) const { return handshake_->query.get(name); }

const SocketAddress& Socket::remote() const { return handshake_->remote; }

std::string_view Socket::header(std::string_view name) const {
  return handshake_->headers.get(name);
}

bool Socket::admit() {
  const auto client = client_.lock();
  return client && connected_ && client->admit();
}

int Socket::engine_protocol() const { return handshake_->protocol; }

void Socket::emit(std::string_view event, json::array args, Attachments attachments) {
  const auto client = client_.lock();
  if (!client || !connected_) return;
  args.insert(args.begin(), json::value(event));
  const auto type = attachments.empty() ? SocketType::kEvent : SocketType::kBinaryEvent;
  client->send({type, 0, name_space_, std::nullopt, json::value(std::move(args))}, attachments);
}

void Socket::error(const json::value& value) {
  const auto client = client_.lock();
  if (!client || !connected_) return;
  if (client->protocol() == 3)
    client->send({SocketType::kConnectError, 0, name_space_, std::nullopt, value}, {});
  else
    emit("error", {value});
}

void Socket::disconnect() {
  const auto client = client_.lock();
  if (client && connected_) client->disconnect(*this);
}

SocketServer::SocketServer(asio::io_context& io, Random& source, SocketIoOptions settings,
                           HttpCounters& metrics)
    : context(io),
      random(source),
      options(std::move(settings)),
      counters(metrics),
      engine_(io, source, options.engine, *this, metrics) {}

const NamespaceHandlers* SocketServer::handlers(const std::string& name) const {
  const auto it = namespaces.find(name);
  return it == namespaces.end() ? nullptr : &it->second;
}

void SocketServer::stop() {
  stopped = true;
  engine_.server()->abandon();
  const auto clients = std::move(clients_);
  clients_.clear();
  for (const auto& [engine, client] : clients) client->closed("server shutting down");
}

void SocketServer::log(std::string_view what) const {
  if (options.log) options.log(what);
}

void SocketServer::on_open(const std::shared_ptr<EngineSocket>& socket) {
  const auto client = std::make_shared<SocketClient>(shared_from_this(), socket);
  clients_.emplace(socket.get(), client);
  client->start();
}

void SocketServer::on_message(const std::shared_ptr<EngineSocket>& socket, std::string data,
                              bool binary) {
  const auto it = clients_.find(socket.get());
  if (it == clients_.end()) return;
  const auto client = it->second;
  client->receive(std::move(data), binary);
}

void SocketServer::on_close(const std::shared_ptr<EngineSocket>& socket, std::string_view reason) {
  const auto it = clients_.find(socket.get());
  if (it == clients_.end()) return;
  const auto client = it->second;
  clients_.erase(it);
  client->closed(reason);
}

SocketIo::SocketIo(asio::io_context& context, Random& random, SocketIoOptions options,
                   HttpCounters& counters)
    : server_(std::make_shared<SocketServer>(context, random, std::move(options), counters)) {}

SocketIo::~SocketIo() { server_->stop(); }

void SocketIo::add_namespace(std::string name, NamespaceHandlers handlers) {
  server_->namespaces.insert_or_assign(std::move(name), std::move(handlers));
}

EngineIo& SocketIo::engine() { return server_->engine(); }

}  // namespace loopcast::http
