// What the scenarios share.
#pragma once

#include <string>

#include <gtest/gtest.h>

#include "sim/simulation.h"

namespace loopcast::sim {

inline LinkOptions link(Duration one_way) { return {.delay = one_way}; }
inline LinkOptions lossy(Duration one_way, double loss) { return {.delay = one_way, .loss = loss}; }

// Presents and does not see itself.
inline BrowserOptions presenter() {
  BrowserOptions options;
  options.session.receive = false;
  return options;
}
inline BrowserOptions viewer() { return {}; }

// Everything that must hold of a browser that receives, whatever its network.
inline void expect_no_violations(Simulation& simulation, ClientId id) {
  for (const std::string& violation : simulation.browser(id).violations())
    ADD_FAILURE() << "browser " << id << ": " << violation;
}

// Prints the seed with every failure in its scope.
class Scenario : public ::testing::Test {
 protected:
  explicit Scenario(uint64_t seed = 1, size_t workers = 1)
      : simulation(seed, workers),
        trace_(__FILE__, __LINE__, "seed " + std::to_string(simulation.seed())) {}

  ClientId add_connected_presenter(const BrowserOptions& options = presenter(),
                                   const PathOptions& path = both_ways(link(Duration::millis(5)))) {
    const ClientId id = simulation.add_presenter(options, path);
    simulation.run_until([&] { return connected(id); }, Duration::seconds(10));
    EXPECT_TRUE(connected(id));
    return id;
  }
  bool connected(ClientId id) {
    return simulation.browser(id).state() == Browser::State::kConnected &&
           !simulation.events(id).connected_at.is_never();
  }

  Simulation simulation;

 private:
  ::testing::ScopedTrace trace_;
};

}  // namespace loopcast::sim
