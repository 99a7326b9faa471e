#include "sfu/handover.h"

#include <algorithm>
#include <optional>

namespace loopcast::sfu {
namespace {

void append(const SourceStream& stream, uint32_t number, const CachedPacket& packet,
            PacketBatch& batch) {
  const Bytes payload = stream.cache.payload(packet);
  batch.packets.push_back({number, static_cast<uint32_t>(batch.bytes.size()), packet});
  batch.bytes.insert(batch.bytes.end(), payload.begin(), payload.end());
}

// Where the replay for a new target starts: when the newest keyframe came.
std::optional<Instant> replay_from(const Publisher& source, Instant now) {
  for (const SourceStream& stream : source.streams()) {
    if (stream.kind != rtc::MediaKind::kVideo) continue;
    const auto index = source.replay_start(stream, now);
    if (!index) return std::nullopt;
    return stream.cache.find(*index)->arrival;
  }
  return std::nullopt;
}

}  // namespace

std::vector<HandoverStream> describe_streams(const Publisher& publisher) {
  std::vector<HandoverStream> streams;
  for (const SourceStream& stream : publisher.streams())
    streams.push_back({stream.kind, stream.codec, stream.clock_rate, stream.fmtp});
  return streams;
}

void Handover::add(Instant now, MediaId publisher, TargetId target, Duration keyframe_interval,
                   Publisher& source, const rtc::Peer& peer, std::deque<PacketBatch>& out) {
  for (const Tap& tap : taps_)
    if (tap.target == target) return;
  taps_.push_back({target, keyframe_interval});
  seen_.resize(source.streams().size());
  for (Seen& seen : seen_) {
    seen.keyframe_index = -1;
    seen.keyframe_at = now;
  }
  PacketBatch batch{.target = target, .publisher = publisher, .at = now};
  batch.streams = describe_streams(source);
  const auto from = replay_from(source, now);
  for (uint32_t i = 0; i < source.streams().size(); ++i) {
    SourceStream& stream = source.streams()[i];
    if (!from) {
      if (stream.kind == rtc::MediaKind::kVideo) stream.keyframes.want(now);
      continue;
    }
    const auto size = static_cast<int64_t>(stream.cache.capacity());
    const int64_t highest = stream.cache.highest();
    for (int64_t index = std::max<int64_t>(0, highest - size + 1); index <= highest; ++index) {
      const CachedPacket* packet = stream.cache.find(index);
      // What is pending comes with the next batch.
      if (packet && packet->arrival >= *from && !std::ranges::count(stream.pending, index))
        append(stream, i, *packet, batch);
    }
  }
  // Others that tap already hear with the next batch of what has changed for them.
  for (uint32_t i = 0; i < source.streams().size(); ++i)
    if (const auto mark = peer.clock_mark(source.streams()[i].media))
      batch.clocks.push_back({i, mark});
  out.push_back(std::move(batch));
}

void Handover::remove(Instant now, MediaId publisher, TargetId target,
                      std::deque<PacketBatch>& out) {
  if (std::erase_if(taps_, [&](const Tap& tap) { return tap.target == target; }) > 0)
    out.push_back({.target = target, .publisher = publisher, .at = now, .last = true});
}

size_t Handover::copy_pending(Instant now, MediaId publisher, Publisher& source,
                              const rtc::Peer& peer, std::deque<PacketBatch>& out) {
  if (taps_.empty() || !source.has_pending()) return 0;
  keep_keyframes_coming(now, source);
  if (out.size() + taps_.size() > kMaxWaiting) return taps_.size();
  PacketBatch batch{.publisher = publisher, .at = now};
  size_t packets = 0, bytes = 0;
  for (const SourceStream& stream : source.streams()) {
    packets += stream.pending.size();
    for (const int64_t index : stream.pending)
      if (const CachedPacket* packet = stream.cache.find(index)) bytes += packet->payload_size;
  }
  batch.packets.reserve(packets);
  batch.bytes.reserve(bytes);
  for (uint32_t i = 0; i < source.streams().size(); ++i) {
    const SourceStream& stream = source.streams()[i];
    for (const int64_t index : stream.pending)
      if (const CachedPacket* packet = stream.cache.find(index)) append(stream, i, *packet, batch);
  }
  copy_changed_clocks(source, peer, batch);
  for (size_t i = 0; i < taps_.size(); ++i) {
    batch.target = taps_[i].target;
    if (i + 1 < taps_.size())
      out.push_back(batch);
    else
      out.push_back(std::move(batch));
  }
  return 0;
}

void Handover::end(Instant now, MediaId publisher, std::deque<PacketBatch>& out) {
  for (const Tap& tap : taps_)
    out.push_back({.target = tap.target, .publisher = publisher, .at = now, .last = true});
  taps_.clear();
}

void Handover::copy_changed_clocks(const Publisher& source, const rtc::Peer& peer,
                                   PacketBatch& batch) {
  for (uint32_t i = 0; i < source.streams().size(); ++i) {
    const auto mark = peer.clock_mark(source.streams()[i].media);
    const auto at = mark ? std::optional(mark->at) : std::nullopt;
    if (at == seen_[i].clock_at) continue;
    seen_[i].clock_at = at;
    batch.clocks.push_back({i, mark});
  }
}

void Handover::keep_keyframes_coming(Instant now, Publisher& source) {
  Duration interval;
  for (const Tap& tap : taps_)
    if (interval == Duration() ||
        (tap.keyframe_interval > Duration() && tap.keyframe_interval < interval))
      interval = tap.keyframe_interval;
  if (interval == Duration()) return;
  for (size_t i = 0; i < source.streams().size(); ++i) {
    SourceStream& stream = source.streams()[i];
    if (stream.kind != rtc::MediaKind::kVideo) continue;
    Seen& seen = seen_[i];
    if (stream.keyframe_index != seen.keyframe_index) {
      seen.keyframe_index = stream.keyframe_index;
      seen.keyframe_at = now;
    } else if (now - seen.keyframe_at >= interval) {
      stream.keyframes.want(now);
    }
  }
}

}  // namespace loopcast::sfu
