// A stretch of time in which the packets of many peers are protected together.
#pragma once

#include "base/transmit.h"
#include "rtc/counters.h"
#include "rtc/srtp_crypto.h"

namespace loopcast::rtc {

// For as long as it lives, RtpOutput::send() of all peers of the thread's `crypto` writes to
// outlet() and nowhere else: packets may stand in the batch that are not sealed yet. No batch
// leaves by outlet() before it is complete, and none is left incomplete at the end. (What waits is
// a header without a body: the plaintext is never in the batch.) Meanwhile no peer goes and no
// payload changes.
class SrtpBurst final : private TransmitSink {
 public:
  SrtpBurst(SrtpCrypto& crypto, Counters& counters, Outlet& out)
      : crypto_(crypto), counters_(counters), sink_(out.sink), outlet_{out.batch, *this} {
    crypto_.begin_burst();
  }
  ~SrtpBurst() override { counters_.add(Counter::kDropSendUnprotected, crypto_.end_burst()); }
  SrtpBurst(const SrtpBurst&) = delete;
  SrtpBurst& operator=(const SrtpBurst&) = delete;

  Outlet& outlet() { return outlet_; }

 private:
  void send(TransmitBatch& batch) override {
    crypto_.complete_burst();
    sink_.send(batch);
  }

  SrtpCrypto& crypto_;
  Counters& counters_;
  TransmitSink& sink_;
  Outlet outlet_;
};

}  // namespace loopcast::rtc
