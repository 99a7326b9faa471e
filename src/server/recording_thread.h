// The thread that writes recordings: takes what the media workers hand over from a bounded queue.
// A disk that does not keep up costs the recording packets, never live.
#pragma once

#include <atomic>
#include <condition_variable>
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
  uint64_t syncs_failed = 0;  // the disk lost something that was written
  size_t active = 0;
};

class RecordingThread {
 public:
  // What waits at most: at 2.5 Mbit/s, a second of 100 recordings and more.
  static constexpr size_t kMaxBatches = 32'768;
  static constexpr size_t kMaxBytes = size_t{96} << 20;
  // How often what was written is sent to the disk itself.
  static constexpr Duration kSyncInterval = Duration::seconds(1);

  struct Options {
    std::string folder;
    // Free bytes of its disk that are left to everything else: with less, no recording begins, and
    // those that run end as they are.
    uint64_t disk_floor = 0;
  };

  // Called on this thread.
  struct Ports {
    std::function<void(app::RecordingTrouble)> trouble;
    std::function<void(const std::string& recording, app::MediaId publisher)> unfit;
    std::function<void(const std::string& recording)> closed;
    std::function<void(app::MediaId publisher)> wants_keyframe;
    // The description of its streams was lost on its way.
    std::function<void(app::MediaId publisher)> wants_description;
  };

  RecordingThread(Options options, Ports ports);
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
    bool ended = false;      // nothing more is written: the disk is nearly full, or it is closed
    bool closing = false;    // it ends as soon as it has been written anew
    std::unordered_set<std::string> told;
    std::shared_ptr<record::Restoration> restoration;  // on its way
  };

  void run();
  void wait();
  // Reports what `work` throws, as for want of memory, and goes on.
  template <typename Work>
  void guard(const std::string& id, Work&& work);
  void turn();
  void turn_of(Instant now, const std::string& id, Active& active);
  void start(const Start& command);
  void take_batch(Instant now, sfu::PacketBatch& batch);
  void write(Instant now, const std::string& id, Active& active);
  void tell(const std::string& id, Active& active, Error error);
  void note_drops();
  void note_sync_failures();
  void note_restored();
  void await_restored();
  void restore(Active& active);
  void sync(Instant now);
  // Ends what is being recorded when the disk is nearly full.
  void look_at_disk(Instant now);
  void end_for_disk(Instant now, const std::string& id, Active& active);
  void close(Instant now, const std::string& id);
  // It is closed, and nothing more is written.
  void end(const std::string& id);

  const Options options_;
  const Ports ports_;
  net::Waker waker_;
  // As many as recordings begin and end, of each of which the application knows as well. None may
  // be lost: what is not closed is never finished.
  net::Mailbox<Command> commands_{net::Mailbox<Command>::kUnbounded, waker_};
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
  std::condition_variable restored_one_;
  mutable std::mutex mutex_;  // of the following
  RecordingFigures published_;
  uint64_t dropped_ = 0;
  std::unordered_set<app::MediaId> dropped_of_;
  struct SyncFailure {
    std::string recording;
    Error error;
  };
  std::vector<SyncFailure> sync_failures_;
  bool disk_low_ = false;  // of this thread
  Instant disk_looked_at_;
  JobThread syncer_{"record-sync", Priority::kNormal};
  JobThread copier_{"record-copy", Priority::kNormal};
  std::thread thread_;  // the last member: it uses the others
};

}  // namespace loopcast::server
