#include "server/recording_thread.h"

#include <filesystem>
#include <future>
#include <semaphore>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/clock.h"
#include "record/finish.h"
#include "record/record_testing.h"

namespace loopcast::server {
namespace {

namespace fs = std::filesystem;

class RecordingThreadTest : public ::testing::Test {
 protected:
  RecordingThreadTest() {
    std::string name = (fs::temp_directory_path() / "loopcast-recorder-XXXXXX").string();
    folder = ::mkdtemp(name.data());
    restart(0);
  }
  void restart(uint64_t disk_floor) {
    thread.reset();
    RecordingThread::Ports ports;
    ports.trouble = [this](app::RecordingTrouble trouble) {
      const std::lock_guard lock(mutex);
      troubles.push_back(trouble.error.code);
    };
    ports.closed = [this](const std::string& recording) {
      if (recording == "throws") throw std::runtime_error("no memory");
      closed.release();
    };
    ports.unfit = [this](const std::string& recording, app::MediaId id) {
      unfit.set_value({recording, id});
    };
    ports.wants_keyframe = [this](app::MediaId id) { keyframes_wanted = id; };
    ports.wants_description = [this](app::MediaId) {
      asked.set_value();
      disk.get_future().wait();  // as a disk that answers late
    };
    thread = std::make_unique<RecordingThread>(RecordingThread::Options{folder, disk_floor},
                                               std::move(ports));
  }
  ~RecordingThreadTest() override {
    thread.reset();
    std::error_code ignored;
    fs::remove_all(folder, ignored);
  }
  void send(record::SyntheticPresenter& presenter, app::MediaId id, int ticks) {
    for (int i = 0; i < ticks; ++i) thread->take(presenter.next(id));
  }
  void close(const std::string& recording) {
    thread->close(recording);
    closed.acquire();
  }

