#include "app/recording_library.h"

#include <algorithm>
#include <array>
#include <utility>

#include "app/messages.h"
#include "app/utf8.h"

namespace loopcast::app {
namespace {

constexpr std::array<std::string_view, 3> kVisibilities = {"public", "unlisted", "private"};
constexpr std::array<std::string_view, 4> kStates = {"recording", "processing", "ready", "damaged"};

bool may_see(const Recording& recording, const std::string& user_id) {
  if (recording.removing) return false;
  if (recording.is_owned_by(user_id)) return true;
  return recording.plays() && recording.visibility != Visibility::kPrivate;
}

// Text of a person: valid UTF-8 without control characters; line breaks if `lines`.
bool is_clean(std::string_view text, size_t max_code_points, bool lines) {
  size_t count = 0;
  while (!text.empty()) {
    const auto c = next_code_point(text);
    if (!c || ++count > max_code_points) return false;
    const bool line = *c == '\n' || *c == '\r' || *c == '\t';
    if ((*c < 0x20 && !(lines && line)) || (*c >= 0x7F && *c < 0xA0)) return false;
  }
  return true;
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

std::vector<OldRecording> choose_expired(const Retention& retention, WallTime now,
                                         uint64_t total_bytes,
                                         const std::vector<OldRecording>& oldest) {
  std::vector<OldRecording> chosen;
  for (const OldRecording& recording : oldest) {
    const bool too_old = retention.age && recording.started_at.us < now.us - retention.age->us();
    const bool too_much = retention.bytes && total_bytes > *retention.bytes;
    if (!too_old && !too_much) break;
    total_bytes -= std::min(total_bytes, recording.bytes);
    chosen.push_back(recording);
  }
  return chosen;
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
    if (edit.title->empty() || !is_clean(*edit.title, kMaxTitleCodePoints, false))
      return make_error(Code::kBadTitle);
  }
  if (edit.comments) {
    *edit.comments = trimmed(*edit.comments);
    if (!is_clean(*edit.comments, kMaxCommentsCodePoints, true))
      return make_error(Code::kBadComments);
  }
  // A call belongs to two: one of them alone does not publish it.
  if (edit.visibility && *edit.visibility != Visibility::kPrivate && !found->co_owner_id.empty())
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

Expected<std::vector<OldRecording>> RecordingLibrary::expired(const Retention& retention,
                                                              WallTime now, uint32_t limit) {
  if (!retention.age && !retention.bytes) return std::vector<OldRecording>();
  const Expected<RecordingUsage> all = store_.recording_usage(std::nullopt);
  if (!all) return all.error();
  const auto oldest = store_.oldest_recordings(limit);
  if (!oldest) return oldest.error();
  return choose_expired(retention, now, all->bytes, *oldest);
}

}  // namespace loopcast::app
