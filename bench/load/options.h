// What the command line asks for.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/time.h"
#include "base/units.h"
#include "sim/browser.h"

namespace loopcast::load {

enum class Profile : uint8_t {
  kLean,     // NACK, PLI, receiver reports
  kBrowser,  // and transport-wide feedback, send times, RTX
};

// How long a viewer of the churn watches.
inline constexpr Duration kChurnStay = Duration::seconds(2);

struct Options {
  SocketAddress server;  // of its HTTP
  bool janus = false;
  IpAddress bind;
  std::vector<size_t> steps = {200};  // viewers, measured at each
  Bitrate bitrate = Bitrate::kbps(2500);
  bool whole_frames = false;  // the publisher sends keyframes at once (bench/presenter.h)
  Profile profile = Profile::kLean;
  size_t sample = 8;
  // Viewers that join while media flows, to see when their picture comes, and leave again.
  size_t late = 10;
  size_t burst = 0;  // viewers that join within one second after the last step
  // Viewers that come and go at join_rate after all that; every other one vanishes without a word.
  size_t churn = 0;
  Duration measured = Duration::seconds(8);
  double join_rate = 100;  // per second
  int server_pid = 0;      // 0: its work is not measured
  int server_core = 0;
  // 0: every packet comes to a socket. Else the interface drops packets of viewers that are not
  // sampled, but for those whose number is divisible by this, and counts them (FarInterface).
  unsigned thin = 0;
  bool json = false;

  // That publish or watch at once.
  size_t streams() const;
  sim::BrowserOptions publisher() const;
  sim::BrowserOptions viewer(bool sampled) const;
};

// Ends the program if they make no sense.
Options parse_options(int argc, char** argv);

}  // namespace loopcast::load
