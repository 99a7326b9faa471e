#include "wire/transport_feedback.h"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "wire/test_bytes.h"

namespace loopcast::wire {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;

constexpr Ssrc kSender{0x11111111};
constexpr Ssrc kMedia{0x22222222};

struct Status {
  uint16_t sequence;
  bool received;
  int64_t delta_us;
  bool operator==(const Status&) const = default;
};

std::vector<Status> statuses_of(const TransportFeedback& feedback) {
  std::vector<Status> all;
  feedback.for_each([&](Seq16 s, bool received, Duration delta) {
    all.push_back({s.value, received, delta.us()});
  });
  return all;
}

// Of a message whose fixed fields, from the base sequence on, are `fields`.
std::optional<TransportFeedback> parse(const std::vector<uint8_t>& fields) {
  static std::vector<uint8_t> body;  // outlives the view that is returned
  body = hex("11111111 22222222");
  body.insert(body.end(), fields.begin(), fields.end());
  return parse_transport_feedback({kFeedbackTransportWide, kRtcpTransportFeedback, body});
}

PacketArrival arrival(int64_t sequence, int64_t us) { return {sequence, Instant::from_us(us)}; }

TEST(TransportFeedback, ParsesRunsAndVectors) {
  // A run of two small deltas, a vector of 14 bits (1, 0, 1 and padding).
  const auto feedback = parse(hex("fffe 0005 fffffe 07 2002 a800 04 08 0c 10 0000"));
  ASSERT_TRUE(feedback);
  EXPECT_EQ(feedback->sender, kSender);
  EXPECT_EQ(feedback->media, kMedia);
  EXPECT_EQ(feedback->base_sequence, Seq16{65534});
  EXPECT_EQ(feedback->status_count, 5);
  EXPECT_EQ(feedback->reference_time, -2);
  EXPECT_EQ(feedback->feedback_count, 7);
  EXPECT_THAT(statuses_of(*feedback),
              ElementsAre(Status{65534, true, 1000}, Status{65535, true, 2000},
                          Status{0, true, 3000}, Status{1, false, 0}, Status{2, true, 4000}));
}

TEST(TransportFeedback, ParsesLargeAndNegativeDeltas) {
  // A vector of seven: large, lost, small, large, and the rest unused.
  const auto feedback = parse(hex("0001 0004 000000 00 e180 ffff ff 7fff"));
  ASSERT_TRUE(feedback);
  EXPECT_THAT(statuses_of(*feedback),
              ElementsAre(Status{1, true, -250}, Status{2, false, 0}, Status{3, true, 63'750},
                          Status{4, true, 8'191'750}));
}

TEST(TransportFeedback, RefusesWhatDoesNotAddUp) {
  EXPECT_FALSE(parse(hex("0001 0000 000000 00")));             // of no packet
  EXPECT_FALSE(parse(hex("0001 0001 000000 00")));             // no chunk
  EXPECT_FALSE(parse(hex("0001 0002 000000 00 2001 04 00")));  // a chunk too few
  EXPECT_FALSE(parse(hex("0001 0002 000000 00 2002 04")));     // a delta too few
  EXPECT_FALSE(parse(hex("0001 0001 000000 00 6001 0404")));   // reserved symbol in a run
  EXPECT_FALSE(parse(hex("0001 0001 000000 00 f000 0404")));   // and in a vector
  EXPECT_FALSE(parse(hex("0001 2001 000000 00 1fff 1fff")));   // too many packets
  EXPECT_TRUE(parse(hex("0001 2000 000000 00 1fff 1fff")));
  EXPECT_FALSE(parse_transport_feedback({kFeedbackTransportWide, kRtcpPayloadFeedback, {}}));
  EXPECT_FALSE(parse_transport_feedback({kFeedbackTransportWide, kRtcpTransportFeedback, {}}));
}

TEST(TransportFeedback, EmptyRunsAreSkipped) {
  const auto feedback = parse(hex("0001 0001 000000 00 2000 0000 2001 04"));
  ASSERT_TRUE(feedback);
  EXPECT_THAT(statuses_of(*feedback), ElementsAre(Status{1, true, 1000}));
}

std::vector<uint8_t> written(std::span<const PacketArrival> arrivals, size_t expected,
                             size_t room = 1200) {
  std::vector<uint8_t> out(room);
  ByteWriter w(out);
  EXPECT_EQ(write_transport_feedback(w, kSender, kMedia, 9, arrivals), expected);
  EXPECT_TRUE(w.ok());
  out.resize(w.position());
  return out;
}

TEST(WriteTransportFeedback, Bytes) {
  const std::vector<PacketArrival> arrivals{arrival(65535, 64'000), arrival(65536, 65'000),
                                            arrival(65538, 64'750)};
  const auto raw = written(arrivals, 3);
  // Small, small, lost, large: one vector of two-bit symbols, four bytes of deltas, two of padding.
  EXPECT_THAT(raw, ElementsAreArray(hex("afcd0006 11111111 22222222 ffff 0004 000001 09"
                                        "d480 00 04 ffff 0002")));
}

// What must come back from a message that told of `arrivals`, to a quarter of a millisecond.
void expect_told(const std::vector<uint8_t>& raw, std::span<const PacketArrival> arrivals) {
  RtcpReader reader(raw);
  const auto packet = reader.next();
  ASSERT_TRUE(packet);
  EXPECT_FALSE(reader.next());
  EXPECT_TRUE(reader.ok());
  const auto feedback = parse_transport_feedback(*packet);
  ASSERT_TRUE(feedback);
  EXPECT_EQ(feedback->feedback_count, 9);
  // The reference time wraps; here its era is that of the first arrival.
  const int64_t units = arrivals[0].at.us() / 64'000;
  EXPECT_EQ(feedback->reference_time & 0xFFFFFF, units & 0xFFFFFF);
  Instant at = Instant() + kFeedbackReferenceUnit * units;
  size_t i = 0;
  int64_t sequence = arrivals[0].sequence;
  feedback->for_each([&](Seq16 s, bool received, Duration delta) {
    ASSERT_EQ(s.value, static_cast<uint16_t>(sequence));
    ASSERT_LT(i, arrivals.size());
    ASSERT_EQ(received, arrivals[i].sequence == sequence);
    ++sequence;
    if (!received) return;
    at = at + delta;
    ASSERT_LE(at, arrivals[i].at);
    ASSERT_GT(at + kFeedbackDeltaUnit, arrivals[i].at);
    ++i;
  });
  EXPECT_EQ(i, arrivals.size());
}

TEST(WriteTransportFeedback, ReadsBackWhateverTheLossAndJitter) {
  Random random = Random::from_number(1);
  for (int round = 0; round < 300; ++round) {
    const double loss = random.unit();
    const uint32_t jitter_us = random.below(4) == 0 ? 200'000 : 30'000;
    std::vector<PacketArrival> arrivals;
    int64_t sequence = 65'000 + random.below(2000);
    int64_t us = int64_t{random.u32()} * 100;
    while (arrivals.size() < 200) {
      ++sequence;
      us += random.below(jitter_us) - jitter_us / 8;
      if (random.unit() >= loss) arrivals.push_back(arrival(sequence, us));
      if (random.below(100) == 0) sequence += random.below(300);
    }
    const size_t room = 60 + random.below(1100);
    std::span<const PacketArrival> rest = arrivals;
    while (!rest.empty()) {
      std::vector<uint8_t> out(room);
      ByteWriter w(out);
      const size_t taken = write_transport_feedback(w, kSender, kMedia, 9, rest);
      ASSERT_GT(taken, 0u);
      out.resize(w.position());
      EXPECT_EQ(out.size() % 4, 0u);
      expect_told(out, rest.first(taken));
      if (HasFatalFailure()) return;
      rest = rest.subspan(taken);
    }
  }
}

TEST(WriteTransportFeedback, LongRunsAreSmall) {
  std::vector<PacketArrival> arrivals;
  for (int i = 0; i < 1000; ++i) arrivals.push_back(arrival(i, 1000 * i));
  const auto raw = written(arrivals, 1000);
  EXPECT_LE(raw.size(), 20u + 2 + 1000 + 3);
  expect_told(raw, arrivals);
}

TEST(WriteTransportFeedback, ADeltaOutOfRangeEndsTheMessage) {
  const std::vector<PacketArrival> late{arrival(1, 0), arrival(2, 8'191'750),
                                        arrival(3, 16'383'750)};
  expect_told(written(late, 2), std::span(late).first(2));
  const std::vector<PacketArrival> early{arrival(1, 20'000'000), arrival(2, 11'000'000)};
  expect_told(written(early, 1), std::span(early).first(1));
}

TEST(WriteTransportFeedback, AGapTooLongEndsTheMessage) {
  const std::vector<PacketArrival> gap{arrival(1, 0), arrival(1 + kMaxFeedbackStatuses, 0)};
  expect_told(written(gap, 1), std::span(gap).first(1));
  const std::vector<PacketArrival> longest{arrival(1, 0), arrival(kMaxFeedbackStatuses, 0)};
  expect_told(written(longest, 2), longest);
}

TEST(WriteTransportFeedback, ANumberThatDoesNotRiseEndsTheMessage) {
  const std::vector<PacketArrival> twice{arrival(1, 0), arrival(1, 1000)};
  expect_told(written(twice, 1), std::span(twice).first(1));
}

TEST(WriteTransportFeedback, NothingIfNotEvenOneFits) {
  const std::vector<PacketArrival> one{arrival(1, 0)};
  EXPECT_TRUE(written(one, 0, 23).empty());
  EXPECT_EQ(written(one, 1, 24).size(), 24u);
  EXPECT_TRUE(written({}, 0).empty());
}

}  // namespace
}  // namespace loopcast::wire
