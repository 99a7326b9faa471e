#include "app/recordings.h"

#include <algorithm>
#include <utility>

#include "app/messages.h"

namespace loopcast::app {
namespace {

// What the presenter and the operator must know.
bool is_trouble(const Error& error) {
  const auto code = code_of(error.code);
  return code == Code::kDiskFull || code == Code::kRecordingStorage ||
         code == Code::kRecordingOverloaded || code == Code::kDiskLow ||
         code == Code::kRecordingRate;
}

}  // namespace

void Recordings::resume(const std::vector<Recording>& unfinished) {
  for (const Recording& recording : unfinished) {
    if (recording.removing) {
      remove(recording.id);
      continue;
    }
    ++counters_.repaired;
    RecordingStart start;
    start.broadcast_id = recording.broadcast_id;
    start.owner = public_user(recording.owner);
    start.co_owner_id = recording.co_owner_id;
    start.call_id = recording.call_id;
    finish(running_.emplace(recording.id, Running{std::move(start)}).first);
  }
}

void Recordings::start(Instant now, WallTime wall_now, RecordingStart start) {
  if (stopping_ || by_broadcast_.contains(start.broadcast_id)) return;
  handle_timeout(now);
  if (full_.contains(start.owner.id)) {
    ++counters_.quota_refusals;
    // Of one that never was, so that the page has something to speak of.
    return notify(make_id(random_), Running{std::move(start)}, "removed",
                  make_error(Code::kQuotaReached));
  }
  if (const auto waiting = waiting_for(start); waiting != running_.end()) {
    ++counters_.resumed;
    auto& [id, running] = *waiting;
    by_broadcast_.erase(running.start.broadcast_id);
    by_broadcast_.emplace(start.broadcast_id, id);
    running.start.broadcast_id = std::move(start.broadcast_id);
    running.start.publisher = start.publisher;
    running.deadline = Instant::never();
    return recorder_.start(id, start.publisher);
  }
  begin(wall_now, std::move(start));
}

void Recordings::begin(WallTime wall_now, RecordingStart start) {
  Recording recording;
  recording.id = make_id(random_);
  recording.owner = {start.owner.id, start.owner.nickname, {}};
  recording.co_owner_id = start.co_owner_id;
  recording.call_id = start.call_id;
  recording.broadcast_id = start.broadcast_id;
  recording.title = start.title;
  recording.started_at = wall_now;
  if (!start.location.empty()) recording.location = start.location;
  recording.visibility = start.visibility;
  const std::string id = recording.id;
  Running& running = running_[id] = Running{std::move(start)};
  running.started_at = wall_now;
  running.row = std::move(recording);
  by_broadcast_.emplace(running.start.broadcast_id, id);
  recorder_.start(id, running.start.publisher);
  if (running.start.heard) write_row(id, running, wall_now);
}

void Recordings::heard(WallTime wall_now, const std::string& broadcast_id) {
  const auto found = by_broadcast_.find(broadcast_id);
  if (found == by_broadcast_.end()) return;
  auto& [id, running] = *running_.find(found->second);
  if (running.row) write_row(id, running, wall_now);
}

void Recordings::write_row(const std::string& id, Running& running, WallTime wall_now) {
  ++counters_.started;
  running.start.heard = true;
  running.started_at = wall_now;
  Recording row = *std::exchange(running.row, std::nullopt);
  row.started_at = wall_now;
  notify(id, running, name_of(RecordingState::kRecording));
  writes_.push_back(AddRecording{std::move(row)});
}

void Recordings::stop(Instant now, const std::string& broadcast_id, bool lost) {
  const auto found = by_broadcast_.find(broadcast_id);
  if (found == by_broadcast_.end()) return;
  const auto running = running_.find(found->second);
  if (!lost || stopping_)
    finish(running);
  else if (running->second.deadline.is_never())
    running->second.deadline = now + kReconnectTime;
}

void Recordings::give_up(const std::string& user_id, const std::string& broadcast_id) {
  const auto found = by_broadcast_.find(broadcast_id);
  if (found == by_broadcast_.end()) return;
  const auto running = running_.find(found->second);
  const bool waiting = !running->second.deadline.is_never();
  if (waiting && running->second.start.owner.id == user_id) finish(running);
}

void Recordings::remove(const std::string& id) {
  removing_.insert_or_assign(id, Removal::kAsked);
  recorder_.remove(id);
}

void Recordings::handle_timeout(Instant now) {
  for (auto it = running_.begin(); it != running_.end();) {
    const auto running = it++;
    if (running->second.deadline <= now) finish(running);
  }
}

Instant Recordings::next_timeout() const {
  Instant next = Instant::never();
  for (const auto& [id, running] : running_) next = std::min(next, running.deadline);
  return next;
}

void Recordings::shutdown() {
  stopping_ = true;
  for (auto it = running_.begin(); it != running_.end();) {
    const auto running = it++;
    if (!running->second.finishing) finish(running);
  }
}

void Recordings::set_quota_state(const std::string& user_id, QuotaState state) {
  if (state == QuotaState::kReached)
    full_.insert(user_id);
  else
    full_.erase(user_id);
  if (state == QuotaState::kBelow) return;
  for (auto it = running_.begin(); it != running_.end();) {
    const auto found = it++;
    auto& [id, running] = *found;
    if (running.finishing || running.start.owner.id != user_id) continue;
    if (state == QuotaState::kReached) {
      ++counters_.quota_ends;
      finish(found);
      notify(id, running, name_of(RecordingState::kProcessing), make_error(Code::kQuotaReached));
    } else if (!std::exchange(running.warned, true)) {
      ++counters_.quota_warnings;
      notify(id, running, name_of(RecordingState::kRecording), make_error(Code::kQuotaNear));
    }
  }
}

std::vector<RecordingInProgress> Recordings::in_progress() const {
  std::vector<RecordingInProgress> all;
  for (const auto& [id, running] : running_)
    if (!running.row)
      all.push_back({id, running.start.owner.id, running.started_at, running.finishing});
  return all;
}

void Recordings::handle(RecorderEvent event) {
  std::visit([this](auto& e) { on(e); }, event);
}

// The same broadcast, under the same title, in a second recording.
void Recordings::on(RecordingUnfit& event) {
  const auto running = running_.find(event.recording);
  if (stopping_ || running == running_.end() || running->second.finishing ||
      running->second.start.publisher != event.publisher) {
    ++counters_.stale_events;
    return;
  }
  const bool waiting = !running->second.deadline.is_never();
  RecordingStart start = running->second.start;
  finish(running);
  if (waiting) return;  // it has ended meanwhile
  ++counters_.split;
  begin(event.at, std::move(start));
}

void Recordings::on(RecordingFinished& event) {
  const auto running = running_.find(event.recording);
  // Once only; and a file that nobody asked to finish is still being written.
  if (running == running_.end() || !running->second.finishing) {
    ++counters_.stale_events;
    return;
  }
  if (event.facts.duration < kShortestRecording) {
    ++counters_.too_short;
    notify(event.recording, running->second, "removed");
    return discard(running);
  }
  if (running->second.row) write_row(event.recording, running->second, running->second.started_at);
  ++(event.damaged ? counters_.damaged : counters_.ready);
  const auto state = event.damaged ? RecordingState::kDamaged : RecordingState::kReady;
  writes_.push_back(FinishRecording{event.recording, state, std::move(event.facts)});
  notify(event.recording, running->second, name_of(state));
  running_.erase(running);
  --finishing_;
}

void Recordings::on(RecordingLost& event) {
  const auto running = running_.find(event.recording);
  if (running == running_.end()) {
    ++counters_.stale_events;
    return;
  }
  ++counters_.lost;
  if (!running->second.finishing) {
    by_broadcast_.erase(running->second.start.broadcast_id);
    running->second.finishing = true;
    ++finishing_;
  }
  // A presenter whose media never came has lost nothing.
  std::optional<Error> trouble;
  if (is_trouble(event.error)) trouble = std::move(event.error);
  notify(event.recording, running->second, "removed", std::move(trouble));
  discard(running);
}

void Recordings::on(RecordingTrouble& event) {
  const auto running = running_.find(event.recording);
  if (running == running_.end()) {
    ++counters_.stale_events;
    return;
  }
  ++counters_.troubles;
  const auto state =
      running->second.finishing ? RecordingState::kProcessing : RecordingState::kRecording;
  const bool over = code_of(event.error.code) == Code::kDiskLow && !running->second.finishing;
  notify(event.recording, running->second, name_of(state), std::move(event.error));
  if (over) finish(running);
}

void Recordings::on(RecordingPictures& event) {
  // Often later than the end: the row is there, or the write has no effect.
  writes_.push_back(SetRecordingPictures{event.recording, event.thumbnail, event.sprites});
}

void Recordings::on(RecordingRemoved& event) {
  const auto found = removing_.find(event.recording);
  if (found == removing_.end()) {
    ++counters_.stale_events;
    return;
  }
  const Removal removal = found->second;
  const bool asked = removal == Removal::kAsked;
  removing_.erase(found);
  if (removal == Removal::kNoRow) return;
  ++(event.done ? counters_.removed : counters_.removals_failed);
  // One that was not kept stays marked if its files cannot be deleted: the next start tries again.
  if (event.done)
    writes_.push_back(RemoveRecording{event.recording});
  else if (asked)
    writes_.push_back(RestoreRecording{event.recording});
  if (asked) removals_.push_back({event.recording, std::move(event.done)});
}

Recordings::RunningMap::iterator Recordings::waiting_for(const RecordingStart& start) {
  const auto waits = [&](const Running& running) {
    return !running.deadline.is_never() && running.start.owner.id == start.owner.id &&
           running.start.co_owner_id == start.co_owner_id && running.start.call_id == start.call_id;
  };
  if (const auto named = by_broadcast_.find(start.replaces); named != by_broadcast_.end()) {
    const auto found = running_.find(named->second);
    if (waits(found->second)) return found;
  }
  if (start.co_owner_id.empty()) return running_.end();
  // Of several that wait, the one that was lost last.
  auto best = running_.end();
  for (auto it = running_.begin(); it != running_.end(); ++it)
    if (waits(it->second) &&
        (best == running_.end() || it->second.deadline > best->second.deadline))
      best = it;
  return best;
}

void Recordings::finish(RunningMap::iterator found) {
  auto& [id, running] = *found;
  by_broadcast_.erase(running.start.broadcast_id);
  running.deadline = Instant::never();
  running.finishing = true;
  ++finishing_;
  if (!running.row) writes_.push_back(SetRecordingState{id, RecordingState::kProcessing});
  notify(id, running, name_of(RecordingState::kProcessing));
  recorder_.finish(id);
}

void Recordings::discard(RunningMap::iterator found) {
  const std::string id = found->first;
  const bool written = !found->second.row;
  running_.erase(found);
  --finishing_;
  removing_.insert_or_assign(id, written ? Removal::kUnkept : Removal::kNoRow);
  if (written) writes_.push_back(MarkRecording{id});
  recorder_.remove(id);
}

void Recordings::notify(const std::string& id, const Running& running, std::string_view state,
                        std::optional<Error> trouble) {
  if (running.row && !trouble) return;
  RecordingNotice notice{id, {running.start.owner.id}, std::string(state), std::move(trouble)};
  if (!running.start.co_owner_id.empty()) notice.owners.push_back(running.start.co_owner_id);
  notices_.push_back(std::move(notice));
}

namespace {

template <typename T>
bool poll(std::deque<T>& queue, T& out) {
  if (queue.empty()) return false;
  out = std::move(queue.front());
  queue.pop_front();
  return true;
}

}  // namespace

bool Recordings::poll_write(RecordingWrite& write) { return poll(writes_, write); }
bool Recordings::poll_notice(RecordingNotice& notice) { return poll(notices_, notice); }
bool Recordings::poll_removal(RemovalDone& removal) { return poll(removals_, removal); }

}  // namespace loopcast::app
