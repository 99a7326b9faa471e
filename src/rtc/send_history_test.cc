#include "rtc/send_history.h"

#include <deque>

#include <gtest/gtest.h>

#include "base/random.h"

namespace loopcast::rtc {
namespace {

constexpr Instant at(int64_t ms) { return Instant::from_us(5'000'000'000 + ms * 1000); }

void expect_run(const std::optional<SendHistory::Run>& run, Instant sent, int64_t first,
                uint32_t packets, uint32_t bytes) {
  ASSERT_TRUE(run);
  EXPECT_LE(run->at, sent);
  EXPECT_LT(sent - run->at, Duration::micros(16));
  EXPECT_EQ(run->first, first);
  EXPECT_EQ(run->packets, packets);
  EXPECT_EQ(run->bytes, bytes);
}

TEST(SendHistory, KnowsNothingAtFirst) {
  const SendHistory history;
  EXPECT_EQ(history.next(), 0);
  EXPECT_FALSE(history.find(Seq16{0}));
  EXPECT_FALSE(history.find(Seq16{65535}));
}

TEST(SendHistory, FindsTheRunOfEachNumber) {
  SendHistory history;
  history.add(at(0), 3, 3000);
  history.add(at(20), 1, 120);
  history.add(at(33), 9, 9009);
  EXPECT_EQ(history.next(), 13);
  for (uint16_t i = 0; i < 3; ++i) expect_run(history.find(Seq16{i}), at(0), 0, 3, 3000);
  expect_run(history.find(Seq16{3}), at(20), 3, 1, 120);
  for (uint16_t i = 4; i < 13; ++i) expect_run(history.find(Seq16{i}), at(33), 4, 9, 9009);
  EXPECT_FALSE(history.find(Seq16{13}));
  EXPECT_FALSE(history.find(Seq16{65535}));
}

TEST(SendHistory, NothingIsNoRun) {
  SendHistory history;
  history.add(at(0), 0, 0);
  EXPECT_EQ(history.next(), 0);
  EXPECT_FALSE(history.find(Seq16{0}));
}

TEST(SendHistory, BytesBeyond16BitsCountAsThose) {
  SendHistory history;
  history.add(at(0), 64, 70'000);
  expect_run(history.find(Seq16{63}), at(0), 0, 64, 65'535);
}

TEST(SendHistory, ForgetsTheOldestRun) {
  SendHistory history;
  for (size_t i = 0; i <= SendHistory::kRuns; ++i)
    history.add(at(static_cast<int64_t>(i)), 2, 2000);
  EXPECT_FALSE(history.find(Seq16{0}));
  EXPECT_FALSE(history.find(Seq16{1}));
  expect_run(history.find(Seq16{2}), at(1), 2, 2, 2000);
}

TEST(SendHistory, TimesOutliveTheirTicks) {
  SendHistory history;
  constexpr int64_t kHour = 3'600'000;
  history.add(at(18 * kHour), 1, 100);
  history.add(at(20 * kHour), 1, 100);  // the ticks have wrapped
  history.add(at(36 * kHour), 1, 100);
  expect_run(history.find(Seq16{0}), at(18 * kHour), 0, 1, 100);
  expect_run(history.find(Seq16{1}), at(20 * kHour), 1, 1, 100);
  expect_run(history.find(Seq16{2}), at(36 * kHour), 2, 1, 100);
}

TEST(SendHistory, SameAsWithoutABound) {
  SendHistory history;
  Random random = Random::from_number(1);
  struct Sent {
    Instant at;
    int64_t first;
    uint32_t packets, bytes;
  };
  std::deque<Sent> sent;
  int64_t next = 0;
  int64_t ms = 0;
  for (int i = 0; i < 20'000; ++i) {
    const uint32_t packets = 1 + random.below(i % 50 == 0 ? 64 : 12);
    const uint32_t bytes = packets * (40 + random.below(900));
    ms += random.below(40);
    history.add(at(ms), packets, bytes);
    sent.push_back({at(ms), next, packets, bytes});
    if (sent.size() > SendHistory::kRuns) sent.pop_front();
    next += packets;
    ASSERT_EQ(history.next(), static_cast<uint16_t>(next));  // wraps twice

    const Sent& run = sent[random.below(static_cast<uint32_t>(sent.size()))];
    const int64_t number = run.first + random.below(run.packets);
    expect_run(history.find(Seq16{static_cast<uint16_t>(number)}), run.at, run.first, run.packets,
               run.bytes);
    EXPECT_FALSE(history.find(Seq16{static_cast<uint16_t>(sent.front().first - 1)}));
    EXPECT_FALSE(history.find(Seq16{static_cast<uint16_t>(next + random.below(30'000))}));
    if (::testing::Test::HasFailure()) return;
  }
  EXPECT_GT(next, 2 * 65536);
}

}  // namespace
}  // namespace loopcast::rtc
