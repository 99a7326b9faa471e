#include "app/recording_library.h"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "app/messages.h"
#include "app/visible_text.h"

namespace loopcast::app {
namespace {

constexpr std::array<std::string_view, 3> kVisibilities = {"public", "unlisted", "private"};
constexpr std::array<std::string_view, 4> kStates = {"recording", "processing", "ready", "damaged"};

bool may_see(const Recording& recording, const std::string& user_id) {
  if (recording.removing) return false;
  if (recording.is_owned_by(user_id)) return true;
  return recording.plays() && recording.visibility != Visibility::kPrivate;
}

std::string trimmed(std::string_view text) {
  constexpr std::string_view kSpaces = " \t\r\n";
  const size_t first = text.find_first_not_of(kSpaces);
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(kSpaces) - first + 1));
}

}  // namespace

std::string_view name_of(Visibility visibility) {
  return kVisibilities[static_cast<size_t>(visibility)];
}
std::string_view name_of(RecordingState state) { return kStates[static_cast<size_t>(state)]; }

std::optional<Visibility> visibility_of(std::string_view name) {
  const auto found = std::find(kVisibilities.begin(), kVisibilities.end(), name);
  if (found == kVisibilities.end()) return std::nullopt;
  return static_cast<Visibility>(found - kVisibilities.begin());
}

QuotaState quota_state(const RecordingQuota& quota, const RecordingUsage& used) {
  const auto state = [](uint64_t of, uint64_t limit) {
    if (of >= limit) return QuotaState::kReached;
    return of >= limit - limit / 10 ? QuotaState::kNear : QuotaState::kBelow;
  };
  QuotaState worst = QuotaState::kBelow;
  if (quota.bytes) worst = state(used.bytes, *quota.bytes);
  if (quota.time)
    worst = std::max(worst, state(static_cast<uint64_t>(used.time.us()),
                                  static_cast<uint64_t>(quota.time->us())));
  return worst;
}

uint64_t fair_share(const std::vector<OwnerUsage>& owners, uint64_t bytes) {
  std::vector<uint64_t> sizes;
  for (const OwnerUsage& owner : owners) sizes.push_back(owner.bytes);
  std::sort(sizes.begin(), sizes.end());
  // What the small ones leave of their part is shared by the others.
  for (size_t i = 0; i < sizes.size(); ++i) {
    const uint64_t share = bytes / (sizes.size() - i);
    if (sizes[i] > share) return share;
    bytes -= sizes[i];
  }
  return ~uint64_t{0};
}

Expected<RecordingPage> RecordingLibrary::list(const std::string& user_id,
                                               const RecordingFilter& filter, uint64_t page,
                                               uint32_t size) {
  if (filter.owned_by && *filter.owned_by != user_id) return make_error(Code::kForbidden);
  const uint32_t limit = std::min(size, kMaxRecordingsPerPage);
  return store_.list_recordings(filter, page * limit, limit);
}

Expected<Recording> RecordingLibrary::find(const std::string& user_id, const std::string& id) {
  Expected<Recording> found = store_.find_recording(id);
  // One answer for both, so that nobody learns of what is not theirs.
  if (found && !may_see(*found, user_id)) return make_error(Code::kNotFound);
  return found;
}

Expected<Recording> RecordingLibrary::find_own(const std::string& user_id, const std::string& id) {
  Expected<Recording> found = find(user_id, id);
  if (found && found->owner.id != user_id) return make_error(Code::kForbidden);
  return found;
}

Expected<Recording> RecordingLibrary::edit(const std::string& user_id, const std::string& id,
                                           RecordingEdit edit) {
  const Expected<Recording> found = find_own(user_id, id);
  if (!found) return found.error();
  if (edit.title) {
    *edit.title = trimmed(*edit.title);
    if (edit.title->empty() || !is_visible_text(*edit.title, kMaxTitleCodePoints, false))
      return make_error(Code::kBadTitle);
  }
  if (edit.comments) {
    *edit.comments = trimmed(*edit.comments);
    if (!is_visible_text(*edit.comments, kMaxCommentsCodePoints, true))
      return make_error(Code::kBadComments);
  }
  // A call belongs to two: one of them alone does not publish it.
  // That the other one is gone is no consent.
  const bool of_call = !found->call_id.empty() || !found->co_owner_id.empty();
  if (edit.visibility && *edit.visibility != Visibility::kPrivate && of_call)
    return make_error(Code::kForbidden);
  const Status done = store_.edit_recording(id, edit);
  if (!done) return done.error();
  return find(user_id, id);
}

Status RecordingLibrary::begin_removal(const std::string& user_id, const std::string& id) {
  const Expected<Recording> found = find_own(user_id, id);
  if (!found) return found.error();
  if (!found->plays()) return make_error(Code::kRecordingRunning);
  return store_.set_recording_removing(id, true);
}

Status RecordingLibrary::begin_expiry(const std::string& id) {
  const Expected<Recording> found = store_.find_recording(id);
  if (!found) return found.error();
  if (!found->plays()) return make_error(Code::kRecordingRunning);
  return store_.set_recording_removing(id, true);
}

Expected<RecordingUsage> RecordingLibrary::usage(const std::string& user_id) {
  return store_.recording_usage(user_id);
}

Expected<RecordingQuota> RecordingLibrary::quota(const std::string& user_id,
                                                 const RecordingQuota& otherwise) {
  Expected<RecordingQuota> own = store_.recording_quota(user_id);
  if (!own) return own.error();
  if (!own->bytes) own->bytes = otherwise.bytes;
  if (!own->time) own->time = otherwise.time;
  return own;
}

Expected<std::vector<OldRecording>> RecordingLibrary::expired(const Retention& retention,
                                                              WallTime now, uint32_t limit) {
  std::vector<OldRecording> chosen;
  if (retention.age) {
    auto oldest = store_.oldest_recordings(std::nullopt, limit);
    if (!oldest) return oldest.error();
    for (OldRecording& recording : *oldest)
      if (recording.started_at.us < now.us - retention.age->us())
        chosen.push_back(std::move(recording));
  }
  if (retention.bytes)
    if (const Status added = add_too_much(*retention.bytes, limit, chosen); !added)
      return added.error();
  return chosen;
}

Status RecordingLibrary::add_too_much(uint64_t bytes, uint32_t limit,
                                      std::vector<OldRecording>& chosen) {
  auto owners = store_.usage_by_owner();
  if (!owners) return owners.error();
  std::unordered_set<std::string> going;
  std::unordered_map<std::string, uint64_t> gone;
  for (const OldRecording& recording : chosen) {
    going.insert(recording.id);
    gone[recording.owner_id] += recording.bytes;
  }
  for (OwnerUsage& owner : *owners) owner.bytes -= std::min(owner.bytes, gone[owner.owner_id]);
  const uint64_t share = fair_share(*owners, bytes);
  // Who has the most comes first, in case that this round does not get to all.
  std::sort(owners->begin(), owners->end(),
            [](const OwnerUsage& a, const OwnerUsage& b) { return a.bytes > b.bytes; });
  for (OwnerUsage& owner : *owners) {
    if (owner.bytes <= share || chosen.size() >= limit) break;
    const auto oldest = store_.oldest_recordings(owner.owner_id, limit);
    if (!oldest) return oldest.error();
    for (const OldRecording& recording : *oldest) {
      if (owner.bytes <= share || chosen.size() >= limit) break;
      if (!going.insert(recording.id).second) continue;
      owner.bytes -= std::min(owner.bytes, recording.bytes);
      chosen.push_back(recording);
    }
  }
  return ok();
}

}  // namespace loopcast::app
