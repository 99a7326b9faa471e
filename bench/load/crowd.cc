#include "crowd.h"

#include <chrono>
#include <future>

#include "net/clock.h"

namespace loopcast::load {
namespace {

// Sockets are looked at this often, as a network card holds back its interrupts, and nobody waits
// for them in between: to wake a thread for a datagram is work that the server's processor would
// do.
constexpr std::chrono::microseconds kRest{200};

}  // namespace

uint64_t Member::packets() const {
  if (const auto* counter = browser->counter()) return counter->packets();
  return browser->video().packets + browser->audio().packets;
}

Crowd::Crowd() : thread_([this] { loop(); }) {}

Crowd::~Crowd() {
  stopping_ = true;
  events_.wake();
  thread_.join();
}

size_t Crowd::add(std::unique_ptr<Member> member) {
  size_t number;
  {
    const std::lock_guard lock(mutex_);
    number = numbers_++;
    arrivals_.emplace_back(number, std::move(member));
  }
  events_.wake();
  return number;
}

void Crowd::run(const std::function<void(std::vector<std::unique_ptr<Member>>&)>& f) {
  std::promise<void> done;
  {
    const std::lock_guard lock(mutex_);
    tasks_.emplace_back([&] {
      f(members_);
      done.set_value();
    });
  }
  events_.wake();
  done.get_future().wait();
}

void Crowd::take_over() {
  std::vector<std::pair<size_t, std::unique_ptr<Member>>> arrivals;
  std::vector<std::function<void()>> tasks;
  {
    const std::lock_guard lock(mutex_);
    arrivals.swap(arrivals_);
    tasks.swap(tasks_);
  }
  for (auto& [number, member] : arrivals) {
    if (members_.size() <= number) {
      members_.resize(number + 1);
      slots_.resize(number + 1);
    }
    (void)events_.add(member->socket->fd(), {0, static_cast<uint32_t>(number)});
    members_[number] = std::move(member);
    flush(*members_[number]);
    schedule(number);
  }
  for (const auto& task : tasks) task();
  // A task may have changed when somebody is due.
  if (!tasks.empty())
    for (size_t i = 0; i < members_.size(); ++i)
      if (members_[i]) {
        flush(*members_[i]);
        schedule(i);
      }
}

void Crowd::flush(Member& member) {
  sim::Datagram datagram;
  while (member.browser->poll_transmit(datagram)) {
    if (!batch_.has_room()) {
      member.socket->send(batch_, batch_.sends());
      batch_.clear();
    }
    std::copy(datagram.bytes.begin(), datagram.bytes.end(), batch_.slot().begin());
    batch_.commit({datagram.to, {}, 0}, datagram.bytes.size());
  }
  if (batch_.empty()) return;
  member.socket->send(batch_, batch_.sends());
  batch_.clear();
}

void Crowd::schedule(size_t number) {
  const Instant due = members_[number]->browser->next_timeout();
  if (due >= slots_[number].due) return;
  slots_[number].due = due;
  deadlines_.push(due, number);
}

void Crowd::receive(size_t number) {
  Member& member = *members_[number];
  do {
    member.socket->receive(received_);
    const Instant now = net::now();
    for (const Datagram& datagram : received_.datagrams())
      member.browser->handle_datagram(now, datagram.from.remote, datagram.data);
  } while (received_.full());
  if (member.until_picture && member.browser->video().first != 0) {
    member.first_packet = member.browser->receiver(rtc::MediaKind::kVideo)->first_packet();
    member.first_picture = member.browser->video().first_at;
    member.until_picture = false;
    member.browser->count_only();
  }
  flush(member);
  schedule(number);
}

void Crowd::fire(Instant now) {
  while (deadlines_.due(now)) {
    const size_t number = deadlines_.pop();
    slots_[number].due = Instant::never();
    if (!members_[number]) continue;
    members_[number]->browser->handle_timeout(now);
    flush(*members_[number]);
    schedule(number);
  }
}

void Crowd::loop() {
  while (!stopping_) {
    std::this_thread::sleep_for(kRest);
    for (const net::EventLoop::Ready& ready : events_.wait(net::now(), Instant())) {
      if (ready.tag.kind == net::EventLoop::kWakeKind)
        take_over();
      else if (members_[ready.tag.number])
        receive(ready.tag.number);
    }
    fire(net::now());
  }
}

}  // namespace loopcast::load
