#include "rtc/feedback_recorder.h"

#include <array>
#include <map>

#include <gtest/gtest.h>

namespace loopcast::rtc {
namespace {

constexpr Instant at(int64_t ms) { return Instant::from_us(64'000'000 + ms * 1000); }

// What the sender learns.
struct Told {
  std::map<uint16_t, bool> received;
  std::map<uint16_t, int64_t> time_us;
  uint8_t count = 0;
};

class FeedbackRecorderTest : public ::testing::Test {
 protected:
  std::optional<Told> write(size_t room = 1100) {
    std::vector<uint8_t> buffer(room);
    ByteWriter w(buffer);
    if (!recorder.write(w, Ssrc{1}, Ssrc{2})) {
      EXPECT_EQ(w.position(), 0u);
      return std::nullopt;
    }
    wire::RtcpReader reader(w.written());
    const auto packet = reader.next();
    const auto feedback = packet ? wire::parse_transport_feedback(*packet) : std::nullopt;
    EXPECT_TRUE(feedback);
    if (!feedback) return std::nullopt;
    Told told;
    told.count = feedback->feedback_count;
    Duration time = wire::kFeedbackReferenceUnit * feedback->reference_time;
    feedback->for_each([&](Seq16 sequence, bool received, Duration delta) {
      told.received[sequence.value] = received;
      if (received) told.time_us[sequence.value] = (time += delta).us();
    });
    return told;
  }
  FeedbackRecorder recorder;
};

TEST_F(FeedbackRecorderTest, HasNothingToTellAtFirst) {
  EXPECT_TRUE(recorder.empty());
  EXPECT_FALSE(write());
}

TEST_F(FeedbackRecorderTest, TellsArrivalsAndLossesBetweenThem) {
  recorder.record(at(0), Seq16{10});
  recorder.record(at(5), Seq16{11});
  recorder.record(at(9), Seq16{14});
  const auto told = write();
  ASSERT_TRUE(told);
  EXPECT_EQ(told->received, (std::map<uint16_t, bool>{
                                {10, true}, {11, true}, {12, false}, {13, false}, {14, true}}));
  EXPECT_EQ(told->time_us.at(11) - told->time_us.at(10), 5000);
  EXPECT_EQ(told->time_us.at(14) - told->time_us.at(10), 9000);
  EXPECT_TRUE(recorder.empty());
  EXPECT_FALSE(write());
}

TEST_F(FeedbackRecorderTest, SortsWhatWasReordered) {
  recorder.record(at(0), Seq16{10});
  recorder.record(at(1), Seq16{12});
  recorder.record(at(2), Seq16{11});
  const auto told = write();
  ASSERT_TRUE(told);
  EXPECT_EQ(told->received.size(), 3u);
  EXPECT_EQ(told->time_us.at(11) - told->time_us.at(10), 2000);
  EXPECT_EQ(told->time_us.at(12) - told->time_us.at(10), 1000);
}

TEST_F(FeedbackRecorderTest, FirstArrivalOfADuplicateCounts) {
  recorder.record(at(0), Seq16{10});
  recorder.record(at(4), Seq16{11});
  recorder.record(at(8), Seq16{11});
  const auto told = write();
  ASSERT_TRUE(told);
  EXPECT_EQ(told->received.size(), 2u);
  EXPECT_EQ(told->time_us.at(11) - told->time_us.at(10), 4000);
}

TEST_F(FeedbackRecorderTest, LossBetweenTwoMessagesIsTold) {
  recorder.record(at(0), Seq16{10});
  ASSERT_TRUE(write());
  recorder.record(at(50), Seq16{13});
  const auto told = write();
  ASSERT_TRUE(told);
  EXPECT_FALSE(told->received.at(11));
  EXPECT_FALSE(told->received.at(12));
  EXPECT_TRUE(told->received.at(13));
  EXPECT_EQ(told->count, 1);
}

TEST_F(FeedbackRecorderTest, NumbersWrap) {
  for (int i = 0; i < 10; ++i) recorder.record(at(i), Seq16{static_cast<uint16_t>(65'531 + i)});
  const auto told = write();
  ASSERT_TRUE(told);
  EXPECT_EQ(told->received.size(), 10u);
  EXPECT_TRUE(told->received.at(0));
  EXPECT_TRUE(told->received.at(65'535));
}

TEST_F(FeedbackRecorderTest, TakesAsManyMessagesAsItNeeds) {
  std::map<uint16_t, bool> all;
  for (int i = 0; i < 2000; ++i)
    if (i % 3 != 1) recorder.record(at(i), Seq16{static_cast<uint16_t>(i)});
  int messages = 0;
  while (const auto told = write(200)) {
    EXPECT_EQ(told->count, messages);
    ++messages;
    for (const auto& [sequence, received] : told->received) all[sequence] |= received;
    ASSERT_LT(messages, 1000);
  }
  EXPECT_TRUE(recorder.empty());
  EXPECT_GT(messages, 5);
  ASSERT_GE(all.size(), 1998u);
  for (const auto& [sequence, received] : all) EXPECT_EQ(received, sequence % 3 != 1) << sequence;
}

TEST_F(FeedbackRecorderTest, NoRoomTellsNothingAndKeepsAll) {
  recorder.record(at(0), Seq16{10});
  EXPECT_FALSE(write(8));
  EXPECT_FALSE(recorder.empty());
  EXPECT_TRUE(write());
}

TEST_F(FeedbackRecorderTest, OldOneAfterItsMessageDoesNotStopTheRest) {
  recorder.record(at(0), Seq16{10});
  recorder.record(at(1), Seq16{12});
  ASSERT_TRUE(write());
  recorder.record(at(60), Seq16{11});  // overtaken, told as lost already
  recorder.record(at(61), Seq16{13});
  const auto told = write();
  ASSERT_TRUE(told);
  EXPECT_TRUE(told->received.at(11));
  EXPECT_TRUE(told->received.at(13));
}

TEST_F(FeedbackRecorderTest, LongPauseBetweenPackets) {
  recorder.record(at(0), Seq16{10});
  ASSERT_TRUE(write());
  recorder.record(at(20'000), Seq16{12});  // beyond what one message can span
  int messages = 0;
  bool seen = false;
  while (const auto told = write()) {
    const auto it = told->received.find(12);
    seen |= it != told->received.end() && it->second;
    ASSERT_LT(++messages, 5);
  }
  EXPECT_TRUE(seen);
  EXPECT_TRUE(recorder.empty());
}

TEST_F(FeedbackRecorderTest, IsBounded) {
  for (size_t i = 0; i < FeedbackRecorder::kMaxArrivals + 100; ++i)
    recorder.record(at(0), Seq16{static_cast<uint16_t>(i)});
  size_t told = 0;
  while (const auto message = write()) told += message->time_us.size();
  EXPECT_EQ(told, FeedbackRecorder::kMaxArrivals);
}

}  // namespace
}  // namespace loopcast::rtc
