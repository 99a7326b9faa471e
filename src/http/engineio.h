// An Engine.IO server, protocol revision 3 and 4, over long polling and WebSocket with upgrade:
// https://github.com/socketio/engine.io-protocol
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/random.h"
#include "base/time.h"
#include "http/counters.h"
#include "http/message.h"
#include "http/task.h"

namespace loopcast::http {

struct EngineOptions {
  std::string path = "/socket.io";  // a slash at the end of a request's path is ignored
  std::chrono::milliseconds ping_interval{25'000};
  std::chrono::milliseconds ping_timeout{20'000};
  // Of one POST body or one WebSocket message, in bytes.
  size_t max_payload = 64 * 1024;
  // Of what waits for one client, in bytes. A client that lets more pile up is disconnected.
  size_t max_queue = 1'000'000;
  // Sessions of clients that have signed in.
  size_t max_sessions = 10'000;
  // Whether clients have to sign in: EngineSocket::admit() says that one has. What one that has
  // not may make the server keep is small, and counted among Strangers.
  bool sign_in = false;
  // Until a client has signed in: of one POST body or WebSocket message, and of what waits for it.
  size_t max_stranger_payload = 4 * 1024;
  size_t max_stranger_queue = 4 * 1024;
  // Of the handshake's query and of the headers that are kept of it, in bytes.
  size_t max_handshake = 4 * 1024;
  // Sessions that have not signed in, of one host: see ClientNetworks.
  size_t max_strangers_per_host = 128;
  // Whether a host may open another session now; otherwise after which time. Empty: it may.
  std::function<std::optional<Duration>(const IpAddress&)> handshake_limit;
  // From the probe to the upgrade packet.
  std::chrono::milliseconds upgrade_timeout{10'000};
  // For the closing handshake of a WebSocket, which Beast gives 10 s.
  std::chrono::milliseconds closing_time{12'000};
  // Kept before each frame to a WebSocket. Clients need none; the official suites do, since they
  // listen for one message at a time and lose the second of two that arrive together.
  std::chrono::milliseconds frame_gap{0};
  bool allow_eio3 = true;
  // Pages of these origins may connect; "*" is every origin. Empty: same origin only.
  std::vector<std::string> cors_origins;
};

// What is known of a client since its first request.
struct Handshake {
  int protocol = 4;  // 3 or 4
  Query query;
  Headers headers;  // Accept-Language, Origin and User-Agent
  SocketAddress remote;
  bool secure = false;
};

class EngineSocket;

// Told what happens to sessions. on_open comes first, on_close last, both exactly once.
class EngineHandler {
 public:
  virtual ~EngineHandler() = default;
  virtual void on_open(const std::shared_ptr<EngineSocket>& socket) = 0;
  // `data` is UTF-8 text unless `binary`.
  virtual void on_message(const std::shared_ptr<EngineSocket>& socket, std::string data,
                          bool binary) = 0;
  // `reason`: "transport close", "transport error", "ping timeout", "parse error", "queue
  // overflow", "no room", "server shutting down", or what the owner closed it with.
  virtual void on_close(const std::shared_ptr<EngineSocket>& socket, std::string_view reason) = 0;
};

// One session. Sending on a closed one does nothing.
class EngineSocket {
 public:
  virtual ~EngineSocket() = default;
  virtual const std::string& id() const = 0;
  virtual const std::shared_ptr<const Handshake>& handshake() const = 0;
  virtual void send(std::string data, bool binary) = 0;
  // Ends the session when what was sent before has left. on_close follows, never from inside this
  // call.
  virtual void close(std::string_view reason) = 0;
  bool open() const { return open_; }

  // The client has signed in: it may have what users may. False: there are as many as there may
  // be. Only for servers whose clients have to sign in.
  virtual bool admit() = 0;
  // Somebody finds out who the client is (true), or has (false): until then nothing more is taken
  // from it than is being taken.
  virtual void set_joining(bool joining) = 0;

 protected:
  bool open_ = true;
};

class EngineServer;

class EngineIo {
 public:
  // All but `options` must live for as long as `context` runs.
  EngineIo(asio::io_context& context, Random& random, EngineOptions options, EngineHandler& handler,
           HttpCounters& counters);
  // No callback after this.
  ~EngineIo();
  EngineIo(const EngineIo&) = delete;
  EngineIo& operator=(const EngineIo&) = delete;

  size_t sessions() const;
  // Ends every session and refuses new ones.
  void stop();

  // For Server::mount.
  const std::shared_ptr<EngineServer>& server() const { return server_; }

 private:
  std::shared_ptr<EngineServer> server_;
};

}  // namespace loopcast::http
