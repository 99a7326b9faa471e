// Messages of which none may be lost, for a receiver that may have no room at the moment: what it
// does not take now waits, and goes first when it is tried again. One thread.
#pragma once

#include <cstddef>
#include <deque>
#include <utility>

namespace loopcast::net {

// The owner bounds what may wait: one message for each thing that it ends, say.
template <typename T>
class Outbox {
 public:
  // `post` takes a T&&; false, and the message untouched, if there is no room.
  template <typename Post>
  void send(T&& message, Post&& post) {
    flush(post);
    if (!waiting_.empty() || !post(std::move(message))) waiting_.push_back(std::move(message));
  }
  // Sends what waits, as far as there is room.
  template <typename Post>
  void flush(Post&& post) {
    while (!waiting_.empty() && post(std::move(waiting_.front()))) waiting_.pop_front();
  }

  // While anything waits, nothing else may be sent, or it would overtake.
  bool empty() const { return waiting_.empty(); }
  size_t size() const { return waiting_.size(); }

 private:
  std::deque<T> waiting_;
};

}  // namespace loopcast::net
