// What the system says of the server under test, and of the interface that its packets come to.
#pragma once

#include <cstdint>

#include <sys/types.h>
#include <time.h>

#include "base/time.h"

namespace loopcast::load {

// The work of a process and, as its packets may be carried by the kernel's helper, of the
// ksoftirqd of its processor.
class MeasuredServer {
 public:
  // pid 0: nothing is measured and all figures are zero. Throws std::runtime_error if there is no
  // such process.
  MeasuredServer(pid_t pid, int core);

  // User and system time of all its threads, those that have ended too.
  Duration process_cpu() const;
  Duration softirq_cpu() const;
  Duration cpu() const { return process_cpu() + softirq_cpu(); }
  // Resident memory in bytes.
  uint64_t memory() const;

 private:
  pid_t pid_;
  clockid_t clock_{};
  pid_t softirq_ = 0;
};

// Packets that the nftables counter "dropped" of the table "netdev loopcast_bench" has seen in our
// network namespace; 0 if there is no such counter.
uint64_t packets_dropped_by_interface();

}  // namespace loopcast::load
