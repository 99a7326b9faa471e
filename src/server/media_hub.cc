#include "server/media_hub.h"

#include <algorithm>
#include <utility>

#include <boost/asio/post.hpp>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "net/clock.h"
#include "net/interfaces.h"

namespace loopcast::server {
namespace {

// Events of all workers that wait for the control thread.
constexpr size_t kEventMailbox = 65'536;
constexpr std::chrono::seconds kFiguresInterval{1};
// A worker that is busier than this takes no more viewers while another is less so: with bursts of
// keyframes and joins on top, queues begin to grow at about 0.8.
constexpr double kFullLoad = 0.6;
// What a viewer adds before it shows in the figures: 300 packets a second of 2 µs, rounded up.
constexpr double kViewerLoad = 0.001;
// Targets of handovers below this are workers.
constexpr sfu::TargetId kRecorderTarget = 1000;

// RFC 8445, section 5.1.2.1, component 1. TCP comes after UDP whatever the address.
constexpr uint32_t kUdpPreference = 126;
constexpr uint32_t kTcpPreference = 90;
uint32_t priority(uint32_t type_preference, size_t position) {
  return (type_preference << 24) | ((65535 - static_cast<uint32_t>(position)) << 8) | 255;
}

std::vector<wire::Candidate> make_candidates(const std::vector<IpAddress>& announce,
                                             const std::vector<SocketAddress>& udp,
                                             const std::vector<SocketAddress>& tcp) {
  std::vector<wire::Candidate> candidates;
  const auto add = [&](const std::vector<SocketAddress>& bound, bool is_tcp) {
    for (size_t i = 0; i < announce.size(); ++i) {
      const auto socket = std::find_if(bound.begin(), bound.end(), [&](const SocketAddress& a) {
        return a.ip.family == announce[i].family;
      });
      if (socket == bound.end()) continue;
      wire::Candidate c;
      c.foundation = std::to_string(candidates.size() + 1);
      c.transport = is_tcp ? wire::CandidateTransport::kTcp : wire::CandidateTransport::kUdp;
      c.tcp_type = is_tcp ? wire::TcpType::kPassive : wire::TcpType::kNone;
      c.priority = priority(is_tcp ? kTcpPreference : kUdpPreference, i);
      c.address = {announce[i], socket->port};
      candidates.push_back(std::move(c));
    }
  };
  add(udp, false);
  add(tcp, true);
  return candidates;
}

}  // namespace

MediaHub::MediaHub(boost::asio::io_context& context, MediaHubOptions options, Random& random)
    : context_(context),
      options_(std::move(options)),
      random_(random),
      events_(kEventMailbox, waker_),
      // Its own descriptor of the same eventfd, which it closes itself.
      wake_(context, ::dup(waker_.fd())),
      figures_timer_(context),
      workers_(options_.workers) {}

MediaHub::~MediaHub() { stop(); }

Status MediaHub::start(EventHandler handler) {
  handler_ = std::move(handler);
  for (unsigned i = 0; i < workers_.size(); ++i)
    if (auto started = start_worker(i); !started) return started;
  receive_events();
  ask_figures();
  return ok();
}

Status MediaHub::start_worker(unsigned index) {
  WorkerSlot& slot = workers_[index];
  net::MediaThreadOptions options;
  options.index = index;
  const auto port = static_cast<uint16_t>(options_.port == 0 ? 0 : options_.port + index);
  std::vector<IpAddress> bind = options_.bind;
  if (bind.empty()) {
    bind.push_back(IpAddress::v4(0, 0, 0, 0));
    if (net::has_ipv6()) bind.push_back(IpAddress::v6({}));
  }
  for (const IpAddress& ip : bind) options.udp.push_back({ip, port});
  options.tcp = options.udp;
  slot.thread = std::make_unique<Thread>(options, events_);
  if (auto opened = slot.thread->open(); !opened) return opened;
  slot.candidates = make_candidates(options_.announce, slot.thread->udp_addresses(),
                                    slot.thread->tcp_addresses());
  sfu::WorkerOptions worker_options;
  worker_options.candidates = slot.candidates;
  worker_options.video_preference = options_.video_codecs;
  worker_options.max_presenter_bitrate = options_.max_presenter_bitrate;
  worker_options.epoch = WallTime{net::wall_now().us - net::now().us()};
  auto worker = std::make_unique<sfu::Worker>(std::move(worker_options), random_.fork());
  crypto_name_ = worker->srtp_name();
  slot.thread->on_failure([index](const char* what) {
    spdlog::error("media worker {}: something could not be done: {}", index, what);
  });
  // On the thread of worker `index`; the slots are all there by the time that one relays.
  slot.thread->on_handover([this](sfu::PacketBatch&& batch) {
    if (batch.target < workers_.size())
      // What finds no room is counted (handovers_refused()), and viewers ask for it again.
      (void)workers_[batch.target].thread->take_over(std::move(batch));
    else if (batch.target == kRecorderTarget && recorder_)
      recorder_(std::move(batch));
  });
  slot.thread->start(std::move(worker));
  return ok();
}

void MediaHub::stop() {
  stopped_ = true;
  boost::system::error_code ignored;
  wake_.cancel(ignored);
  figures_timer_.cancel();
  send_unsent();
  for (WorkerSlot& slot : workers_)
    if (slot.thread) slot.thread->stop();
}

void MediaHub::publish(app::MediaId id, std::string offer) {
  const auto least = std::min_element(
      workers_.begin(), workers_.end(),
      [](const WorkerSlot& a, const WorkerSlot& b) { return a.sessions < b.sessions; });
  const auto worker = static_cast<unsigned>(least - workers_.begin());
  worker_of_[id] = worker;
  ++least->sessions;
  post(id, worker, sfu::Publish{id, std::move(offer)});
}

void MediaHub::watch(app::MediaId viewer, app::MediaId publisher, std::string offer) {
  const unsigned worker = place_viewer(publisher);
  worker_of_[viewer] = worker;
  ++workers_[worker].sessions;
  ++workers_[worker].joins;
  post(viewer, worker, sfu::Watch{viewer, publisher, std::move(offer)});
}

double MediaHub::load_of(unsigned worker) const {
  return workers_[worker].load + kViewerLoad * static_cast<double>(workers_[worker].joins);
}

unsigned MediaHub::place_viewer(app::MediaId publisher) {
  const auto it = worker_of_.find(publisher);
  if (it == worker_of_.end()) return 0;  // which will refuse it
  const unsigned home = it->second;
  if (load_of(home) < kFullLoad) return home;
  unsigned best = home;
  for (unsigned i = 0; i < workers_.size(); ++i)
    if (load_of(i) < load_of(best)) best = i;
  return best == home || relay(publisher, home, best) ? best : home;
}

// False if it cannot be relayed: nothing is known of it yet, or it has ended.
bool MediaHub::relay(app::MediaId publisher, unsigned from, unsigned to) {
  const auto it = publications_.find(publisher);
  if (it == publications_.end()) return false;
  std::vector<unsigned>& relays = it->second.relays;
  if (std::find(relays.begin(), relays.end(), to) != relays.end()) return true;
  relays.push_back(to);
  // In this order: the first batch, with the newest keyframe, comes behind Relay, and the thread
  // handles what is handed over behind the commands. Where those take longer than a turn has for
  // them, the batch is dropped, and whoever watches then waits for a keyframe that is asked for.
  tell(to, sfu::Relay{publisher, it->second.streams});
  tell(from, sfu::Tap{publisher, to, {}});
  return true;
}

void MediaHub::end_publication(app::MediaId publisher) {
  const auto ended = publications_.extract(publisher);
  if (ended.empty()) return;
  for (const unsigned worker : ended.mapped().relays) tell(worker, sfu::EndRelay{publisher});
}

void MediaHub::measure_load() {
  const double interval = std::chrono::duration<double, std::micro>(kFiguresInterval).count();
  for (WorkerSlot& slot : workers_) {
    const uint64_t busy = slot.thread->counters().busy_us;
    slot.load = static_cast<double>(busy - slot.busy_us) / interval;
    slot.busy_us = busy;
    slot.joins = 0;
  }
}

uint64_t MediaHub::handovers_refused() const {
  uint64_t refused = 0;
  for (const WorkerSlot& slot : workers_) refused += slot.thread->handovers_refused();
  return refused;
}

void MediaHub::restart_ice(app::MediaId id, std::string sdp_fragment) {
  const auto it = worker_of_.find(id);
  if (it == worker_of_.end()) return;
  post(id, it->second, sfu::RestartIce{id, std::move(sdp_fragment)});
}

void MediaHub::stop(app::MediaId id) {
  const auto it = worker_of_.find(id);
  if (it == worker_of_.end()) return;
  const unsigned worker = it->second;
  worker_of_.erase(it);
  --workers_[worker].sessions;
  end_publication(id);
  tell(worker, sfu::Stop{id});
}

void MediaHub::tap(app::MediaId publisher, Duration keyframe_interval) {
  tell_worker_of(publisher, sfu::Tap{publisher, kRecorderTarget, keyframe_interval});
}

void MediaHub::untap(app::MediaId publisher) {
  tell_worker_of(publisher, sfu::Untap{publisher, kRecorderTarget});
}

void MediaHub::request_keyframe(app::MediaId publisher) {
  const auto it = worker_of_.find(publisher);
  // Whoever needs one asks again.
  if (it != worker_of_.end()) offer_command(it->second, sfu::RequestKeyframe{publisher});
}

// False, and the command untouched, if the worker has no room for it.
bool MediaHub::offer_command(unsigned worker, sfu::Command&& command) {
  WorkerSlot& slot = workers_[worker];
  if (slot.unsent.empty() && slot.thread->post(std::move(command))) return true;
  ++commands_refused_;
  return false;
}

// Nobody waits for an answer to it, or asks again. If it were lost, a peer or a relay would stay
// that nobody owns, or a recording would have nothing in it.
void MediaHub::tell(unsigned worker, sfu::Command command) {
  WorkerSlot& slot = workers_[worker];
  slot.unsent.send(std::move(command), [&](sfu::Command&& c) {
    const bool taken = slot.thread->post(std::move(c));
    if (!taken) ++commands_refused_;
    return taken;
  });
}

void MediaHub::tell_worker_of(app::MediaId publisher, sfu::Command command) {
  const auto it = worker_of_.find(publisher);
  if (it != worker_of_.end()) tell(it->second, std::move(command));
}

void MediaHub::send_unsent() {
  for (WorkerSlot& slot : workers_)
    if (slot.thread)
      slot.unsent.flush([&](sfu::Command&& c) { return slot.thread->post(std::move(c)); });
}

void MediaHub::post(app::MediaId id, unsigned worker, sfu::Command command) {
  if (offer_command(worker, std::move(command))) return;
  // Later, as every event: the caller is not prepared for it now.
  boost::asio::post(context_, [this, id] {
    handler_(app::MediaRefused{id, {"overloaded", "The media workers cannot keep up."}});
  });
}

void MediaHub::receive_events() {
  wake_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                   [this](const boost::system::error_code& error) {
                     if (error || stopped_) return;
                     take_events();
                     receive_events();
                   });
}

