// The real worker with a real publisher and real viewers, in virtual time and without sockets but
// for what is measured: the datagrams on their way out.
#include <cstdlib>
#include <memory>
#include <unordered_map>
#include <vector>

#include "../presenter.h"
#include "exit.h"
#include "fanout.h"
#include "sfu/worker.h"
#include "sim/browser.h"
#include "wire/rtp.h"

namespace loopcast::bench {
namespace {

constexpr sfu::MediaId kPublisher = 1;
const SocketAddress kServer{IpAddress::v4(192, 0, 2, 1), 3478};

// Video is not given to the viewers, whose work would take longer than what is measured. They get
// the sound, and report on it.
bool is_video(Bytes datagram) {
  constexpr uint8_t kOpus = 111;
  return wire::classify(datagram) == wire::DatagramKind::kRtp && (datagram[1] & 0x7f) != kOpus;
}

class Rig final : private TransmitSink {
 public:
  explicit Rig(const Options& options)
      : options_(options),
        identity_(rtc::DtlsIdentity::generate()),
        crypto_(rtc::SrtpCrypto::make_best()),
        exit_(options) {
    for (size_t w = 0; w < options.workers; ++w)
      workers_.push_back(std::make_unique<sfu::Worker>(worker_options(), random_.fork()));
    const size_t everybody = options.viewers + 1;
    for (size_t i = 0; i < everybody; ++i) {
      sim::BrowserOptions browser;
      browser.session.send = i == 0;
      browser.session.receive = i != 0;
      browser.session.rtx = options.rtx;
      browser.sender = presenter(options.bitrate, options.whole_frames);
      browsers_.push_back(std::make_unique<sim::Browser>(sim::BrowserContext{identity_, *crypto_},
                                                         browser, random_.fork()));
      addresses_.push_back({options.to.value_or(IpAddress::v4(10, 0, 0, 1)),
                            static_cast<uint16_t>(options.first_port + i)});
      by_address_[addresses_.back()] = i;
    }
    for (size_t i = 0; i < everybody; ++i) {
      if (i == 0)
        workers_[0]->handle(now_, sfu::Publish{kPublisher, browsers_[0]->offer()}, out_);
      else
        worker_of(i).handle(now_, sfu::Watch{i + 1, kPublisher, browsers_[i]->offer()}, out_);
      flush();
      if (i == 0) relay();
      run_until(now_ + Duration::millis(20));
    }
    run_until(now_ + Duration::seconds(1));
    for (const auto& browser : browsers_)
      if (browser->state() != sim::Browser::State::kConnected) std::abort();
  }

  Cost measure() {
    measuring_ = true;
    const uint64_t before = forwarded();
    Pace pace(options_.paced);
    pace_ = &pace;
    run_until(now_ + options_.duration);
    return {watch_.total(), forwarded() - before, exit_.sends(), exit_.unsent(), {}};
  }

 private:
  static sfu::WorkerOptions worker_options() {
    sfu::WorkerOptions options;
    wire::Candidate candidate;
    candidate.priority = 2130706431;
    candidate.address = kServer;
    options.candidates = {candidate};
    return options;
  }

  // The presenter is the first one's.
  sfu::Worker& worker_of(size_t browser) { return *workers_[browser % workers_.size()]; }
  void relay() {
    for (size_t w = 1; w < workers_.size(); ++w) {
      workers_[w]->handle(now_, sfu::Relay{kPublisher, streams_}, out_);
      workers_[0]->handle(now_, sfu::Tap{kPublisher, static_cast<sfu::TargetId>(w), {}}, out_);
    }
  }
  uint64_t forwarded() const {
    uint64_t packets = 0;
    for (const auto& worker : workers_)
      packets += worker->counters().get(rtc::Counter::kRtpForwarded);
    return packets;
  }

  // Everything due up to `end`.
  void run_until(Instant end) {
    while (true) {
      Instant at = Instant::never();
      for (const auto& worker : workers_) at = std::min(at, worker->next_timeout());
      for (const auto& browser : browsers_) at = std::min(at, browser->next_timeout());
      if (at > end) break;
      now_ = std::max(now_, at);
      if (pace_) pace_->wait_for(now_);
      for (size_t i = 0; i < browsers_.size(); ++i) {
        if (browsers_[i]->next_timeout() > now_) continue;
        browsers_[i]->handle_timeout(now_);
        collect(i);
      }
      deliver();
    }
    now_ = end;
  }

