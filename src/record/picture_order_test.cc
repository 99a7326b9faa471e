#include "record/picture_order.h"

#include <gtest/gtest.h>

namespace loopcast::record {
namespace {

// What is shown when, in order of decoding, in pictures.
std::vector<Sample> shown_at(std::initializer_list<int> numbers) {
  std::vector<Sample> samples;
  for (const int number : numbers) samples.push_back({number * 3000, 0, 1, number % 100 == 0});
  return samples;
}

struct Placed {
  std::vector<int64_t> decoded, shown;
};
void add(Placed& placed, const std::vector<Sample>& samples) {
  for (const Sample& sample : samples) {
    placed.decoded.push_back(sample.time);
    placed.shown.push_back(sample.time + sample.offset);
  }
}

TEST(PictureOrder, WithoutBFramesTimesStayAsTheyAre) {
  PictureOrder order;
  auto samples = shown_at({0, 1, 2, 5, 6});
  order.place(samples);
  EXPECT_FALSE(order.reorders());
  for (const Sample& sample : samples) EXPECT_EQ(sample.offset, 0);
  EXPECT_EQ(samples[2].duration, 9000u);
  EXPECT_EQ(samples[4].duration, 3000u);
  EXPECT_EQ(samples[3].time, 15'000);
}

TEST(PictureOrder, BFramesAreDecodedEvenlyAndShownAtTheirTimes) {
  PictureOrder order;
  Placed placed;
  // In pieces, as fragments are cut; the second one is a pyramid.
  for (auto samples : {shown_at({0, 3, 1, 2, 6}), shown_at({4, 5, 9, 7, 8}),
                       shown_at({100, 104, 102, 101, 103})}) {
    order.place(samples);
    add(placed, samples);
  }
  EXPECT_TRUE(order.reorders());
  const std::vector<int64_t> expected{0, 3, 1, 2, 6, 4, 5, 9, 7, 8, 100, 104, 102, 101, 103};
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(placed.shown[i], expected[i] * 3000) << i;
    if (i > 0) {
      EXPECT_GT(placed.decoded[i], placed.decoded[i - 1]) << i;
    }
    EXPECT_LE(std::abs(placed.decoded[i] - placed.shown[i]), 3 * 3000) << i;
  }
  for (int64_t i = 0; i < 10; ++i) EXPECT_EQ(placed.decoded[static_cast<size_t>(i)], i * 3000);
}

TEST(PictureOrder, KnowsReorderingFromAJump) {
  PictureOrder order;
  EXPECT_FALSE(order.goes_back(0xFFFF'0000, true));
  EXPECT_FALSE(order.goes_back(9000 + 0xFFFF'0000, false));
  EXPECT_TRUE(order.goes_back(3000 + 0xFFFF'0000, false));
  EXPECT_FALSE(order.goes_back(100, true)) << "a keyframe";
  EXPECT_FALSE(order.goes_back(100 - 900'000, false)) << "another clock";
}

TEST(PictureOrder, SurvivesAnyTimes) {
  PictureOrder order;
  for (const int64_t step : {int64_t{1}, int64_t{-50'000}, int64_t{1} << 40}) {
    std::vector<Sample> samples;
    for (int64_t i = 0; i < 40; ++i) samples.push_back({std::abs(i * step), 0, 1, i % 7 == 0});
    order.place(samples);
    for (size_t i = 1; i < samples.size(); ++i) EXPECT_GT(samples[i].time, samples[i - 1].time);
  }
}

}  // namespace
}  // namespace loopcast::record
