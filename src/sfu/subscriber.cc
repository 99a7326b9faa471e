#include "sfu/subscriber.h"

#include <algorithm>
#include <array>

#include "wire/rtcp.h"
#include "wire/rtp_extensions.h"

namespace loopcast::sfu {
namespace {

using wire::ExtensionKind;

// The header extensions of a packet for one viewer, with the viewer's ids.
class Extensions {
 public:
  Extensions(const CachedPacket& packet, uint8_t orientation_id, uint8_t audio_level_id) {
    if (orientation_id != 0 && packet.orientation >= 0)
      add(orientation_id, static_cast<uint8_t>(packet.orientation));
    if (audio_level_id != 0 && packet.audio_level >= 0)
      add(audio_level_id, static_cast<uint8_t>(packet.audio_level));
  }
  std::span<const wire::RtpExtension> list() const { return {extensions_.data(), count_}; }

 private:
  void add(uint8_t id, uint8_t value) {
    values_[count_] = value;
    extensions_[count_] = {id, Bytes(&values_[count_], 1)};
    ++count_;
  }
  std::array<uint8_t, 2> values_;
  std::array<wire::RtpExtension, 2> extensions_;
  size_t count_ = 0;
};

}  // namespace

Subscriber::Subscriber(const Publisher& publisher, const rtc::Negotiated& viewer, Random& random) {
  for (size_t s = 0; s < publisher.streams().size(); ++s) {
    const SourceStream& source = publisher.streams()[s];
    for (size_t m = 0; m < viewer.media.size(); ++m) {
      const rtc::NegotiatedMedia& media = viewer.media[m];
      if (!media.send || media.kind != source.kind) continue;
      streams_.push_back({.source = s,
                          .media = m,
                          .rtx = media.rtx_payload_type.has_value(),
                          .orientation_id = media.extension_id(ExtensionKind::kVideoOrientation),
                          .audio_level_id = media.extension_id(ExtensionKind::kAudioLevel),
                          .timestamp_offset = random.u32(),
                          // Below 2^15, so that the first roll-over is unmistakable (RFC 3711,
                          // section 3.3.1), and with room below for packets that come late.
                          .first_out = 4096 + random.below((1 << 15) - 4096)});
    }
  }
}

Decision Subscriber::decide(const Stream& stream, const SourceStream& source,
                            const CachedPacket& packet) {
  if (stream.running) {
    // Late packets of the very first frame still belong to it; older ones do not.
    if (packet.index < stream.first_index && packet.timestamp != stream.first_timestamp) return {};
    return {.forward = true,
            .index = packet.index + stream.index_offset,
            .timestamp = packet.timestamp + stream.timestamp_offset};
  }
  if (source.kind == rtc::MediaKind::kVideo && !packet.keyframe) return {};
  return {.forward = true,
          .starts = true,
          .index = stream.first_out,
          .timestamp = packet.timestamp + stream.timestamp_offset};
}

void Subscriber::forward(Stream& stream, SourceStream& source, const CachedPacket& packet,
                         rtc::Peer& peer, rtc::Counters& counters, Outlet& out) {
  const Decision decision = decide(stream, source, packet);
  if (!decision.forward || decision.index < 0) return;
  if (decision.starts) {
    stream.running = true;
    stream.first_index = packet.index;
    stream.first_timestamp = packet.timestamp;
    stream.index_offset = decision.index - packet.index;
  }
  const Extensions extensions(packet, stream.orientation_id, stream.audio_level_id);
  const bool sent = peer.send_rtp(out, stream.media,
                                  {.index = decision.index,
                                   .timestamp = decision.timestamp,
                                   .marker = packet.marker,
                                   .extensions = extensions.list(),
                                   .payload = source.cache.payload(packet)});
  if (!sent) return;
  ++stream.packets;
  stream.highest = std::max(stream.highest, decision.index);
  counters.add(rtc::Counter::kRtpForwarded);
}

void Subscriber::start(Instant now, Publisher& publisher, rtc::Peer& peer, rtc::Counters& counters,
                       Outlet& out) {
  started_ = true;
  for (Stream& stream : streams_) {
    SourceStream& source = publisher.streams()[stream.source];
    if (source.kind != rtc::MediaKind::kVideo) continue;
    const auto from = publisher.replay_start(source, now);
    if (!from) {
      source.keyframes.want(now);
      continue;
    }
    counters.add(rtc::Counter::kKeyframeReplays);
    // What is pending comes by itself, with the others'. It need not be the newest: among it may be
    // packets that were sent again.
    const auto is_pending = [&](int64_t index) {
      return std::find(source.pending.begin(), source.pending.end(), index) != source.pending.end();
    };
    for (int64_t i = *from; i <= source.cache.highest(); ++i)
      if (const CachedPacket* packet = source.cache.find(i); packet && !is_pending(i))
        forward(stream, source, *packet, peer, counters, out);
  }
}

void Subscriber::forward_pending(Publisher& publisher, rtc::Peer& peer, rtc::Counters& counters,
                                 Outlet& out) {
  if (!started_) return;
  for (Stream& stream : streams_) {
    SourceStream& source = publisher.streams()[stream.source];
    for (const int64_t index : source.pending)
      if (const CachedPacket* packet = source.cache.find(index))
        forward(stream, source, *packet, peer, counters, out);
  }
}

Subscriber::Stream* Subscriber::stream_of(const rtc::Negotiated& negotiated, Ssrc ssrc) {
  for (Stream& stream : streams_)
    if (negotiated.media[stream.media].local_ssrc == ssrc) return &stream;
  return nullptr;
}

bool Subscriber::spend_retransmission(Instant now) {
  const int64_t earned = (now - budget_at_).us() * kRetransmissionsPerSecond / 1'000'000;
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
  const CachedPacket* packet = index < 0 || index > stream.highest
                                   ? nullptr
                                   : source.cache.find(index - stream.index_offset);
  // What the viewer was never sent (it is older than their first) is not sent now either.
  if (!packet || !decide(stream, source, *packet).forward) {
    counters.add(rtc::Counter::kDropRetransmissionGone);
    return;
  }
  if (!spend_retransmission(now)) {
    counters.add(rtc::Counter::kDropRetransmissionLimit);
    return;
  }
  const uint32_t timestamp = packet->timestamp + stream.timestamp_offset;
  const Extensions extensions(*packet, stream.orientation_id, stream.audio_level_id);
  const bool sent =
      stream.rtx ? peer.send_rtx(out, stream.media, timestamp, packet->marker, extensions.list(),
                                 source.cache.retransmission_payload(*packet, sequence.value))
                 // The very same packet: SrtpSender::protect_rtp allows no other under its number.
                 : peer.send_rtp(out, stream.media,
                                 {.index = index,
                                  .timestamp = timestamp,
                                  .marker = packet->marker,
                                  .extensions = extensions.list(),
                                  .payload = source.cache.payload(*packet)});
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

std::vector<std::optional<uint32_t>> Subscriber::clocks(Instant now, const Publisher& publisher,
                                                        const rtc::Peer& source) const {
  std::vector<std::optional<uint32_t>> clocks;
  for (const Stream& stream : streams_) {
    if (clocks.size() <= stream.media) clocks.resize(stream.media + 1);
    if (!stream.running) continue;
    const auto at = publisher.timestamp_at(publisher.streams()[stream.source], now, source);
    if (at) clocks[stream.media] = *at + stream.timestamp_offset;
  }
  return clocks;
}

}  // namespace loopcast::sfu
