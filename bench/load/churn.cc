// Viewers that come and go, for a soak: every other one says goodbye, the others vanish.
#include <algorithm>
#include <atomic>
#include <deque>
#include <mutex>
#include <thread>

#include "net/clock.h"
#include "scenario.h"

namespace loopcast::load {
namespace {

double ms_between(Instant from, Instant to) { return static_cast<double>((to - from).us()) / 1000; }

void sleep_until(Instant at) {
  const Duration left = at - net::now();
  if (left > Duration()) std::this_thread::sleep_for(std::chrono::microseconds(left.us()));
}

struct Passing {
  size_t number;  // in the crowd
  Instant leaves;
  bool says_goodbye;
};

}  // namespace

ChurnResult Scenario::churn() {
  ChurnResult result;
  std::mutex mutex;  // of the result
  std::atomic<size_t> next = 0;
  const Instant start = net::now();

  const auto leave = [&](Signalling& signalling, const Passing& passing) {
    std::string session;
    bool pictured = false;
    crowd_.run([&](auto& members) {
      auto& member = members[passing.number];
      session = member->session;
      pictured = !member->first_picture.is_never();
      member.reset();
    });
    if (passing.says_goodbye) (void)signalling.leave(session);
    if (pictured) return;
    const std::lock_guard lock(mutex);
    ++result.no_picture;
  };

  const auto work = [&](Signalling& signalling) {
    std::deque<Passing> here;
    for (size_t i = next++; i < options_.churn; i = next++) {
      const auto offset = static_cast<double>(i) * 1e6 / options_.join_rate;
      const Instant comes = start + Duration::micros(static_cast<int64_t>(offset));
      while (!here.empty() && here.front().leaves < comes) {
        sleep_until(here.front().leaves);
        leave(signalling, here.front());
        here.pop_front();
      }
      sleep_until(comes);
      auto member = make_member(Kind::kPassing);
      const Instant offered = net::now();
      auto session = signalling.watch(*member->browser);
      const Instant answered = net::now();
      if (session) {
        member->session = std::move(*session);
        here.push_back({crowd_.add(std::move(member)), answered + kChurnStay, i % 2 == 0});
      }
      const std::lock_guard lock(mutex);
      if (session) {
        ++result.answered;
        result.answer_ms.push_back(ms_between(offered, answered));
      } else {
        ++result.refused;
        result.refusal = session.error().message;
      }
    }
    for (const Passing& passing : here) {
      sleep_until(passing.leaves);
      leave(signalling, passing);
    }
  };

  std::vector<std::thread> threads;
  threads.reserve(signalling_.size());
  for (auto& signalling : signalling_) threads.emplace_back(work, std::ref(*signalling));
  for (std::thread& thread : threads) thread.join();
  result.seconds = (net::now() - start).as_seconds();
  std::sort(result.answer_ms.begin(), result.answer_ms.end());
  return result;
}

}  // namespace loopcast::load
