#include "sfu/publisher.h"

#include <gtest/gtest.h>

#include "sfu/media_testing.h"
#include "wire/ntp.h"

namespace loopcast::sfu {
namespace {

constexpr size_t kAudio = 0, kVideo = 1;
constexpr Instant kStart = Instant::from_us(5'000'000);

class PublisherTest : public ::testing::Test {
 protected:
  bool video(int64_t index, uint32_t timestamp, Part part, bool marker = true) {
    const auto payload = vp8(part);
    return publisher.accept(now, received(kVideo, index, timestamp, payload, marker), counters);
  }
  bool audio(int64_t index) {
    const std::vector<uint8_t> payload{0x78, 1};
    return publisher.accept(now, received(kAudio, index, 1, payload), counters);
  }
  bool padding(int64_t index) {
    return publisher.accept(now, received(kVideo, index, 1, {}), counters);
  }
  SourceStream& stream() { return *publisher.stream_of(kVideo); }

  Publisher publisher{publishing()};
  rtc::Counters counters;
  Instant now = kStart;
};

TEST_F(PublisherTest, HasAStreamForEachMediaThatIsReceived) {
  EXPECT_EQ(publisher.streams().size(), 2u);
  EXPECT_EQ(Publisher(watching()).streams().size(), 0u);
  const auto sources = publisher.sources();
  ASSERT_EQ(sources.size(), 2u);
  EXPECT_EQ(sources[1].codec, wire::Codec::kVp8);
}

TEST_F(PublisherTest, PaddingIsTakenOutOfTheNumbering) {
  EXPECT_TRUE(video(100, 1, Part::kKeyframe));
  EXPECT_FALSE(padding(101));
  EXPECT_FALSE(padding(102));
  EXPECT_TRUE(video(103, 2, Part::kDelta));
  EXPECT_FALSE(padding(104));
  EXPECT_TRUE(video(105, 3, Part::kDelta));
  EXPECT_EQ(stream().pending, (std::vector<int64_t>{100, 101, 102}));
}

TEST_F(PublisherTest, LatePacketKeepsItsPlaceBeforeThePadding) {
  EXPECT_TRUE(video(100, 1, Part::kKeyframe));
  EXPECT_FALSE(padding(102));
  EXPECT_TRUE(video(103, 3, Part::kDelta));
  EXPECT_TRUE(video(101, 2, Part::kDelta));  // overtaken
  EXPECT_EQ(stream().pending, (std::vector<int64_t>{100, 102, 101}));
}

TEST_F(PublisherTest, PaddingThatComesLateFillsItsGap) {
  EXPECT_TRUE(video(100, 1, Part::kKeyframe));
  EXPECT_TRUE(video(102, 2, Part::kDelta));
  EXPECT_TRUE(padding(101));
  EXPECT_FALSE(padding(101)) << "once";
  EXPECT_TRUE(video(103, 3, Part::kDelta));
  EXPECT_EQ(stream().pending, (std::vector<int64_t>{100, 102, 101, 103}));
  const CachedPacket* filler = stream().cache.find(101);
  ASSERT_TRUE(filler);
  EXPECT_EQ(filler->payload_size, 0);
  const rtc::PlainPacket plain = stream().cache.plain(*filler);
  EXPECT_EQ(plain.padding, 1);
  ASSERT_EQ(plain.payload.size(), 1u);
  EXPECT_EQ(plain.payload[0], 1) << "the count, which counts itself";
}

TEST_F(PublisherTest, PaddingThatOthersOvertookLeavesNoGap) {
  EXPECT_TRUE(video(100, 1, Part::kKeyframe));
  EXPECT_FALSE(padding(102));
  EXPECT_TRUE(padding(101)) << "what follows it may have its number by now";
  EXPECT_FALSE(padding(102)) << "a duplicate";
  EXPECT_TRUE(video(103, 2, Part::kDelta));
  EXPECT_EQ(stream().pending, (std::vector<int64_t>{100, 101, 102}));
}

TEST_F(PublisherTest, MalformedVideoThatComesLateFillsItsGap) {
  EXPECT_TRUE(video(100, 1, Part::kKeyframe));
  EXPECT_TRUE(video(102, 2, Part::kDelta));
  const std::vector<uint8_t> broken{0x80};
  EXPECT_TRUE(publisher.accept(now, received(kVideo, 101, 1, broken), counters));
  EXPECT_EQ(stream().cache.find(101)->payload_size, 0);
}

TEST_F(PublisherTest, APacketFromBeforeAllRememberedPaddingTakesNobodysPlace) {
  EXPECT_TRUE(video(100, 1, Part::kKeyframe));
  int64_t raw = 102;  // 101 is missing
  for (uint32_t i = 0; i < 70; ++i) {
    EXPECT_FALSE(padding(raw++));
    EXPECT_TRUE(video(raw++, 2 + i, Part::kDelta));
  }
  const size_t before = stream().pending.size();
  EXPECT_FALSE(video(101, 1, Part::kDelta));
  EXPECT_EQ(counters.get(rtc::Counter::kDropRtpOffSequence), 1u);
  EXPECT_FALSE(padding(101));
  EXPECT_EQ(stream().pending.size(), before);
}

TEST_F(PublisherTest, MorePaddingThanIsRememberedStaysRight) {
  int64_t raw = 100, own = 100;
  EXPECT_TRUE(video(raw++, 1, Part::kKeyframe));
  for (uint32_t i = 0; i < 300; ++i) {
    EXPECT_FALSE(padding(raw++));
    EXPECT_TRUE(video(raw++, 2 + i, Part::kDelta));
    EXPECT_EQ(stream().pending.back(), ++own);
  }
}

TEST_F(PublisherTest, MalformedVideoIsTakenOutAsWell) {
  EXPECT_TRUE(video(100, 1, Part::kKeyframe));
  const std::vector<uint8_t> broken{0x80};  // an extension is announced, nothing follows
  EXPECT_FALSE(publisher.accept(now, received(kVideo, 101, 2, broken), counters));
  EXPECT_TRUE(video(102, 3, Part::kDelta));
  EXPECT_EQ(stream().pending, (std::vector<int64_t>{100, 101}));
  EXPECT_EQ(counters.get(rtc::Counter::kDropRtpMalformed), 1u);
}

TEST_F(PublisherTest, DuplicateIsCountedAndNotPending) {
  EXPECT_TRUE(video(100, 1, Part::kKeyframe));
  EXPECT_FALSE(video(100, 1, Part::kKeyframe));
  EXPECT_EQ(stream().pending.size(), 1u);
  EXPECT_EQ(counters.get(rtc::Counter::kDropRtpDuplicate), 1u);
}

TEST_F(PublisherTest, RemembersTheNewestKeyframe) {
  EXPECT_EQ(stream().keyframe_index, -1);
  EXPECT_FALSE(publisher.replay_start(stream(), now));
  EXPECT_TRUE(video(100, 1, Part::kDelta));
  EXPECT_TRUE(video(101, 2, Part::kKeyframe, false));
  EXPECT_TRUE(video(102, 2, Part::kInside));
  EXPECT_TRUE(video(110, 5, Part::kKeyframe));
  EXPECT_TRUE(video(105, 3, Part::kKeyframe)) << "an older one, overtaken";
  EXPECT_EQ(stream().keyframe_index, 110);
  EXPECT_EQ(stream().keyframe_timestamp, 5u);
  EXPECT_EQ(publisher.replay_start(stream(), now), 110);
}

TEST_F(PublisherTest, KeyframeFulfilsTheWish) {
  stream().keyframes.want(now);
  EXPECT_TRUE(video(100, 1, Part::kDelta));
  EXPECT_FALSE(stream().keyframes.next_timeout().is_never());
  EXPECT_TRUE(video(101, 2, Part::kKeyframe));
  EXPECT_TRUE(stream().keyframes.next_timeout().is_never());
}

TEST_F(PublisherTest, OldOrLongStretchesAreNotReplayed) {
  EXPECT_TRUE(video(100, 1, Part::kKeyframe));
  EXPECT_TRUE(publisher.replay_start(stream(), now + Publisher::kMaxReplayAge));
  EXPECT_FALSE(
      publisher.replay_start(stream(), now + Publisher::kMaxReplayAge + Duration::micros(1)));
  EXPECT_TRUE(video(100 + Publisher::kMaxReplay - 1, 2, Part::kDelta));
  EXPECT_TRUE(publisher.replay_start(stream(), now));
  EXPECT_TRUE(video(100 + Publisher::kMaxReplay, 3, Part::kDelta));
  EXPECT_FALSE(publisher.replay_start(stream(), now));
}

TEST_F(PublisherTest, BatchIsReadyWithTheFrameOrAfterAWait) {
  EXPECT_FALSE(publisher.has_pending());
  EXPECT_TRUE(publisher.batch_due().is_never());
  EXPECT_TRUE(video(100, 1, Part::kKeyframe, false));
  EXPECT_TRUE(publisher.has_pending());
  EXPECT_FALSE(publisher.batch_ready(now));
  EXPECT_EQ(publisher.batch_due(), now + Publisher::kFrameWait);
  EXPECT_TRUE(publisher.batch_ready(now + Publisher::kFrameWait));
  now = now + Duration::micros(100);
  EXPECT_TRUE(audio(7));
  EXPECT_FALSE(publisher.batch_ready(now)) << "audio does not end the frame";
  EXPECT_EQ(publisher.batch_due(), kStart + Publisher::kFrameWait) << "nor prolongs the wait";
  EXPECT_TRUE(video(101, 1, Part::kInside, true));
  EXPECT_TRUE(publisher.batch_ready(now));
  publisher.clear_pending();
  EXPECT_FALSE(publisher.has_pending());
  EXPECT_FALSE(publisher.batch_ready(now + Duration::seconds(1)));
  EXPECT_TRUE(audio(8));
  EXPECT_TRUE(publisher.batch_ready(now)) << "audio alone waits for nothing";
  publisher.clear_pending();
  EXPECT_TRUE(video(103, 2, Part::kDelta, false));
  publisher.clear_pending();
  EXPECT_TRUE(audio(9));
  EXPECT_TRUE(publisher.batch_ready(now)) << "nor for the end of a frame that is lost";
}

TEST_F(PublisherTest, SoundThatWaitsLeavesWithTheFrame) {
  publisher.let_sound_wait(true);
  EXPECT_TRUE(audio(7));
  EXPECT_FALSE(publisher.batch_ready(now));
  EXPECT_EQ(publisher.batch_due(), now + Publisher::kSoundWait);
  EXPECT_TRUE(publisher.batch_ready(now + Publisher::kSoundWait)) << "there may be no picture";
  now = now + Duration::millis(10);
  EXPECT_TRUE(video(100, 1, Part::kKeyframe, false));
  EXPECT_FALSE(publisher.batch_ready(now));
  EXPECT_EQ(publisher.batch_due(), now + Publisher::kFrameWait);
  EXPECT_TRUE(video(101, 1, Part::kInside, true));
  EXPECT_TRUE(publisher.batch_ready(now));
  publisher.clear_pending();
  EXPECT_TRUE(audio(8));
  EXPECT_FALSE(publisher.batch_ready(now));
  publisher.let_sound_wait(false);
  EXPECT_TRUE(publisher.batch_ready(now)) << "the crowd has gone";
}

TEST_F(PublisherTest, RetransmissionDoesNotOpenAFrame) {
  EXPECT_TRUE(video(100, 1, Part::kKeyframe, true));
  publisher.clear_pending();
  const auto payload = vp8(Part::kInside);
  auto again = received(kVideo, 99, 1, payload, false);
  again.recovered = true;
  EXPECT_TRUE(publisher.accept(now, again, counters));
  EXPECT_TRUE(publisher.batch_ready(now));
}

TEST_F(PublisherTest, SoundOfLongPacketsIsKept) {
  const std::vector<uint8_t> longest(PacketCache::kMaxSoundPayload, 0x78);
  EXPECT_TRUE(publisher.accept(now, received(kAudio, 1, 1, longest), counters));
  EXPECT_EQ(publisher.streams()[kAudio].cache.find(1)->payload_size, longest.size());
  std::vector<uint8_t> longer = longest;
  longer.push_back(0);
  EXPECT_FALSE(publisher.accept(now, received(kAudio, 2, 2, longer), counters));
  EXPECT_EQ(counters.get(rtc::Counter::kDropRtpTooLarge), 1u);
  EXPECT_EQ(counters.get(rtc::Counter::kDropRtpDuplicate), 0u);
}

TEST_F(PublisherTest, PicturesInPacketsThatAreTooLongAreTakenOut) {
  EXPECT_TRUE(video(100, 1, Part::kKeyframe));
  std::vector<uint8_t> payload = vp8(Part::kDelta);
  payload.resize(PacketCache::kMaxPayload + 1);
  EXPECT_FALSE(publisher.accept(now, received(kVideo, 101, 2, payload), counters));
  EXPECT_TRUE(video(102, 3, Part::kDelta));
  EXPECT_EQ(stream().pending, (std::vector<int64_t>{100, 101}));
  EXPECT_EQ(counters.get(rtc::Counter::kDropRtpTooLarge), 1u);
}

class H264PublisherTest : public PublisherTest {
 protected:
  H264PublisherTest() { publisher = Publisher(publishing_h264()); }
  void nal(int64_t index, uint32_t timestamp, Nal nal, bool marker = false) {
    const auto payload = h264(nal);
    publisher.accept(now, received(kVideo, index, timestamp, payload, marker), counters);
  }
};

TEST_F(H264PublisherTest, ParameterSetsBeforeAnOrdinaryPictureAreNoKeyframe) {
  nal(100, 1, Nal::kSps);
  nal(101, 1, Nal::kPps);
  nal(102, 1, Nal::kSlice, true);
  EXPECT_EQ(stream().keyframe_index, -1);
  EXPECT_FALSE(publisher.replay_start(stream(), now));
  publisher.prepare_batch();
  EXPECT_EQ(stream().batch_keyframe, stream().batch.size());
}

TEST_F(H264PublisherTest, AKeyframeBeginsWithItsParameterSets) {
  nal(99, 1, Nal::kSlice, true);
  nal(100, 2, Nal::kSps);
  nal(101, 2, Nal::kPps);
  nal(102, 2, Nal::kIdr, true);
  EXPECT_EQ(stream().keyframe_index, 100);
  publisher.prepare_batch();
  EXPECT_EQ(stream().batch_keyframe, 1u);
}

TEST_F(H264PublisherTest, WhatWasLostOfAKeyframesBeginningIsFoundLater) {
  nal(99, 1, Nal::kSlice, true);
  nal(100, 2, Nal::kSps);
  nal(102, 2, Nal::kIdr, true);
  EXPECT_EQ(stream().keyframe_index, 102);
  nal(103, 3, Nal::kSlice, true);
  nal(101, 2, Nal::kPps);
  EXPECT_EQ(stream().keyframe_index, 100);
}

// With the sets of the offer, "1" as identifiers.
class BareH264PublisherTest : public H264PublisherTest {
 protected:
  BareH264PublisherTest() {
    publisher =
        Publisher(publishing_h264("packetization-mode=1;sprop-parameter-sets=Z0LgH4xo,aM48gA=="));
  }
  std::vector<uint8_t> types() {
    std::vector<uint8_t> types;
    for (const int64_t index : stream().pending)
      types.push_back(stream().cache.payload(*stream().cache.find(index))[0]);
    return types;
  }
};

TEST_F(BareH264PublisherTest, AKeyframeWithoutParameterSetsGetsThoseOfTheOffer) {
  nal(100, 1, Nal::kIdr, true);
  nal(101, 2, Nal::kSlice, true);
  EXPECT_EQ(types(), (std::vector<uint8_t>{0x67, 0x68, 0x65, 0x41}));
  EXPECT_EQ(stream().pending, (std::vector<int64_t>{100, 101, 102, 103}));
  EXPECT_EQ(stream().keyframe_index, 100);
  for (int64_t index = 100; index <= 102; ++index) {
    EXPECT_EQ(stream().cache.find(index)->timestamp, 1u);
    EXPECT_EQ(stream().cache.find(index)->marker, index == 102);
  }
}

TEST_F(BareH264PublisherTest, OnceForEachKeyframeThatLacksThem) {
  nal(100, 1, Nal::kIdr);
  nal(101, 1, Nal::kIdr, true);
  nal(102, 2, Nal::kSps);
  nal(103, 2, Nal::kPps);
  nal(104, 2, Nal::kIdr, true);
  nal(105, 3, Nal::kIdr, true);
  EXPECT_EQ(types(),
            (std::vector<uint8_t>{0x67, 0x68, 0x65, 0x65, 0x67, 0x68, 0x65, 0x67, 0x68, 0x65}));
}

TEST_F(BareH264PublisherTest, AlsoIfOneKindOfThemCame) {
  nal(100, 1, Nal::kSps);
  nal(101, 1, Nal::kIdr, true);
  nal(102, 2, Nal::kPps);
  nal(103, 2, Nal::kIdr, true);
  EXPECT_EQ(types(), (std::vector<uint8_t>{0x67, 0x67, 0x68, 0x65, 0x68, 0x67, 0x68, 0x65}));
  EXPECT_EQ(stream().keyframe_index, 104);
}

TEST_F(BareH264PublisherTest, AlsoIfOneKindCameInThePacketOfTheKeyframe) {
  const std::vector<uint8_t> aggregate{0x78, 0, 4, 0x68, 0xce, 0x3c, 0x80, 0, 2, 0x65, 0x88};
  publisher.accept(now, received(kVideo, 100, 1, aggregate, true), counters);
  EXPECT_EQ(types(), (std::vector<uint8_t>{0x67, 0x68, 0x78}));
  EXPECT_EQ(stream().keyframe_index, 100);
}

TEST_F(BareH264PublisherTest, LatePacketsKeepTheirPlace) {
  nal(98, 1, Nal::kSlice, true);
  nal(100, 2, Nal::kIdr, true);
  nal(102, 3, Nal::kSlice, true);
  nal(99, 1, Nal::kSlice, true);
  nal(101, 3, Nal::kSlice);
  nal(103, 4, Nal::kSlice, true);
  EXPECT_EQ(stream().pending, (std::vector<int64_t>{98, 100, 101, 102, 104, 99, 103, 105}));
}

TEST_F(BareH264PublisherTest, ProbesAndInsertionsTogether) {
  nal(100, 1, Nal::kIdr, true);  // 100 to 102
  EXPECT_FALSE(padding(101));
  nal(102, 2, Nal::kSlice, true);
  nal(103, 3, Nal::kIdr, true);  // 104 to 106
  EXPECT_FALSE(padding(104));
  nal(105, 4, Nal::kSlice, true);
  EXPECT_EQ(stream().pending, (std::vector<int64_t>{100, 101, 102, 103, 104, 105, 106, 107}));
}

TEST_F(BareH264PublisherTest, NothingIsPutWhereTheNextPacketStands) {
  nal(99, 1, Nal::kSlice, true);
  nal(101, 2, Nal::kIdr, true);  // a later slice came first
  nal(100, 2, Nal::kIdr);
  EXPECT_EQ(stream().pending, (std::vector<int64_t>{99, 101, 102, 103, 100}));
}

TEST_F(H264PublisherTest, SetsOfTheStreamsBeginningAreThereForThoseWhoComeLater) {
  nal(100, 1, Nal::kSps);
  nal(101, 1, Nal::kPps);
  nal(102, 1, Nal::kIdr, true);
  nal(103, 2, Nal::kIdr, true);
  EXPECT_EQ(stream().keyframe_index, 103);
  EXPECT_EQ(stream().cache.payload(*stream().cache.find(103))[0], 0x67);
  EXPECT_EQ(stream().cache.highest(), 105);
}

TEST_F(H264PublisherTest, AnotherSourceIsNotGivenTheSetsOfTheOneBefore) {
  nal(100, 1, Nal::kSps);
  nal(101, 1, Nal::kPps);
  nal(102, 1, Nal::kIdr, true);
  const auto payload = h264(Nal::kIdr);
  auto other = received(kVideo, 103, 2, payload);
  other.rtp.ssrc = Ssrc{9};
  EXPECT_TRUE(publisher.accept(now, other, counters));
  EXPECT_EQ(stream().pending, (std::vector<int64_t>{100, 101, 102, 103}));
}

TEST_F(PublisherTest, PendingIsBounded) {
  for (int64_t i = 0; i < 5000; ++i) video(100 + i, 1, Part::kInside, false);
  EXPECT_EQ(stream().pending.size(), Publisher::kVideoCache);
}

// Sender reports.

class PublisherClocks : public PublisherTest {
 protected:
  static constexpr int64_t kWall = 1'790'000'000'000'000;
  void report(size_t media, Instant at, int64_t wall_us, uint32_t timestamp) {
    publisher.note_clock(*publisher.stream_of(media),
                         rtc::ClockMark{wire::ntp_from_wall(WallTime{wall_us}), timestamp, at});
  }
  std::optional<uint32_t> timestamp(size_t media, Instant at) {
    return publisher.timestamp_at(*publisher.stream_of(media), at);
  }
};

TEST_F(PublisherClocks, PlacesBothStreamsByOneWallClock) {
  EXPECT_FALSE(timestamp(kVideo, now));
  report(kAudio, now, kWall, 1000);
  EXPECT_FALSE(timestamp(kVideo, now));
  EXPECT_EQ(timestamp(kAudio, now + Duration::seconds(1)), 49'000u);
  // This report took 300 ms longer on its way: that is not its stream's fault.
  report(kVideo, now + Duration::millis(1300), kWall + 1'000'000, 500'000);
  EXPECT_EQ(timestamp(kVideo, now + Duration::seconds(2)), 590'000u);
}

TEST_F(PublisherClocks, AClockThatWasSetPlacesNothingByTheOneBefore) {
  report(kAudio, now, kWall, 1000);
  report(kVideo, now, kWall, 500'000);
  const Instant later = now + Duration::seconds(1);
  report(kAudio, later, kWall + 3'600'000'000, 49'000);
  EXPECT_EQ(timestamp(kAudio, later), 49'000u);
  EXPECT_FALSE(timestamp(kVideo, later)) << "it is in time with the old clock";
  // The same report once more, as after any compound of the presenter, changes nothing.
  report(kVideo, now, kWall, 500'000);
  EXPECT_FALSE(timestamp(kVideo, later));
  EXPECT_EQ(timestamp(kAudio, later), 49'000u);
  report(kVideo, later, kWall + 3'600'000'000, 590'000);
  EXPECT_EQ(timestamp(kVideo, later), 590'000u);
  EXPECT_EQ(timestamp(kAudio, later), 49'000u);
}

TEST_F(PublisherClocks, ASourceThatTellsNoTimeIsNotPlaced) {
  report(kVideo, now, kWall, 500'000);
  publisher.note_clock(stream(), std::nullopt);
  EXPECT_FALSE(timestamp(kVideo, now));
}

}  // namespace
}  // namespace loopcast::sfu
