// A thread with its sockets that drives one sans-IO worker. Everything of a worker happens on its
// thread; others speak to it through mailboxes.
//
// What the thread calls (the core knows nothing of this library):
//   class Worker {
//     void handle_datagrams(Instant now, std::span<const Datagram> datagrams, Outlet& out);
//     void flush(Instant now, Outlet& out);            // after each batch received, and each turn
//     Instant next_timeout() const;
//     void handle_timeout(Instant now, Outlet& out);   // at next_timeout() or later
//     void route_closed(Instant now, const Route& route);  // an ICE-TCP connection is gone
//     void handle(Instant now, Command&& command, Outlet& out);
//     bool poll_event(Event& event);                   // false: there is none
//   };
// A worker that hands packets over to other threads has besides
//     using Handed = ...;
//     bool poll_handover(Handed& handed);
//     void handle_handover(Instant now, Handed&& handed, Outlet& out);  // of another thread
// What a worker writes to `out` is sent at the end of the batch at the latest. Events are moved to
// the mailbox of the control side; while that is full they stay with the worker.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <thread>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "base/expected.h"
#include "base/transmit.h"
#include "net/clock.h"
#include "net/event_loop.h"
#include "net/mailbox.h"
#include "net/tcp_listener.h"
#include "net/udp_socket.h"

namespace loopcast::net {

struct MediaThreadOptions {
  unsigned index = 0;      // the thread is called "media-<index>"
  std::optional<int> cpu;  // the processor to stay on
  // At most one of each family, e.g. 0.0.0.0 and :: with the same port; port 0: any free one.
  std::vector<SocketAddress> udp;
  std::vector<SocketAddress> tcp;  // for ICE-TCP; may be empty
  UdpSocket::Options udp_options;
  TcpListener::Limits tcp_limits;
  // Commands that wait; post() fails beyond.
  size_t mailbox = 4096;
  // Handed over batches that wait; take_over() fails beyond. A second of a dozen presenters.
  size_t handed_mailbox = 1024;
};

struct MediaCounters {
  std::array<UdpCounters, 2> udp;  // in the order of MediaThreadOptions::udp
  TcpCounters tcp;
  uint64_t turns = 0;    // of the loop
  uint64_t busy_us = 0;  // time that was not spent waiting
  uint64_t commands = 0;
  uint64_t events = 0;
  uint64_t failures = 0;  // turns that threw
};

// All but the worker.
class MediaThreadBase : private TransmitSink, private TcpListener::Receiver {
 public:
  explicit MediaThreadBase(MediaThreadOptions options);
  ~MediaThreadBase() override;
  MediaThreadBase(const MediaThreadBase&) = delete;

  // Binds the sockets; before start(). Errors: those of UdpSocket::open and TcpListener::listen,
  // "bad_cpu", "too_many_addresses".
  Status open();
  // Hears what a turn has thrown, once a second at most, on the thread; set before start().
  void on_failure(std::function<void(const char* what)> report) { report_ = std::move(report); }
  // Where the sockets are bound to, with the ports that the system chose; after open().
  const std::vector<SocketAddress>& udp_addresses() const { return udp_addresses_; }
  const std::vector<SocketAddress>& tcp_addresses() const { return tcp_addresses_; }

  // Ends the thread after it has handled the commands posted so far and sent what that led to; then
  // joins it. Harmless when it does not run.
  void stop();
  // From any thread: as they were after the loop's last turn. Each figure is exact, figures of one
  // snapshot may be a turn apart.
  MediaCounters counters() const;

 protected:
  static constexpr Duration kEventRetry = Duration::millis(10);
  static constexpr Duration kReportPause = Duration::seconds(1);
  // Commands have so long in one turn, before media has the next: an offer takes a tenth of it.
  static constexpr Duration kCommandTime = Duration::millis(2);
  // RTCP is left alone for so long after some has come, or until the thread is awake anyway but not
  // sooner than after kRtcpPause: the feedback of thousands of viewers comes in batches, and does
  // not wake the thread for each message.
  static constexpr Duration kRtcpInterval = Duration::millis(5);
  static constexpr Duration kRtcpPause = Duration::millis(2);
  // What is encrypted is still in the processor's cache when the kernel copies it.
  static constexpr size_t kSendBuffer = 256 << 10;

  void run_thread();
  const Waker& waker() const { return loop_.waker(); }
  Instant turn() const { return now_; }
  Outlet& out() { return out_; }
  MediaCounters& own_counters() { return counters_; }

 private:
  // The worker.
  virtual void worker_datagrams(std::span<const Datagram> datagrams) = 0;
  virtual void worker_flush() = 0;
  virtual Instant worker_next_timeout() const = 0;
  virtual void worker_timeout() = 0;
  virtual void worker_route_closed(const Route& route) = 0;
  // True: commands are, or may be, left for the next turn, which comes at once. False: the
  // mailboxes were empty when they were looked at last (see Mailbox, the reader's duty).
  virtual bool worker_commands() = 0;
  virtual void worker_handovers() = 0;
  // False: events are left because the control side does not keep up.
  virtual bool worker_events() = 0;

  void send(TransmitBatch& batch) override;
  void on_datagram(const Route& from, MutableBytes data) override;
  void on_closed(const Route& route) override;

