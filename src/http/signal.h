// Lets one coroutine wait until another part of the program has news.
#pragma once

#include <boost/asio/redirect_error.hpp>

#include "http/task.h"

namespace loopcast::http {

// Signals that come while nobody waits are remembered as one. One waiter at a time.
class Signal {
 public:
  explicit Signal(Executor executor) : timer_(executor, Timer::time_point::max()) {}

  void notify() {
    set_ = true;
    timer_.cancel();
  }
  Task<> wait() {
    while (!set_) {
      error_code ignored;
      co_await timer_.async_wait(asio::redirect_error(use_task, ignored));
    }
    set_ = false;
  }

 private:
  Timer timer_;
  bool set_ = false;
};

}  // namespace loopcast::http
