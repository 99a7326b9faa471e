// A process that records is killed at any moment; a disk fills up; a folder goes away. What was
// written before is there, plays, and says so.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/random.h"
#include "record/av.h"
#include "record/finish.h"
#include "record/mp4.h"
#include "record/record_testing.h"
#include "record/recording.h"
#include "record/recording_file.h"
#include "record/webm.h"

namespace loopcast::record {
namespace {

namespace fs = std::filesystem;

constexpr Instant kStart = Instant::from_us(1'000'000);

class CrashTest : public ::testing::TestWithParam<wire::Codec> {
 protected:
  CrashTest() {
    std::string name = (fs::temp_directory_path() / "loopcast-crash-XXXXXX").string();
    folder = ::mkdtemp(name.data());
  }
  ~CrashTest() override {
    std::error_code ignored;
    fs::remove_all(folder, ignored);
  }
  Format format() const { return GetParam() == wire::Codec::kVp8 ? Format::kWebm : Format::kMp4; }

  std::string folder;
};

// Records as fast as it can, and tells through the pipe the media time of what has been sent to it.
[[noreturn]] void record_for_ever(const std::string& folder, wire::Codec codec, int tell) {
  RecordingCounters counters;
  Recording recording(counters);
  RecordingFile file(folder, "id");
  SyntheticPresenter presenter({.codec = codec}, kStart);
  recording.take(kStart, presenter.describe(1));
  for (;;) {
    const auto batch = presenter.next(1);
    recording.take(batch.at, batch);
    if (!write_output(batch.at, recording, file)) ::_exit(1);
    const int64_t media_us = (batch.at - kStart).us();
    if (::write(tell, &media_us, sizeof media_us) != sizeof media_us) ::_exit(1);
  }
}

// Media time that had been sent when the process was killed after so many microseconds of work.
Duration record_and_kill(const std::string& folder, wire::Codec codec, int64_t media_limit_us) {
  int pipe[2];
  EXPECT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
  const pid_t child = ::fork();
  if (child == 0) record_for_ever(folder, codec, pipe[1]);
  ::close(pipe[1]);
  int64_t media_us = 0, last = 0;
  while (last < media_limit_us && ::read(pipe[0], &media_us, sizeof media_us) == sizeof media_us)
    last = media_us;
  ::kill(child, SIGKILL);
  // What it said between the last look and its end counts as well.
  while (::read(pipe[0], &media_us, sizeof media_us) == sizeof media_us) last = media_us;
  ::close(pipe[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status)) << "it failed by itself";
  return Duration::micros(last);
}

// Every packet can be read, in order.
size_t count_packets(const std::string& path) {
  const auto media = open_media(path);
  if (!media) return 0;
  size_t count = 0;
  const AvPtr<AVPacket> packet(av_packet_alloc());
  for (; av_read_frame(media.get(), packet.get()) >= 0; ++count) av_packet_unref(packet.get());
  return count;
}

TEST_P(CrashTest, AKillAtAnyMomentCostsLessThanASecond) {
  Random random(Random::from_number(9));
  for (int round = 0; round < 30; ++round) {
    const std::string own = folder + "/" + std::to_string(round);
    fs::create_directory(own);
    const int64_t limit = 1'500'000 + random.below(60'000'000);
    const Duration sent = record_and_kill(own, GetParam(), limit);
    const auto repaired = finish(own, "id");
    ASSERT_TRUE(repaired) << round << ": " << repaired.error().message;
    EXPECT_GE(repaired->duration, sent - Duration::seconds(1)) << round;
    EXPECT_LE(repaired->duration, sent + Duration::millis(100)) << round;
    EXPECT_GE(count_packets(repaired->path),
              static_cast<size_t>(repaired->duration.as_seconds() * 74) - 80)
        << round;
    // A second repair, after a kill in the middle of the first one's end, finds it done.
    const auto again = finish(own, "id");
    ASSERT_TRUE(again);
    EXPECT_EQ(again->bytes, repaired->bytes);
  }
}

TEST_P(CrashTest, AFileCutAnywhereIsRepaired) {
  RecordingCounters counters;
  Recording recording(counters);
  RecordingFile file(folder, "id");
  SyntheticPresenter presenter({.codec = GetParam()}, kStart);
  recording.take(kStart, presenter.describe(1));
  const uint64_t first = format() == Format::kMp4 ? kMp4FirstFragment : kWebmFirstCluster;
  // Where what was written at once ends.
  uint64_t written = first;
  std::set<uint64_t> whole_until;
  Instant now;
  for (int i = 0; i < 500; ++i) {
    const auto batch = presenter.next(1);
    now = batch.at;
    recording.take(now, batch);
    const auto bytes = write_output(now, recording, file);
    ASSERT_TRUE(bytes);
    written += *bytes;
    whole_until.insert(written);
  }
  const std::string whole = growing_path(folder, "id", format());
  const uint64_t size = fs::file_size(whole);
  Random random(Random::from_number(3));
  for (int round = 0; round < 40; ++round) {
    const std::string own = folder + "/cut" + std::to_string(round);
    fs::create_directory(own);
    const std::string part = growing_path(own, "id", format());
    fs::copy_file(whole, part);
    const uint64_t at = first + random.below(static_cast<uint32_t>(size - first));
    if (round % 2 == 0) {
      fs::resize_file(part, at);
    } else {
      // A power cut leaves zeros where data had not reached the disk.
      std::fstream out(part, std::ios::in | std::ios::out | std::ios::binary);
      out.seekp(static_cast<std::streamoff>(at));
      const std::string zeros(size - at, '\0');
      out.write(zeros.data(), static_cast<std::streamsize>(zeros.size()));
    }
    const auto repaired = finish(own, "id");
    if (!repaired) {
      EXPECT_EQ(repaired.error().code, "recording_empty");
      EXPECT_LT(at - first, (size - first) / 10);
      continue;
    }
    const double share = static_cast<double>(at - first) / static_cast<double>(size - first);
    EXPECT_GE(repaired->duration.as_seconds(), share * 10 - 1) << round;
    // Zeros within the very last fragment are media like any other, and between two of them nothing
    // is lost.
    EXPECT_TRUE(repaired->cut || (round % 2 == 1 && share > 0.9) || whole_until.contains(at))
        << round;
    EXPECT_GT(count_packets(repaired->path), 0u);
  }
}

TEST_P(CrashTest, AFolderThatIsRemovedIsMadeAgain) {
  RecordingCounters counters;
  Recording recording(counters);
  const std::string own = folder + "/recordings";
  fs::create_directory(own);
  RecordingFile file(own, "id");
  SyntheticPresenter presenter({.codec = GetParam()}, kStart);
  recording.take(kStart, presenter.describe(1));
  Instant now;
  int mishaps = 0;
  for (int i = 0; i < 500; ++i) {
    if (i == 250) fs::remove_all(own);
    const auto batch = presenter.next(1);
    now = batch.at;
    recording.take(now, batch);
    EXPECT_TRUE(write_output(now, recording, file));
    if (const auto mishap = file.take_mishap()) {
      EXPECT_EQ(mishap->code, "recording_storage");
      ++mishaps;
    }
  }
  recording.finish(now);
  EXPECT_TRUE(write_output(now, recording, file));
  EXPECT_EQ(mishaps, 1);
  const auto done = finish(own, "id");
  ASSERT_TRUE(done);
  EXPECT_GE(done->duration, Duration::millis(9900));
  EXPECT_EQ(count_packets(done->path), 750u);
}

TEST_P(CrashTest, ACopyThatDidNotRunIsNotTakenForOne) {
  RecordingCounters counters;
  Recording recording(counters);
  const std::string own = folder + "/recordings";
  fs::create_directory(own);
  RecordingFile file(own, "id");
  SyntheticPresenter presenter({.codec = GetParam()}, kStart);
  recording.take(kStart, presenter.describe(1));
  std::shared_ptr<Restoration> restoration;
  for (int i = 0; i < 500 && !restoration; ++i) {
    if (i == 250) fs::remove_all(own);
    const auto batch = presenter.next(1);
    recording.take(batch.at, batch);
    const Recording::Output output = recording.take_output();
    if (output.fragments.empty()) continue;
    EXPECT_TRUE(file.append(batch.at, *recording.format(), output.fragments));
    restoration = file.take_restoration();
  }
  ASSERT_TRUE(restoration);
  const std::string half = growing_path(own, "id", format());
  EXPECT_TRUE(fs::exists(half));
  EXPECT_FALSE(file.overwrite({0, {0}})) << "it would be lost in what is being copied";
  file.end_restoration(*restoration);
  const auto mishap = file.take_mishap();
  ASSERT_TRUE(mishap);
  EXPECT_TRUE(mishap->message.ends_with("It could not be copied."));
  EXPECT_FALSE(fs::exists(half));
}

// On a small file system of its own, in a mount namespace that ends with the child.
TEST_P(CrashTest, AFullDiskCostsWhatDoesNotFit) {
  const pid_t child = ::fork();
  if (child == 0) {
    if ((::unshare(CLONE_NEWNS) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) ||
        ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("tmpfs", folder.c_str(), "tmpfs", 0, "size=3m") != 0)
      ::_exit(77);
    RecordingCounters counters;
    Recording recording(counters);
    RecordingFile file(folder, "id");
    SyntheticPresenter presenter(
        {.codec = GetParam(), .keyframe_bytes = 30'000, .frame_bytes = 10'000}, kStart);
    recording.take(kStart, presenter.describe(1));
    Instant now;
    int full = 0;
    std::string filler = folder + "/filler";
    for (int i = 0; i < 1500; ++i) {
      // Somebody else fills the disk, and goes away again.
      if (i == 200) std::ofstream(filler) << std::string(1'600'000, 'x');
      if (i == 1000) fs::remove(filler);
      if (i == 1200) break;
      const auto batch = presenter.next(1);
      now = batch.at;
      recording.take(now, batch);
      if (const auto written = write_output(now, recording, file); !written) {
        if (written.error().code != "disk_full") ::_exit(2);
        ++full;
      }
      if (recording.take_keyframe_request(now)) presenter.request_keyframe();
    }
    const auto done = finish(folder, "id");
    if (!done) ::_exit(3);
    if (full == 0) ::_exit(4);
    // It went on afterwards, with a keyframe.
    if (done->duration < Duration::seconds(21)) ::_exit(5);
    if (count_packets(done->path) < 500) ::_exit(6);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0) << "77: a small file system could not be mounted";
}

INSTANTIATE_TEST_SUITE_P(Codecs, CrashTest,
                         ::testing::Values(wire::Codec::kH264, wire::Codec::kVp8),
                         [](const auto& p) { return std::string(wire::codec_name(p.param)); });

}  // namespace
}  // namespace loopcast::record