void MediaHub::take_events() {
  waker_.clear();
  events_.take(taken_);
  for (sfu::Event& event : taken_) deliver(event);
  taken_.clear();
  send_unsent();
}

void MediaHub::deliver(sfu::Event& event) {
  if (auto* answered = std::get_if<sfu::Answered>(&event)) {
    if (!answered->streams.empty() && worker_of_.contains(answered->id))
      publications_[answered->id].streams = std::move(answered->streams);
    handler_(app::MediaAnswered{answered->id, std::move(answered->sdp)});
  } else if (auto* refused = std::get_if<sfu::Refused>(&event)) {
    handler_(app::MediaRefused{refused->id, std::move(refused->error)});
  } else if (auto* restarted = std::get_if<sfu::Restarted>(&event)) {
    handler_(app::MediaRestarted{restarted->id, std::move(restarted->fragment)});
  } else if (auto* connected = std::get_if<sfu::Connected>(&event)) {
    handler_(app::MediaConnected{connected->id});
  } else if (auto* silent = std::get_if<sfu::Silent>(&event)) {
    handler_(app::MediaSilent{silent->id});
  } else if (auto* heard = std::get_if<sfu::Heard>(&event)) {
    handler_(app::MediaHeard{heard->id});
  } else if (auto* ended = std::get_if<sfu::Ended>(&event)) {
    end_publication(ended->id);
    handler_(app::MediaEnded{ended->id, std::move(ended->reason), ended->goodbye});
  } else if (auto* figures = std::get_if<sfu::Figures>(&event)) {
    WorkerSlot& slot = workers_.at(figures->tag);
    slot.figures.counters = figures->counters;
    slot.figures.peers = figures->peers;
    slot.figures.publishers = figures->publishers;
    slot.figures.slow_viewers = figures->slow_viewers;
  } else if (auto* wanted = std::get_if<sfu::KeyframeWanted>(&event)) {
    request_keyframe(wanted->publisher);
  }
}

void MediaHub::ask_figures() {
  measure_load();
  send_unsent();
  for (unsigned i = 0; i < workers_.size(); ++i) {
    offer_command(i, sfu::GetFigures{i});
  }
  figures_timer_.expires_after(kFiguresInterval);
  figures_timer_.async_wait([this](const boost::system::error_code& error) {
    // A timer that had expired before it was cancelled comes without an error.
    if (!error && !stopped_) ask_figures();
  });
}

std::vector<WorkerFigures> MediaHub::figures() const {
  std::vector<WorkerFigures> all;
  for (const WorkerSlot& slot : workers_) {
    all.push_back(slot.figures);
    all.back().network = slot.thread->counters();
  }
  return all;
}

const std::vector<wire::Candidate>& MediaHub::candidates_of(unsigned worker) const {
  return workers_.at(worker).candidates;
}

}  // namespace loopcast::server
