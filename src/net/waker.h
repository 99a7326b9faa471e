// Wakes another thread out of its wait: an eventfd, readable after wake() until clear().
#pragma once

#include "net/fd.h"

namespace loopcast::net {

class Waker {
 public:
  // Ends the process's start with std::system_error if there are no descriptors left.
  Waker();

  // For epoll, or for Asio's stream_descriptor. Stays owned by this.
  int fd() const { return fd_.get(); }
  // From any thread. Never blocks.
  void wake() const;
  // By the reader, before it looks at what it was woken for.
  void clear() const;

 private:
  Fd fd_;
};

}  // namespace loopcast::net
