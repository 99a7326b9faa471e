// Janus' HTTP API with its video room plugin: one session for everybody, a handle for each browser,
// and one thread that polls for the events of all of them.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>

#include <boost/json/object.hpp>

#include "base/address.h"
#include "signalling.h"

namespace loopcast::load {

class JanusServer final : public Server {
 public:
  // `congestion_control`: the room offers transport-wide feedback.
  JanusServer(const SocketAddress& address, bool congestion_control);
  ~JanusServer() override;

  Status prepare() override;
  std::unique_ptr<Signalling> connect() override;
  // It would be the DTLS client of one who offers "actpass".
  bool publisher_active() const override { return true; }

 private:
  class Connection;

  void poll();
  // The next event of a handle; the error if it does not come in time.
  Expected<boost::json::object> wait_event(uint64_t handle);

  SocketAddress address_;
  bool congestion_control_;
  std::string session_;  // its path
  int64_t feed_ = 0;     // set by publish(), before anybody watches

  std::mutex mutex_;
  std::condition_variable arrived_;
  std::unordered_map<uint64_t, std::deque<boost::json::object>> events_;
  std::atomic<bool> stopping_ = false;
  std::thread poller_;
};

}  // namespace loopcast::load
