// Threads for work that blocks: see offload().
#pragma once

#include <functional>
#include <string_view>
#include <utility>

#include <boost/asio/thread_pool.hpp>

namespace loopcast::http {

class Pool {
 public:
  // Hears, on the thread of the work, what it has thrown.
  using Report = std::function<void(std::string_view what)>;

  explicit Pool(size_t threads, Report report = {})
      : threads_(threads), report_(std::move(report)) {}

  boost::asio::thread_pool& threads() { return threads_; }
  void report(std::string_view what) const {
    if (report_) report_(what);
  }
  // Waits for what was handed over.
  void join() { threads_.join(); }

 private:
  boost::asio::thread_pool threads_;
  Report report_;
};

}  // namespace loopcast::http
