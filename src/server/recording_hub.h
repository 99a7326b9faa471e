// The recorder as the application sees it: brings its calls to the threads that write, finish and
// picture recordings, and events back to the control thread.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "app/recorder.h"
#include "server/job_thread.h"
#include "server/media_hub.h"
#include "server/recording_thread.h"

namespace loopcast::server {

class RecordingHub final : public app::Recorder {
 public:
  // A recording that could not be finished, as the disk is full, is there still, and is tried again
  // after this long.
  static constexpr std::chrono::seconds kFinishAgain{60};
  using EventHandler = std::function<void(app::RecorderEvent)>;
  // Keyframes are where a player can seek to and where a recording goes on after a loss; one more
  // every four seconds costs the picture some hundredths of its bitrate.
  static constexpr Duration kKeyframeInterval = Duration::seconds(4);

  // The folder exists. `media` outlives this, and is not started yet.
  RecordingHub(boost::asio::io_context& context, MediaHub& media, RecordingThread::Options options);
  ~RecordingHub() override { stop(); }

  // Before anything else. Files of earlier versions that not every player reads are put right
  // beside all else.
  void start(EventHandler handler);
  // On the control thread: what could not be finished is left to the next start. stop() follows.
  void give_up();
  // Does what it was told so far; pictures that are still to be made are left out.
  void stop();

  void start(const std::string& recording, app::MediaId publisher) override;
  void finish(const std::string& recording) override;
  void remove(const std::string& recording) override;

  RecordingFigures figures() const { return writer_.figures(); }
  uint64_t pictures_made() const { return pictures_made_.load(std::memory_order_relaxed); }
  uint64_t pictures_failed() const { return pictures_failed_.load(std::memory_order_relaxed); }

 private:
  RecordingThread::Ports ports();
  void report(app::RecorderEvent event);
  // On the thread that finishes.
  void finish_file(const std::string& recording);
  void remove_files(const std::string& recording);
  void make_pictures(const std::string& recording, const std::string& path);
  void upgrade_files();
  void finish_later(app::RecordingTrouble trouble);

  boost::asio::io_context& context_;
  MediaHub& media_;
  const std::string folder_;
  EventHandler handler_;
  std::unordered_map<std::string, app::MediaId> publisher_of_;
  std::unordered_set<std::string> troubled_;  // of the control thread
  // What could not be finished: the disk was full, or did not answer.
  std::unordered_set<std::string> unfinished_;
  boost::asio::steady_timer finish_again_{context_};
  std::atomic<bool> stopping_ = false;
  std::atomic<uint64_t> pictures_made_ = 0;
  std::atomic<uint64_t> pictures_failed_ = 0;
  // The later ones are used by the earlier ones' threads and jobs: they end in the opposite order.
  JobThread painter_{"record-pictures", Priority::kIdle};
  JobThread finisher_{"record-finish", Priority::kNormal};
  RecordingThread writer_;
};

}  // namespace loopcast::server
