#include "record/timeline.h"

#include <cmath>

#include <gtest/gtest.h>

#include "wire/ntp.h"

namespace loopcast::record {
namespace {

constexpr Instant kStart = Instant::from_us(77'000'000);
constexpr int64_t kWallUs = 1'700'000'000'000'000;

// A presenter whose clocks drift. Times in seconds since the start.
struct Presenter {
  double audio_rate = 48'000;
  double video_rate = 90'000;
  uint32_t audio_base = 0xFFFF'0000;  // wraps within seconds
  uint32_t video_base = 0xFFFE'0000;
  double delay = 0.05;  // of the network

  uint32_t audio(double t) const {
    return audio_base + static_cast<uint32_t>(static_cast<int64_t>(t * audio_rate));
  }
  uint32_t video(double t) const {
    return video_base + static_cast<uint32_t>(static_cast<int64_t>(t * video_rate));
  }
  Instant arrival(double t) const {
    return kStart + Duration::micros(std::llround((t + delay) * 1e6));
  }
  rtc::ClockMark mark(double t, uint32_t timestamp) const {
    const WallTime wall{kWallUs + static_cast<int64_t>(t * 1e6)};
    return {wire::ntp_from_wall(wall), timestamp, arrival(t)};
  }
};

double seconds(Duration d) { return d.as_seconds(); }

TEST(Timeline, FollowsDriftingClocksForAnHour) {
  Presenter p;
  p.audio_rate = 48'000 * (1 + 150e-6);
  p.video_rate = 90'000 * (1 - 100e-6);
  Timeline timeline(48'000, 90'000, Duration(), kStart);
  double worst = 0, last_video = -1;
  for (int tick = 0; tick < 3600 * 50; ++tick) {
    const double t = tick / 50.0;
    const double sound = seconds(timeline.audio_time(p.audio(t), p.arrival(t)));
    // The picture of the same moment takes 120 ms longer to be encoded and sent.
    const double picture = seconds(timeline.video_time(p.video(t), p.arrival(t + 0.12)));
    EXPECT_GE(picture, last_video);
    last_video = picture;
    if (tick % 50 == 10) timeline.on_video_report(p.mark(t, p.video(t)));
    if (tick % 250 == 20) timeline.on_audio_report(p.mark(t, p.audio(t)));
    if (t > 5) worst = std::max(worst, std::abs(sound - picture));
  }
  EXPECT_LT(worst, 0.005);
}

TEST(Timeline, IsCloseBeforeTheFirstReport) {
  Presenter p;
  Timeline timeline(48'000, 90'000, Duration::seconds(3), kStart);
  const double sound = seconds(timeline.audio_time(p.audio(0), p.arrival(0)));
  const double picture = seconds(timeline.video_time(p.video(0), p.arrival(0.03)));
  EXPECT_NEAR(sound, 3.05, 1e-6);
  EXPECT_NEAR(picture, 3.08, 1e-6);
}

TEST(Timeline, ASlowStartOfTheEncoderIsMadeUpForWithoutReports) {
  Presenter p;
  Timeline timeline(48'000, 90'000, Duration(), kStart);
  double sound = 0, picture = 0;
  for (int i = 0; i < 100; ++i) {
    const double t = i * 0.04, slow = i < 5 ? 0.4 - i * 0.08 : 0;
    sound = seconds(timeline.audio_time(p.audio(t), p.arrival(t)));
    picture = seconds(timeline.video_time(p.video(t), p.arrival(t + 0.02 + slow)));
  }
  EXPECT_NEAR(sound, picture, 0.025);
}

TEST(Timeline, APauseThatTheTimestampsTellIsKept) {
  Presenter p;
  Timeline timeline(48'000, 90'000, Duration(), kStart);
  const auto first = timeline.audio_time(p.audio(0), p.arrival(0));
  const auto second = timeline.audio_time(p.audio(60), p.arrival(60));
  EXPECT_NEAR(seconds(second - first), 60, 1e-6);
}

TEST(Timeline, ASourceThatBeginsAnewIsPlacedByItsArrival) {
  Presenter p;
  Timeline timeline(48'000, 90'000, Duration(), kStart);
  const auto first = timeline.video_time(p.video(0), p.arrival(0));
  for (const uint32_t jump : {0x4000'0000u, 0xC000'0000u}) {
    const auto time = timeline.video_time(p.video(0) + jump, p.arrival(10));
    EXPECT_NEAR(seconds(time - first), 10, 1e-6) << jump;
  }
}

TEST(Timeline, WhatANetworkHeldBackKeepsItsTime) {
  Presenter p;
  Timeline timeline(48'000, 90'000, Duration(), kStart);
  const auto first = timeline.audio_time(p.audio(0), p.arrival(0));
  const auto second = timeline.audio_time(p.audio(0.02), p.arrival(5));
  EXPECT_NEAR(seconds(second - first), 0.02, 1e-4);
}

TEST(Timeline, SoundWhoseClockStoodStillGoesOnWithThePictures) {
  Presenter p;
  Timeline timeline(48'000, 90'000, Duration(), kStart);
  timeline.audio_time(p.audio(0), p.arrival(0));
  Duration picture;
  for (int i = 0; i <= 200; ++i)
    picture = timeline.video_time(p.video(i * 0.05), p.arrival(i * 0.05));
  const auto judge = [&](double until) {
    return timeline.judge(p.arrival(10 + until), p.audio(0.02), p.arrival(10), p.audio(until),
                          p.arrival(10 + until));
  };
  EXPECT_EQ(judge(0.02), SoundVerdict::kUnknown);
  EXPECT_EQ(judge(0.48), SoundVerdict::kUnknown);
  EXPECT_EQ(judge(0.52), SoundVerdict::kStoodStill) << "it comes as fast as it is taken";
  timeline.resume_sound(p.audio(0.02));
  const auto sound = timeline.audio_time(p.audio(0.02), p.arrival(10));
  EXPECT_NEAR(seconds(sound), seconds(picture), 0.05);
}

TEST(Timeline, SoundThatWasHeldUpKeepsItsTime) {
  Presenter p;
  Timeline timeline(48'000, 90'000, Duration(), kStart);
  const auto first = timeline.audio_time(p.audio(0), p.arrival(0));
  for (int i = 0; i <= 60; ++i) timeline.video_time(p.video(i * 0.05), p.arrival(i * 0.05));
  const auto judge = [&](double media, double took) {
    return timeline.judge(p.arrival(3 + took), p.audio(0.02), p.arrival(3), p.audio(0.02 + media),
                          p.arrival(3 + took));
  };
  EXPECT_EQ(judge(0, 0), SoundVerdict::kUnknown);
  EXPECT_EQ(judge(0.8, 0.01), SoundVerdict::kUnknown);
  EXPECT_EQ(judge(2, 0.02), SoundVerdict::kGoesOn) << "it has caught up";
  const auto second = timeline.audio_time(p.audio(0.02), p.arrival(3));
  EXPECT_NEAR(seconds(second - first), 0.02, 1e-4);
}

TEST(Timeline, ABacklogKeepsItsTimeHoweverEarlyItComes) {
  Presenter p;
  Timeline timeline(48'000, 90'000, Duration(), kStart);
  Duration first, sound, picture;
  for (int i = 0; i < 800; ++i) {
    const double t = i * 0.02, arrives = std::max(0.0, t - 8);
    sound = timeline.audio_time(p.audio(t), p.arrival(arrives));
    picture = timeline.video_time(p.video(t), p.arrival(arrives));
    if (i == 0) first = sound;
    ASSERT_NEAR(seconds(sound - first), t, 0.001) << i;
    ASSERT_NEAR(seconds(picture - first), t, 0.001) << i;
  }
  EXPECT_EQ(timeline.jumps(), 0u);
  // What begins anew then is placed as far ahead of its arrival as all of it.
  const auto anew = timeline.video_time(0x5000'0000, p.arrival(9));
  EXPECT_NEAR(seconds(anew - first), 17, 0.1);
}

TEST(Timeline, NoTimestampsMakeARecordingMuchLongerThanItTook) {
  for (const double ahead : {0.0, 200.0, 400.0}) {
    Presenter p;
    const Duration before = Duration::micros(std::llround(ahead * 1e6));
    Timeline timeline(48'000, 90'000, before, kStart, before);
    const double most = std::max(ahead, seconds(StreamClock::kMaxBacklog)) + 0.1;
    for (int i = 0; i < 5000; ++i) {
      const double t = i * 0.02;  // and the clock says half a second
      const auto time = timeline.audio_time(static_cast<uint32_t>(i) * 24'000, p.arrival(t));
      ASSERT_LE(seconds(time), t + most) << i;
      ASSERT_GE(seconds(time), t + ahead) << i;
    }
  }
}

TEST(Timeline, AClockThatIsFastForDaysDoesNotJump) {
  Presenter p;
  p.audio_rate = 48'000 * (1 + 100e-6);
  Timeline timeline(48'000, 90'000, Duration(), kStart);
  const auto first = timeline.audio_time(p.audio(0), p.arrival(0));
  Duration last;
  for (double t = 0; t < 30 * 86'400.0; t += 5)
    last = timeline.audio_time(p.audio(t), p.arrival(t)) - first;
  EXPECT_EQ(timeline.jumps(), 0u);
  EXPECT_NEAR(seconds(last), 30 * 86'400 * (1 + 100e-6), 6);
}

TEST(Timeline, ReportsOfASenderWithoutAClockMoveNothing) {
  for (const uint64_t ntp : {uint64_t{0}, uint64_t{0x1234'5678'0000'0000}}) {
    Presenter p;
    Timeline timeline(48'000, 90'000, Duration(), kStart);
    double off = 0;
    for (int i = 0; i < 800; ++i) {
      const double t = i * 0.02;
      const auto sound = timeline.audio_time(p.audio(t), p.arrival(t));
      const auto picture = timeline.video_time(p.video(t), p.arrival(t));
      if (i > 300) off = std::max(off, std::abs(seconds(picture - sound)));
      rtc::ClockMark audio = p.mark(t, p.audio(t)), video = p.mark(t, p.video(t));
      audio.ntp = video.ntp = ntp;
      if (i % 50 == 10) timeline.on_audio_report(audio);
      if (i % 50 == 35) timeline.on_video_report(video);
    }
    EXPECT_LT(off, 0.03) << ntp;
    EXPECT_FALSE(timeline.target());
  }
}

TEST(Timeline, AWallClockThatIsSetMovesNothing) {
  Presenter p;
  Timeline timeline(48'000, 90'000, Duration(), kStart);
  for (int i = 0; i < 20; ++i) {
    timeline.audio_time(p.audio(i), p.arrival(i));
    timeline.video_time(p.video(i), p.arrival(i));
    const double set = i >= 10 ? 3600 : 0;
    auto audio = p.mark(i, p.audio(i)), video = p.mark(i, p.video(i));
    audio.ntp = wire::ntp_from_wall({kWallUs + static_cast<int64_t>((i + set) * 1e6)});
    // The pictures' report is sent before the clock is set, the sound's after it.
    if (i != 10) video.ntp = audio.ntp;
    timeline.on_video_report(video);
    timeline.on_audio_report(audio);
  }
  EXPECT_NEAR(seconds(timeline.correction()), 0, 0.001);
}

TEST(Timeline, AnotherOriginMovesEverythingAlike) {
  Presenter p;
  Timeline still(48'000, 90'000, Duration(), kStart), moved(48'000, 90'000, Duration(), kStart);
  const Duration by = Duration::millis(700);
  for (int i = 0; i < 400; ++i) {
    const double t = i * 0.02;
    const Duration less = i >= 100 ? by : Duration();
    if (i == 100) moved.move_origin(by);
    for (Timeline* timeline : {&still, &moved}) {
      // One report of each before it and the others after it.
      if (i % 90 == 40) timeline->on_audio_report(p.mark(t, p.audio(t)));
      if (i % 90 == 70) timeline->on_video_report(p.mark(t, p.video(t)));
    }
    const Instant sound = p.arrival(t), picture = p.arrival(t + 0.12);
    EXPECT_EQ(moved.audio_time(p.audio(t), sound), still.audio_time(p.audio(t), sound) - less);
    EXPECT_EQ(moved.video_time(p.video(t), picture), still.video_time(p.video(t), picture) - less);
    EXPECT_EQ(moved.correction(), still.correction());
  }
}

TEST(Timeline, ReportsThatCannotBeTrueMoveNothing) {
  Presenter p;
  Timeline timeline(48'000, 90'000, Duration(), kStart);
  double sound = 0, picture = 0;
  for (int i = 0; i < 40; ++i) {
    const double t = i * 0.5, lie = i % 2 == 0 ? 3600 : -3600;
    sound = seconds(timeline.audio_time(p.audio(t), p.arrival(t)));
    picture = seconds(timeline.video_time(p.video(t), p.arrival(t)));
    EXPECT_NEAR(sound, t + 0.05, 0.001);
    EXPECT_NEAR(picture, t + 0.05, 0.001);
    timeline.on_audio_report(p.mark(t, p.audio(t + lie)));
    timeline.on_video_report(p.mark(t, p.video(t)));
  }
}

// As GStreamer's first report is, which tells the time of sending of what had waited for the
// connection.
TEST(Timeline, AFirstReportThatIsLateMovesNoPacket) {
  Presenter p;
  Timeline timeline(48'000, 90'000, Duration(), kStart);
  double off = 0;
  for (int i = 0; i < 500; ++i) {
    const double t = i * 0.02, came = std::max(t, 1.5);
    const double sound = seconds(timeline.audio_time(p.audio(t), p.arrival(came)));
    const double picture = seconds(timeline.video_time(p.video(t), p.arrival(came)));
    EXPECT_NEAR(sound, t + 1.55, 0.001);
    off = std::max(off, std::abs(picture - sound));
    // 0.55 s ahead of the clock, as it goes on from the last packet that had been sent then.
    const double late = i < 80 ? 0.55 : 0;
    if (i == 76 || i == 110 || i == 360) {
      timeline.on_audio_report(p.mark(t, p.audio(t - late)));
      timeline.on_video_report(p.mark(t, p.video(t - late)));
    }
  }
  EXPECT_LT(off, 0.03);
}

TEST(Timeline, TheFirstReportsMayDecideAtOnce) {
  Presenter p;
  Timeline timeline(48'000, 90'000, Duration(), kStart);
  timeline.audio_time(p.audio(0), p.arrival(0.08));
  const double first = seconds(timeline.video_time(p.video(0), p.arrival(0)));
  timeline.on_video_report(p.mark(0, p.video(0)));
  EXPECT_FALSE(timeline.target());
  timeline.on_audio_report(p.mark(0, p.audio(0)));
  ASSERT_TRUE(timeline.target());
  EXPECT_NEAR(seconds(*timeline.target()), 0.08, 1e-4);
  timeline.settle();
  const double next = seconds(timeline.video_time(p.video(0.04), p.arrival(0.04)));
  EXPECT_NEAR(next - first, 0.12, 1e-4);
}

TEST(Timeline, SurvivesAnyNumbers) {
  Timeline timeline(48'000, 90'000, Duration(), kStart);
  for (const uint64_t ntp : {uint64_t{0}, ~uint64_t{0}, uint64_t{1} << 63}) {
    timeline.on_audio_report({ntp, 0, kStart});
    timeline.audio_time(static_cast<uint32_t>(ntp), kStart);
    timeline.video_time(static_cast<uint32_t>(ntp >> 1), kStart);
    timeline.on_audio_report({ntp, 0xFFFF'FFFF, kStart});
    timeline.on_video_report({~ntp, 0x7FFF'FFFF, kStart});
  }
  const auto time = timeline.video_time(1, kStart + Duration::seconds(1));
  EXPECT_LT(std::abs(seconds(time)), 1e9);
}

}  // namespace
}  // namespace loopcast::record