  void run();
  void take_turn(std::span<const EventLoop::Ready> ready);
  template <typename Work>
  void survive(Work&& work);
  bool hand_on_received();
  void receive(UdpSocket& socket);
  void receive_rtcp(size_t socket);
  void flush();
  void publish();

  // Counters as words, so that another thread reads each of them whole.
  static_assert(std::is_trivially_copyable_v<MediaCounters> &&
                sizeof(MediaCounters) % sizeof(uint64_t) == 0);
  static constexpr size_t kCounters = sizeof(MediaCounters) / sizeof(uint64_t);

  const MediaThreadOptions options_;
  EventLoop loop_;
  TcpListener tcp_;
  std::vector<std::unique_ptr<UdpSocket>> udp_;
  std::vector<SocketAddress> udp_addresses_;
  std::vector<SocketAddress> tcp_addresses_;
  ReceiveBatch received_;
  TransmitBatch batch_{kSendBuffer};
  Outlet out_{batch_, *this};
  Instant now_;
  // Of each UDP socket, when to look for more RTCP; never: as soon as some comes.
  std::array<Instant, 2> rtcp_at_{Instant::never(), Instant::never()};
  bool events_left_ = false;
  bool commands_left_ = false;
  std::function<void(const char* what)> report_;
  Instant report_at_;  // not before
  MediaCounters counters_;
  std::array<std::atomic<uint64_t>, kCounters> published_{};
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

template <class Worker>
struct HandedBy {
  using Type = std::monostate;
};
template <class Worker>
  requires requires { typename Worker::Handed; }
struct HandedBy<Worker> {
  using Type = typename Worker::Handed;
};

template <class Worker, class Command, class Event>
class MediaThread final : public MediaThreadBase {
 public:
  // `events` outlives this; several threads may share it.
  MediaThread(MediaThreadOptions options, Mailbox<Event>& events)
      : MediaThreadBase(options),
        events_(events),
        commands_(options.mailbox, waker()),
        handed_(options.handed_mailbox, waker()) {}
  ~MediaThread() override { stop(); }

  using Handed = typename HandedBy<Worker>::Type;
  // Takes away what the worker hands over, on the worker's thread; set before start().
  void on_handover(std::function<void(Handed&&)> take) { hand_over_ = std::move(take); }
  // What another thread hands over to this one. From any thread. False, and `handed` untouched,
  // when too many wait.
  [[nodiscard]] bool take_over(Handed&& handed) { return handed_.post(std::move(handed)); }
  uint64_t handovers_refused() const { return handed_.refused(); }

  // After open(), once.
  void start(std::unique_ptr<Worker> worker) {
    worker_ = std::move(worker);
    run_thread();
  }
  // From any thread. False, and `command` untouched, when too many wait.
  [[nodiscard]] bool post(Command&& command) { return commands_.post(std::move(command)); }
  uint64_t commands_refused() const { return commands_.refused(); }

 private:
  void worker_datagrams(std::span<const Datagram> datagrams) override {
    worker_->handle_datagrams(turn(), datagrams, out());
  }
  void worker_flush() override { worker_->flush(turn(), out()); }
  Instant worker_next_timeout() const override { return worker_->next_timeout(); }
  void worker_timeout() override { worker_->handle_timeout(turn(), out()); }
  void worker_route_closed(const Route& route) override { worker_->route_closed(turn(), route); }
  bool worker_commands() override {
    // Taken before the commands and handled behind them: a command that was posted before something
    // was handed over, as one that announces it, is known by then, unless the time for commands is
    // used up. What is handed over is media, and does not wait for the rest of them.
    if constexpr (kHandsOver) handed_.take(taken_over_);
    const bool left = handle_commands();
    if constexpr (kHandsOver)
      for (Handed& handed : taken_over_) worker_->handle_handover(turn(), std::move(handed), out());
    return left;
  }
  bool handle_commands() {
    // Only a take() that brings nothing ends it: what was posted while a rest was worked off has
    // used up its wake-up.
    const Instant until = net::now() + kCommandTime;
    for (;;) {
      if (next_ == taken_.size()) {
        commands_.take(taken_);
        next_ = 0;
        if (taken_.empty()) return false;
      }
      worker_->handle(turn(), std::move(taken_[next_++]), out());
      ++own_counters().commands;
      if (net::now() >= until) return true;
    }
  }
  void worker_handovers() override {
    if constexpr (kHandsOver)
      for (Handed handed; hand_over_ && worker_->poll_handover(handed);)
        hand_over_(std::move(handed));
  }
  bool worker_events() override {
    for (;;) {
      if (!event_) {
        event_.emplace();
        if (!worker_->poll_event(*event_)) {
          event_.reset();
          return true;
        }
      }
      if (!events_.post(std::move(*event_))) return false;
      event_.reset();
      ++own_counters().events;
    }
  }

  static constexpr bool kHandsOver = !std::is_same_v<Handed, std::monostate>;

  Mailbox<Event>& events_;
  Mailbox<Command> commands_;
  Mailbox<Handed> handed_;
  std::function<void(Handed&&)> hand_over_;
  std::vector<Handed> taken_over_;
  std::vector<Command> taken_;
  size_t next_ = 0;             // of taken_
  std::optional<Event> event_;  // polled, and not yet accepted by the mailbox
  std::unique_ptr<Worker> worker_;
};

}  // namespace loopcast::net
