// One Engine.IO session with its timer and its transports.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "http/engineio.h"
#include "http/engineio_server.h"
#include "http/engineio_session.h"
#include "http/signal.h"
#include "http/strangers.h"
#include "http/stream.h"
#include "http/task.h"

namespace loopcast::http {

class EngineSocketImpl final : public EngineSocket,
                               public std::enable_shared_from_this<EngineSocketImpl> {
 public:
  // `frame_gap`: EngineOptions::frame_gap.
  EngineSocketImpl(Executor executor, std::weak_ptr<EngineServer> server, std::string id,
                   std::shared_ptr<const Handshake> handshake, const EngineSession::Config& config,
                   const EngineOptions& options, EnginePacket open_packet);

  const std::string& id() const override { return id_; }
  const std::shared_ptr<const Handshake>& handshake() const override { return handshake_; }
  void send(std::string data, bool binary) override;
  void close(std::string_view reason) override;

  const EngineSession& session() const { return session_; }
  bool posting = false;

  bool admit() override;
  void set_joining(bool joining) override;
  bool admitted() const { return admitted_; }
  // It has not signed in, and is counted among `strangers`. False: there is no room.
  bool be_stranger(const std::shared_ptr<Strangers>& strangers);
  // Waits while it is being found out who the client is; at most until the session ends.
  Task<> settled();
  // Of one message now.
  size_t payload_limit() const;

  // Looks at the time before anything else does: a session whose time is over is closed even if its
  // timer is late.
  void check_time();
  // Ends it at once.
  void fail(std::string_view reason);
  void receive(EnginePacket packet);

  EngineSession::Poll begin_poll();
  Task<std::vector<EnginePacket>> finish_poll();

  // Reads and writes until the connection or the session ends.
  Task<> run(std::shared_ptr<WebSocket> websocket, ClientConnection& connection);
  // Runs the upgrade of a session that began with polling, then the same.
  Task<> run_upgrade(std::shared_ptr<WebSocket> websocket, ClientConnection& connection);

 private:
  // Says how much it keeps now; a session for which there is no room ends.
  void account();
  // Does what the session's new state asks for.
  void update();
  void arm_timer();
  // Ends a WebSocket whose closing handshake does not end.
  void abort_later();
  Task<> pause(std::chrono::milliseconds time);
  Task<> write_loop(std::shared_ptr<WebSocket> websocket);
  static Task<> spawn_write_loop(std::shared_ptr<EngineSocketImpl> self,
                                 std::shared_ptr<WebSocket> websocket);
  Task<bool> probe(WebSocket& websocket);

  std::weak_ptr<EngineServer> server_;
  std::string id_;
  std::shared_ptr<const Handshake> handshake_;
  EngineSession session_;
  const std::chrono::milliseconds frame_gap_;
  const std::chrono::milliseconds closing_time_;
  Executor executor_;
  Timer timer_;
  Instant armed_ = Instant::never();
  Signal poll_signal_;
  Signal write_signal_;
  // The transport in use, and the one that probes.
  std::shared_ptr<WebSocket> websocket_;
  std::shared_ptr<WebSocket> probing_;
  bool writing_ = false;
  // Of the WebSocket in use, for as long as it runs.
  ClientConnection* connection_ = nullptr;
  // What the session keeps, until it is admitted.
  bool admitted_ = true;
  std::unique_ptr<StrangerShare> share_;
  size_t base_cost_ = 0;
  size_t joining_ = 0;
  Timer settled_;
};

}  // namespace loopcast::http
