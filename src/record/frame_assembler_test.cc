#include "record/frame_assembler.h"

#include <gtest/gtest.h>

namespace loopcast::record {
namespace {

class FrameAssemblerTest : public ::testing::Test {
 protected:
  void push(std::vector<uint8_t> payload, uint32_t timestamp, bool marker, bool gap = false) {
    JitterBuffer::Packet packet;
    packet.meta.timestamp = timestamp;
    packet.meta.marker = marker;
    packet.meta.arrival = at;
    packet.payload = std::move(payload);
    packet.gap = gap;
    frames.push(packet);
    at = at + Duration::millis(1);
  }
  void push_sets(uint32_t timestamp) {
    push({0x67, 0x42, 0xc0, 0x1e, 0xd9, 0x00, 0xa0, 0x3d, 0xb0, 0x11, 0x00, 0x00,
          0x03, 0x00, 0x01, 0x00, 0x00, 0x03, 0x00, 0x3c, 0x0f, 0x16, 0x2e, 0x48},
         timestamp, false);
    push({0x68, 0xce, 0x0f, 0xc8}, timestamp, false);
  }

  FrameAssembler frames{wire::Codec::kH264};
  Instant at = Instant::from_us(5'000'000);
};

TEST_F(FrameAssemblerTest, AMarkerBehindEachSliceEndsNoPicture) {
  push_sets(10);
  push({0x65, 0x88, 0xaa}, 10, true);
  push({0x65, 0x08, 0xbb}, 10, true);
  EXPECT_FALSE(frames.pop());
  push({0x41, 0x9a, 0xcc}, 20, true);
  const auto key = frames.pop();
  ASSERT_TRUE(key);
  EXPECT_TRUE(key->frame.keyframe);
  EXPECT_EQ(key->frame.data.size(), 24 + 4 + 3 + 3 + 4 * 4u) << "both slices";
  EXPECT_EQ(key->timestamp, 10u);
  push({0x41, 0x1a, 0xdd}, 20, true);
  frames.flush(at);
  const auto next = frames.pop();
  ASSERT_TRUE(next);
  EXPECT_EQ(next->frame.data.size(), 2 * 7u);
  EXPECT_EQ(frames.dropped(), 0u);
}

TEST_F(FrameAssemblerTest, AMarkerWithinAUnitEndsNothing) {
  push_sets(10);
  push({0x7c, 0x85, 0x88, 0xaa}, 10, true);
  push({0x7c, 0x45, 0xbb}, 10, true);
  push({0x41, 0x9a}, 20, true);
  EXPECT_TRUE(frames.pop());
  EXPECT_EQ(frames.dropped(), 0u);
}

TEST_F(FrameAssemblerTest, APictureWithTheMarkerIsOverAfterAWhile) {
  push_sets(10);
  push({0x65, 0x88, 0xaa}, 10, true);
  EXPECT_TRUE(frames.is_marked());
  frames.flush(at - Duration::millis(10));
  EXPECT_FALSE(frames.pop());
  frames.flush(at);
  EXPECT_TRUE(frames.pop());
  EXPECT_FALSE(frames.is_marked());
}

TEST_F(FrameAssemblerTest, WhatIsLostBehindAMarkerIsAnotherPictures) {
  push_sets(10);
  push({0x65, 0x88, 0xaa}, 10, true);
  push({0x41, 0x9a}, 30, true, true);
  EXPECT_TRUE(frames.pop());
  push({0x41, 0x9a}, 40, true);
  EXPECT_FALSE(frames.pop());
  EXPECT_TRUE(frames.needs_keyframe());
}

TEST_F(FrameAssemblerTest, NothingRefersToAPictureWithoutItsEnd) {
  push_sets(10);
  push({0x65, 0x88, 0xaa}, 10, true);
  push({0x7c, 0x81, 0x9a, 0xbb}, 20, true);
  push({0x41, 0x9a, 0xcc}, 30, true);
  frames.flush(at);
  ASSERT_TRUE(frames.pop());
  EXPECT_FALSE(frames.pop());
  EXPECT_TRUE(frames.needs_keyframe());
  EXPECT_EQ(frames.dropped(), 2u);
}

// As encoders with invisible reference pictures send them.
TEST_F(FrameAssemblerTest, PicturesOfVp8BeginWhereTheySay) {
  FrameAssembler vp8(wire::Codec::kVp8);
  const auto send = [&](std::vector<uint8_t> payload, uint32_t timestamp) {
    JitterBuffer::Packet packet;
    packet.meta.timestamp = timestamp;
    packet.meta.marker = true;
    packet.payload = std::move(payload);
    vp8.push(packet);
  };
  send({0x10, 0x10, 2, 0, 0x9d, 1, 0x2a, 0x80, 2, 0xe0, 1, 7}, 10);
  send({0x10, 0x11, 2, 0, 8}, 10);
  send({0x10, 0x11, 2, 0, 9}, 20);
  EXPECT_TRUE(vp8.pop());
  EXPECT_TRUE(vp8.pop());
  EXPECT_EQ(vp8.dropped(), 0u);
}

}  // namespace
}  // namespace loopcast::record
