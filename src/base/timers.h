// Deadlines: a small table for each object, and one heap for each worker over all of them.
#pragma once

#include <array>
#include <cstddef>
#include <queue>
#include <utility>
#include <vector>

#include "base/time.h"

namespace loopcast {

// One deadline per value of the enum `Kind`, whose last member is kCount.
template <typename Kind>
class TimerTable {
 public:
  TimerTable() { deadlines_.fill(Instant::never()); }

  void set(Kind kind, Instant at) { deadlines_[index(kind)] = at; }
  void clear(Kind kind) { set(kind, Instant::never()); }
  Instant get(Kind kind) const { return deadlines_[index(kind)]; }
  bool is_set(Kind kind) const { return !get(kind).is_never(); }
  // True once when `kind` is due; clears it.
  bool expire(Kind kind, Instant now) {
    if (get(kind) > now) return false;
    clear(kind);
    return true;
  }
  Instant next() const {
    Instant earliest = Instant::never();
    for (const Instant at : deadlines_)
      if (at < earliest) earliest = at;
    return earliest;
  }

 private:
  static constexpr size_t index(Kind kind) { return static_cast<size_t>(kind); }
  std::array<Instant, static_cast<size_t>(Kind::kCount)> deadlines_;
};

// The earliest deadline of many objects. Entries are not updated in place: an object that moves its
// deadline earlier is pushed again, and the owner checks what it pops against the object's own
// table.
template <typename Id>
class DeadlineHeap {
 public:
  void push(Instant at, Id id) { heap_.push({at, id}); }
  Instant next() const { return heap_.empty() ? Instant::never() : heap_.top().at; }
  bool due(Instant now) const { return !heap_.empty() && heap_.top().at <= now; }
  Id pop() {
    Id id = heap_.top().id;
    heap_.pop();
    return id;
  }
  size_t size() const { return heap_.size(); }

 private:
  struct Entry {
    Instant at;
    Id id;
    bool operator>(const Entry& o) const { return at > o.at; }
  };
  std::priority_queue<Entry, std::vector<Entry>, std::greater<Entry>> heap_;
};

}  // namespace loopcast
