// Waits for descriptors, for time and for wake-ups by other threads: one for each media thread.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include <sys/epoll.h>

#include "base/expected.h"
#include "base/time.h"
#include "net/fd.h"
#include "net/waker.h"

namespace loopcast::net {

class EventLoop {
 public:
  // Tells the owner which of its descriptors is ready; means nothing to the loop.
  struct Tag {
    uint32_t kind = 0;
    uint32_t number = 0;
    bool operator==(const Tag&) const = default;
  };
  struct Ready {
    Tag tag;
    // Also set after an error or a hang-up: the next read tells.
    bool readable = false;
    bool writable = false;
  };
  // The kind that the loop keeps for its own waker().
  static constexpr uint32_t kWakeKind = UINT32_MAX;

  // Throws std::system_error if there are no descriptors left.
  EventLoop();

  // Level-triggered. `fd` stays the caller's, and is removed before it is closed.
  Status add(int fd, Tag tag, bool writable = false);
  // Changes what is waited for; reading always is.
  void want_writable(int fd, Tag tag, bool writable);
  void remove(int fd);
  // Tells once that `fd` can be read, and then no more before watch_once() again.
  Status add_once(int fd, Tag tag);
  void watch_once(int fd, Tag tag);

  // Returns when something is ready, at `until`, or when woken (a Ready of kind kWakeKind, already
  // cleared). Microseconds where the kernel has epoll_pwait2 (5.11), else rounded up to
  // milliseconds. May return early with nothing. Valid until the next call.
  std::span<const Ready> wait(Instant now, Instant until);

  const Waker& waker() const { return waker_; }
  // From any thread.
  void wake() const { waker_.wake(); }

 private:
  // More are told of in the next call.
  static constexpr size_t kMaxEvents = 128;

  Status add_event(int fd, epoll_event event);
  int wait_for(int64_t timeout_us);

  Fd epoll_;
  Waker waker_;
  bool has_pwait2_ = true;
  std::array<epoll_event, kMaxEvents> events_;
  std::array<Ready, kMaxEvents> ready_;
};

}  // namespace loopcast::net
