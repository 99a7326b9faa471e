#include "sfu/worker.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include "rtc/srtp_burst.h"
#include "wire/rtp.h"
#include "wire/stun.h"

namespace loopcast::sfu {
namespace {

using rtc::Counter;

// How many viewers ahead memory is fetched: the member, and then what it points to. A trip to
// memory takes as long as a viewer's share of a small frame.
constexpr size_t kPrefetchMember = 4;
constexpr size_t kPrefetchKeys = 2;

// Bytes of a member that forwarding to it reads, and its feedback.
constexpr size_t kForwardState = 512;
constexpr size_t kFeedbackState = 704;

// Datagrams whose peers are fetched together: as many trips to memory as a processor has under way.
constexpr size_t kPrefetchDatagrams = 8;

// Viewers of one broadcast from which on sound waits for the picture: the sends of sound alone
// would be a tenth of a core.
constexpr size_t kManyViewers = 500;

// Addresses of one peer: as many as its ICE agent keeps.
constexpr size_t kMaxRoutes = rtc::IceAgent::kMaxRoutes;

// A viewer who loses more, or whose packets queue up, has too slow a network.
constexpr double kSlowLoss = 0.05;

std::unique_ptr<rtc::SrtpCrypto> make_crypto(const WorkerOptions& options) {
  auto crypto = options.best_srtp_backend ? rtc::SrtpCrypto::make_best()
                                          : rtc::SrtpCrypto::make(options.srtp_backend);
  if (!crypto) std::abort();
  return crypto;
}

}  // namespace

Worker::Worker(WorkerOptions options, const Random::Seed& seed)
    : options_(std::move(options)),
      random_(seed),
      identity_(rtc::DtlsIdentity::generate()),
      crypto_(make_crypto(options_)) {}

Worker::~Worker() = default;

void Worker::handle(Instant now, Command&& command, Outlet& out) {
  std::visit([&](auto&& c) { handle_command(now, std::forward<decltype(c)>(c), out); },
             std::move(command));
}

Source* Worker::find_source(MediaId id, SlabId* handle) {
  const auto it = source_by_id_.find(id);
  if (it == source_by_id_.end()) return nullptr;
  if (handle) *handle = it->second;
  return sources_.find(it->second);
}

SlabId Worker::add_source(MediaId id, SlabId member, const rtc::Negotiated& negotiated) {
  const SlabId handle = sources_.emplace(id, member, Publisher(negotiated),
                                         RateBound(options_.max_presenter_bitrate));
  source_by_id_[id] = handle;
  return handle;
}

void Worker::remove_source(Instant now, SlabId handle) {
  Source* source = sources_.find(handle);
  if (!source) return;
  source->handover.end(now, source->id, handovers_);
  source_by_id_.erase(source->id);
  std::erase(relayed_, handle);
  sources_.remove(handle);
}

void Worker::handle_datagrams(Instant now, std::span<const Datagram> datagrams, Outlet& out) {
  while (!datagrams.empty()) {
    const auto together = datagrams.first(std::min(datagrams.size(), kPrefetchDatagrams));
    if (together.size() > 1) prefetch_peers(together);
    for (const Datagram& d : together) handle_datagram(now, d.from, d.data, out);
    datagrams = datagrams.subspan(together.size());
  }
}

// Each step finds what the one before has fetched, while that of the others is on its way.
void Worker::prefetch_peers(std::span<const Datagram> datagrams) const {
  std::array<const Member*, kPrefetchDatagrams> members;
  for (const Datagram& d : datagrams) by_route_.prefetch(RouteKey(d.from));
  for (const Datagram& d : datagrams)
    members_.prefetch(by_route_.find(RouteKey(d.from)), kFeedbackState);
  for (size_t i = 0; i < datagrams.size(); ++i)
    members[i] = members_.find(by_route_.find(RouteKey(datagrams[i].from)));
  for (size_t i = 0; i < datagrams.size(); ++i)
    if (members[i]) members[i]->peer.prefetch_feedback();
}

void Worker::handle_datagram(Instant now, const Route& from, MutableBytes datagram, Outlet& out) {
  counters_.add(Counter::kDatagramsReceived);
  if (wire::classify(datagram) == wire::DatagramKind::kStun) {
    handle_stun(now, from, datagram, out);
    return;
  }
  const SlabId handle = by_route_.find(RouteKey(from));
  Member* member = members_.find(handle);
  if (!member) {
    counters_.add(Counter::kDropUnknownAddress);
    return;
  }
  if (!member->connected && wire::classify(datagram) == wire::DatagramKind::kDtls) {
    wait_for_turn(handle, *member, from, datagram);
    return;
  }
  const rtc::Received received = member->peer.handle_datagram(now, from, datagram);
  if (received.kind == rtc::Received::Kind::kRtp) {
    Source* source = sources_.find(member->publishes);
    if (!source) return;
    if (source->told != Told::kHeard) note_heard(*source);
    const bool idle = !source->publisher.has_pending();
    // Asked when it has been authenticated: nobody uses up what another may send.
    if (!source->rate.admits(now, datagram.size()))
      counters_.add(Counter::kDropRtpOverRate);
    else if (source->publisher.accept(now, received, counters_) && idle)
      pending_.push_back(member->publishes);
    schedule(handle, *member);
    return;
  }
  if (received.kind == rtc::Received::Kind::kRtcp) {
    handle_rtcp(now, *member, received.rtcp, out);
    // What a viewer tells changes nothing that is due.
    if (!member->publishes) return;
  }
  drive(now, handle, *member, out);
}

SlabId Worker::find_by_ufrag(Bytes datagram) const {
  const auto message = wire::StunMessage::parse(datagram);
  if (!message || message->cls != wire::StunClass::kRequest) return {};
  // USERNAME is "ours:theirs" (RFC 8445, section 7.2.2).
  const auto it =
      by_ufrag_.find(std::string(message->username.substr(0, message->username.find(':'))));
  return it == by_ufrag_.end() ? SlabId{} : it->second;
}

void Worker::handle_stun(Instant now, const Route& from, MutableBytes datagram, Outlet& out) {
  if (const SlabId handle = find_by_ufrag(datagram)) {
    feed_stun(now, handle, from, datagram, out);
    return;
  }
  const RouteKey key(from);
  const SlabId owner = by_route_.find(key);
  if (!owner) {
    counters_.add(Counter::kDropUnknownAddress);
    return;
  }
  if (feed_stun(now, owner, from, datagram, out)) return;
  feed_stun(now, challengers_.find(key), from, datagram, out);
}

bool Worker::feed_stun(Instant now, SlabId handle, const Route& from, MutableBytes datagram,
                       Outlet& out) {
  Member* member = members_.find(handle);
  if (!member) return false;
  const bool accepted =
      member->peer.handle_datagram(now, from, datagram).kind == rtc::Received::Kind::kStun;
  if (accepted) learn_route(handle, *member, from);
  drive(now, handle, *member, out);
  return accepted;
}

void Worker::learn_route(SlabId handle, Member& member, const Route& from) {
  const RouteKey key(from);
  const SlabId owner = by_route_.find(key);
  // What the agent did not take down (a check with credentials from before a restart) leads
  // nowhere.
  if (owner == handle || !member.peer.has_route(key.remote, key.tcp)) return;
  if (Member* other = members_.find(owner)) {
    if (!member.peer.is_validated(from)) {
      challenge(handle, member, key);
      return;
    }
    std::erase(other->routes, key);
    challengers_.erase(key);
  }
  // The agent has as many places, and this one is among them: it has given up another.
  if (member.routes.size() >= kMaxRoutes) {
    std::erase_if(member.routes, [&](const RouteKey& known) {
      if (member.peer.has_route(known.remote, known.tcp)) return false;
      by_route_.erase(known);
      return true;
    });
  }
  by_route_.set(key, handle);
  member.routes.push_back(key);
}

void Worker::challenge(SlabId handle, Member& member, const RouteKey& key) {
  counters_.add(Counter::kDropRouteChallenged);
  challengers_.set(key, handle);
  if (std::ranges::count(member.challenges, key) > 0) return;
  member.challenges.push_back(key);
  if (member.challenges.size() <= kMaxRoutes) return;
  // Somebody else may claim it by now.
  if (challengers_.find(member.challenges.front()) == handle)
    challengers_.erase(member.challenges.front());
  member.challenges.erase(member.challenges.begin());
}

// What the peer's feedback has told of the way to it.
void Worker::note_way(Member& member) {
  const rtc::BandwidthEstimator* way = member.peer.estimator();
  const bool slow = way && (way->overused() || way->loss() > kSlowLoss);
  if (slow == member.slow) return;
  member.slow = slow;
  if (slow)
    ++slow_members_;
  else
    --slow_members_;
}

void Worker::handle_rtcp(Instant now, Member& member, Bytes compound, Outlet& out) {
  note_way(member);
  if (Source* own = sources_.find(member.publishes))
    for (SourceStream& stream : own->publisher.streams())
      own->publisher.note_clock(stream, member.peer.clock_mark(stream.media));
  Source* source = sources_.find(member.watches);
  if (!member.subscriber || !source) return;
  member.subscriber->handle_rtcp(now, compound, source->publisher, member.peer, counters_, out);
  if (member.publishes != member.watches) serve_keyframes(now, *source, out);
}

void Worker::request_keyframes(Instant now, Source& source) {
  Member* member = members_.find(source.member);
  if (!source.relayed() && (!member || !member->connected)) return;
  for (SourceStream& stream : source.publisher.streams()) {
    if (!stream.keyframes.take(now)) continue;
    if (member)
      member->peer.request_keyframe(stream.media);
    else
      events_.push_back(KeyframeWanted{source.id});
  }
}

// Somebody may have asked for one.
void Worker::serve_keyframes(Instant now, Source& source, Outlet& out) {
  bool wanted = false;
  for (const SourceStream& stream : source.publisher.streams())
    wanted = wanted || !stream.keyframes.next_timeout().is_never();
  if (!wanted) return;
  if (Member* presenter = members_.find(source.member))
    drive(now, source.member, *presenter, out);
  else
    request_keyframes(now, source);
}

void Worker::send_reports(Instant now, Member& member, Outlet& out) {
  std::vector<std::optional<uint32_t>> clocks;
  const Source* source = sources_.find(member.watches);
  if (member.subscriber && source) clocks = member.subscriber->clocks(now, source->publisher);
  member.peer.send_reports(now, WallTime{options_.epoch.us + now.us()}, clocks, out);
}

void Worker::note_silence(Instant now, const Member& member, Source& source) {
  const Instant heard = std::max(source.connected_at, member.peer.last_media());
  if (now - heard >= kSilence) {
    if (std::exchange(source.told, Told::kSilent) != Told::kSilent)
      events_.push_back(Silent{source.id});
  } else if (source.told == Told::kSilent) {
    note_heard(source);
  }
}

void Worker::note_heard(Source& source) {
  source.told = Told::kHeard;
  events_.push_back(Heard{source.id});
}

// Handshakes, and viewers that begin.

void Worker::wait_for_turn(SlabId handle, Member& member, const Route& from, Bytes datagram) {
  if (handshakes_.size() >= kMaxHandshakes || member.handshakes >= kMaxHandshakesOfPeer) {
    counters_.add(Counter::kDropHandshakeLimit);
    return;
  }
  ++member.handshakes;
  handshakes_.push_back({handle, from, {datagram.begin(), datagram.end()}});
}

void Worker::take_handshake_steps(Instant now, Outlet& out) {
  for (int i = 0; i < kHandshakeSteps && !handshakes_.empty(); ++i) {
    Handshake next = std::move(handshakes_.front());
    handshakes_.pop_front();
    Member* member = members_.find(next.member);
    if (!member) continue;
    --member->handshakes;
    member->peer.handle_datagram(now, next.from, next.datagram);
    drive(now, next.member, *member, out);
  }
}

void Worker::start_subscribers(Instant now, Outlet& out) {
  if (starting_.empty()) return;
  const int64_t earned = (now - replay_budget_at_).us() * kReplayPerMs / 1000;
  if (earned > 0) {
    replay_budget_ = std::min(kReplayBurst, replay_budget_ + earned);
    replay_budget_at_ = now;
  }
  while (!starting_.empty() && replay_budget_ > 0) {
    Member* member = members_.find(starting_.front());
    starting_.pop_front();
    Source* source = member ? sources_.find(member->watches) : nullptr;
    if (!source) continue;
    replay_budget_ -= static_cast<int64_t>(
        member->subscriber->start(now, source->publisher, member->peer, counters_, out));
    if (member->publishes != member->watches) serve_keyframes(now, *source, out);
  }
}

void Worker::drive(Instant now, SlabId handle, Member& member, Outlet& out) {
  if (!member.connected && member.peer.state() == rtc::Peer::State::kConnected) {
    member.connected = true;
    member.peer.flush(now, out);  // the last flight of DTLS goes before media
    events_.push_back(Connected{member.id});
    if (Source* own = sources_.find(member.publishes)) own->connected_at = now;
    if (member.subscriber) {
      starting_.push_back(handle);
      start_subscribers(now, out);
    }
  }
  Source* own = sources_.find(member.publishes);
  if (own) request_keyframes(now, *own);
  if (member.peer.take_reports_due(now)) {
    send_reports(now, member, out);
    if (own) note_silence(now, member, *own);
  }
  member.peer.flush(now, out);
  switch (member.peer.state()) {
    case rtc::Peer::State::kConnecting:
    case rtc::Peer::State::kConnected:
      schedule(handle, member);
      return;
    case rtc::Peer::State::kClosed:
      events_.push_back(Ended{member.id, "closed", true});
      break;
    case rtc::Peer::State::kFailed:
      events_.push_back(Ended{member.id, member.peer.failure(), false});
      break;
  }
  remove(now, handle);
}

void Worker::schedule(SlabId handle, Member& member) {
  Instant at = member.peer.next_timeout();
  if (const Source* own = sources_.find(member.publishes); own && member.connected)
    for (const SourceStream& stream : own->publisher.streams())
      at = std::min(at, stream.keyframes.next_timeout());
  if (at >= member.scheduled) return;
  member.scheduled = at;
  deadlines_.push(at, handle);
}

void Worker::flush(Instant now, Outlet& out) {
  std::erase_if(pending_, [&](SlabId handle) {
    Source* source = sources_.find(handle);
    if (!source) return true;
    source->publisher.let_sound_wait(source->subscribers.size() >= kManyViewers);
    if (!source->publisher.batch_ready(now)) return false;
    if (const Member* presenter = members_.find(source->member))
      counters_.add(Counter::kDropHandoverFull,
                    source->handover.copy_pending(now, source->id, source->publisher,
                                                  presenter->peer, handovers_));
    fan_out(now, *source, out);
    return true;
  });
}

void Worker::fan_out(Instant now, Source& source, Outlet& out) {
  // Also if it throws: what cannot be handed on must not be tried for ever, before all others.
  struct Clear {
    Publisher& publisher;
    ~Clear() { publisher.clear_pending(); }
  } clear{source.publisher};
  source.publisher.prepare_batch();
  forward_batch(now, source, out);
}

void Worker::forward_batch(Instant now, Source& source, Outlet& out) {
  rtc::SrtpBurst burst(*crypto_, counters_, out);
  const std::vector<SlabId>& viewers = source.subscribers;
  const bool sound_only = !source.publisher.has_pending_video();
  const size_t first = source.next_first();
  const auto viewer_at = [&](size_t i) {
    const size_t at = first + i;
    return viewers[at < viewers.size() ? at : at - viewers.size()];
  };
  for (size_t i = 0; i < viewers.size(); ++i) {
    // What is read of the viewers to come is on its way from memory meanwhile.
    if (i + kPrefetchMember < viewers.size())
      members_.prefetch(viewer_at(i + kPrefetchMember), kForwardState);
    if (i + kPrefetchKeys < viewers.size())
      if (const Member* next = members_.find(viewer_at(i + kPrefetchKeys)))
        next->peer.prefetch(sound_only);
    if (Member* viewer = members_.find(viewer_at(i)))
      viewer->subscriber->forward_batch(now, source.publisher, viewer->peer, counters_,
                                        burst.outlet());
  }
}

Instant Worker::next_timeout() const {
  if (!handshakes_.empty()) return {};
  Instant at = deadlines_.next();
  if (!starting_.empty())
    at = std::min(at, replay_budget_at_ + Duration::millis(1 - replay_budget_ / kReplayPerMs));
  for (const SlabId handle : pending_)
    if (const Source* source = sources_.find(handle))
      at = std::min(at, source->publisher.batch_due());
  for (const SlabId handle : relayed_)
    for (const SourceStream& stream : sources_.find(handle)->publisher.streams())
      at = std::min(at, stream.keyframes.next_timeout());
  return at;
}

void Worker::handle_timeout(Instant now, Outlet& out) {
  // Bounded, in case a deadline is set again that is due already.
  for (size_t left = deadlines_.size(); left > 0 && deadlines_.due(now); --left) {
    const SlabId handle = deadlines_.pop();
    Member* member = members_.find(handle);
    // A member is in the heap once for each time its deadline moved forward; only the last counts.
    if (!member || member->scheduled > now) continue;
    member->scheduled = Instant::never();
    member->peer.handle_timeout(now);
    drive(now, handle, *member, out);
  }
  for (const SlabId handle : relayed_) request_keyframes(now, *sources_.find(handle));
  flush(now, out);  // media first
  start_subscribers(now, out);
  take_handshake_steps(now, out);
}

void Worker::route_closed(Instant, const Route& route) {
  // The peer may come back by another connection or by UDP within the consent timeout.
  const RouteKey key(route);
  if (Member* owner = members_.find(by_route_.find(key))) std::erase(owner->routes, key);
  by_route_.erase(key);
  if (Member* claims = members_.find(challengers_.find(key))) std::erase(claims->challenges, key);
  challengers_.erase(key);
}

bool Worker::poll_handover(PacketBatch& batch) {
  if (handovers_.empty()) return false;
  batch = std::move(handovers_.front());
  handovers_.pop_front();
  return true;
}

bool Worker::poll_event(Event& event) {
  if (events_.empty()) return false;
  event = std::move(events_.front());
  events_.pop_front();
  return true;
}

void Worker::remove(Instant now, SlabId handle) {
  Member* member = members_.find(handle);
  if (!member) return;
  remove_source(now, member->publishes);
  if (member->slow) --slow_members_;
  by_id_.erase(member->id);
  for (const std::string& ufrag : member->ufrags) by_ufrag_.erase(ufrag);
  const auto forget = [&](RouteTable& table, const std::vector<RouteKey>& keys) {
    for (const RouteKey& key : keys)
      if (table.find(key) == handle) table.erase(key);
  };
  forget(by_route_, member->routes);
  forget(challengers_, member->challenges);
  if (Source* source = sources_.find(member->watches)) std::erase(source->subscribers, handle);
  members_.remove(handle);
}

}  // namespace loopcast::sfu
