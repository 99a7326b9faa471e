// Sound and picture are in time from the first picture on, whenever the presenter's reports come:
// what was written before is put right in the file.
#include <set>

#include "base/random.h"
#include "record/recording_fixture.h"

namespace loopcast::record {
namespace {

// Sound and pictures that take differently long from the microphone and the camera to the server,
// and the reports as late as Chromium's.
SyntheticPresenter::Options late(wire::Codec codec, double audio_latency, double video_latency) {
  return {.codec = codec,
          .video_latency = video_latency,
          .audio_latency = audio_latency,
          .first_video_report = 60,
          .first_audio_report = 125};
}

class RetimingTest : public RecordingTest {
 protected:
  // How much later pictures are than the sound of the same moment, of all that were taken from
  // `from` on: the most, in seconds, without its sign.
  static double worst(const SyntheticPresenter& presenter, const Contents& contents,
                      double from = 0) {
    double worst = 0;
    size_t compared = 0;
    for (const Unit& picture : contents.pictures) {
      const double taken = presenter.time_of_picture(picture.number);
      if (taken < from) continue;
      const auto sound = std::ranges::min_element(contents.sound, {}, [&](const Unit& unit) {
        return std::abs(presenter.time_of_sound(unit.number) - taken);
      });
      const double heard = presenter.time_of_sound(sound->number);
      if (std::abs(heard - taken) > 0.011) continue;
      ++compared;
      worst = std::max(worst, std::abs((picture.time - taken) - (sound->time - heard)));
    }
    EXPECT_GT(compared, 20u);
    return worst;
  }
  static double first_time(const Contents& contents) {
    return std::min(contents.pictures.front().time, contents.sound.front().time);
  }
  static void expect_in_order(const Contents& contents) {
    for (const auto* units : {&contents.pictures, &contents.sound})
      for (size_t i = 1; i < units->size(); ++i)
        ASSERT_GE((*units)[i].time, (*units)[i - 1].time) << i;
  }
};

struct Latencies {
  int audio_ms, video_ms;
};
class LatencyTest : public RetimingTest,
                    public ::testing::WithParamInterface<std::tuple<wire::Codec, Latencies>> {};

TEST_P(LatencyTest, TheFirstPictureIsInTime) {
  const auto [codec, latency] = GetParam();
  SyntheticPresenter presenter(late(codec, latency.audio_ms / 1e3, latency.video_ms / 1e3), now);
  feed(presenter.describe(1));
  run(presenter, 120);
  EXPECT_EQ(counters.fragments_retimed, 0u);
  run(presenter, 380);
  EXPECT_GE(counters.fragments_retimed, 4u);
  EXPECT_EQ(counters.fragments_guessed, 0u);
  const Contents contents = finished();
  EXPECT_EQ(contents.pictures.size(), 250u);
  EXPECT_EQ(contents.sound.size(), 500u);
  EXPECT_NEAR(first_time(contents), 0, 1e-9);
  EXPECT_LT(worst(presenter, contents), 0.002);
  EXPECT_NEAR(contents.duration, 10, 0.03);
  expect_in_order(contents);
}

INSTANTIATE_TEST_SUITE_P(
    Latencies, LatencyTest,
    ::testing::Combine(::testing::Values(wire::Codec::kH264, wire::Codec::kVp8),
                       ::testing::Values(Latencies{80, 60}, Latencies{80, 0}, Latencies{0, 300},
                                         Latencies{400, 20}, Latencies{30, 30})),
    [](const auto& p) {
      const Latencies latency = std::get<1>(p.param);
      return std::string(wire::codec_name(std::get<0>(p.param))) + "_sound_" +
             std::to_string(latency.audio_ms) + "_pictures_" + std::to_string(latency.video_ms);
    });

class FormatTest : public RetimingTest, public ::testing::WithParamInterface<wire::Codec> {};

TEST_P(FormatTest, OneKindAloneIsNotWaitedFor) {
  for (const bool sound : {true, false}) {
    auto options = late(GetParam(), 0.08, 0.06);
    options.sound = sound;
    options.pictures = !sound;
    Recording alone(counters);
    RecordingFile own(folder.path(), sound ? "sound" : "pictures");
    SyntheticPresenter presenter(options, now);
    alone.take(now, presenter.describe(1));
    for (int i = 0; i < 500; ++i) {
      const auto batch = presenter.next(1);
      alone.take(batch.at, batch);
      ASSERT_TRUE(write_output(batch.at, alone, own));
    }
    alone.finish(presenter.now());
    ASSERT_TRUE(write_output(presenter.now(), alone, own));
    const auto done = finish(folder.path(), sound ? "sound" : "pictures");
    ASSERT_TRUE(done);
    const Contents contents = read_back(done->path);
    EXPECT_EQ(contents.sound.size(), sound ? 500u : 0u);
    EXPECT_EQ(contents.pictures.size(), sound ? 0u : 250u);
    const auto& units = sound ? contents.sound : contents.pictures;
    EXPECT_NEAR(units.front().time, 0, 1e-9);
    EXPECT_NEAR(units.back().time, sound ? 9.98 : 9.96, 0.002);
  }
  EXPECT_EQ(counters.fragments_retimed + counters.fragments_guessed, 0u);
}

TEST_P(FormatTest, WithoutReportsTheArrivalsDecide) {
  auto options = late(GetParam(), 0.08, 0.06);
  options.first_audio_report = -1;
  SyntheticPresenter presenter(options, now);
  feed(presenter.describe(1));
  run(presenter, 1000);
  EXPECT_GT(counters.fragments_guessed, 20u) << "they are not kept for ever";
  const Contents contents = finished();
  EXPECT_EQ(counters.fragments_retimed, 0u);
  EXPECT_LT(worst(presenter, contents), 0.025);
  expect_in_order(contents);
}

TEST_P(FormatTest, ReportsThatComeTooLateDecideForTheLastSeconds) {
  auto options = late(GetParam(), 0.08, 0.2);
  options.first_audio_report = 500;
  SyntheticPresenter presenter(options, now);
  feed(presenter.describe(1));
  run(presenter, 750);
  EXPECT_GT(counters.fragments_guessed, 5u);
  EXPECT_GT(counters.fragments_retimed, 10u);
  const Contents contents = finished();
  EXPECT_GT(worst(presenter, contents), 0.1);
  EXPECT_LT(worst(presenter, contents, 4.6), 0.002);
  EXPECT_NEAR(first_time(contents), 0, 1e-9);
  EXPECT_EQ(contents.pictures.size(), 375u);
  expect_in_order(contents);
}

TEST_P(FormatTest, APresenterWhoComesBackIsInTimeAsWell) {
  SyntheticPresenter first(late(GetParam(), 0.08, 0.06), now);
  feed(first.describe(1));
  run(first, 250);
  advance(now + Duration::seconds(3));
  auto options = late(GetParam(), 0, 0.25);
  options.first_number = 10'000;
  SyntheticPresenter second(options, now);
  feed(second.describe(2));
  run(second, 250, 2);
  const Contents contents = finished();
  EXPECT_EQ(counters.fragments_guessed, 0u);
  Contents before, after;
  for (const Unit& unit : contents.pictures)
    (unit.number < 10'000 ? before : after).pictures.push_back(unit);
  // The number of sound begins anew with the second one.
  for (const Unit& unit : contents.sound)
    (before.sound.size() < 250 ? before : after).sound.push_back(unit);
  EXPECT_EQ(after.pictures.size(), 125u);
  EXPECT_LT(worst(first, before), 0.002);
  EXPECT_LT(worst(second, after), 0.012) << "silence is in steps of 20 ms";
  expect_in_order(contents);
}

TEST_P(FormatTest, AClockThatJumpsBeforeTheReportsLosesNothing) {
  SyntheticPresenter presenter(late(GetParam(), 0.08, 0.06), now);
  feed(presenter.describe(1));
  for (int tick = 0; tick < 500; ++tick) {
    auto batch = presenter.next(1);
    if (tick >= 30)
      for (auto& packet : batch.packets)
        if (packet.stream == 1) packet.meta.timestamp += 0x4000'0000;
    for (auto& clock : batch.clocks)
      if (clock.stream == 1) clock.mark->rtp_timestamp += 0x4000'0000;
    advance(batch.at);
    feed(batch);
  }
  EXPECT_GT(counters.fragments_guessed, 0u);
  EXPECT_GT(counters.fragments_retimed, 0u);
  const Contents contents = finished();
  EXPECT_EQ(contents.pictures.size(), 250u);
  EXPECT_LT(worst(presenter, contents), 0.1);
  EXPECT_LT(worst(presenter, contents, 0.7), 0.002);
  expect_in_order(contents);
}

TEST_P(FormatTest, WhatCouldNotBeWrittenIsNotPutRight) {
  SyntheticPresenter presenter(late(GetParam(), 0.08, 0.3), now);
  feed(presenter.describe(1));
  for (int tick = 0; tick < 500; ++tick) {
    const auto batch = presenter.next(1);
    recording.take(batch.at, batch);
    if (tick < 60 || tick >= 90) {
      write();
      continue;
    }
    if (const auto output = recording.take_output(); !output.fragments.empty())
      recording.note_unwritten(output);
    if (tick == 89) presenter.request_keyframe();
  }
  const Contents contents = finished();
  EXPECT_NEAR(first_time(contents), 0, 1e-9);
  EXPECT_LT(worst(presenter, contents), 0.002);
  EXPECT_GT(contents.pictures.size(), 200u);
  expect_in_order(contents);
}

// A kill at any byte of what is written anew: each sample is there, where it was or where it is to
// be.
TEST_P(FormatTest, AKillWhileTimesAreWrittenAnewLeavesAFileThatPlays) {
  Random random(Random::from_number(4));
  const Latencies cases[] = {{0, 300}, {300, 0}};
  for (int round = 0; round < 60; ++round) {
    const Latencies latency = cases[round % 2];
    const std::string id = std::to_string(round);
    Recording killed(counters);
    RecordingFile own(folder.path(), id);
    SyntheticPresenter presenter(late(GetParam(), latency.audio_ms / 1e3, latency.video_ms / 1e3),
                                 now);
    killed.take(now, presenter.describe(1));
    Recording::Output output;
    while (output.patches.empty()) {
      const auto batch = presenter.next(1);
      killed.take(batch.at, batch);
      output = killed.take_output();
      if (output.fragments.empty()) continue;
      ASSERT_TRUE(own.append(batch.at, *killed.format(), output.fragments));
    }
    size_t bytes = 0;
    for (const Patch& patch : output.patches) bytes += patch.bytes.size();
    size_t left = random.below(static_cast<uint32_t>(bytes));
    for (Patch& patch : output.patches) {
      patch.bytes.resize(std::min(left, patch.bytes.size()));
      left -= patch.bytes.size();
      ASSERT_TRUE(own.overwrite(patch));
    }
    const auto done = finish(folder.path(), id);
    ASSERT_TRUE(done);
    EXPECT_FALSE(done->cut);
    const Contents contents = read_back(done->path);
    EXPECT_GE(contents.pictures.size(), 50u);
    EXPECT_GE(contents.sound.size(), 100u);
    // All that is in the file before the report at 2.5 s, in any state between.
    std::set<uint32_t> numbers;
    for (const Unit& unit : contents.pictures) numbers.insert(unit.number);
    EXPECT_EQ(numbers.size(), contents.pictures.size());
    EXPECT_EQ(*numbers.rbegin() + 1, numbers.size());
    EXPECT_LT(contents.duration, 3.2);
    EXPECT_LT(worst(presenter, contents), 0.31);
  }
}

INSTANTIATE_TEST_SUITE_P(Codecs, FormatTest,
                         ::testing::Values(wire::Codec::kH264, wire::Codec::kVp8),
                         [](const auto& p) { return std::string(wire::codec_name(p.param)); });

}  // namespace
}  // namespace loopcast::record
