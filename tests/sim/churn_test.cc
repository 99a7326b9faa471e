// Thousands of joins and leaves: nothing may stay behind.
#include <malloc.h>

#include "sim/checks.h"
#include "sim/scenario.h"

#ifdef __SANITIZE_ADDRESS__
// Of the sanitizer's run-time library, whose headers not every compiler brings.
extern "C" size_t __sanitizer_get_current_allocated_bytes();
#endif

namespace loopcast::sim {
namespace {

// A real handshake costs milliseconds, with sanitizers more: fewer of them there.
#ifdef __SANITIZE_ADDRESS__
constexpr size_t kJoins = 1'000;
#else
constexpr size_t kJoins = 10'000;
#endif
constexpr size_t kAtOnce = 25;
constexpr size_t kGroup = 250;

// Bytes that are allocated, OpenSSL's included.
size_t allocated() {
#ifdef __SANITIZE_ADDRESS__
  return __sanitizer_get_current_allocated_bytes();
#else
  return mallinfo2().uordblks;
#endif
}

class Churn : public Scenario {
 protected:
  // Joins of `kAtOnce` viewers who leave in four different ways.
  void round() {
    std::vector<ClientId> viewers;
    for (size_t i = 0; i < kAtOnce; ++i)
      viewers.push_back(
          simulation.add_viewer(source, viewer(), both_ways(link(Duration::millis(2)))));
    simulation.run_for(Duration::millis(60));
    for (size_t i = 0; i < viewers.size(); ++i) {
      const ClientId id = viewers[i];
      EXPECT_TRUE(connected(id));
      // Claims the address of another, which it does not get.
      simulation.inject(simulation.address(viewers[(i + 1) % viewers.size()]),
                        make_own_check(random_, simulation.browser(id), false));
      if (i % 4 == 0) simulation.stop(id);
      if (i % 4 == 1) simulation.close(id);
      if (i % 4 == 2) simulation.vanish(id);
      if (i % 4 == 3) simulation.restart_ice(id), simulation.close(id);
    }
    simulation.run_for(Duration::millis(20));
    for (const ClientId id : viewers) simulation.forget(id);
  }
  // Until the vanished have ended and every deadline of theirs has passed.
  void settle() { simulation.run_for(Duration::seconds(60)); }

  Random random_ = Random::from_number(79);
  ClientId source = 0;
};

TEST_F(Churn, MemoryIsBackWhereItWas) {
  source = add_connected_presenter();
  simulation.browser(source).sender()->pause(true);
  // The vanished stay for 20 s, so tables grow to hold the most there were at once: the same in
  // each group.
  const auto group = [&] {
    for (size_t i = 0; i < kGroup; i += kAtOnce) round();
    settle();
  };
  group();
  group();
  ASSERT_EQ(simulation.worker().peers(), 1u);
  const size_t before = allocated();
  for (size_t i = 0; i < kJoins; i += kGroup) group();
  EXPECT_EQ(simulation.worker().peers(), 1u);
  const size_t after = allocated();
  // Far below one handshake (20 kB) for each hundred joins.
  EXPECT_LE(after, before + kJoins * 20)
      << (static_cast<double>(after) - static_cast<double>(before)) / static_cast<double>(kJoins)
      << " bytes for each join";
}

}  // namespace
}  // namespace loopcast::sim
