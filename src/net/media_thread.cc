#include "net/media_thread.h"

#include <algorithm>
#include <bit>
#include <csignal>
#include <exception>
#include <string>

#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>

#include "net/clock.h"

namespace loopcast::net {
namespace {

// Kinds of EventLoop::Tag.
constexpr uint32_t kUdpKind = 1;
constexpr uint32_t kTcpKind = 2;  // and 3
constexpr uint32_t kRtcpKind = 4;

// Batches of one socket before the other socket, commands and timers have their turn.
constexpr int kReceiveRounds = 4;

// How late the kernel may make timers, in ns. Pacing works in steps of a few hundred µs; the usual
// slack is 50 µs.
constexpr unsigned long kTimerSlack = 5000;

bool is_usable(int cpu) {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  return cpu >= 0 && cpu < CPU_SETSIZE && ::sched_getaffinity(0, sizeof allowed, &allowed) == 0 &&
         CPU_ISSET(cpu, &allowed);
}

void stay_on(int cpu) {
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET(cpu, &only);
  ::pthread_setaffinity_np(::pthread_self(), sizeof only, &only);
}

// Signals are for the thread that waits for them.
void block_signals() {
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace

MediaThreadBase::MediaThreadBase(MediaThreadOptions options)
    : options_(std::move(options)), tcp_(loop_, kTcpKind, options_.tcp_limits) {}

MediaThreadBase::~MediaThreadBase() { stop(); }

Status MediaThreadBase::open() {
  if (options_.cpu && !is_usable(*options_.cpu))
    return Error{"bad_cpu",
                 "This process may not run on processor " + std::to_string(*options_.cpu) + "."};
  for (const SocketAddress& address : options_.udp) {
    // Two of one family would both take each datagram as theirs to send.
    for (const SocketAddress& other : udp_addresses_)
      if (other.ip.family == address.ip.family)
        return Error{"too_many_addresses", "A media thread has one UDP address of each family."};
    UdpSocket::Options options = options_.udp_options;
    options.separate_rtcp = true;
    auto socket = UdpSocket::open(address, options);
    if (!socket) return socket.error();
    const auto number = static_cast<uint32_t>(udp_.size());
    if (Status added = loop_.add((*socket)->fd(), {kUdpKind, number}); !added) return added;
    if (const int rtcp = (*socket)->rtcp_fd(); rtcp >= 0)
      if (Status added = loop_.add_once(rtcp, {kRtcpKind, number}); !added) return added;
    udp_addresses_.push_back((*socket)->local());
    udp_.push_back(std::move(*socket));
  }
  for (const SocketAddress& address : options_.tcp) {
    const auto bound = tcp_.listen(address);
    if (!bound) return bound.error();
    tcp_addresses_.push_back(*bound);
  }
  return ok();
}

void MediaThreadBase::run_thread() {
  thread_ = std::thread([this] { run(); });
}

void MediaThreadBase::stop() {
  if (!thread_.joinable()) return;
  stopping_.store(true, std::memory_order_release);
  loop_.wake();
  thread_.join();
}

void MediaThreadBase::run() {
  block_signals();
  ::pthread_setname_np(::pthread_self(), ("media-" + std::to_string(options_.index)).c_str());
  ::prctl(PR_SET_TIMERSLACK, kTimerSlack, 0, 0, 0);
  if (options_.cpu) stay_on(*options_.cpu);
  now_ = net::now();
  for (bool last = false; !last;) {
    // Whoever stops the thread posts before: the commands of this turn are the last.
    last = stopping_.load(std::memory_order_acquire);
    const Instant before = net::now();
    counters_.busy_us += static_cast<uint64_t>((before - now_).us());
    Instant until =
        std::min({worker_next_timeout(), tcp_.next_timeout(), rtcp_at_[0], rtcp_at_[1]});
    if (commands_left_) until = before;
    if (events_left_) until = std::min(until, before + kEventRetry);
    const auto ready = loop_.wait(before, last ? before : until);
    now_ = net::now();
    survive([&] { take_turn(ready); });
    if (last)
      survive([&] {
        while (worker_commands()) flush();
        flush();
        worker_handovers();
        worker_events();
      });
    publish();
  }
}

// Live goes on after what a turn throws, as for want of memory: ending the process would end every
// broadcast for the trouble of one. The datagrams, the command or the timer that it came of are
// lost with the rest of the turn, which the protocols on the wire and the owners of commands live
// with; whatever waits is looked at again in the next one. Ids of what is gone by then find nothing
// (Slab), and what a worker hands on it gives up first.
template <typename Work>
void MediaThreadBase::survive(Work&& work) {
  try {
    work();
  } catch (const std::exception& e) {
    ++counters_.failures;
    batch_.clear();
    // What had been ready, or had been woken for, is not told of twice.
    commands_left_ = events_left_ = true;
    for (size_t i = 0; i < udp_.size(); ++i)
      if (udp_[i]->rtcp_fd() >= 0) rtcp_at_[i] = now_;
    if (!report_ || now_ < report_at_) return;
    report_at_ = now_ + kReportPause;
    report_(e.what());
  }
}

void MediaThreadBase::take_turn(std::span<const EventLoop::Ready> ready) {
  ++counters_.turns;
  bool woken = commands_left_;
  for (const EventLoop::Ready& r : ready) {
    if (r.tag.kind == EventLoop::kWakeKind)
      woken = true;
    else if (r.tag.kind == kUdpKind)
      receive(*udp_[r.tag.number]);
    else if (r.tag.kind == kRtcpKind)
      rtcp_at_[r.tag.number] = now_;
    else if (tcp_.owns(r.tag))
      tcp_.handle(now_, r, *this);
  }
  // After what has been received: media goes first.
  flush();
  if (woken) commands_left_ = worker_commands();
  if (tcp_.next_timeout() <= now_) tcp_.handle_timeout(now_, *this);
  if (worker_next_timeout() <= now_) worker_timeout();
  flush();
  for (size_t i = 0; i < udp_.size(); ++i)
    if (!rtcp_at_[i].is_never() && rtcp_at_[i] - now_ <= kRtcpInterval - kRtcpPause)
      receive_rtcp(i);
  worker_handovers();
  events_left_ = !worker_events();
}

// True if there may be more.
bool MediaThreadBase::hand_on_received() {
  if (!received_.datagrams().empty()) {
    worker_datagrams(received_.datagrams());
    flush();
  }
  return received_.full();
}

void MediaThreadBase::receive(UdpSocket& socket) {
  for (int round = 0; round < kReceiveRounds; ++round) {
    if (round > 0) now_ = net::now();
    socket.receive(received_);
    if (!hand_on_received()) return;
  }
}

void MediaThreadBase::receive_rtcp(size_t number) {
  UdpSocket& socket = *udp_[number];
  now_ = net::now();
  const size_t count = socket.receive_rtcp(received_);
  if (count == 0) {
    rtcp_at_[number] = Instant::never();
    loop_.watch_once(socket.rtcp_fd(), {kRtcpKind, static_cast<uint32_t>(number)});
    return;
  }
  // Media has its turn before the rest.
  rtcp_at_[number] = hand_on_received() ? now_ : now_ + kRtcpInterval;
}

void MediaThreadBase::flush() {
  worker_flush();
  if (!batch_.empty()) send(batch_);
}

void MediaThreadBase::send(TransmitBatch& batch) {
  for (const auto& socket : udp_) socket->send(batch, batch.sends());
  tcp_.send(batch, batch.sends());
  batch.clear();
}

void MediaThreadBase::on_datagram(const Route& from, MutableBytes data) {
  const Datagram datagram{from, data};
  worker_datagrams({&datagram, 1});
}

void MediaThreadBase::on_closed(const Route& route) { worker_route_closed(route); }

void MediaThreadBase::publish() {
  for (size_t i = 0; i < udp_.size(); ++i) counters_.udp[i] = udp_[i]->counters();
  counters_.tcp = tcp_.counters();
  const auto words = std::bit_cast<std::array<uint64_t, kCounters>>(counters_);
  for (size_t i = 0; i < kCounters; ++i) published_[i].store(words[i], std::memory_order_relaxed);
}

MediaCounters MediaThreadBase::counters() const {
  std::array<uint64_t, kCounters> words;
  for (size_t i = 0; i < kCounters; ++i) words[i] = published_[i].load(std::memory_order_relaxed);
  return std::bit_cast<MediaCounters>(words);
}

}  // namespace loopcast::net
