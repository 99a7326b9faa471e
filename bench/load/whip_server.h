// Loopcast's own door: an account by /api/v2, then WHIP (RFC 9725) and WHEP.
#pragma once

#include <memory>
#include <string>

#include "base/address.h"
#include "signalling.h"

namespace loopcast::load {

class WhipServer final : public Server {
 public:
  explicit WhipServer(const SocketAddress& address) : address_(address) {}

  Status prepare() override;
  std::unique_ptr<Signalling> connect() override;

 private:
  class Connection;

  SocketAddress address_;
  std::string token_;
  std::string broadcast_;  // set by publish(), before anybody watches
};

}  // namespace loopcast::load
