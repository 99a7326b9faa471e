// Whole recordings in virtual time: synthetic presenters over bad networks, read back by
// libavformat.
#include "record/recording.h"

#include <map>

#include <gtest/gtest.h>

#include "base/random.h"
#include "record/recording_fixture.h"

namespace loopcast::record {
namespace {

// No picture refers to one that is not there.
void expect_no_garbage(const Contents& contents) {
  ASSERT_FALSE(contents.pictures.empty());
  EXPECT_TRUE(contents.pictures.front().key);
  for (size_t i = 1; i < contents.pictures.size(); ++i) {
    const Unit& unit = contents.pictures[i];
    const Unit& before = contents.pictures[i - 1];
    ASSERT_TRUE(unit.key || unit.number == before.number + 1) << i << ": " << unit.number;
    ASSERT_GT(unit.time, before.time) << i;
  }
}

class CodecTest : public RecordingTest, public ::testing::WithParamInterface<wire::Codec> {};

TEST_P(CodecTest, BothTracksFromBeginningToEnd) {
  SyntheticPresenter presenter({.codec = GetParam()}, now);
  feed(presenter.describe(1));
  run(presenter, 500);
  const Contents contents = finished();
  EXPECT_EQ(facts.format, GetParam() == wire::Codec::kVp8 ? Format::kWebm : Format::kMp4);
  EXPECT_EQ(facts.width, 640u);
  EXPECT_EQ(facts.height, 480u);
  EXPECT_EQ(facts.video, GetParam());
  EXPECT_TRUE(facts.sound);
  EXPECT_FALSE(facts.cut);
  EXPECT_NEAR(contents.duration, 10, 0.1);
  EXPECT_EQ(contents.pictures.size(), 250u);
  EXPECT_EQ(contents.sound.size(), 500u);
  EXPECT_EQ(contents.silences, 0u);
  EXPECT_LT(facts.bytes, 500u * 1000u) << "no room is left over in a short one";
  expect_no_garbage(contents);
}

TEST_F(RecordingTest, SoundAlone) {
  SyntheticPresenter presenter({.pictures = false}, now);
  feed(presenter.describe(1));
  run(presenter, 200);
  const Contents contents = finished();
  EXPECT_EQ(contents.sound.size(), 200u);
  EXPECT_FALSE(facts.video);
  EXPECT_EQ(facts.width, 0u);
}

TEST_F(RecordingTest, PicturesAlone) {
  SyntheticPresenter presenter({.codec = wire::Codec::kVp8, .sound = false}, now);
  feed(presenter.describe(1));
  run(presenter, 200);
  const Contents contents = finished();
  EXPECT_EQ(contents.pictures.size(), 100u);
  EXPECT_FALSE(facts.sound);
}

// The file begins at 0 even if what came first could not be written, and sound and pictures keep
// their distance.
struct Beginning {
  int sound_from;     // tick of the first sound
  int pictures_from;  // ... and of the first picture, which is made a keyframe
};
class BeginningTest : public RecordingTest,
                      public ::testing::WithParamInterface<std::tuple<wire::Codec, Beginning>> {};

TEST_P(BeginningTest, IsAtZeroAndInTime) {
  const Beginning from = std::get<1>(GetParam());
  SyntheticPresenter presenter({.codec = std::get<0>(GetParam()), .video_latency = 0.02}, now);
  feed(presenter.describe(1));
  for (int tick = 0; tick < 500; ++tick) {
    if (tick == from.pictures_from) presenter.request_keyframe();
    auto batch = presenter.next(1);
    std::erase_if(batch.packets, [&](const auto& packet) {
      return tick < (packet.stream == 0 ? from.sound_from : from.pictures_from);
    });
    advance(batch.at);
    feed(batch);
  }
  const Contents contents = finished();
  ASSERT_FALSE(contents.pictures.empty());
  ASSERT_FALSE(contents.sound.empty());
  EXPECT_NEAR(std::min(contents.pictures.front().time, contents.sound.front().time), 0, 1e-9);
  const auto distance = [&](const Unit& picture, const Unit& sound) {
    return (picture.time - presenter.time_of_picture(picture.number)) -
           (sound.time - presenter.time_of_sound(sound.number));
  };
  // Before reports by the arrivals; then by the reports.
  EXPECT_NEAR(distance(contents.pictures.front(), contents.sound.front()), 0, 0.045);
  EXPECT_NEAR(distance(contents.pictures.back(), contents.sound.back()), 0, 0.002);
  EXPECT_NEAR(contents.duration,
              std::max(contents.pictures.back().time + 0.04, contents.sound.back().time + 0.02),
              0.01);
}

INSTANTIATE_TEST_SUITE_P(
    Beginnings, BeginningTest,
    ::testing::Combine(::testing::Values(wire::Codec::kH264, wire::Codec::kVp8),
                       ::testing::Values(Beginning{8, 16}, Beginning{16, 8}, Beginning{60, 44},
                                         Beginning{44, 60})),
    [](const auto& p) {
      const Beginning from = std::get<1>(p.param);
      return std::string(wire::codec_name(std::get<0>(p.param))) + "_sound_" +
             std::to_string(from.sound_from) + "_pictures_" + std::to_string(from.pictures_from);
    });

TEST_F(RecordingTest, ATrackThatNeverComesIsNotWaitedFor) {
  SyntheticPresenter presenter({}, now);
  auto description = presenter.describe(1);
  feed(description);
  for (int i = 0; i < 100; ++i) {
    auto batch = presenter.next(1);
    std::erase_if(batch.packets, [](const auto& packet) { return packet.stream == 1; });
    advance(batch.at);
    feed(batch);
  }
  EXPECT_GE(recording.duration(), Duration::millis(1500)) << "it is on the disk already";
  const Contents contents = finished();
  EXPECT_EQ(contents.sound.size(), 100u);
  EXPECT_FALSE(facts.video);
}

TEST_F(RecordingTest, AfterALossItGoesOnWithTheNextKeyframe) {
  SyntheticPresenter presenter({}, now);
  feed(presenter.describe(1));
  run(presenter, 120);
  auto lossy = presenter.next(1);
  std::erase_if(lossy.packets, [](const auto& packet) { return packet.stream == 1; });
  feed(lossy);
  run(presenter, 10);
  EXPECT_FALSE(recording.take_keyframe_request(now)) << "it may still come";
  run(presenter, 30);
  EXPECT_TRUE(recording.take_keyframe_request(now));
  presenter.request_keyframe();
  run(presenter, 100);
  EXPECT_FALSE(recording.take_keyframe_request(now + Duration::seconds(9)));
  const Contents contents = finished();
  expect_no_garbage(contents);
  EXPECT_EQ(counters.packets_lost, 1u);
  EXPECT_EQ(contents.sound.size(), 261u);
  EXPECT_NEAR(contents.duration, 5.22, 0.1);
}

TEST_F(RecordingTest, ABeginningThatCouldNotBeWrittenCostsOnlyItself) {
  SyntheticPresenter presenter({}, now);
  feed(presenter.describe(1));
  for (int tick = 0; tick < 100; ++tick) {
    const auto batch = presenter.next(1);
    now = batch.at;
    recording.take(now, batch);
    if (const auto output = recording.take_output(); !output.fragments.empty())
      recording.note_unwritten(output);
  }
  presenter.request_keyframe();
  run(presenter, 200);
  const Contents contents = finished();
  expect_no_garbage(contents);
  EXPECT_GE(contents.sound.size(), 200u);
  EXPECT_GE(contents.pictures.size(), 98u);
}

TEST_F(RecordingTest, LateRetransmissionsAreInTime) {
  SyntheticPresenter presenter({}, now);
  feed(presenter.describe(1));
  sfu::PacketBatch held;
  for (int i = 0; i < 200; ++i) {
    auto batch = presenter.next(1);
    if (i == 100) {
      held = std::move(batch);
      continue;
    }
    feed(batch);
    if (i == 114) feed(held);  // 280 ms
  }
  const Contents contents = finished();
  EXPECT_EQ(contents.pictures.size(), 100u);
  EXPECT_EQ(counters.packets_lost, 0u);
  expect_no_garbage(contents);
}

TEST_F(RecordingTest, SilenceWhileSoundPauses) {
  SyntheticPresenter presenter({}, now);
  feed(presenter.describe(1));
  run(presenter, 100);
  for (int i = 0; i < 500; ++i) {  // ten seconds
    auto batch = presenter.next(1);
    std::erase_if(batch.packets, [](const auto& packet) { return packet.stream == 0; });
    advance(batch.at);
    feed(batch);
  }
  run(presenter, 100);
  const Contents contents = finished();
  EXPECT_NEAR(static_cast<double>(contents.silences), 500, 2);
  EXPECT_NEAR(contents.sound.back().time, 13.98, 0.05);
  EXPECT_NEAR(contents.duration, 14, 0.1);
}

TEST_F(RecordingTest, APresenterWhoComesBackGoesOnInTheSameFile) {
  SyntheticPresenter first({}, now);
  feed(first.describe(1));
  run(first, 200);
  sfu::PacketBatch last;
  last.publisher = 1;
  last.at = now;
  last.last = true;
  feed(last);
  const Instant back = now + Duration::seconds(20);
  SyntheticPresenter second({.first_timestamp = 0x8000'0000, .first_number = 10'000}, back);
  advance(back);
  feed(second.describe(2));
  run(second, 200, 2);
  const Contents contents = finished();
  expect_no_garbage(contents);
  EXPECT_EQ(contents.pictures.size(), 200u);
  EXPECT_NEAR(contents.duration, 28, 0.3);
  EXPECT_NEAR(static_cast<double>(contents.silences), 1000, 10);
  const auto again =
      std::ranges::find_if(contents.pictures, [](const Unit& u) { return u.number == 10'000; });
  EXPECT_NEAR(again->time, 24.06, 0.1);
}

TEST_F(RecordingTest, AnotherCodecAfterwardsLeavesTheFirstOneWhole) {
  SyntheticPresenter first({}, now);
  feed(first.describe(1));
  run(first, 100);
  SyntheticPresenter second({.codec = wire::Codec::kVp8, .first_number = 10'000}, now);
  feed(second.describe(2));
  run(second, 100, 2);
  const Contents contents = finished();
  EXPECT_EQ(contents.pictures.size(), 50u);
  EXPECT_EQ(contents.sound.size(), 200u) << "sound goes on";
  EXPECT_EQ(counters.packets_refused, 50u);
}

// What a sender had collected before it was connected comes at once: it is recorded as it was
// taken.
TEST_F(RecordingTest, ABacklogIsRecordedWholeAndInTime) {
  for (const bool reports : {true, false}) {
    SyntheticPresenter presenter({.video_latency = 0.02,
                                  .first_video_report = reports ? 200 : -1,
                                  .first_audio_report = reports ? 210 : -1},
                                 now);
    Recording own(counters);
    const std::string id = reports ? "reports" : "none";
    RecordingFile own_file(folder.path(), id);
    own.take(now, presenter.describe(1));
    const Duration backlog = Duration::millis(3500);
    for (int i = 0; i < 550; ++i) {
      auto batch = presenter.next(1);
      // Sent in order, 3.5 s late or never early.
      const Instant at = std::max(now, batch.at - backlog);
      batch.at = at;
      for (auto& packet : batch.packets)
        packet.meta.arrival = std::max(now, packet.meta.arrival - backlog);
      for (auto& clock : batch.clocks) clock.mark->at = at;
      own.take(at, batch);
      ASSERT_TRUE(write_output(at, own, own_file));
    }
    own.finish(now + Duration::seconds(12));
    ASSERT_TRUE(write_output(now, own, own_file));
    const auto done = finish(folder.path(), id);
    ASSERT_TRUE(done);
    const Contents contents = read_back(done->path);
    EXPECT_EQ(contents.pictures.size(), 275u);
    EXPECT_EQ(contents.sound.size(), 550u);
    EXPECT_EQ(contents.silences, 0u);
    EXPECT_NEAR(contents.duration, 11, 0.1);
    for (const Unit& unit : contents.pictures)
      ASSERT_NEAR(unit.time, presenter.time_of_picture(unit.number), 0.04) << unit.number;
    for (const Unit& unit : contents.sound)
      ASSERT_NEAR(unit.time, presenter.time_of_sound(unit.number), 0.04) << unit.number;
  }
}

// A sender stands still, and sends the pictures of that time before their sound.
TEST_F(RecordingTest, SoundThatIsHeldUpBehindItsPicturesIsInTime) {
  SyntheticPresenter presenter({.video_latency = 0.02}, now);
  feed(presenter.describe(1));
  run(presenter, 200);
  sfu::PacketBatch pictures, sound;
  for (int i = 0; i < 100; ++i) {
    const auto batch = presenter.next(1);
    for (const auto& packet : batch.packets) {
      sfu::PacketBatch& to = packet.stream == 0 ? sound : pictures;
      const Bytes payload = batch.payload(packet);
      to.packets.push_back({packet.stream, static_cast<uint32_t>(to.bytes.size()), packet.meta});
      to.bytes.insert(to.bytes.end(), payload.begin(), payload.end());
    }
  }
  Instant at = presenter.now();
  for (sfu::PacketBatch* held : {&pictures, &sound}) {
    held->publisher = 1;
    held->at = at;
    for (auto& packet : held->packets) packet.meta.arrival = at;
    advance(at);
    feed(*held);
    at = at + Duration::millis(30);
  }
  run(presenter, 200);
  const Contents contents = finished();
  EXPECT_EQ(contents.sound.size(), 500u);
  EXPECT_EQ(contents.pictures.size(), 250u);
  EXPECT_EQ(contents.silences, 0u);
  for (const Unit& unit : contents.sound)
    ASSERT_NEAR(unit.time, presenter.time_of_sound(unit.number), 0.03) << unit.number;
}

// Pictures that are shown before one that is decoded first have both times.
TEST_F(RecordingTest, BFramesAreShownAtTheirTimes) {
  for (const int between : {1, 2, 3}) {
    SyntheticPresenter presenter({.keyframe_every = 48,
                                  .first_video_report = 60,
                                  .first_audio_report = 125,
                                  .b_frames = between},
                                 now);
    Recording own(counters);
    const std::string id = std::to_string(between);
    RecordingFile own_file(folder.path(), id);
    own.take(now, presenter.describe(1));
    for (int i = 0; i < 481; ++i) {
      const auto batch = presenter.next(1);
      own.take(batch.at, batch);
      ASSERT_TRUE(write_output(batch.at, own, own_file));
    }
    own.finish(presenter.now());
    ASSERT_TRUE(write_output(presenter.now(), own, own_file));
    const auto done = finish(folder.path(), id);
    ASSERT_TRUE(done);
    const Contents contents = read_back(done->path);
    EXPECT_EQ(contents.pictures.size(), 241u);
    EXPECT_NEAR(contents.pictures.front().time, 0, 0.061);
    // In order of decoding; what lies between is shown evenly.
    std::map<uint32_t, double> shown;
    for (const Unit& unit : contents.pictures) shown[unit.number] = unit.time;
    EXPECT_EQ(shown.size(), 241u);
    for (const auto& [number, time] : shown)
      ASSERT_NEAR(time - shown[0], number * 0.04, 0.0005) << number << " of " << between;
    EXPECT_GT(contents.pictures[1].number, contents.pictures[2].number);
    EXPECT_NEAR(contents.duration, 9.64, 0.1);
    now = presenter.now();
  }
}

// QuickTime goes by the sample entry: what it says must hold for all of the file.
TEST_F(RecordingTest, ParameterSetsThatChangeAreToldToBeInThePictures) {
  for (const bool change : {false, true}) {
    Recording own(counters);
    const std::string id = change ? "change" : "same";
    RecordingFile own_file(folder.path(), id);
    SyntheticPresenter presenter({}, now);
    own.take(now, presenter.describe(1));
    for (int i = 0; i < 300; ++i) {
      if (change && i == 150) presenter.change_size();
      const auto batch = presenter.next(1);
      own.take(batch.at, batch);
      ASSERT_TRUE(write_output(batch.at, own, own_file));
    }
    own.finish(presenter.now());
    ASSERT_TRUE(write_output(presenter.now(), own, own_file));
    const auto done = finish(folder.path(), id);
    ASSERT_TRUE(done);
    EXPECT_EQ(done->width, change ? 1920u : 640u);
    const auto media = open_media(done->path);
    ASSERT_TRUE(media);
    for (unsigned i = 0; i < media->nb_streams; ++i) {
      const AVCodecParameters& parameters = *media->streams[i]->codecpar;
      if (parameters.codec_type != AVMEDIA_TYPE_VIDEO) continue;
      EXPECT_EQ(parameters.codec_tag,
                change ? MKTAG('a', 'v', 'c', '3') : MKTAG('a', 'v', 'c', '1'));
      EXPECT_EQ(parameters.extradata[1], change ? 0x64 : 0x42) << "of the largest picture";
    }
    now = presenter.now();
  }
}

TEST_F(RecordingTest, AFloodIsCutOff) {
  SyntheticPresenter presenter({.frame_bytes = 800'000}, now);
  feed(presenter.describe(1));
  uint64_t bytes = 0;
  for (int i = 0; i < 500; ++i) {  // 10 s of 20 MB a second
    const auto batch = presenter.next(1);
    advance(batch.at);
    now = batch.at;
    recording.take(now, batch);
    bytes += recording.take_output().fragments.size();
  }
  EXPECT_TRUE(recording.take_over_rate());
  EXPECT_FALSE(recording.take_over_rate());
  EXPECT_GT(counters.packets_over_rate, 0u);
  EXPECT_LT(bytes, 75'000'000u);
}

TEST_F(RecordingTest, PacketsOfNearlyNothingAreAFloodAsWell) {
  SyntheticPresenter presenter({}, now);
  feed(presenter.describe(1));
  sfu::PacketBatch batch;
  batch.at = now;
  batch.bytes = {0xFC};
  sfu::CachedPacket meta;
  meta.payload_size = 1;
  meta.arrival = now;
  const auto most = static_cast<size_t>(Recording::kMaxBurst) / Recording::kPacketCost;
  batch.packets.assign(most + 1, {0, 0, meta});
  recording.take(now, batch);
  EXPECT_TRUE(recording.take_over_rate());
  EXPECT_EQ(counters.packets_over_rate, most + 1);
}

// Were each looked for among all that came, this would take minutes.
TEST_F(RecordingTest, TinyPicturesThatGoBackAndForthArePlacedAtOnce) {
  SyntheticPresenter presenter({.sound = false}, now);
  feed(presenter.describe(1));
  const sfu::PacketBatch first = presenter.next(1);
  feed(first);
  sfu::CachedPacket meta = first.packets.back().meta;
  const uint32_t timestamp = meta.timestamp + 3000;
  constexpr uint32_t kPictures = 20'000;
  sfu::PacketBatch batch;
  batch.at = now;
  batch.bytes = {0x41, 0x9A, 0x01};
  meta.payload_size = 3;
  for (uint32_t i = 0; i < kPictures; ++i) {
    ++meta.index;
    meta.timestamp = timestamp + (i + 1) % 2;
    batch.packets.push_back({0, 0, meta});
  }
  feed(batch);
  recording.finish(now);
  write();
  EXPECT_EQ(counters.frames, kPictures + 1);
}

// An hour with everything that networks, clocks and presenters do.
class HourTest : public RecordingTest, public ::testing::WithParamInterface<wire::Codec> {};

TEST_P(HourTest, StaysInTimeAndMissesNothingThatCame) {
  constexpr int kTicks = 3600 * 50;
  Random random(Random::from_number(2026));
  SyntheticPresenter presenter({.codec = GetParam(),
                                .keyframe_bytes = 2500,
                                .frame_bytes = 300,
                                .audio_drift = 150e-6,
                                .video_drift = -100e-6,
                                .first_timestamp = 0xFFF0'0000},
                               now);
  feed(presenter.describe(1));
  // Packets on their way, by when they arrive.
  std::multimap<Instant, sfu::PacketBatch> network;
  const auto deliver = [&](Instant until) {
    while (!network.empty() && network.begin()->first <= until) {
      auto node = network.extract(network.begin());
      node.mapped().at = node.key();
      advance(node.key());
      feed(node.mapped());
    }
  };
  uint64_t lost = 0;
  for (int tick = 0; tick < kTicks; ++tick) {
    if (tick % 30'000 == 15'000) presenter.change_size();
    if (tick == 90'000) presenter.skip(250);  // the network is gone for five seconds
    auto batch = presenter.next(1);
    for (const auto& packet : batch.packets) {
      sfu::PacketBatch one;
      one.publisher = 1;
      const Bytes payload = batch.payload(packet);
      one.bytes.assign(payload.begin(), payload.end());
      one.packets.push_back({packet.stream, 0, packet.meta});
      double delay = random.below(12) / 1000.0;  // reorders
      const uint32_t luck = random.below(10'000);
      if (luck < 2 || (luck < 100 && packet.stream == 0)) {
        ++lost;
        continue;
      }
      if (luck < 200) delay += 0.05 + random.below(230) / 1000.0;  // sent again
      const Instant at = packet.meta.arrival + Duration::micros(std::llround(delay * 1e6));
      one.packets[0].meta.arrival = at;
      network.emplace(at, std::move(one));
    }
    sfu::PacketBatch reports;
    reports.publisher = 1;
    reports.clocks = std::move(batch.clocks);
    if (!reports.clocks.empty()) network.emplace(batch.at, std::move(reports));
    deliver(presenter.now());
    if (recording.take_keyframe_request(now)) presenter.request_keyframe();
  }
  deliver(now + Duration::seconds(2));
  const Contents contents = finished();
  EXPECT_EQ(counters.packets_lost, lost);
  EXPECT_EQ(facts.width, 1920u);
  expect_no_garbage(contents);
  // All the sound that came is there; of the pictures what came before a loss and after a keyframe.
  EXPECT_GT(contents.sound.size(), 178'000u - lost);
  EXPECT_GT(contents.pictures.size(), 80'000u);
  // Where sound and pictures of one moment are in the file.
  double worst = 0;
  size_t compared = 0;
  auto sound = contents.sound.begin();
  for (const Unit& picture : contents.pictures) {
    const double taken = presenter.time_of_picture(picture.number);
    while (sound != contents.sound.end() && presenter.time_of_sound(sound->number) < taken - 0.01)
      ++sound;
    if (sound == contents.sound.end()) break;
    const double heard = presenter.time_of_sound(sound->number);
    if (std::abs(heard - taken) > 0.011) continue;
    ++compared;
    worst = std::max(worst, std::abs((picture.time - taken) - (sound->time - heard)));
  }
  EXPECT_GT(compared, 70'000u);
  EXPECT_LT(worst, 0.040);
  RecordProperty("worst_sync_error_ms", static_cast<int>(worst * 1000));
  std::printf("sync error at most %.1f ms over an hour, %llu packets lost, %zu pictures\n",
              worst * 1000, static_cast<unsigned long long>(lost), contents.pictures.size());
}

INSTANTIATE_TEST_SUITE_P(Codecs, CodecTest,
                         ::testing::Values(wire::Codec::kH264, wire::Codec::kVp8),
                         [](const auto& p) { return std::string(wire::codec_name(p.param)); });
INSTANTIATE_TEST_SUITE_P(Codecs, HourTest, ::testing::Values(wire::Codec::kH264, wire::Codec::kVp8),
                         [](const auto& p) { return std::string(wire::codec_name(p.param)); });

}  // namespace
}  // namespace loopcast::record
