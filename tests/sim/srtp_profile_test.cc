// Viewers that know AES-CM alone: what many of them are sent is protected together.
#include "sim/scenario.h"

namespace loopcast::sim {
namespace {

class SrtpProfiles : public Scenario {
 protected:
  void add_viewers(ClientId source, int count) {
    for (int i = 0; i < count; ++i)
      viewers.push_back(simulation.add_viewer(source, viewer(), both_ways(link(kDelay))));
  }
  void expect_all_decrypted(ClientId id) {
    ASSERT_TRUE(connected(id));
    Browser& browser = simulation.browser(id);
    EXPECT_EQ(browser.undecryptable(), 0u);
    EXPECT_GE(browser.video().in_time_share(), 1.0);
    EXPECT_GE(browser.audio().in_time_share(), 1.0);
    EXPECT_GE(browser.video().decoded, 60u);
    EXPECT_EQ(browser.video().nacks, 0u);
    EXPECT_EQ(browser.video().missed + browser.audio().missed, 0u);
    expect_no_violations(simulation, id);
  }

  static constexpr Duration kDelay = Duration::millis(5);
  std::vector<ClientId> viewers;
};

TEST_F(SrtpProfiles, AesCmWithoutGcm) {
  simulation.use_aes_cm();
  const ClientId source = add_connected_presenter();
  add_viewers(source, 40);
  simulation.run_for(Duration::seconds(3));
  EXPECT_EQ(simulation.browser(source).srtp_profile(), rtc::kSrtpAes128CmSha1_80);
  for (const ClientId id : viewers) {
    expect_all_decrypted(id);
    EXPECT_EQ(simulation.browser(id).srtp_profile(), rtc::kSrtpAes128CmSha1_80);
  }
  EXPECT_EQ(simulation.counters().get(rtc::Counter::kDropSendUnprotected), 0u);
}

// In the middle of a fan-out, while packets wait to be protected.
TEST_F(SrtpProfiles, FullBatchesLeaveProtected) {
  const ClientId source = add_connected_presenter();
  add_viewers(source, 3);
  simulation.run_for(Duration::seconds(1));
  simulation.use_aes_cm();
  add_viewers(source, 40);
  simulation.run_for(Duration::seconds(1));
  simulation.limit_batches(40'000);
  const uint64_t full = simulation.full_batches();
  simulation.run_for(Duration::seconds(2));
  EXPECT_GE(simulation.full_batches() - full, 60u);  // one a frame
  for (size_t i = 0; i < viewers.size(); ++i) {
    expect_all_decrypted(viewers[i]);
    EXPECT_EQ(simulation.browser(viewers[i]).srtp_profile(),
              i < 3 ? rtc::kSrtpAeadAes128Gcm : rtc::kSrtpAes128CmSha1_80);
  }
  EXPECT_EQ(simulation.counters().get(rtc::Counter::kDropSendUnprotected), 0u);
}

}  // namespace
}  // namespace loopcast::sim
