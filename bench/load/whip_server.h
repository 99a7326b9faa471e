// Loopcast's own door: accounts by /api/v2, then WHIP (RFC 9725) and WHEP. One account may watch
// a few dozen times and one address may register a few times: so there are many accounts, each
// registered from an address of its own, which the server believes of a trusted proxy.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "base/address.h"
#include "signalling.h"

namespace loopcast::load {

class WhipServer final : public Server {
 public:
  // `streams`: how many will publish and watch in all.
  WhipServer(const SocketAddress& address, size_t streams) : address_(address), streams_(streams) {}

  Status prepare() override;
  std::unique_ptr<Signalling> connect() override;

 private:
  class Connection;

  SocketAddress address_;
  size_t streams_;
  std::vector<std::string> tokens_;
  std::atomic<size_t> next_token_ = 0;
  std::string broadcast_;  // set by publish(), before anybody watches
};

}  // namespace loopcast::load
