// A thread that does one job after the other, in the order in which they were given. A job that
// throws, as for want of memory, is reported and costs nothing but itself.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace loopcast::server {

enum class Priority { kNormal, kIdle };

class JobThread {
 public:
  JobThread(std::string name, Priority priority)
      : thread_([this, name = std::move(name), priority] { run(name, priority); }) {}
  ~JobThread() { stop(); }
  JobThread(const JobThread&) = delete;

  void post(std::function<void()> job) {
    {
      const std::lock_guard lock(mutex_);
      jobs_.push_back(std::move(job));
    }
    wake_.notify_one();
  }
  // After the jobs that were given so far.
  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_one();
    if (thread_.joinable()) thread_.join();
  }

 private:
  void run(const std::string& name, Priority priority) {
    // Signals are for the thread that waits for them.
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
    ::pthread_setname_np(::pthread_self(), name.c_str());
    if (priority == Priority::kIdle) {
      // Only what nobody else wants, of the processor and of the disk.
      const sched_param none{};
      ::pthread_setschedparam(::pthread_self(), SCHED_IDLE, &none);
      constexpr int kWhoThread = 1, kIdleClass = 3 << 13;
      ::syscall(SYS_ioprio_set, kWhoThread, 0, kIdleClass);
    }
    for (std::unique_lock lock(mutex_);;) {
      wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      const auto job = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      try {
        job();
      } catch (const std::exception& e) {
        spdlog::error("A job of the thread {} failed: {}", name, e.what());
      }
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> jobs_;
  bool stopping_ = false;
  std::thread thread_;  // the last member: it uses the others
};

}  // namespace loopcast::server
