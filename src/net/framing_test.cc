#include "net/framing.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace loopcast::net {
namespace {

void feed(FrameDecoder& decoder, Bytes data) {
  const MutableBytes space = decoder.space();
  ASSERT_GE(space.size(), data.size());
  std::copy(data.begin(), data.end(), space.begin());
  decoder.commit(data.size());
}

std::vector<std::string> drain(FrameDecoder& decoder) {
  std::vector<std::string> frames;
  while (auto frame = decoder.next()) frames.emplace_back(as_text(*frame));
  return frames;
}

using Frames = std::vector<std::string>;

TEST(FrameDecoder, TakesAFrameByteByByte) {
  FrameDecoder decoder;
  const std::string stream("\0\3abc", 5);
  for (size_t i = 0; i < stream.size(); ++i) {
    EXPECT_TRUE(drain(decoder).empty());
    feed(decoder, as_bytes(stream).subspan(i, 1));
  }
  EXPECT_EQ(drain(decoder), Frames{"abc"});
  EXPECT_FALSE(decoder.failed());
}

TEST(FrameDecoder, TakesSeveralFramesAndTheBeginningOfTheNext) {
  FrameDecoder decoder;
  feed(decoder, as_bytes(std::string_view("\0\2ab\0\1c\0", 8)));
  EXPECT_EQ(drain(decoder), (Frames{"ab", "c"}));
  feed(decoder, as_bytes(std::string_view("\1d", 2)));
  EXPECT_EQ(drain(decoder), Frames{"d"});
}

TEST(FrameDecoder, SkipsEmptyFrames) {
  FrameDecoder decoder;
  feed(decoder, as_bytes(std::string_view("\0\0\0\0\0\1x\0\0", 9)));
  EXPECT_EQ(drain(decoder), Frames{"x"});
}

TEST(FrameDecoder, FailsForGoodOnALongFrame) {
  FrameDecoder decoder;
  feed(decoder, as_bytes(std::string_view("\0\1x\x08\x01\0\1y", 8)));  // 2049
  EXPECT_EQ(drain(decoder), Frames{"x"});
  EXPECT_TRUE(decoder.failed());
  EXPECT_TRUE(drain(decoder).empty());
  FrameDecoder web;
  feed(web, as_bytes("GET / HTTP/1.1\r\n"));
  EXPECT_TRUE(drain(web).empty());
  EXPECT_TRUE(web.failed());
}

TEST(FrameDecoder, AlwaysHasSpaceForTheRestOfTheLongestFrame) {
  FrameDecoder decoder;
  const std::string longest(FrameDecoder::kMaxFrame, 'v');
  std::string stream;
  for (int i = 0; i < 50; ++i) {
    const auto header = frame_header(longest.size());
    stream.append(header.begin(), header.end());
    stream += longest;
  }
  size_t frames = 0;
  for (size_t at = 0; at < stream.size();) {
    const MutableBytes space = decoder.space();
    ASSERT_FALSE(space.empty());
    const size_t size = std::min(space.size(), stream.size() - at);
    std::copy_n(stream.begin() + static_cast<long>(at), size, space.begin());
    decoder.commit(size);
    at += size;
    for (const std::string& frame : drain(decoder)) frames += frame == longest;
  }
  EXPECT_EQ(frames, 50u);
}

}  // namespace
}  // namespace loopcast::net
