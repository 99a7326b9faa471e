// Recordings as they are kept, and the port to the database that keeps them. Synchronous: called on
// the database thread, as app/store.h.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/recorder.h"
#include "app/user.h"
#include "base/expected.h"
#include "base/time.h"

namespace loopcast::app {

enum class Visibility : uint8_t {
  kPublic,    // every signed-in user finds it
  kUnlisted,  // every signed-in user who has its id
  kPrivate,   // its owners
};
enum class RecordingState : uint8_t {
  kRecording,
  kProcessing,  // the broadcast is over, the file is being finished
  kReady,
  kDamaged,  // plays, but something of it was lost
};
// "public", "ready" …: the names that the interface has for them.
std::string_view name_of(Visibility visibility);
std::string_view name_of(RecordingState state);
std::optional<Visibility> visibility_of(std::string_view name);

// One picture that holds many small ones, for the seek bar: picture i shows second i * interval.
struct SpriteSheet {
  double interval = 0;  // seconds
  uint32_t columns = 0;
  uint32_t rows = 0;
  uint32_t width = 0;  // pixels of one picture
  uint32_t height = 0;
  uint32_t count = 0;
  bool operator==(const SpriteSheet&) const = default;
};

inline constexpr std::string_view kUnknownPlace = "unknown";

struct Recording {
  std::string id;
  User owner;
  std::string co_owner_id;  // of a call; empty: none, or gone
  std::string broadcast_id;
  std::string title;
  WallTime started_at;
  RecordingFacts facts;  // empty until it is ready
  std::string location = std::string(kUnknownPlace);
  std::string comments;
  Visibility visibility = Visibility::kPublic;
  RecordingState state = RecordingState::kRecording;
  bool removing = false;  // its files are being deleted: nobody sees it any more
  bool thumbnail = false;
  std::optional<SpriteSheet> sprites;
  // The call that it is of, for ever: what two have agreed to keep between them stays so when one
  // of them is gone. Empty: of no call.
  std::string call_id = {};
  User co_owner = {};  // as he is now; id empty: as co_owner_id
  bool operator==(const Recording&) const = default;

  bool is_owned_by(std::string_view user_id) const {
    return user_id == owner.id || (!co_owner_id.empty() && user_id == co_owner_id);
  }
  bool plays() const {
    return !removing && (state == RecordingState::kReady || state == RecordingState::kDamaged);
  }
};

// Empty texts and absent bounds are no filter. Texts match a part, in their search keys
// (search_key.h).
struct RecordingFilter {
  std::string presenter = {};
  // Words that may stand in any order: each of the title, of the nickname of the presenter or of
  // the other one of a call, or of what pages call a recording without a title.
  std::string text = {};
  std::string location = {};
  std::optional<WallTime> from = {};
  std::optional<WallTime> to = {};  // inclusive
  std::optional<Duration> min_duration = {};
  std::optional<Duration> max_duration = {};
  // Those of this user in every state and visibility; otherwise the public ones that are ready.
  std::optional<std::string> owned_by = {};
};

struct RecordingPage {
  std::vector<Recording> recordings;  // newest first
  uint64_t total = 0;                 // that match
};

struct RecordingUsage {
  uint64_t bytes = 0;
  uint64_t count = 0;
  Duration time = {};
};

// What the recordings of one user may take. Absent: as much as there is.
struct RecordingQuota {
  std::optional<uint64_t> bytes = {};
  std::optional<Duration> time = {};
};

enum class QuotaState : uint8_t { kBelow, kNear, kReached };
// Near: nine tenths of either are used.
QuotaState quota_state(const RecordingQuota& quota, const RecordingUsage& used);

struct RecordingEdit {
  std::optional<std::string> title = {};
  std::optional<std::string> comments = {};
  std::optional<Visibility> visibility = {};
};

// What retention looks at.
struct OldRecording {
  std::string id;
  WallTime started_at;
  uint64_t bytes = 0;
  std::string owner_id = {};
};
struct OwnerUsage {
  std::string owner_id;
  uint64_t bytes = 0;  // of recordings that play
};

using LinkKey = std::array<uint8_t, 32>;

// Every call may also fail with store_unavailable, and has then changed nothing. Changes of what is
// not there have no effect.
class RecordingStore {
 public:
  virtual ~RecordingStore() = default;

  // Between these two nothing is written down, and then all of it or nothing: a batch waits for the
  // disk once. After a failure of any call in between, or of end_writes(): cancel_writes().
  virtual Status begin_writes() = 0;
  virtual Status end_writes() = 0;
  virtual void cancel_writes() = 0;

  // Of `recording.owner` and `recording.co_owner` only the ids are kept. One whose owner is gone is
  // added as being removed.
  virtual Status add_recording(const Recording& recording) = 0;
  // not_found. Finds those that are being removed as well.
  virtual Expected<Recording> find_recording(const std::string& id) = 0;
  // Leaves out those that are being removed. `offset` and `limit` count recordings.
  virtual Expected<RecordingPage> list_recordings(const RecordingFilter& filter, uint64_t offset,
                                                  uint32_t limit) = 0;
  virtual Status edit_recording(const std::string& id, const RecordingEdit& edit) = 0;
  virtual Status set_recording_state(const std::string& id, RecordingState state) = 0;
  virtual Status finish_recording(const std::string& id, RecordingState state,
                                  const RecordingFacts& facts) = 0;
  virtual Status set_recording_pictures(const std::string& id, bool thumbnail,
                                        const std::optional<SpriteSheet>& sprites) = 0;
  virtual Status set_recording_removing(const std::string& id, bool removing) = 0;
  virtual Status remove_recording(const std::string& id) = 0;

  // Being recorded, processed or removed: what an earlier run of the server did not end.
  virtual Expected<std::vector<Recording>> unfinished_recordings() = 0;
  // Of one user (as owner), or of all.
  virtual Expected<RecordingUsage> recording_usage(const std::optional<std::string>& owner_id) = 0;
  // What is set for this user and not for everybody; absent fields: nothing is.
  virtual Expected<RecordingQuota> recording_quota(const std::string& user_id) = 0;
  virtual Expected<std::vector<OwnerUsage>> usage_by_owner() = 0;
  // Those that play, oldest first; of one owner, or of all.
  virtual Expected<std::vector<OldRecording>> oldest_recordings(
      const std::optional<std::string>& owner_id, uint32_t limit) = 0;

  // The key of signed links: `fresh` the first time, and from then on the same.
  virtual Expected<LinkKey> link_key(const LinkKey& fresh) = 0;
};

}  // namespace loopcast::app
