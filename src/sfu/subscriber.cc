#include "sfu/subscriber.h"

#include <algorithm>

#include "wire/rtcp.h"

namespace loopcast::sfu {

Subscriber::Subscriber(const Publisher& publisher, const rtc::Negotiated& viewer, Random& random) {
  for (const auto kind : {rtc::MediaKind::kVideo, rtc::MediaKind::kAudio}) {
    for (size_t s = 0; s < publisher.streams().size(); ++s) {
      if (publisher.streams()[s].kind != kind) continue;
      for (size_t m = 0; m < viewer.media.size(); ++m) {
        const rtc::NegotiatedMedia& media = viewer.media[m];
        if (!media.send || media.kind != kind || stream_count_ == streams_.size()) continue;
        Stream& stream = streams_[stream_count_++];
        stream.source = s;
        stream.media = m;
        stream.rtx = media.rtx_payload_type.has_value();
        stream.shift.timestamp = random.u32();
        // Below 2^15, so that the first roll-over is unmistakable (RFC 3711, section 3.3.1), and
        // with room below for packets that come late.
        stream.first_out = 4096 + random.below((1 << 15) - 4096);
      }
    }
  }
}

void Subscriber::begin(Stream& stream, const rtc::PlainPacket& packet) {
  stream.running = true;
  stream.first_index = packet.index;
  stream.first_timestamp = packet.timestamp;
  stream.shift.index = stream.first_out - packet.index;
}

// Late packets of the very first frame still belong to it; older ones do not.
bool Subscriber::wants(const Stream& stream, const rtc::PlainPacket& packet) {
  return packet.index >= stream.first_index ||
         (packet.timestamp == stream.first_timestamp && packet.index + stream.shift.index >= 0);
}

void Subscriber::send(Instant now, Stream& stream, std::span<const rtc::PlainPacket> packets,
                      rtc::Peer& peer, rtc::Counters& counters, Outlet& out) {
  const size_t sent = peer.send_rtp(now, out, stream.media, packets, stream.shift);
  if (sent == 0) return;
  counters.add(rtc::Counter::kRtpForwarded, sent);
  for (const rtc::PlainPacket& packet : packets)
    stream.highest = std::max(stream.highest, packet.index + stream.shift.index);
}

size_t Subscriber::start(Instant now, Publisher& publisher, rtc::Peer& peer,
                         rtc::Counters& counters, Outlet& out) {
  started_ = true;
  size_t replayed = 0;
  for (Stream& stream : streams()) {
    SourceStream& source = publisher.streams()[stream.source];
    if (source.kind != rtc::MediaKind::kVideo) continue;
    const auto from = publisher.replay_start(source, now);
    if (!from) {
      source.keyframes.want(now);
      continue;
    }
    counters.add(rtc::Counter::kKeyframeReplays);
    replayed += replay(now, stream, source, *from, peer, counters, out);
  }
  return replayed;
}

size_t Subscriber::replay(Instant now, Stream& stream, const SourceStream& source, int64_t from,
                          rtc::Peer& peer, rtc::Counters& counters, Outlet& out) {
  // What is pending comes by itself, with the others'. It need not be the newest: among it may be
  // packets that were sent again.
  const auto is_pending = [&](int64_t index) {
    return std::find(source.pending.begin(), source.pending.end(), index) != source.pending.end();
  };
  std::array<rtc::PlainPacket, rtc::RtpOutput::kMaxRun> run;
  size_t count = 0, total = 0;
  for (int64_t i = from; i <= source.cache.highest(); ++i) {
    const CachedPacket* packet = source.cache.find(i);
    if (!packet || is_pending(i)) continue;
    if (!stream.running && packet->timestamp != source.keyframe_timestamp) continue;
    run[count] = source.cache.plain(*packet);
    if (!stream.running) begin(stream, run[count]);
    ++total;
    if (++count == run.size()) {
      send(now, stream, run, peer, counters, out);
      count = 0;
    }
  }
  if (count > 0) send(now, stream, {run.data(), count}, peer, counters, out);
  return total;
}

void Subscriber::forward_batch(Instant now, const Publisher& publisher, rtc::Peer& peer,
                               rtc::Counters& counters, Outlet& out) {
  if (!started_) return;
  for (Stream& stream : streams()) {
    const SourceStream& source = publisher.streams()[stream.source];
    std::span<const rtc::PlainPacket> batch = source.batch;
    if (!stream.running) {
      const bool video = source.kind == rtc::MediaKind::kVideo;
      if (video) batch = batch.subspan(source.batch_keyframe);
      if (batch.empty()) continue;
      // The beginning of the keyframe, parameter sets perhaps, left with the batch before.
      if (video && batch.front().timestamp == source.keyframe_timestamp &&
          source.keyframe_index < batch.front().index)
        replay(now, stream, source, source.keyframe_index, peer, counters, out);
      if (!stream.running) begin(stream, batch.front());
    }
    if (source.batch_lowest >= stream.first_index) {
      if (!batch.empty()) send(now, stream, batch, peer, counters, out);
      continue;
    }
    for (const rtc::PlainPacket& packet : batch)
      if (wants(stream, packet)) send(now, stream, {&packet, 1}, peer, counters, out);
  }
}

Subscriber::Stream* Subscriber::stream_of(const rtc::Negotiated& negotiated, Ssrc ssrc) {
  for (Stream& stream : streams())
    if (negotiated.media[stream.media].local_ssrc == ssrc) return &stream;
  return nullptr;
}

bool Subscriber::spend_retransmission(Instant now, const rtc::Peer& peer) {
  const rtc::BandwidthEstimator* way = peer.estimator();
  const bool full = way && way->overused();
  const int64_t rate = full ? kRetransmissionsWhenFull : kRetransmissionsPerSecond;
  if (full) retransmission_budget_ = std::min(retransmission_budget_, kRetransmissionsWhenFull);
  const int64_t earned = (now - budget_at_).us() * rate / 1'000'000;
  if (earned > 0) {
    retransmission_budget_ = std::min(kRetransmissionBurst, retransmission_budget_ + earned);
    budget_at_ = now;
  }
  if (retransmission_budget_ <= 0) return false;
  --retransmission_budget_;
  return true;
}

void Subscriber::retransmit(Instant now, Stream& stream, SourceStream& source, Seq16 sequence,
                            rtc::Peer& peer, rtc::Counters& counters, Outlet& out) {
  const int64_t index =
      stream.highest + sequence.distance_from(Seq16{static_cast<uint16_t>(stream.highest)});
  const int64_t source_index = index - stream.shift.index;
  const CachedPacket* packet =
      index < 0 || index > stream.highest ? nullptr : source.cache.find(source_index);
  // What the viewer was never sent (it is older than their first) is not sent now either.
  if (!packet || !wants(stream, source.cache.plain(*packet))) {
    counters.add(rtc::Counter::kDropRetransmissionGone);
    return;
  }
  if (!spend_retransmission(now, peer)) {
    counters.add(rtc::Counter::kDropRetransmissionLimit);
    return;
  }
  source.cache.mark_sent(source_index);
  const rtc::PlainPacket plain = source.cache.plain(*packet);
  const bool sent =
      stream.rtx ? peer.send_rtx(now, out, stream.media, plain, stream.shift,
                                 source.cache.retransmission_payload(*packet, sequence.value))
                 // The very same packet: SrtpSender::protect_rtp allows no other under its number.
                 : peer.send_rtp(now, out, stream.media, {&plain, 1}, stream.shift) == 1;
  if (sent) counters.add(rtc::Counter::kRetransmissionsSent);
}

void Subscriber::handle_rtcp(Instant now, Bytes compound, Publisher& publisher, rtc::Peer& peer,
                             rtc::Counters& counters, Outlet& out) {
  const auto want_keyframe = [&](Ssrc media) {
    const Stream* stream = stream_of(peer.negotiated(), media);
    if (!stream) return;
    SourceStream& source = publisher.streams()[stream->source];
    if (source.kind != rtc::MediaKind::kVideo || now < next_keyframe_request_) return;
    next_keyframe_request_ = now + kKeyframeInterval;
    counters.add(rtc::Counter::kKeyframeRequestsReceived);
    source.keyframes.want(now);
  };
  wire::RtcpReader reader(compound);
  while (const auto packet = reader.next()) {
    if (const auto nack = wire::parse_nack(*packet)) {
      Stream* stream = stream_of(peer.negotiated(), nack->media);
      if (!stream || !stream->running) continue;
      SourceStream& source = publisher.streams()[stream->source];
      nack->for_each(
          [&](Seq16 sequence) { retransmit(now, *stream, source, sequence, peer, counters, out); });
    } else if (const auto pli = wire::parse_pli(*packet)) {
      want_keyframe(pli->media);
    } else if (const auto fir = wire::parse_fir(*packet)) {
      for (size_t i = 0; i < fir->size(); ++i) want_keyframe((*fir)[i].ssrc);
    }
  }
}

std::vector<std::optional<uint32_t>> Subscriber::clocks(Instant now,
                                                        const Publisher& publisher) const {
  std::vector<std::optional<uint32_t>> clocks;
  for (const Stream& stream : streams()) {
    if (clocks.size() <= stream.media) clocks.resize(stream.media + 1);
    if (!stream.running) continue;
    const auto at = publisher.timestamp_at(publisher.streams()[stream.source], now);
    if (at) clocks[stream.media] = *at + stream.shift.timestamp;
  }
  return clocks;
}

}  // namespace loopcast::sfu
