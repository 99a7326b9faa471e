// Where measured packets go: to a real socket, or nowhere.
#pragma once

#include <memory>

#include "base/transmit.h"
#include "fanout.h"
#include "net/udp_socket.h"

namespace loopcast::bench {

class Exit final : public TransmitSink {
 public:
  explicit Exit(const Options& options);

  void send(TransmitBatch& batch) override;
  uint64_t sends() const { return sends_; }
  uint64_t datagrams() const { return datagrams_; }
  uint64_t unsent() const;

 private:
  std::unique_ptr<net::UdpSocket> socket_;
  uint64_t sends_ = 0;
  uint64_t datagrams_ = 0;
};

}  // namespace loopcast::bench
