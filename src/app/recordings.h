// What becomes of each recording: from the moment its broadcast is there to its row in the
// library, and to its deletion. Calls go down; what is to be written down and told comes back:
// after each call the caller drains poll_write() and poll_notice().
//
// Every recording of which anything has come ends in exactly one of: ready, damaged, removed.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

#include "app/media.h"
#include "app/recorder.h"
#include "app/recording_store.h"
#include "app/user.h"
#include "base/random.h"
#include "base/time.h"

namespace loopcast::app {

// Shorter ones are not kept: nobody looks for them.
inline constexpr Duration kShortestRecording = Duration::seconds(1);

struct RecordingStart {
  std::string broadcast_id;
  // The broadcast in whose place this one has come: if its recording waits, it goes on. Empty:
  // none.
  std::string replaces;
  MediaId publisher = 0;
  bool heard = true;  // false: nothing of it has come yet → heard()
  PublicUser owner;
  std::string co_owner_id;  // of a call: the recording belongs to both; empty: none
  std::string call_id;      // of a call; empty: none
  Visibility visibility = Visibility::kPublic;
  std::string title;
  std::string location;
};

// For the database, in this order. What fails is tried again before the next.
struct AddRecording {
  Recording recording;
};
struct SetRecordingState {
  std::string id;
  RecordingState state;
};
struct FinishRecording {
  std::string id;
  RecordingState state;
  RecordingFacts facts;
};
struct SetRecordingPictures {
  std::string id;
  bool thumbnail = false;
  bool sprites = false;
};
struct MarkRecording {  // it is not kept: its files are being deleted
  std::string id;
};
struct RestoreRecording {  // its files could not be deleted: it is there as before
  std::string id;
};
struct RemoveRecording {
  std::string id;
};
using RecordingWrite =
    std::variant<AddRecording, SetRecordingState, FinishRecording, SetRecordingPictures,
                 MarkRecording, RestoreRecording, RemoveRecording>;

// To the owners of a recording, on all their pages.
struct RecordingNotice {
  std::string id;
  std::vector<std::string> owners;  // user ids
  std::string state;                // of RecordingState, or "removed"
  std::optional<Error> trouble;
};
// What takes room and is not counted by the store yet: it is recorded, or its file is being
// finished.
struct RecordingInProgress {
  std::string id;
  std::string owner_id;
  WallTime started_at;
  bool finishing = false;
};
// A deletion that somebody waits for has ended.
struct RemovalDone {
  std::string id;
  Status done = ok();
};

class Recordings {
 public:
  // Everything that ever happened, for metrics.
  struct Counters {
    uint64_t started = 0;
    uint64_t resumed = 0;   // by a presenter who came back
    uint64_t split = 0;     // ... with another codec: goes on in a second one
    uint64_t repaired = 0;  // left behind by an earlier run
    uint64_t ready = 0;
    uint64_t damaged = 0;
    uint64_t too_short = 0;
    uint64_t lost = 0;
    uint64_t removed = 0;
    uint64_t removals_failed = 0;
    uint64_t troubles = 0;
    uint64_t stale_events = 0;
    uint64_t quota_warnings = 0;
    uint64_t quota_ends = 0;      // recordings that ended because their owner's room was used up
    uint64_t quota_refusals = 0;  // ... that did not begin
  };

  // `recorder` outlives this. `seed` must come from the operating system: ids follow from it.
  Recordings(Recorder& recorder, const Random::Seed& seed) : recorder_(recorder), random_(seed) {}
  Recordings(const Recordings&) = delete;
  Recordings& operator=(const Recordings&) = delete;

  // The rows that an earlier run did not end: files are finished, deletions go on. Once, first.
  void resume(const std::vector<Recording>& unfinished);
  // A broadcast is to be recorded from now on: in a recording of its own, or in the one that waits
  // for it. In a call, that of the same call goes on, since what a page resumes is the call.
  void start(Instant now, WallTime wall_now, RecordingStart start);
  // The first packet of this broadcast has come: its recording, which has waited for that, is
  // written down and told of from now on. Of any other: no effect.
  void heard(WallTime wall_now, const std::string& broadcast_id);
  // It is over, or not to be recorded any more. `lost`: not by the presenter's wish, who may come
  // back. Of what is not recorded: no effect.
  void stop(Instant now, const std::string& broadcast_id, bool lost);
  // The presenter of a broadcast that was lost does not come back, and says so: the recording ends
  // now. Of what is on air, or another user's: no effect.
  void give_up(const std::string& user_id, const std::string& broadcast_id);
  // What the user's recordings, those in progress included, take of what they may. Near: the user
  // is warned, once for each. Reached: they end, with the reason, and none begins until it is less.
  // What is live goes on.
  void set_quota_state(const std::string& user_id, QuotaState state);
  std::vector<RecordingInProgress> in_progress() const;
  void handle(RecorderEvent event);
  // Deletes the files of a recording that is marked as being removed, and then its row.
  // → RemovalDone.
  void remove(const std::string& id);
  // Being recorded, finished or removed.
  bool is_busy(const std::string& id) const {
    return running_.contains(id) || removing_.contains(id);
  }
  void handle_timeout(Instant now);
  Instant next_timeout() const;
  // Finishes everything; nothing starts any more.
  void shutdown();

  // False when there are no more.
  bool poll_write(RecordingWrite& write);
  bool poll_notice(RecordingNotice& notice);
  bool poll_removal(RemovalDone& removal);

  const Counters& counters() const { return counters_; }
  // Being recorded now (waiting for their presenters included); being finished.
  size_t recording() const { return by_broadcast_.size(); }
  size_t finishing() const { return finishing_; }
  size_t removing() const { return removing_.size(); }

 private:
  struct Running {
    RecordingStart start;                 // with the broadcast and publisher of now
    Instant deadline = Instant::never();  // of its presenter's return
    bool finishing = false;
    WallTime started_at = {};
    bool warned = false;  // that its owner's room is nearly used up
    // Until something has come: nobody is told of a recording of nothing, and the database is not
    // written for it.
    std::optional<Recording> row = {};
  };
  using RunningMap = std::unordered_map<std::string, Running>;

  void on(RecordingUnfit& event);
  void on(RecordingFinished& event);
  void on(RecordingLost& event);
  void on(RecordingTrouble& event);
  void on(RecordingPictures& event);
  void on(RecordingRemoved& event);

  void begin(WallTime wall_now, RecordingStart start);
  RunningMap::iterator waiting_for(const RecordingStart& start);
  void write_row(const std::string& id, Running& running, WallTime wall_now);
  void finish(RunningMap::iterator running);
  void discard(RunningMap::iterator running);
  void notify(const std::string& id, const Running& running, std::string_view state,
              std::optional<Error> trouble = {});

  Recorder& recorder_;
  Random random_;
  bool stopping_ = false;
  size_t finishing_ = 0;
  Counters counters_;
  RunningMap running_;                                         // by id of the recording
  std::unordered_map<std::string, std::string> by_broadcast_;  // broadcast → recording
  enum class Removal {
    kAsked,   // by somebody: its row comes back if the files cannot be deleted
    kUnkept,  // its row stays marked then
    kNoRow,
  };
  std::unordered_map<std::string, Removal> removing_;
  std::unordered_set<std::string> full_;  // users whose room is used up
  std::deque<RecordingWrite> writes_;
  std::deque<RecordingNotice> notices_;
  std::deque<RemovalDone> removals_;
};

}  // namespace loopcast::app
