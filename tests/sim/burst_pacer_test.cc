#include "sim/burst_pacer.h"

#include <gtest/gtest.h>

namespace loopcast::sim {
namespace {

constexpr size_t kPacket = 1000;
// A packet of 1000 bytes each millisecond.
constexpr Bitrate kRate = Bitrate::kbps(8000);

Instant at(int64_t ms) { return Instant::from_us(1'000'000 + ms * 1000); }

// Packets that leave at `now`, at most `limit`.
int send(BurstPacer& pacer, Instant now, int limit) {
  int sent = 0;
  for (; sent < limit && pacer.next() <= now; ++sent) pacer.note_sent(now, kPacket);
  return sent;
}

TEST(BurstPacer, SmallFramesLeaveAtOnce) {
  BurstPacer pacer(kRate);
  for (int frame = 0; frame < 100; ++frame) EXPECT_EQ(send(pacer, at(frame * 33), 20), 20);
}

TEST(BurstPacer, LargeFrameLeavesInBursts) {
  BurstPacer pacer(kRate);
  EXPECT_EQ(send(pacer, at(0), 100), 40);
  EXPECT_EQ(pacer.next(), at(40));
  EXPECT_EQ(send(pacer, at(39), 60), 0);
  EXPECT_EQ(send(pacer, at(40), 60), 40);
  EXPECT_EQ(send(pacer, at(80), 20), 20);
}

TEST(BurstPacer, WithoutRateEverythingLeavesAtOnce) {
  BurstPacer pacer(Bitrate{});
  EXPECT_EQ(send(pacer, at(0), 10'000), 10'000);
}

}  // namespace
}  // namespace loopcast::sim
