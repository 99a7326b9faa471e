#include "record/jitter_buffer.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace loopcast::record {
namespace {

constexpr Duration kWait = Duration::millis(500);

class JitterBufferTest : public ::testing::Test {
 protected:
  void insert(int64_t index) {
    const std::array<uint8_t, 1> payload{static_cast<uint8_t>(index)};
    sfu::CachedPacket meta;
    meta.index = index;
    meta.payload_size = 1;
    buffer.insert(now, meta, payload);
  }
  // Indices that come out now; after a gap negative.
  std::vector<int64_t> pop() {
    std::vector<int64_t> out;
    while (const auto packet = buffer.pop(now))
      out.push_back(packet->gap ? -packet->meta.index : packet->meta.index);
    return out;
  }

  JitterBuffer buffer{kWait};
  Instant now = Instant::from_us(1'000'000);
};

using Indices = std::vector<int64_t>;

TEST_F(JitterBufferTest, OrdersAndDropsDuplicates) {
  insert(10);
  EXPECT_EQ(pop(), Indices{10});
  insert(12);
  insert(12);
  EXPECT_EQ(pop(), Indices{});
  insert(11);
  insert(10);
  EXPECT_EQ(pop(), (Indices{11, 12}));
  EXPECT_EQ(buffer.lost(), 0u);
  EXPECT_TRUE(buffer.next_timeout().is_never());
}

TEST_F(JitterBufferTest, WaitsForABoundedTime) {
  insert(10);
  pop();
  now = now + Duration::seconds(1);
  insert(13);
  EXPECT_EQ(buffer.next_timeout(), now + kWait);
  now = now + kWait - Duration::millis(1);
  EXPECT_EQ(pop(), Indices{});
  insert(15);
  now = now + Duration::millis(1);
  // The second gap has its own time.
  EXPECT_EQ(pop(), Indices{-13});
  EXPECT_EQ(buffer.lost(), 2u);
  now = now + kWait;
  EXPECT_EQ(pop(), Indices{-15});
  insert(14);
  EXPECT_EQ(pop(), Indices{}) << "it came too late";
}

TEST_F(JitterBufferTest, HoldsABoundedNumber) {
  insert(0);
  pop();
  for (size_t i = 2; i < JitterBuffer::kMaxHeld + 3; ++i) insert(static_cast<int64_t>(i));
  const auto out = pop();
  ASSERT_EQ(out.size(), JitterBuffer::kMaxHeld + 1);
  EXPECT_EQ(out[0], -2);
}

TEST_F(JitterBufferTest, GivesOutTheRestAtTheEnd) {
  insert(1);
  insert(3);
  buffer.stop_waiting();
  EXPECT_EQ(pop(), (Indices{1, -3}));
}

TEST_F(JitterBufferTest, AnyOrderWithinTheWaitIsPutRight) {
  Random random = Random(Random::from_number(5));
  Indices all;
  for (int64_t i = 0; i < 2000; ++i) all.push_back(i + 1);
  insert(0);
  Indices out = pop();
  for (size_t at = 0; at < all.size(); at += 20) {
    std::vector<int64_t> block(all.begin() + static_cast<ptrdiff_t>(at),
                               all.begin() + static_cast<ptrdiff_t>(at + 20));
    for (size_t i = block.size() - 1; i > 0; --i)
      std::swap(block[i], block[random.below(static_cast<uint32_t>(i + 1))]);
    for (const int64_t index : block) {
      insert(index);
      for (const int64_t popped : pop()) out.push_back(popped);
    }
    now = now + Duration::millis(5);
  }
  all.insert(all.begin(), 0);
  EXPECT_EQ(out, all);
}

}  // namespace
}  // namespace loopcast::record
