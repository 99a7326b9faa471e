// A Socket.IO server, protocol revision 4 (socket.io-client 2.x, over Engine.IO 3) and 5
// (socket.io-client 3 and 4, over Engine.IO 4):
// https://github.com/socketio/socket.io-protocol
#pragma once

#include <any>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include "base/address.h"
#include "base/random.h"
#include "http/counters.h"
#include "http/engineio.h"
#include "http/task.h"

namespace loopcast::http {

// Binary attachments: `args` holds {"_placeholder": true, "num": i} where attachment i belongs.
using Attachments = std::vector<std::string>;

class Socket;
class SocketClient;
class SocketServer;

// The acknowledgement that a client may ask for with an event. Copies share one answer: only the
// first call sends anything.
class Ack {
 public:
  Ack() = default;
  // Whether the client asked for one. If not, calling it does nothing.
  bool wanted() const { return state_ != nullptr; }
  void operator()(boost::json::array args, Attachments attachments = {}) const;

 private:
  friend class SocketClient;
  struct State {
    std::weak_ptr<Socket> socket;
    uint64_t id;
    bool given = false;
  };
  std::shared_ptr<State> state_;
};

struct Event {
  std::string name;
  boost::json::array args;  // without the name
  Attachments attachments;
  Ack ack;
};

// One client in one namespace. Held by shared_ptr: it may outlive its connection, and then what is
// sent goes nowhere.
class Socket {
 public:
  // 128 bits of randomness, URL-safe. What Socket.IO 5 clients know as socket.id.
  const std::string& id() const { return id_; }
  const std::string& name_space() const { return name_space_; }
  // A query parameter of the handshake; empty if absent.
  std::string_view query(std::string_view name) const;
  // The payload of CONNECT (Socket.IO 5); an empty object if there was none. Null after on_connect
  // has returned.
  const boost::json::value& auth() const { return auth_; }
  const SocketAddress& remote() const;
  // The header field of the handshake request; empty if absent.
  std::string_view header(std::string_view name) const;
  // 3 or 4.
  int engine_protocol() const;
  bool connected() const { return connected_; }
  // Its client has signed in: see EngineSocket::admit(). False: there are as many as there may be,
  // or it is gone.
  bool admit();

  void emit(std::string_view event, boost::json::array args = {}, Attachments attachments = {});
  // So that socket.on('error') of the client fires: an ERROR packet for revision 4 clients, an
  // event "error" for revision 5.
  void error(const boost::json::value& value);
  // What was emitted before still arrives. When it was the client's last namespace the connection
  // is closed as well. on_disconnect follows, reason "server namespace disconnect".
  void disconnect();

  // The owner's own.
  std::any data;

 private:
  friend class Ack;
  friend class SocketClient;
  std::string id_;
  std::string name_space_;
  boost::json::value auth_;
  std::weak_ptr<SocketClient> client_;
  std::shared_ptr<const Handshake> handshake_;
  bool connected_ = true;
};
using SocketPtr = std::shared_ptr<Socket>;

// For each socket: on_connect, then one on_event after the other in the order of arrival, each
// awaited before the next begins, then on_disconnect exactly once, after the events that arrived
// before the end. An exception in on_connect disconnects the socket; one in on_event ends that
// event; both are counted and logged.
struct NamespaceHandlers {
  // The client already has its CONNECT: what is emitted here reaches it. Refuse by emitting
  // something and then disconnect(). Nothing more is taken from the client meanwhile.
  std::function<Task<>(SocketPtr)> on_connect;
  std::function<Task<>(SocketPtr, Event)> on_event;
  std::function<void(SocketPtr, std::string_view reason)> on_disconnect;
};

struct SocketIoOptions {
  EngineOptions engine;
  // A client that joins no namespace within this time is disconnected.
  std::chrono::milliseconds connect_timeout{45'000};
  // Events of one socket that wait for their handler: trickled candidates come in dozens.
  size_t max_waiting_events = 256;
  // Namespaces of one client.
  size_t max_namespaces = 8;
  size_t max_attachments = 10;
  std::function<void(std::string_view)> log;
};

class SocketIo {
 public:
  // `context`, `random` and `counters` must live for as long as the context runs.
  SocketIo(asio::io_context& context, Random& random, SocketIoOptions options,
           HttpCounters& counters);
  // No handler is called after this.
  ~SocketIo();
  SocketIo(const SocketIo&) = delete;
  SocketIo& operator=(const SocketIo&) = delete;

  // "/" is the default namespace. Set them all before the server starts.
  void add_namespace(std::string name, NamespaceHandlers handlers);

  // For Server::mount.
  EngineIo& engine();

 private:
  std::shared_ptr<SocketServer> server_;
};

}  // namespace loopcast::http
