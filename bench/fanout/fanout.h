// What both sides of the comparison share: what a presenter sends, to how many, and what it cost.
#pragma once

#include <cstdint>
#include <optional>

#include <time.h>

#include "base/address.h"
#include "base/time.h"
#include "base/units.h"

namespace loopcast::bench {

struct Options {
  size_t viewers = 200;
  size_t workers = 1;  // that the viewers are spread over; they take turns on one processor
  Duration duration = Duration::seconds(5);
  Bitrate bitrate{2'500'000};  // of video
  bool whole_frames = false;   // presenter.h
  // Viewer i is at port first_port + i of this address; nullopt: nothing is sent.
  std::optional<IpAddress> to;
  uint16_t first_port = 10'000;
  // Our own address, named with each send as the server does it.
  IpAddress from;
  bool paced = false;  // in real time
  bool segmentation = true;
  bool rtx = true;
};

struct Cost {
  Duration cpu;
  uint64_t packets = 0;  // forwarded
  uint64_t sends = 0;    // runs and single packets
  uint64_t unsent = 0;
  // From the moment that a packet is there to be forwarded until its send is over; of 99 in 100.
  // 0: not measured.
  Duration latency;
};

// CPU time of this thread between start() and stop(), summed up.
class Stopwatch {
 public:
  void start() { begun_ = cpu_us(); }
  void stop() { total_ += cpu_us() - begun_; }
  Duration total() const { return Duration::micros(static_cast<int64_t>(total_)); }

 private:
  static double cpu_us() {
    timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_nsec) / 1e3;
  }
  double begun_ = 0, total_ = 0;
};

// Real time goes as fast as the Instants that pass by.
class Pace {
 public:
  explicit Pace(bool on) : on_(on) {}
  void wait_for(Instant at);

 private:
  bool on_;
  std::optional<Duration> offset_;
};

// A bare fan-out: protect and send, nothing else.
Cost measure_floor(const Options& options);
// sfu::Worker with real viewers, connected by ICE and DTLS.
Cost measure_worker(const Options& options);

}  // namespace loopcast::bench
