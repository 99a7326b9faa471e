// Who may do what with a recording that is in the library. Synchronous, on the database thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/recording_store.h"
#include "base/expected.h"
#include "base/time.h"

namespace loopcast::app {

inline constexpr size_t kMaxTitleCodePoints = 200;
inline constexpr size_t kMaxCommentsCodePoints = 5000;
inline constexpr uint32_t kMaxRecordingsPerPage = 100;

// What is deleted by itself, the oldest first. Absent: nothing is.
struct Retention {
  std::optional<Duration> age;    // older ones
  std::optional<uint64_t> bytes;  // of all recordings together; what is beyond it
};
// The most that each owner keeps so that all together keep `bytes`: who has less keeps everything,
// and what is too much is taken from those who fill the disk
// (docs/decisions/0029-room-is-shared-by-users.md).
uint64_t fair_share(const std::vector<OwnerUsage>& owners, uint64_t bytes);

class RecordingLibrary {
 public:
  // `store` outlives this.
  explicit RecordingLibrary(RecordingStore& store) : store_(store) {}

  // `page` from 0. What `user_id` may find: with filter.owned_by only his own.
  Expected<RecordingPage> list(const std::string& user_id, const RecordingFilter& filter,
                               uint64_t page, uint32_t size);
  // not_found: there is none, or none that this user may see.
  Expected<Recording> find(const std::string& user_id, const std::string& id);
  // Errors: not_found, forbidden (another's; or a call's that shall be seen by others), bad_title,
  // bad_comments. → as it is now.
  Expected<Recording> edit(const std::string& user_id, const std::string& id, RecordingEdit edit);
  // Marks it: from now on nobody sees it. Errors: not_found, forbidden, recording_running.
  Status begin_removal(const std::string& user_id, const std::string& id);
  // The same for retention: who asks is the operator.
  Status begin_expiry(const std::string& id);
  Expected<RecordingUsage> usage(const std::string& user_id);
  // What the user may have: what is set for him, else `otherwise`.
  Expected<RecordingQuota> quota(const std::string& user_id, const RecordingQuota& otherwise);

  // What retention would delete now: at most `limit`. First what is too old, then what is too much,
  // of each owner who has more than a fair share the oldest.
  Expected<std::vector<OldRecording>> expired(const Retention& retention, WallTime now,
                                              uint32_t limit);

 private:
  Status add_too_much(uint64_t bytes, uint32_t limit, std::vector<OldRecording>& chosen);
  Expected<Recording> find_own(const std::string& user_id, const std::string& id);

  RecordingStore& store_;
};

}  // namespace loopcast::app
