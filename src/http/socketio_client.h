// The Socket.IO side of one Engine.IO session: its namespaces, and the packets between them and the
// wire.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include <boost/json/array.hpp>

#include "base/random.h"
#include "http/counters.h"
#include "http/engineio.h"
#include "http/signal.h"
#include "http/socketio.h"
#include "http/socketio_packet.h"
#include "http/task.h"

namespace loopcast::http {

class SocketClient;

// What all clients of a SocketIo share.
class SocketServer final : public EngineHandler, public std::enable_shared_from_this<SocketServer> {
 public:
  SocketServer(asio::io_context& context, Random& random, SocketIoOptions options,
               HttpCounters& counters);

  EngineIo& engine() { return engine_; }
  // Calls no handler any more and lets go of every client.
  void stop();
  const NamespaceHandlers* handlers(const std::string& name) const;
  void log(std::string_view what) const;

  asio::io_context& context;
  Random& random;
  SocketIoOptions options;
  HttpCounters& counters;
  std::unordered_map<std::string, NamespaceHandlers> namespaces;
  bool stopped = false;

 private:
  void on_open(const std::shared_ptr<EngineSocket>& socket) override;
  void on_message(const std::shared_ptr<EngineSocket>& socket, std::string data,
                  bool binary) override;
  void on_close(const std::shared_ptr<EngineSocket>& socket, std::string_view reason) override;

  std::unordered_map<const EngineSocket*, std::shared_ptr<SocketClient>> clients_;
  EngineIo engine_;
};

class SocketClient : public std::enable_shared_from_this<SocketClient> {
 public:
  SocketClient(std::shared_ptr<SocketServer> server, const std::shared_ptr<EngineSocket>& engine);

  void start();
  void receive(std::string data, bool binary);
  void closed(std::string_view reason);

  // For sockets and acknowledgements.
  void send(SocketPacket packet, const Attachments& attachments);
  void disconnect(Socket& socket);
  bool admit();
  // Who the client is in one more namespace has been found out.
  void joined();
  int protocol() const { return handshake_->protocol; }

 private:
  // A socket and what waits for its handlers.
  struct Member {
    explicit Member(Executor executor) : news(executor) {}
    SocketPtr socket;
    const NamespaceHandlers* handlers = nullptr;
    std::deque<Event> events;
    std::string end;  // why it ended; empty while it has not
    Signal news;
  };

  void handle(SocketPacket packet, Attachments attachments);
  void join(const SocketPacket& packet);
  void leave(const SocketPacket& packet);
  void event(SocketPacket packet, Attachments attachments);
  void protocol_error();
  void wait_for_join();
  static void end(const std::shared_ptr<Member>& member, std::string_view reason);
  // Runs the handlers of one socket, from on_connect to on_disconnect.
  static Task<> pump(std::shared_ptr<SocketServer> server, std::shared_ptr<Member> member);
  static Task<bool> call(std::shared_ptr<SocketServer> server, std::function<Task<>()> handler);

  std::shared_ptr<SocketServer> server_;
  std::weak_ptr<EngineSocket> engine_;
  std::shared_ptr<const Handshake> handshake_;
  std::unordered_map<std::string, std::shared_ptr<Member>> members_;
  Timer join_timer_;
  bool joined_before_ = false;
  // A binary packet whose attachments are not complete.
  std::optional<SocketPacket> partial_;
  Attachments partial_attachments_;
  size_t partial_bytes_ = 0;
};

}  // namespace loopcast::http
