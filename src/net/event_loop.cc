#include "net/event_loop.h"

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <system_error>

namespace loopcast::net {
namespace {

// The longest single wait: keeps the arithmetic of timeouts far from overflow.
constexpr int64_t kMaxWaitUs = int64_t{3600} * 1'000'000;

uint64_t pack(EventLoop::Tag tag) { return (uint64_t{tag.kind} << 32) | tag.number; }
EventLoop::Tag unpack(uint64_t v) {
  return {static_cast<uint32_t>(v >> 32), static_cast<uint32_t>(v)};
}

constexpr uint32_t kWritable = EPOLLOUT;
constexpr uint32_t kOnce = EPOLLONESHOT;

epoll_event event_of(EventLoop::Tag tag, uint32_t besides_reading) {
  epoll_event event{};
  event.events = EPOLLIN | besides_reading;
  event.data.u64 = pack(tag);
  return event;
}

}  // namespace

EventLoop::EventLoop() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_) throw std::system_error(errno, std::system_category(), "epoll_create1");
  if (!add(waker_.fd(), {kWakeKind, 0}))
    throw std::system_error(errno, std::system_category(), "epoll_ctl");
}

Status EventLoop::add_event(int fd, epoll_event event) {
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0) return ok();
  return Error{"epoll_failed",
               "Cannot watch a socket: " + std::system_category().message(errno) + "."};
}

Status EventLoop::add(int fd, Tag tag, bool writable) {
  return add_event(fd, event_of(tag, writable ? kWritable : 0));
}

Status EventLoop::add_once(int fd, Tag tag) { return add_event(fd, event_of(tag, kOnce)); }

void EventLoop::want_writable(int fd, Tag tag, bool writable) {
  epoll_event event = event_of(tag, writable ? kWritable : 0);
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event);
}

void EventLoop::watch_once(int fd, Tag tag) {
  epoll_event event = event_of(tag, kOnce);
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event);
}

void EventLoop::remove(int fd) { ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr); }

int EventLoop::wait_for(int64_t timeout_us) {
  if (has_pwait2_) {
    const timespec timeout{static_cast<time_t>(timeout_us / 1'000'000),
                           static_cast<long>(timeout_us % 1'000'000) * 1000};
    const int n = ::epoll_pwait2(epoll_.get(), events_.data(), kMaxEvents,
                                 timeout_us < 0 ? nullptr : &timeout, nullptr);
    if (n >= 0 || errno != ENOSYS) return n;
    has_pwait2_ = false;
  }
  const int timeout_ms = timeout_us < 0 ? -1 : static_cast<int>((timeout_us + 999) / 1000);
  return ::epoll_wait(epoll_.get(), events_.data(), kMaxEvents, timeout_ms);
}

std::span<const EventLoop::Ready> EventLoop::wait(Instant now, Instant until) {
  int64_t timeout_us = -1;
  if (!until.is_never()) timeout_us = until <= now ? 0 : std::min((until - now).us(), kMaxWaitUs);
  const int n = wait_for(timeout_us);
  size_t count = 0;
  for (int i = 0; i < n; ++i) {
    const epoll_event& event = events_[static_cast<size_t>(i)];
    const Tag tag = unpack(event.data.u64);
    if (tag.kind == kWakeKind) waker_.clear();
    ready_[count++] = {tag, (event.events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0,
                       (event.events & EPOLLOUT) != 0};
  }
  return std::span(ready_).first(count);
}

}  // namespace loopcast::net
