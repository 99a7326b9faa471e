// A bounded queue of messages from many threads to one, with a wake-up of the reader. For control
// messages, never for packets.
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
  // `reader` outlives the mailbox. Several mailboxes may share it.
  Mailbox(size_t capacity, const Waker& reader) : capacity_(capacity), reader_(reader) {}

  // From any thread. False when the mailbox is full: `message` is then untouched.
  bool post(T&& message) {
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
    // The reader takes all at once: who finds messages there knows that it is awake already.
    if (first) reader_.wake();
    return true;
  }
  bool post(const T& message) { return post(T(message)); }

  // By the reader, after Waker::clear(): everything that waits, in the order of its arrival (what
  // `out` held is lost, its memory is used again).
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
