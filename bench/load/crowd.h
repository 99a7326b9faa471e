// The media thread: the sockets of all browsers, one for each, and what keeps them alive.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/timers.h"
#include "net/event_loop.h"
#include "net/udp_socket.h"
#include "sim/browser.h"

namespace loopcast::load {

struct Member {
  std::unique_ptr<net::UdpSocket> socket;
  std::unique_ptr<sim::Browser> browser;
  std::string session;  // of the signalling
  bool sampled = false;
  // Decrypts until its first picture only.
  bool until_picture = false;
  Instant joining;  // when its signalling began
  Instant first_packet = Instant::never();
  Instant first_picture = Instant::never();

  // Media packets that came, each once.
  uint64_t packets() const;
};

class Crowd {
 public:
  Crowd();
  ~Crowd();
  Crowd(const Crowd&) = delete;

  // From any thread. Returns its number. A browser that has been answered belongs to the media
  // thread from here on.
  size_t add(std::unique_ptr<Member> member);
  // From any thread: runs `f` in the media thread and waits for it. The members stand under their
  // numbers; those that have gone are null.
  void run(const std::function<void(std::vector<std::unique_ptr<Member>>&)>& f);

 private:
  struct Slot {
    Instant due = Instant::never();  // the earliest entry of the heap
  };

  void loop();
  void take_over();
  void receive(size_t number);
  void flush(Member& member);
  void schedule(size_t number);
  void fire(Instant now);

  net::EventLoop events_;
  net::ReceiveBatch received_;
  TransmitBatch batch_;
  std::vector<std::unique_ptr<Member>> members_;
  std::vector<Slot> slots_;
  DeadlineHeap<size_t> deadlines_;

  std::mutex mutex_;
  size_t numbers_ = 0;
  std::vector<std::pair<size_t, std::unique_ptr<Member>>> arrivals_;
  std::vector<std::function<void()>> tasks_;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace loopcast::load
