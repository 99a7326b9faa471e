#include "wire/ntp.h"

#include <gtest/gtest.h>

namespace loopcast::wire {
namespace {

TEST(Ntp, WallTimeGoesBothWays) {
  EXPECT_EQ(ntp_from_wall(WallTime{0}), uint64_t{2'208'988'800} << 32);
  EXPECT_EQ(ntp_from_wall(WallTime{500'000}), (uint64_t{2'208'988'800} << 32) | 0x8000'0000);
  EXPECT_EQ(ntp_from_wall(WallTime{-500'000}), (uint64_t{2'208'988'799} << 32) | 0x8000'0000);
  for (const int64_t us : {int64_t{0}, int64_t{1}, int64_t{1'700'000'000'123'457},
                           int64_t{2'085'978'496'000'001}, int64_t{3'000'000'000'999'999}})
    EXPECT_EQ(wall_from_ntp(ntp_from_wall(WallTime{us})).us, us);
}

TEST(Ntp, CompactDurations) {
  EXPECT_EQ(compact_ntp(0x0123'4567'89AB'CDEF), 0x4567'89ABu);
  EXPECT_EQ(compact_from_duration(Duration::seconds(1)), 65536u);
  EXPECT_EQ(compact_from_duration(Duration::millis(-1)), 0u);
  EXPECT_EQ(compact_from_duration(Duration::seconds(1'000'000)), 0xFFFF'FFFFu);
  EXPECT_EQ(duration_from_compact(32768), Duration::millis(500));
  EXPECT_EQ(duration_from_compact(0xFFFF'FFFF), Duration::micros(65'535'999'985));
}

// The example of RFC 3550, section 6.4.1, figure 2.
TEST(Ntp, RoundTripOfTheRfc) {
  EXPECT_EQ(round_trip(0xb710'8000, 0xb705'2000, 0x0005'4000), duration_from_compact(0x0006'2000));
  EXPECT_EQ(duration_from_compact(0x0006'2000), Duration::millis(6125));
  EXPECT_EQ(round_trip(10, 0xFFFF'FFFF, 1), duration_from_compact(10));
  EXPECT_EQ(round_trip(10, 10, 1), Duration());
}

}  // namespace
}  // namespace loopcast::wire
