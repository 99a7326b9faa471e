#include "app/presence.h"

#include <algorithm>
#include <utility>

#include "app/nickname.h"

namespace loopcast::app {
namespace {

constexpr char kKeyEnd = '\n';

}  // namespace

bool Presence::open_line(Instant now, const PublicUser& user, const CallLine& line) {
  if (users_of_lines_.contains(line.id)) return true;
  Entry& entry = entry_of(user);
  if (entry.lines.size() >= limits_.lines_per_user) {
    ++counters_.lines_refused;
    return false;
  }
  set_user(entry, user);
  entry.lines.push_back(line);
  set_grace(entry, &Entry::online_until, Instant::never());
  users_of_lines_.emplace(line.id, user.id);
  ++counters_.lines_opened;
  changed(now, entry);
  return true;
}

void Presence::close_line(Instant now, LineId line) {
  const auto found = users_of_lines_.find(line);
  if (found == users_of_lines_.end()) return;
  Entry& entry = users_.find(found->second)->second;
  std::erase_if(entry.lines, [&](const CallLine& l) { return l.id == line; });
  if (entry.lines.empty()) set_grace(entry, &Entry::online_until, now + limits_.grace);
  users_of_lines_.erase(found);
  ++counters_.lines_closed;
}

void Presence::set_busy(Instant now, const PublicUser& user, bool busy) {
  Entry& entry = entry_of(user);
  entry.busy = busy;
  changed(now, entry);
  forget_if_idle(user.id);
}

void Presence::went_live(Instant now, const PublicUser& user) {
  Entry& entry = entry_of(user);
  ++entry.broadcasts;
  set_grace(entry, &Entry::live_until, Instant::never());
  changed(now, entry);
}

void Presence::left_air(Instant now, const std::string& user_id) {
  const auto found = users_.find(user_id);
  if (found == users_.end() || found->second.broadcasts == 0) return;
  if (--found->second.broadcasts > 0) return;
  set_grace(found->second, &Entry::live_until, now + limits_.grace);
}

void Presence::update(Instant now, const PublicUser& user) {
  const auto found = users_.find(user.id);
  if (found == users_.end() || found->second.user == user) return;
  set_user(found->second, user);
  found->second.renamed = true;
  changed(now, found->second);
}

bool Presence::reachable(const std::string& user_id) const {
  const auto found = users_.find(user_id);
  return found != users_.end() &&
         (!found->second.lines.empty() || !found->second.online_until.is_never());
}

const std::vector<CallLine>& Presence::lines_of(const std::string& user_id) const {
  static const std::vector<CallLine> kNone;
  const auto found = users_.find(user_id);
  return found == users_.end() ? kNone : found->second.lines;
}

PresenceState Presence::state(const std::string& user_id) const {
  const auto found = users_.find(user_id);
  return found == users_.end() ? PresenceState::kOffline : state_of(found->second);
}

PresencePage Presence::present(const std::string& part, const std::string& after,
                               size_t limit) const {
  PresencePage page;
  const std::string* last = nullptr;
  for (auto it = by_nickname_.upper_bound(after); it != by_nickname_.end(); ++it) {
    const size_t end = it->rfind(kKeyEnd);
    if (std::string_view(*it).substr(0, end).find(part) == std::string_view::npos) continue;
    const Entry& entry = users_.find(it->substr(end + 1))->second;
    const PresenceState state = state_of(entry);
    if (state == PresenceState::kOffline) continue;
    if (page.people.size() == limit) {
      page.next = *last;
      break;
    }
    page.people.push_back({entry.user, state});
    last = &*it;
  }
  return page;
}

Instant Presence::next_timeout() const {
  Instant next = graces_.empty() ? Instant::never() : graces_.begin()->first;
  if (!queue_.empty()) next = std::min(next, next_round_);
  return next;
}

void Presence::handle_timeout(Instant now) {
  expire(now);
  if (!queue_.empty() && next_round_ <= now) tell(now);
}

bool Presence::poll_change(PresenceChange& change) {
  if (changes_.empty()) return false;
  change = std::move(changes_.front());
  changes_.pop_front();
  return true;
}

bool Presence::poll_unreachable(std::string& user_id) {
  if (unreachable_.empty()) return false;
  user_id = std::move(unreachable_.front());
  unreachable_.pop_front();
  return true;
}

Presence::Entry& Presence::entry_of(const PublicUser& user) {
  Entry& entry = users_[user.id];
  if (entry.user.id.empty()) set_user(entry, user);
  return entry;
}

void Presence::set_user(Entry& entry, const PublicUser& user) {
  if (entry.place.empty() || entry.user.nickname != user.nickname) {
    const auto nickname = parse_nickname(user.nickname);
    by_nickname_.erase(entry.place);
    entry.place = (nickname ? nickname->key : user.nickname) + kKeyEnd + user.id;
    by_nickname_.insert(entry.place);
  }
  entry.user = user;
}

PresenceState Presence::state_of(const Entry& entry) {
  if (entry.busy) return PresenceState::kBusy;
  if (entry.broadcasts > 0 || !entry.live_until.is_never()) return PresenceState::kLive;
  if (!entry.lines.empty() || !entry.online_until.is_never()) return PresenceState::kOnline;
  return PresenceState::kOffline;
}

void Presence::changed(Instant now, Entry& entry) {
  if (entry.queued || (state_of(entry) == entry.told && !entry.renamed)) return;
  entry.queued = true;
  if (queue_.empty()) next_round_ = std::max(next_round_, now);
  queue_.push_back(entry.user.id);
}

void Presence::forget_if_idle(const std::string& user_id) {
  const auto found = users_.find(user_id);
  if (found == users_.end()) return;
  const Entry& entry = found->second;
  // Nothing of it is left, and nobody believes otherwise.
  if (!entry.queued && entry.told == PresenceState::kOffline &&
      state_of(entry) == PresenceState::kOffline) {
    by_nickname_.erase(entry.place);
    users_.erase(found);
  }
}

void Presence::set_grace(Entry& entry, Instant Entry::*until, Instant at) {
  entry.*until = at;
  const Instant due = std::min(entry.online_until, entry.live_until);
  if (due == entry.due) return;
  if (!entry.due.is_never()) graces_.erase({entry.due, entry.user.id});
  if (!due.is_never()) graces_.emplace(due, entry.user.id);
  entry.due = due;
}

void Presence::expire(Instant now) {
  while (!graces_.empty() && graces_.begin()->first <= now) {
    const std::string user_id = graces_.begin()->second;
    Entry& entry = users_.find(user_id)->second;
    if (entry.online_until <= now) {
      set_grace(entry, &Entry::online_until, Instant::never());
      unreachable_.push_back(user_id);
    }
    if (entry.live_until <= now) set_grace(entry, &Entry::live_until, Instant::never());
    changed(now, entry);
    forget_if_idle(user_id);
  }
}

void Presence::tell(Instant now) {
  size_t changes = std::max<size_t>(1, limits_.messages_per_round / std::max<size_t>(1, lines()));
  for (; changes > 0 && !queue_.empty(); --changes) {
    const std::string user_id = std::move(queue_.front());
    queue_.pop_front();
    Entry& entry = users_.find(user_id)->second;
    entry.queued = false;
    const PresenceState state = state_of(entry);
    if (state != entry.told || entry.renamed) {
      entry.told = state;
      entry.renamed = false;
      changes_.push_back({entry.user, state});
      ++counters_.changes;
    }
    forget_if_idle(user_id);
  }
  next_round_ = now + limits_.round;
  if (!queue_.empty()) ++counters_.changes_delayed;
}

}  // namespace loopcast::app
