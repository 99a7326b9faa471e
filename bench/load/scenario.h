// One run: a publisher, viewers step by step, and what is measured of them.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "crowd.h"
#include "measured_server.h"
#include "options.h"
#include "report.h"
#include "rtc/srtp_crypto.h"
#include "signalling.h"

namespace loopcast::load {

class Scenario {
 public:
  // `server` outlives it.
  Scenario(const Options& options, Server& server);
  ~Scenario();

  // Throws std::runtime_error if there is nothing to measure.
  Report run();

 private:
  enum class Kind : uint8_t { kCounting, kSampled, kUntilPicture, kPassing };
  struct Snapshot {
    Instant at;
    uint64_t published = 0;
    uint64_t delivered = 0;  // to the viewers that stay
    Duration cpu, softirq, load;
    sim::LatencyHistogram latency;
    uint64_t missed = 0;
  };

  void publish();
  void pause(bool paused);
  // Returns how many of them are there. `numbers` get those of the crowd.
  size_t join(const std::vector<Kind>& kinds, double rate, std::vector<size_t>& numbers);
  std::unique_ptr<Member> make_member(Kind kind);
  size_t wait_connected(const std::vector<size_t>& numbers, Duration limit);
  JoinTimes wait_pictures(const std::vector<size_t>& numbers, Duration limit);
  void leave(const std::vector<size_t>& numbers);
  Snapshot snapshot();
  StepResult step(size_t viewers);
  BurstResult burst();
  ChurnResult churn();

  const Options& options_;
  Server& server_;
  MeasuredServer measured_;
  rtc::DtlsIdentity identity_;
  std::unique_ptr<rtc::SrtpCrypto> crypto_;
  Random random_;
  std::vector<std::unique_ptr<Signalling>> signalling_;
  Crowd crowd_;
  size_t publisher_ = 0;
  uint64_t memory_before_ = 0;  // of the server before the first viewer
  std::vector<size_t> viewers_;
  std::mutex mutex_;  // of random_ and the ports
  uint16_t next_checked_port_, next_counted_port_;
  std::string failure_;  // of the last join that failed
};

}  // namespace loopcast::load
