// Recordings for the control thread: what is decided by app::Recordings is written down on the
// database thread and told to whom it concerns; what people ask of the library is asked there too.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "api/audit_log.h"
#include "app/broadcasts.h"
#include "app/call.h"
#include "app/media_link.h"
#include "app/recording_library.h"
#include "app/recordings.h"
#include "http/pool.h"
#include "http/task.h"

namespace loopcast::api {

struct LibraryOptions {
  app::Retention retention;
  app::RecordingQuota quota;       // of each user for whom no other is set
  bool retention_dry_run = false;  // log what would be deleted, and delete nothing
};

// What the library needs from outside.
struct LibraryPorts {
  std::function<Instant()> now;
  std::function<WallTime()> wall_now;
  // Where an address is: "Berlin, Germany", or app::kUnknownPlace.
  std::function<std::string(const IpAddress&)> locate;
  // The sprites of this recording, as described beside them. On the database thread.
  std::function<std::optional<app::SpriteSheet>(const std::string& id)> read_sprites;
  // How much of this one is on the disk, while it is recorded. On the database thread.
  std::function<uint64_t(const std::string& id)> written;
  // Whether this session (of app::session_id()) of this user goes on. On the database thread.
  std::function<Expected<bool>(const app::LinkHolder&)> session_holds;
  std::function<void(const app::RecordingNotice&)> tell;
  // What retention and quotas do, which nobody asked for.
  std::function<void(const AuditEntry&)> audit;
  std::function<void(const std::string&)> log;          // errors, for the operator
  std::function<void(const std::string&)> log_expired;  // what retention deletes
};

class Library {
 public:
  // How long a request waits until the files of its recording are deleted.
  static constexpr std::chrono::seconds kRemovalTimeout{10};
  // A write that failed (the disk is full) is tried again after this long.
  static constexpr std::chrono::seconds kWriteRetry{1};
  static constexpr std::chrono::seconds kSettleTime{3};
  // So that one round of retention holds up nothing.
  static constexpr uint32_t kExpiredPerRound = 500;

  // All outlive this. `database`: a pool of one thread, the only one that uses `store`.
  Library(http::asio::io_context& context, app::RecordingStore& store, app::Recordings& recordings,
          http::Pool& database, LibraryOptions options, LibraryPorts ports);

  // Before anything else, on the calling thread: reads the key of links and goes on with what an
  // earlier run left. `fresh`: the key if there is none yet; from the operating system.
  Status start(const app::LinkKey& fresh);
  void air_changed(const app::AirChange& change);
  // Its presenter was waited for, and stops it.
  void give_up(const std::string& user_id, const std::string& broadcast_id);
  // A broadcast on air, of a call whose two have agreed that it is recorded (or no longer do). The
  // recording belongs to both, and stays between them.
  void record_call(const app::RecordBroadcast& call);
  void handle(app::RecorderEvent event);
  // Finishes everything; nothing starts any more.
  void shutdown();
  // After that: waits until it is finished and written down, for kSettleTime at most. What is not
  // is repaired at the next start.
  http::Task<> settle();

  // Errors as app::RecordingLibrary.
  http::Task<Expected<app::RecordingPage>> list(std::string user_id, app::RecordingFilter filter,
                                                uint64_t page, uint32_t size);
  http::Task<Expected<app::Recording>> find(std::string user_id, std::string id);
  http::Task<Expected<app::Recording>> edit(std::string user_id, std::string id,
                                            app::RecordingEdit edit);
  // Answered when row and files are gone. Errors besides: recording_storage, timeout.
  http::Task<Status> remove(std::string user_id, std::string id);
  // What the user's recordings take, those in progress included, and what they may.
  struct Room {
    app::RecordingUsage used;
    app::RecordingQuota quota;
  };
  http::Task<Expected<Room>> room(std::string user_id);
  // Looks at the room of everybody who is being recorded; who has used it up is recorded no longer.
  http::Task<> check_quotas();
  // Deletes what is marked and not being written: of users who are gone, or because its files could
  // not be deleted before.
  http::Task<> remove_marked();
  // Deletes what is too old or too much, and what is still marked.
  http::Task<> expire();

  // See app/media_link.h.
  std::string link(std::string_view file, const app::LinkHolder& holder) const;
  // The recording of this file if the link is good, its session goes on and its user may see it.
  // Errors: forbidden, not_found.
  http::Task<Expected<app::Recording>> follow(std::string file, std::string expires,
                                              app::LinkHolder holder, std::string signature);

  app::Recordings& recordings() { return recordings_; }
  uint64_t writes_failed() const { return writes_failed_; }
  // The latest write failed, and is tried again.
  bool failing() const { return failing_; }

 private:
  struct Removal;
  using Batch = std::vector<app::RecordingWrite>;

  void record(const app::AirChange& broadcast, const app::RecordBroadcast* call);
  http::Task<> check_quota(std::string user_id);
  Expected<Room> room_of(const std::string& user_id,
                         const std::vector<app::RecordingInProgress>& in_progress, WallTime now);
  void pump();
  void arm();
  http::Task<> write_down();
  // All of them, or none if one failed.
  Status apply(const Batch& batch);
  Status apply(const app::RecordingWrite& write);

  http::asio::io_context& context_;
  app::RecordingStore& store_;
  app::RecordingLibrary library_;
  app::Recordings& recordings_;
  http::Pool& database_;
  LibraryOptions options_;
  LibraryPorts ports_;
  app::LinkKey key_{};
  std::unordered_map<std::string, app::AirChange> there_;  // by id of the broadcast
  http::Timer timer_;
  bool writing_ = false;
  bool given_up_ = false;  // on what the database does not take: the server stops
  bool failing_ = false;
  uint64_t writes_failed_ = 0;
  // Told when what they speak of is written down: who asks then finds it.
  std::vector<app::RecordingNotice> held_;
  std::unordered_map<std::string, std::shared_ptr<Removal>> removals_;
  std::string dry_run_;  // what was logged last
};

}  // namespace loopcast::api