  std::string folder;
  std::mutex mutex;
  std::vector<std::string> troubles;
  std::counting_semaphore<> closed{0};
  std::promise<void> asked, disk;
  std::promise<std::pair<std::string, app::MediaId>> unfit;
  std::atomic<app::MediaId> keyframes_wanted = 0;
  std::unique_ptr<RecordingThread> thread;
};

TEST_F(RecordingThreadTest, WritesWhatItIsHandedFromTheFirstPacket) {
  record::SyntheticPresenter presenter({}, net::now());
  thread->record("one", 5);
  thread->take(presenter.describe(5));
  send(presenter, 5, 250);
  close("one");
  const auto done = record::finish(folder, "one");
  ASSERT_TRUE(done);
  EXPECT_NEAR(done->duration.as_seconds(), 5, 0.1);
  const auto figures = thread->figures();
  EXPECT_EQ(figures.batches_dropped, 0u);
  EXPECT_EQ(figures.media.frames, 125u);
  EXPECT_TRUE(troubles.empty());
}

TEST_F(RecordingThreadTest, AnotherCodecIsForASecondRecording) {
  record::SyntheticPresenter first({.codec = wire::Codec::kVp8}, net::now());
  record::SyntheticPresenter second({}, net::now());
  thread->record("one", 5);
  thread->take(first.describe(5));
  size_t sent = 0;
  for (int i = 0; i < 100; ++i) {
    auto batch = first.next(5);
    sent += batch.packets.size();
    thread->take(std::move(batch));
  }
  // Whoever comes back does so later.
  while (thread->figures().media.packets < sent) std::this_thread::yield();
  thread->record("one", 6);
  thread->take(second.describe(6));
  send(second, 6, 10);  // on their way meanwhile
  EXPECT_EQ(unfit.get_future().get(), std::pair(std::string("one"), app::MediaId{6}));
  thread->close("one");
  thread->record("two", 6);
  thread->take(second.describe(6));
  second.request_keyframe();
  send(second, 6, 100);
  closed.acquire();
  close("two");
  for (const char* id : {"one", "two"}) {
    const auto done = record::finish(folder, id);
    ASSERT_TRUE(done) << id;
    EXPECT_EQ(done->video, id == std::string("one") ? wire::Codec::kVp8 : wire::Codec::kH264);
    EXPECT_NEAR(done->duration.as_seconds(), 2, 0.1);
  }
  EXPECT_EQ(thread->figures().media.packets_refused, 0u);
}

TEST_F(RecordingThreadTest, WhatNobodyRecordsIsDropped) {
  record::SyntheticPresenter presenter({}, net::now());
  thread->take(presenter.describe(8));
  send(presenter, 8, 10);
  close("none");
  EXPECT_EQ(thread->figures().media.packets, 0u);
  EXPECT_FALSE(record::finish(folder, "none"));
}

TEST_F(RecordingThreadTest, ADiskThatDoesNotKeepUpHoldsUpNobody) {
  record::SyntheticPresenter presenter({.keyframe_bytes = 400'000, .frame_bytes = 400'000},
                                       net::now());
  record::SyntheticPresenter other({}, net::now());
  thread->record("slow", 5);
  thread->take(presenter.describe(5));
  thread->record("other", 6);
  thread->take(other.next(6));  // without its description: the port is called, and waits
  asked.get_future().wait();
  const Instant before = net::now();
  send(presenter, 5, 600);  // 120 MB
  const Duration took = net::now() - before;
  const uint64_t dropped = thread->figures().batches_dropped;
  disk.set_value();
  EXPECT_GT(dropped, 0u);
  EXPECT_LT(dropped, 600u);
  EXPECT_LT(took, Duration::seconds(20)) << "it was waited for";
  send(presenter, 5, 50);
  close("slow");
  EXPECT_THAT(troubles, ::testing::Contains("recording_overloaded"));
  EXPECT_TRUE(record::finish(folder, "slow"));
}

TEST_F(RecordingThreadTest, NoEndOfARecordingIsLostWhileItIsBusy) {
  constexpr int kMany = 100'000;
  record::SyntheticPresenter other({}, net::now());
  thread->record("other", 6);
  thread->take(other.next(6));  // without its description: the port is called, and waits
  asked.get_future().wait();
  for (int i = 0; i < kMany; ++i) thread->close(std::to_string(i));
  disk.set_value();
  for (int i = 0; i < kMany; ++i) closed.acquire();
}

TEST_F(RecordingThreadTest, WhatThrowsIsReportedAndCostsNothingElse) {
  record::SyntheticPresenter presenter({}, net::now());
  thread->record("one", 5);
  thread->take(presenter.describe(5));
  thread->close("throws");
  send(presenter, 5, 250);
  thread->close("throws");
  close("one");
  EXPECT_TRUE(record::finish(folder, "one"));
  const std::lock_guard lock(mutex);
  EXPECT_EQ(troubles, (std::vector<std::string>{"recording_storage", "recording_storage"}));
}

// Nothing is written to a disk that is nearly full, and what is there is whole.
TEST_F(RecordingThreadTest, ADiskThatIsNearlyFullEndsRecordings) {
  restart(~uint64_t{0});
  record::SyntheticPresenter presenter({}, net::now());
  thread->record("one", 5);
  thread->take(presenter.describe(5));
  send(presenter, 5, 250);
  close("one");
  EXPECT_EQ(troubles, std::vector<std::string>{"disk_low"}) << "once";
  const auto done = record::finish(folder, "one");
  if (done) {
    EXPECT_FALSE(done->cut);
  }
  restart(1);
  thread->record("two", 6);
  thread->take(presenter.describe(6));
  send(presenter, 6, 250);
  close("two");
  EXPECT_TRUE(record::finish(folder, "two"));
  EXPECT_EQ(troubles.size(), 1u);
}

TEST_F(RecordingThreadTest, AFolderThatIsRemovedIsWrittenAnewBesideAllElse) {
  record::SyntheticPresenter presenter({}, net::now());
  thread->record("one", 5);
  thread->take(presenter.describe(5));
  send(presenter, 5, 250);
  while (thread->figures().bytes == 0) std::this_thread::yield();
  fs::remove_all(folder);
  send(presenter, 5, 250);
  close("one");
  const auto done = record::finish(folder, "one");
  ASSERT_TRUE(done);
  EXPECT_NEAR(done->duration.as_seconds(), 10, 0.1);
  EXPECT_EQ(thread->figures().media.frames, 250u);
  EXPECT_EQ(troubles, std::vector<std::string>{"recording_storage"});
}

// What the system says when it is asked for the first time is thrown nowhere.
TEST_F(RecordingThreadTest, AFolderThatCannotBeLookedAtCostsTheRecordingOnly) {
  fs::remove_all(folder);
  fs::create_symlink(folder, folder);  // leads to itself
  record::SyntheticPresenter presenter({}, net::now());
  thread->record("one", 5);
  thread->take(presenter.describe(5));
  send(presenter, 5, 100);
  close("one");
  EXPECT_EQ(troubles, std::vector<std::string>{"recording_storage"});
  fs::remove(folder);
}

}  // namespace
}  // namespace loopcast::server
