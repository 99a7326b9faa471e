// The thread that writes recordings: takes what the media workers hand over from a bounded queue.
// A disk that does not keep up costs the recording packets, never live.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

#include "app/recorder.h"
#include "net/mailbox.h"
#include "record/recording.h"
#include "record/recording_file.h"
#include "server/job_thread.h"
#include "sfu/handover.h"

namespace loopcast::server {

struct RecordingFigures {
  record::RecordingCounters media;
  uint64_t batches_dropped = 0;  // the queue was full
  uint64_t batches_unknown = 0;  // of publishers that are not recorded (any more)
  uint64_t writes_failed = 0;
  uint64_t bytes = 0;  // of media, written
  uint64_t syncs = 0;
  size_t active = 0;
};

class RecordingThread {
 public:
  // What waits at most: at 2.5 Mbit/s, a second of 100 recordings and more.
  static constexpr size_t kMaxBatches = 32'768;
  static constexpr size_t kMaxBytes = size_t{96} << 20;
  // How often what was written is sent to the disk itself.
  static constexpr Duration kSyncInterval = Duration::seconds(1);

  // Called on this thread.
  struct Ports {
    std::function<void(app::RecordingTrouble)> trouble;
    std::function<void(const std::string& recording, app::MediaId publisher)> unfit;
    std::function<void(const std::string& recording)> closed;
    std::function<void(app::MediaId publisher)> wants_keyframe;
    // The description of its streams was lost on its way.
    std::function<void(app::MediaId publisher)> wants_description;
  };

  RecordingThread(std::string folder, Ports ports);
  ~RecordingThread() { stop(); }
  RecordingThread(const RecordingThread&) = delete;

  // Control thread.
  void record(const std::string& recording, app::MediaId publisher);
  // → Ports::closed, also if there is no such recording.
  void close(const std::string& recording);
  // Writes what is there, and ends.
  void stop();

  // A media worker's thread. Never waits.
  void take(sfu::PacketBatch&& batch);

  RecordingFigures figures() const;

 private:
  struct Start {
    std::string recording;
    app::MediaId publisher;
  };
  struct Close {
    std::string recording;
  };
  using Command = std::variant<Start, Close>;

  struct Active {
    Active(record::RecordingCounters& counters, const std::string& folder, const std::string& id)
        : recording(counters), file(folder, id) {}
    record::Recording recording;
    record::RecordingFile file;
    app::MediaId publisher = 0;
    bool described = false;  // its publisher's first batch came
    std::unordered_set<std::string> told;
  };

  void run();
  void wait();
  void turn();
  void start(const Start& command);
  void take_batch(Instant now, sfu::PacketBatch& batch);
  void write(Instant now, const std::string& id, Active& active);
  void tell(const std::string& id, Active& active, Error error);
  void note_drops();
  void sync(Instant now);
  void close(Instant now, const std::string& id);

  const std::string folder_;
  const Ports ports_;
  net::Waker waker_;
  net::Mailbox<Command> commands_{65'536, waker_};
  net::Mailbox<sfu::PacketBatch> batches_{kMaxBatches, waker_};
  std::atomic<size_t> bytes_waiting_ = 0;
  std::atomic<bool> stopping_ = false;
  std::vector<Command> taken_commands_;
  std::vector<sfu::PacketBatch> taken_batches_;
  std::unordered_map<std::string, Active> active_;
  std::unordered_map<app::MediaId, std::string> by_publisher_;
  // Were unfit for their recording: what comes of them until they are described again, for another
  // one, was on its way before.
  std::unordered_set<app::MediaId> unfit_;
  Instant next_sync_;
  std::atomic<bool> syncing_ = false;
  std::atomic<uint64_t> syncs_ = 0;
  RecordingFigures own_;
  mutable std::mutex mutex_;  // of the following
  RecordingFigures published_;
  uint64_t dropped_ = 0;
  std::unordered_set<app::MediaId> dropped_of_;
  JobThread syncer_{"record-sync", Priority::kNormal};
  std::thread thread_;  // the last member: it uses the others
};

}  // namespace loopcast::server
