// The media workers as the application sees them: picks a worker for each session, brings commands
// to its thread and events back to the control thread.
//
// A viewer joins the worker of the publisher, which has the packets, until that worker is loaded;
// then the least loaded one, to which the publisher's packets are relayed from then on.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include "app/media.h"
#include "base/expected.h"
#include "base/random.h"
#include "net/mailbox.h"
#include "net/media_thread.h"
#include "net/outbox.h"
#include "sfu/worker.h"
#include "wire/candidate.h"

namespace loopcast::server {

struct MediaHubOptions {
  unsigned workers = 1;
  uint16_t port = 8444;  // worker i: port + i; 0: any
  // At most one of each family; a family without one is not served. Empty: all of the machine.
  std::vector<IpAddress> bind;
  std::vector<IpAddress> announce;
  std::vector<wire::Codec> video_codecs;
  int64_t max_presenter_bitrate = sfu::WorkerOptions{}.max_presenter_bitrate;
};

struct WorkerFigures {
  rtc::Counters counters;
  size_t peers = 0;
  size_t publishers = 0;
  size_t slow_viewers = 0;
  net::MediaCounters network;
};

class MediaHub final : public app::MediaControl {
 public:
  using EventHandler = std::function<void(app::MediaEvent)>;

  MediaHub(boost::asio::io_context& context, MediaHubOptions options, Random& random);
  ~MediaHub() override;

  // Binds the ports and starts the threads. Events go to `handler` on the control thread.
  Status start(EventHandler handler);
  // Ends the threads when they have done what they were told.
  void stop();

  void publish(app::MediaId id, std::string offer) override;
  void watch(app::MediaId viewer, app::MediaId publisher, std::string offer) override;
  // The server is ICE-lite: peers check towards it, and it learns their addresses from that.
  void add_candidate(app::MediaId, std::string) override {}
  void restart_ice(app::MediaId id, std::string sdp_fragment) override;
  void stop(app::MediaId id) override;

  // Takes the packets of publishers that are tapped, on the thread of their worker; set before
  // start().
  void on_recorder_batch(std::function<void(sfu::PacketBatch&&)> take) {
    recorder_ = std::move(take);
  }
  void tap(app::MediaId publisher, Duration keyframe_interval);
  void untap(app::MediaId publisher);
  void request_keyframe(app::MediaId publisher);

  // As of the last second.
  std::vector<WorkerFigures> figures() const;
  // Commands that found a worker's mailbox full. Those that begin something fail then, those that
  // end something go later.
  uint64_t commands_refused() const { return commands_refused_; }
  // Batches of packets for another worker that could not keep up.
  uint64_t handovers_refused() const;
  // The library that protects media, for the log.
  const std::string& crypto_name() const { return crypto_name_; }
  const std::vector<wire::Candidate>& candidates_of(unsigned worker) const;

 private:
  using Thread = net::MediaThread<sfu::Worker, sfu::Command, sfu::Event>;
  struct WorkerSlot {
    std::unique_ptr<Thread> thread;
    std::vector<wire::Candidate> candidates;
    net::Outbox<sfu::Command> unsent;
    size_t sessions = 0;
    WorkerFigures figures;
    // Share of its time that the worker was busy in the last interval, and joins since then.
    double load = 0;
    uint64_t busy_us = 0;
    size_t joins = 0;
  };

  // What a publisher sends, and which workers get it relayed, until it ends.
  struct Publication {
    std::vector<sfu::HandoverStream> streams;
    std::vector<unsigned> relays;
  };

  bool offer_command(unsigned worker, sfu::Command&& command);
  void tell(unsigned worker, sfu::Command command);
  void tell_worker_of(app::MediaId publisher, sfu::Command command);
  void send_unsent();
  Status start_worker(unsigned index);
  double load_of(unsigned worker) const;
  unsigned place_viewer(app::MediaId publisher);
  bool relay(app::MediaId publisher, unsigned from, unsigned to);
  void end_publication(app::MediaId publisher);
  void measure_load();
  void post(app::MediaId id, unsigned worker, sfu::Command command);
  void receive_events();
  void take_events();
  void deliver(sfu::Event& event);
  void ask_figures();

  boost::asio::io_context& context_;
  MediaHubOptions options_;
  Random& random_;
  EventHandler handler_;
  std::function<void(sfu::PacketBatch&&)> recorder_;
  net::Waker waker_;
  net::Mailbox<sfu::Event> events_;
  boost::asio::posix::stream_descriptor wake_;
  boost::asio::steady_timer figures_timer_;
  bool stopped_ = false;
  std::vector<WorkerSlot> workers_;
  std::unordered_map<app::MediaId, unsigned> worker_of_;
  std::unordered_map<app::MediaId, Publication> publications_;
  std::vector<sfu::Event> taken_;
  std::string crypto_name_;
  uint64_t commands_refused_ = 0;
};

}  // namespace loopcast::server
