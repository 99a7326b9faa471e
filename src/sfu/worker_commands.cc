// What a worker is told to do.
#include <algorithm>
#include <utility>

#include "rtc/ice_fragment.h"
#include "sfu/worker.h"

namespace loopcast::sfu {
namespace {

using rtc::Counter;

// RFC 8445, section 5.3 asks for 24 and 128 bits; more bits in the ufrag because it is also how a
// datagram finds its peer.
constexpr size_t kUfragLength = 12;
constexpr size_t kPasswordLength = 24;
// ICE restarts whose old user name fragments still lead to the peer.
constexpr size_t kMaxUfrags = 4;
// A viewer who loses more, or whose packets queue up, has too slow a network.
constexpr double kSlowLoss = 0.05;

Error unknown_publisher() { return {"publisher_gone", "The broadcast has ended."}; }

}  // namespace

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
      id, false, SlabId{}, SlabId{}, std::nullopt,
      rtc::Peer(now, context, std::move(ice), std::move(negotiated), random_.fork()));
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
  member->publishes = add_source(command.id, handle, member->peer.negotiated());
  // The loopback: a presenter who offered to receive watches themselves.
  const auto& media = member->peer.negotiated().media;
  if (std::any_of(media.begin(), media.end(), [](const auto& m) { return m.send; })) {
    Source& source = *sources_.find(member->publishes);
    member->subscriber.emplace(source.publisher, member->peer.negotiated(), random_);
    member->watches = member->publishes;
    source.subscribers.push_back(handle);
  }
  events_.push_back(Answered{command.id, std::move(answer->sdp)});
  drive(now, handle, *member, out);
}

void Worker::handle_command(Instant now, Watch&& command, Outlet& out) {
  SlabId source_handle;
  Source* source = find_source(command.publisher, &source_handle);
  const auto awaited = awaiting_.find(command.publisher);
  if (!source && awaited != awaiting_.end() && awaited->second.size() < kMaxAwaiting) {
    awaited->second.push_back(std::move(command));
    return;
  }
  if (!source) {
    events_.push_back(Refused{command.id, unknown_publisher()});
    return;
  }
  if (members_.size() >= options_.max_peers) {
    counters_.add(Counter::kRefusedPeers);
    events_.push_back(Refused{command.id, {"server_full", "The server carries all it can."}});
    return;
  }
  rtc::IceCredentials ice = new_credentials();
  auto answer = rtc::answer_viewer(command.offer, source->publisher.sources(), answer_options(ice));
  if (!answer) {
    events_.push_back(Refused{command.id, std::move(answer.error())});
    return;
  }
  SlabId handle;
  Member* member =
      add_member(now, command.id, std::move(ice), std::move(answer->negotiated), handle);
  member->subscriber.emplace(source->publisher, member->peer.negotiated(), random_);
  member->watches = source_handle;
  source->subscribers.push_back(handle);
  events_.push_back(Answered{command.id, std::move(answer->sdp)});
  // While the viewer connects, the keyframe that they will begin with may already be on its way.
  for (SourceStream& stream : source->publisher.streams())
    if (stream.kind == rtc::MediaKind::kVideo && !source->publisher.replay_start(stream, now))
      stream.keyframes.want(now);
  serve_keyframes(now, *source, out);
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
  if (!member) {
    for (auto& [publisher, waiting] : awaiting_)
      std::erase_if(waiting, [&](const Watch& watch) { return watch.id == command.id; });
    return;
  }
  member->peer.close();
  member->peer.flush(now, out);
  remove(now, handle);
}

void Worker::handle_command(Instant, GetFigures&& command, Outlet&) {
  size_t slow = 0;
  members_.for_each([&](SlabId, const Member& member) {
    const rtc::BandwidthEstimator* way = member.peer.estimator();
    slow += way && (way->overused() || way->loss() > kSlowLoss) ? 1 : 0;
  });
  events_.push_back(
      Figures{command.tag, counters_, members_.size(), sources_.size() - relayed_.size(), slow});
}

void Worker::handle_command(Instant now, Tap&& command, Outlet& out) {
  Source* source = find_source(command.publisher);
  Member* member = source ? members_.find(source->member) : nullptr;
  if (!member) {
    handovers_.push_back(
        {.target = command.target, .publisher = command.publisher, .at = now, .last = true});
    return;
  }
  source->handover.add(now, source->id, command.target, command.keyframe_interval,
                       source->publisher, member->peer, handovers_);
  drive(now, source->member, *member, out);
}

void Worker::handle_command(Instant now, Untap&& command, Outlet&) {
  if (Source* source = find_source(command.publisher))
    source->handover.remove(now, source->id, command.target, handovers_);
}

void Worker::handle_command(Instant now, RequestKeyframe&& command, Outlet& out) {
  Source* source = find_source(command.publisher);
  if (!source) return;
  for (SourceStream& stream : source->publisher.streams())
    if (stream.kind == rtc::MediaKind::kVideo) stream.keyframes.want(now);
  serve_keyframes(now, *source, out);
}

void Worker::handle_command(Instant, Relay&& command, Outlet&) {
  if (!find_source(command.publisher)) awaiting_.try_emplace(command.publisher);
}

void Worker::handle_handover(Instant now, PacketBatch&& batch, Outlet& out) {
  SlabId handle;
  Source* source = find_source(batch.publisher, &handle);
  if (source && !source->relayed()) return;
  std::vector<Watch> waiting;
  if (batch.last || (!source && !batch.streams.empty()))
    if (auto awaited = awaiting_.extract(batch.publisher)) waiting = std::move(awaited.mapped());
  if (batch.last) {
    remove_source(now, handle);
  } else if (!source && !batch.streams.empty()) {
    rtc::Negotiated negotiated;
    for (const HandoverStream& stream : batch.streams) {
      rtc::NegotiatedMedia media;
      media.receive = true;
      media.kind = stream.kind;
      media.codec = stream.codec;
      media.clock_rate = stream.clock_rate;
      media.fmtp = stream.fmtp;
      negotiated.media.push_back(std::move(media));
    }
    handle = add_source(batch.publisher, {}, negotiated);
    relayed_.push_back(handle);
    source = sources_.find(handle);
  }
  if (source && !batch.last) {
    auto& streams = source->publisher.streams();
    for (const PacketBatch::Clock& clock : batch.clocks)
      if (clock.stream < streams.size())
        source->publisher.note_clock(streams[clock.stream], clock.mark);
    const bool idle = !source->publisher.has_pending();
    for (const PacketBatch::Packet& packet : batch.packets)
      source->publisher.accept_relayed(now, packet.stream, packet.meta, batch.payload(packet));
    // It was collected over there already.
    source->publisher.end_frame();
    if (idle && source->publisher.has_pending()) pending_.push_back(handle);
  }
  for (Watch& watch : waiting) handle_command(now, std::move(watch), out);
}

}  // namespace loopcast::sfu
