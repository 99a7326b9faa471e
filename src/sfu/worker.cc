#include "sfu/worker.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "rtc/ice_fragment.h"
#include "wire/rtp.h"
#include "wire/stun.h"

namespace loopcast::sfu {
namespace {

using rtc::Counter;

// RFC 8445, section 5.3 asks for 24 and 128 bits; more bits in the ufrag because it is also how a
// datagram finds its peer.
constexpr size_t kUfragLength = 12;
constexpr size_t kPasswordLength = 24;
// ICE restarts whose old user name fragments still lead to the peer.
constexpr size_t kMaxUfrags = 4;
// Addresses of one peer: as many as its ICE agent keeps.
constexpr size_t kMaxRoutes = rtc::IceAgent::kMaxRoutes;

std::unique_ptr<rtc::SrtpCrypto> make_crypto(const WorkerOptions& options) {
  auto crypto = options.best_srtp_backend ? rtc::SrtpCrypto::make_best()
                                          : rtc::SrtpCrypto::make(options.srtp_backend);
  if (!crypto) std::abort();
  return crypto;
}

Error unknown_publisher() { return {"publisher_gone", "The broadcast has ended."}; }

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

void Worker::handle_command(Instant now, Tap&& command, Outlet& out) {
  SlabId handle;
  Member* member = find(command.publisher, &handle);
  if (!member || !member->publisher) {
    handovers_.push_back(
        {.target = command.target, .publisher = command.publisher, .at = now, .last = true});
    return;
  }
  member->handover.add(now, member->id, command.target, command.keyframe_interval,
                       *member->publisher, member->peer, handovers_);
  drive(now, handle, *member, out);
}

void Worker::handle_command(Instant now, Untap&& command, Outlet&) {
  if (Member* member = find(command.publisher))
    member->handover.remove(now, member->id, command.target, handovers_);
}

void Worker::handle_command(Instant now, RequestKeyframe&& command, Outlet& out) {
  SlabId handle;
  Member* member = find(command.publisher, &handle);
  if (!member || !member->publisher) return;
  for (SourceStream& stream : member->publisher->streams())
    if (stream.kind == rtc::MediaKind::kVideo) stream.keyframes.want(now);
  drive(now, handle, *member, out);
}

rtc::IceCredentials Worker::new_credentials() {
  rtc::IceCredentials ice;
  do ice.ufrag = random_.ice_token(kUfragLength);
  while (by_ufrag_.contains(ice.ufrag));
  ice.password = random_.ice_token(kPasswordLength);
  return ice;
}

rtc::AnswerOptions Worker::answer_options(const rtc::IceCredentials& ice) {
  rtc::AnswerOptions options;
  options.local_ice = ice;
  options.local_fingerprint = identity_.fingerprint();
  options.candidates = options_.candidates;
  options.session_id = random_.u64() >> 1;
  options.cname = rtc::Peer::kCname;
  options.msid_stream = random_.token(22);
  options.video_preference = options_.video_preference;
  for (Ssrc& ssrc : options.ssrcs) ssrc.value = random_.u32() | 1;  // 0 is nobody's
  return options;
}

Worker::Member* Worker::add_member(Instant now, MediaId id, rtc::IceCredentials ice,
                                   rtc::Negotiated negotiated, SlabId& handle) {
  const rtc::PeerContext context{identity_, *crypto_, counters_};
  const std::string ufrag = ice.ufrag;
  handle = members_.emplace(
      id, rtc::Peer(now, context, std::move(ice), std::move(negotiated), random_.fork()));
  Member* member = members_.find(handle);
  member->ufrags.push_back(ufrag);
  by_id_[id] = handle;
  by_ufrag_[ufrag] = handle;
  return member;
}

Worker::Member* Worker::find(MediaId id, SlabId* handle) {
  const auto it = by_id_.find(id);
  if (it == by_id_.end()) return nullptr;
  if (handle) *handle = it->second;
  return members_.find(it->second);
}

void Worker::handle_command(Instant now, Publish&& command, Outlet& out) {
  if (members_.size() >= options_.max_peers) {
    counters_.add(Counter::kRefusedPeers);
    events_.push_back(Refused{command.id, {"server_full", "The server carries all it can."}});
    return;
  }
  rtc::IceCredentials ice = new_credentials();
  auto answer = rtc::answer_publisher(command.offer, answer_options(ice));
  if (!answer) {
    events_.push_back(Refused{command.id, std::move(answer.error())});
    return;
  }
  SlabId handle;
  Member* member =
      add_member(now, command.id, std::move(ice), std::move(answer->negotiated), handle);
  member->publisher.emplace(member->peer.negotiated());
  ++publishers_;
  // The loopback: a presenter who offered to receive watches themselves.
  const auto& media = member->peer.negotiated().media;
  if (std::any_of(media.begin(), media.end(), [](const auto& m) { return m.send; })) {
    member->subscriber.emplace(*member->publisher, member->peer.negotiated(), random_);
    member->subscribers.push_back(handle);
    member->source = handle;
  }
  events_.push_back(Answered{command.id, std::move(answer->sdp)});
  drive(now, handle, *member, out);
}

void Worker::handle_command(Instant now, Watch&& command, Outlet& out) {
  SlabId source_handle;
  Member* source = find(command.publisher, &source_handle);
  if (!source || !source->publisher) {
    events_.push_back(Refused{command.id, unknown_publisher()});
    return;
  }
  if (members_.size() >= options_.max_peers) {
    counters_.add(Counter::kRefusedPeers);
    events_.push_back(Refused{command.id, {"server_full", "The server carries all it can."}});
    return;
  }
  rtc::IceCredentials ice = new_credentials();
  const auto sources = source->publisher->sources(source->peer.negotiated());
  auto answer = rtc::answer_viewer(command.offer, sources, answer_options(ice));
  if (!answer) {
    events_.push_back(Refused{command.id, std::move(answer.error())});
    return;
  }
  SlabId handle;
  Member* member =
      add_member(now, command.id, std::move(ice), std::move(answer->negotiated), handle);
  member->subscriber.emplace(*source->publisher, member->peer.negotiated(), random_);
  member->source = source_handle;
  source->subscribers.push_back(handle);
  events_.push_back(Answered{command.id, std::move(answer->sdp)});
  // While the viewer connects, the keyframe that they will begin with may already be on its way.
  for (SourceStream& stream : source->publisher->streams())
    if (stream.kind == rtc::MediaKind::kVideo && !source->publisher->replay_start(stream, now))
      stream.keyframes.want(now);
  drive(now, source_handle, *source, out);
  drive(now, handle, *member, out);
}

void Worker::handle_command(Instant now, RestartIce&& command, Outlet& out) {
  SlabId handle;
  Member* member = find(command.id, &handle);
  if (!member) {
    events_.push_back(Refused{command.id, {"not_found", "This session has ended."}});
    return;
  }
  auto fragment = rtc::parse_ice_fragment(command.fragment);
  if (!fragment) {
    events_.push_back(Refused{command.id, std::move(fragment.error())});
    return;
  }
  const rtc::IceCredentials& current = member->peer.negotiated().remote_ice;
  if (fragment->ice.ufrag.empty() || fragment->ice.ufrag == current.ufrag) {
    // Candidates of the peer alone: it checks towards us, we need none of them.
    events_.push_back(Restarted{command.id, {}});
    return;
  }
  rtc::IceCredentials ice = new_credentials();
  if (member->ufrags.size() == kMaxUfrags) {
    by_ufrag_.erase(member->ufrags.front());
    member->ufrags.erase(member->ufrags.begin());
  }
  member->ufrags.push_back(ice.ufrag);
  by_ufrag_[ice.ufrag] = handle;
  const auto reply = rtc::answer_ice_restart(*fragment, ice, options_.candidates);
  events_.push_back(Restarted{command.id, rtc::write_ice_fragment(reply)});
  member->peer.restart_ice(now, std::move(ice), std::move(fragment->ice));
  drive(now, handle, *member, out);
}

void Worker::handle_command(Instant now, Stop&& command, Outlet& out) {
  SlabId handle;
  Member* member = find(command.id, &handle);
  if (!member) return;
  member->peer.close();
  member->peer.flush(now, out);
  remove(now, handle);
}

void Worker::handle_command(Instant, GetFigures&& command, Outlet&) {
  events_.push_back(Figures{command.tag, counters_, members_.size(), publishers_});
}

void Worker::handle_datagram(Instant now, const Route& from, MutableBytes datagram, Outlet& out) {
  counters_.add(Counter::kDatagramsReceived);
  if (wire::classify(datagram) == wire::DatagramKind::kStun) {
    handle_stun(now, from, datagram, out);
    return;
  }
  const auto it = by_route_.find({from.remote, from.tcp});
  Member* member = it == by_route_.end() ? nullptr : members_.find(it->second);
  if (!member) {
    counters_.add(Counter::kDropUnknownAddress);
    return;
  }
  const SlabId handle = it->second;
  const rtc::Received received = member->peer.handle_datagram(now, from, datagram);
  if (received.kind == rtc::Received::Kind::kRtp) {
    if (!member->publisher) return;
    const bool idle = !member->publisher->has_pending();
    if (member->publisher->accept(now, received, counters_) && idle) pending_.push_back(handle);
    schedule(handle, *member);
    return;
  }
  if (received.kind == rtc::Received::Kind::kRtcp) handle_rtcp(now, *member, received.rtcp, out);
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
  const RouteKey key{from.remote, from.tcp};
  const auto owner = by_route_.find(key);
  if (owner == by_route_.end()) {
    counters_.add(Counter::kDropUnknownAddress);
    return;
  }
  if (feed_stun(now, owner->second, from, datagram, out)) return;
  if (const auto it = challengers_.find(key); it != challengers_.end()) {
    const SlabId challenger = it->second;
    feed_stun(now, challenger, from, datagram, out);
  }
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
  const RouteKey key{from.remote, from.tcp};
  const auto [it, inserted] = by_route_.try_emplace(key, handle);
  if (it->second == handle && !inserted) return;
  if (!inserted && members_.find(it->second)) {
    if (!member.peer.is_validated(from)) {
      counters_.add(Counter::kDropRouteChallenged);
      challengers_[key] = handle;
      member.challenges.push_back(key);
      if (member.challenges.size() > kMaxRoutes) {
        challengers_.erase(member.challenges.front());
        member.challenges.erase(member.challenges.begin());
      }
      return;
    }
    std::erase(members_.find(it->second)->routes, key);
    challengers_.erase(key);
  }
  it->second = handle;
  member.routes.push_back(key);
  if (member.routes.size() > kMaxRoutes) {
    by_route_.erase(member.routes.front());
    member.routes.erase(member.routes.begin());
  }
}

void Worker::handle_rtcp(Instant now, Member& member, Bytes compound, Outlet& out) {
  if (!member.subscriber) return;
  Member* source = members_.find(member.source);
  if (!source || !source->publisher) return;
  member.subscriber->handle_rtcp(now, compound, *source->publisher, member.peer, counters_, out);
  if (source != &member) drive(now, member.source, *source, out);
}

void Worker::request_keyframes(Instant now, Member& source) {
  if (!source.publisher || !source.connected) return;
  for (SourceStream& stream : source.publisher->streams())
    if (stream.keyframes.take(now)) source.peer.request_keyframe(stream.media);
}

void Worker::send_reports(Instant now, Member& member, Outlet& out) {
  std::vector<std::optional<uint32_t>> clocks;
  Member* source = members_.find(member.source);
  if (member.subscriber && source && source->publisher)
    clocks = member.subscriber->clocks(now, *source->publisher, source->peer);
  member.peer.send_reports(now, WallTime{options_.epoch.us + now.us()}, clocks, out);
}

void Worker::drive(Instant now, SlabId handle, Member& member, Outlet& out) {
  if (!member.connected && member.peer.state() == rtc::Peer::State::kConnected) {
    member.connected = true;
    member.peer.flush(now, out);  // the last flight of DTLS goes before media
    events_.push_back(Connected{member.id});
    Member* source = members_.find(member.source);
    if (member.subscriber && source && source->publisher) {
      member.subscriber->start(now, *source->publisher, member.peer, counters_, out);
      if (source != &member) {
        request_keyframes(now, *source);
        source->peer.flush(now, out);
        schedule(member.source, *source);
      }
    }
  }
  request_keyframes(now, member);
  if (member.peer.take_reports_due(now)) send_reports(now, member, out);
  member.peer.flush(now, out);
  switch (member.peer.state()) {
    case rtc::Peer::State::kConnecting:
    case rtc::Peer::State::kConnected:
      schedule(handle, member);
      return;
    case rtc::Peer::State::kClosed:
      events_.push_back(Ended{member.id, "closed"});
      break;
    case rtc::Peer::State::kFailed:
      events_.push_back(Ended{member.id, member.peer.failure()});
      break;
  }
  remove(now, handle);
}

void Worker::schedule(SlabId handle, Member& member) {
  Instant at = member.peer.next_timeout();
  if (member.publisher && member.connected)
    for (const SourceStream& stream : member.publisher->streams())
      at = std::min(at, stream.keyframes.next_timeout());
  if (at >= member.scheduled) return;
  member.scheduled = at;
  deadlines_.push(at, handle);
}

void Worker::flush(Instant now, Outlet& out) {
  std::erase_if(pending_, [&](SlabId handle) {
    Member* source = members_.find(handle);
    if (!source) return true;
    if (!source->publisher->batch_ready(now)) return false;
    counters_.add(Counter::kDropHandoverFull,
                  source->handover.copy_pending(now, source->id, *source->publisher, source->peer,
                                                handovers_));
    fan_out(*source, out);
    return true;
  });
}

void Worker::fan_out(Member& source, Outlet& out) {
  source.publisher->prepare_batch();
  std::erase_if(source.subscribers, [&](SlabId handle) {
    Member* viewer = members_.find(handle);
    if (!viewer) return true;
    viewer->subscriber->forward_batch(*source.publisher, viewer->peer, counters_, out);
    return false;
  });
  source.publisher->clear_pending();
}

Instant Worker::next_timeout() const {
  Instant at = deadlines_.next();
  for (const SlabId handle : pending_)
    if (const Member* source = members_.find(handle))
      at = std::min(at, source->publisher->batch_due());
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
  flush(now, out);
}

void Worker::route_closed(Instant, uint32_t tcp) {
  // The peer may come back by another connection or by UDP within the consent timeout.
  std::erase_if(by_route_, [&](const auto& entry) { return entry.first.tcp == tcp; });
  std::erase_if(challengers_, [&](const auto& entry) { return entry.first.tcp == tcp; });
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
  if (member->publisher) --publishers_;
  member->handover.end(now, member->id, handovers_);
  by_id_.erase(member->id);
  for (const std::string& ufrag : member->ufrags) by_ufrag_.erase(ufrag);
  const auto forget = [&](auto& map, const std::vector<RouteKey>& keys) {
    for (const RouteKey& key : keys)
      if (const auto it = map.find(key); it != map.end() && it->second == handle) map.erase(it);
  };
  forget(by_route_, member->routes);
  forget(challengers_, member->challenges);
  if (Member* source = members_.find(member->source); source && source != member)
    std::erase(source->subscribers, handle);
  members_.remove(handle);
}

}  // namespace loopcast::sfu
