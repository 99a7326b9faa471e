#include "rtc/srtp_window.h"

#include <random>
#include <set>

#include <gtest/gtest.h>

namespace loopcast::rtc {
namespace {

using Window = SrtpWindow<128>;
using Verdict = Window::Verdict;

TEST(SrtpWindow, AnythingIsNewAtFirst) {
  Window window;
  EXPECT_FALSE(window.started());
  EXPECT_EQ(window.check(0), Verdict::kNew);
  EXPECT_EQ(window.check(1ull << 47), Verdict::kNew);
  window.add(0);
  EXPECT_TRUE(window.started());
  EXPECT_EQ(window.check(0), Verdict::kReplayed);
}

TEST(SrtpWindow, Edges) {
  Window window;
  window.add(1000);
  EXPECT_EQ(window.check(1000 - 127), Verdict::kNew);
  EXPECT_EQ(window.check(1000 - 128), Verdict::kTooOld);
  window.add(1000 - 127);
  EXPECT_EQ(window.check(1000 - 127), Verdict::kReplayed);
  window.add(1001);
  EXPECT_EQ(window.check(1000 - 127), Verdict::kTooOld);
  // The same bit now stands for another index.
  EXPECT_EQ(window.check(1001), Verdict::kReplayed);
  window.add(1001 + 128);
  EXPECT_EQ(window.check(1002), Verdict::kNew);
  EXPECT_EQ(window.check(1001), Verdict::kTooOld);
}

// Against the definition, with the whole history kept.
TEST(SrtpWindow, AgreesWithHistory) {
  std::mt19937 random(7);
  Window window;
  std::set<uint64_t> seen;
  uint64_t highest = 500;
  for (int i = 0; i < 20000; ++i) {
    const uint64_t jump = random() % 50 == 0 ? random() % 400 : random() % 4;
    const uint64_t index =
        random() % 3 == 0 ? highest - std::min<uint64_t>(highest, random() % 200) : highest + jump;
    Verdict expected = Verdict::kNew;
    if (!seen.empty() && *seen.rbegin() >= index + 128)
      expected = Verdict::kTooOld;
    else if (seen.contains(index))
      expected = Verdict::kReplayed;
    ASSERT_EQ(window.check(index), expected) << "step " << i;
    if (expected == Verdict::kNew) {
      window.add(index);
      seen.insert(index);
      highest = *seen.rbegin();
    }
  }
}

}  // namespace
}  // namespace loopcast::rtc