  void collect(size_t i) {
    sim::Datagram datagram;
    while (browsers_[i]->poll_transmit(datagram))
      to_worker_.push_back({i, std::move(datagram.bytes)});
  }

  // Back and forth until nobody has anything to say.
  void deliver() {
    do {
      step();
      take_events();
      for (const auto& [to, bytes] : std::exchange(to_browsers_, {})) {
        std::vector<uint8_t> copy = bytes;
        browsers_[to]->handle_datagram(now_, kServer, copy);
        collect(to);
      }
    } while (!to_worker_.empty());
  }

  void step() {
    if (measuring_)
      measured_turn();
    else
      turn();
    to_worker_.clear();
    to_browsers_.insert(to_browsers_.end(), std::make_move_iterator(kept_.begin()),
                        std::make_move_iterator(kept_.end()));
    kept_.clear();
  }
  void turn() {
    for (auto& [from, bytes] : to_worker_)
      worker_of(from).handle_datagram(now_, {addresses_[from], options_.from, 0}, bytes, out_);
    for (const auto& worker : workers_)
      if (worker->next_timeout() <= now_) worker->handle_timeout(now_, out_);
    flush();
  }
  // A function of its own, so that a profiler can be told to look at nothing else.
  [[gnu::noinline]] void measured_turn() {
    watch_.start();
    turn();
    watch_.stop();
  }

  void flush() {
    for (const auto& worker : workers_) worker->flush(now_, out_);
    sfu::PacketBatch batch;
    for (const auto& worker : workers_)
      while (worker->poll_handover(batch)) {
        sfu::Worker& target = *workers_[batch.target];
        target.handle_handover(now_, std::move(batch), out_);
        target.flush(now_, out_);
      }
    if (!batch_.empty()) send(batch_);
    take_events();
  }

  void take_events() {
    sfu::Event event;
    for (const auto& worker : workers_)
      while (worker->poll_event(event)) {
        if (const auto* answered = std::get_if<sfu::Answered>(&event)) {
          const size_t i = static_cast<size_t>(answered->id - 1);
          if (!browsers_[i]->set_answer(now_, answered->sdp)) std::abort();
          if (!answered->streams.empty()) streams_ = answered->streams;
          collect(i);
        } else if (std::get_if<sfu::KeyframeWanted>(&event)) {
          workers_[0]->handle(now_, sfu::RequestKeyframe{kPublisher}, out_);
        }
      }
  }

  struct Kept {
    size_t to;
    std::vector<uint8_t> bytes;
  };

  // What browsers are to see is copied; all of it leaves if it is measured.
  void send(TransmitBatch& batch) override {
    if (measuring_) watch_.stop();
    for (const Transmit& transmit : batch.sends()) {
      const Bytes all = batch.bytes(transmit);
      const size_t to = by_address_.at(transmit.route.remote);
      for (size_t at = 0; at < all.size(); at += transmit.segment) {
        const Bytes one = all.subspan(at, std::min<size_t>(transmit.segment, all.size() - at));
        if (is_video(one)) continue;
        kept_.push_back({to, {one.begin(), one.end()}});
      }
    }
    if (measuring_) watch_.start();
    if (measuring_)
      exit_.send(batch);
    else
      batch.clear();
  }

  const Options& options_;
  Random random_ = Random::from_number(1);
  Instant now_ = Instant::from_us(1'000'000);
  rtc::DtlsIdentity identity_;
  std::unique_ptr<rtc::SrtpCrypto> crypto_;
  std::vector<std::unique_ptr<sfu::Worker>> workers_;
  Exit exit_;
  TransmitBatch batch_{256 << 10};
  Outlet out_{batch_, *this};
  std::vector<std::unique_ptr<sim::Browser>> browsers_;
  std::vector<SocketAddress> addresses_;
  std::vector<sfu::HandoverStream> streams_;  // of the presenter
  std::unordered_map<SocketAddress, size_t> by_address_;
  std::vector<Kept> to_worker_, to_browsers_, kept_;
  bool measuring_ = false;
  Stopwatch watch_;
  Pace* pace_ = nullptr;
};

}  // namespace

Cost measure_worker(const Options& options) { return Rig(options).measure(); }

}  // namespace loopcast::bench
