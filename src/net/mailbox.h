// A bounded queue of messages from many threads to one, with a wake-up of the reader. For control
// messages, never for packets.
//
// The reader's duty. Only the first message of an empty mailbox wakes the reader; those behind it
// count on being taken with it. So each time that the reader has cleared its waker, and before it
// waits again, it calls take() at least once for every mailbox that shares the waker. A reader that
// puts that off, because it is busy with what it took before, does not wait in the meantime. One
// that forgets it is never woken again, and its mailbox fills up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include "net/waker.h"

namespace loopcast::net {

template <typename T>
class Mailbox {
 public:
  // For messages that somebody else bounds: post() refuses none.
  static constexpr size_t kUnbounded = SIZE_MAX;

  // `reader` outlives the mailbox. Several mailboxes may share it.
  Mailbox(size_t capacity, const Waker& reader) : capacity_(capacity), reader_(reader) {}

  // From any thread. False when the mailbox is full: `message` is then untouched.
  [[nodiscard]] bool post(T&& message) {
    bool first;
    {
      const std::lock_guard lock(mutex_);
      if (messages_.size() >= capacity_) {
        ++refused_;
        return false;
      }
      first = messages_.empty();
      messages_.push_back(std::move(message));
    }
    // Who finds messages there knows that the reader has been woken for them.
    if (first) reader_.wake();
    return true;
  }
  [[nodiscard]] bool post(const T& message) { return post(T(message)); }

  // By the reader, after Waker::clear() as described above: everything that waits, in the order of
  // its arrival (what `out` held is lost, its memory is used again).
  void take(std::vector<T>& out) {
    out.clear();
    const std::lock_guard lock(mutex_);
    std::swap(out, messages_);
  }

  // How often post() found the mailbox full.
  uint64_t refused() const {
    const std::lock_guard lock(mutex_);
    return refused_;
  }

 private:
  const size_t capacity_;
  const Waker& reader_;
  mutable std::mutex mutex_;
  std::vector<T> messages_;
  uint64_t refused_ = 0;
};

}  // namespace loopcast::net
