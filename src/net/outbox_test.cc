#include "net/outbox.h"

#include <memory>
#include <vector>

#include <gtest/gtest.h>

namespace loopcast::net {
namespace {

TEST(Outbox, KeepsWhatFindsNoRoomInOrder) {
  Outbox<std::unique_ptr<int>> outbox;
  std::vector<int> received;
  size_t room = 2;
  const auto post = [&](std::unique_ptr<int>&& message) {
    if (received.size() == room) return false;
    received.push_back(*message);
    message.reset();
    return true;
  };
  for (int i = 0; i < 5; ++i) outbox.send(std::make_unique<int>(i), post);
  EXPECT_EQ(received, (std::vector<int>{0, 1}));
  EXPECT_EQ(outbox.size(), 3u);
  room = 4;
  outbox.flush(post);
  EXPECT_EQ(received, (std::vector<int>{0, 1, 2, 3}));
  EXPECT_FALSE(outbox.empty());
  // What comes now waits behind what has waited.
  room = 5;
  outbox.send(std::make_unique<int>(5), post);
  EXPECT_EQ(received, (std::vector<int>{0, 1, 2, 3, 4}));
  room = 10;
  outbox.send(std::make_unique<int>(6), post);
  EXPECT_EQ(received, (std::vector<int>{0, 1, 2, 3, 4, 5, 6}));
  EXPECT_TRUE(outbox.empty());
}

}  // namespace
}  // namespace loopcast::net
