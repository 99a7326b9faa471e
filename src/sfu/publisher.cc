#include "sfu/publisher.h"

#include <algorithm>
#include <cstdlib>
#include <limits>

#include "rtc/format_parameters.h"
#include "wire/codec.h"
#include "wire/ntp.h"
#include "wire/rtp_extensions.h"

namespace loopcast::sfu {
namespace {

// A presenter's wall clock that was set by more than this is a new clock.
constexpr int64_t kClockStepUs = 2'000'000;

bool is_video(const SourceStream& stream) { return stream.kind == rtc::MediaKind::kVideo; }

// A raw number less the packets before it that were taken out; nullopt for one from before all that
// are remembered.
std::optional<int64_t> compact(const SourceStream& stream, int64_t raw) {
  int64_t after = 0;
  const auto size = static_cast<int64_t>(stream.removed.size());
  const int64_t remembered = std::min(stream.removed_count, size);
  while (after < remembered) {
    const int64_t newest = stream.removed_count - 1 - after;
    if (stream.removed[static_cast<size_t>(newest % size)] <= raw) break;
    ++after;
  }
  if (after == size && stream.removed_count > size) return std::nullopt;
  return raw - (stream.removed_count - after);
}

// How many packets were put before a raw number; nullopt for one from before all insertions that
// are remembered.
std::optional<int64_t> inserted_before(const SourceStream& stream, int64_t raw) {
  const auto size = static_cast<int64_t>(stream.inserted.size());
  int64_t count = stream.inserted_count;
  for (int64_t i = stream.insertions - 1; i >= 0; --i) {
    if (stream.insertions - i > size) return std::nullopt;
    const SourceStream::Inserted& one = stream.inserted[static_cast<size_t>(i % size)];
    if (one.before <= raw) break;
    count -= one.count;
  }
  return count;
}

// Raw number to the publisher's own; nullopt if nobody knows its place any more.
std::optional<int64_t> number_of(const SourceStream& stream, int64_t raw) {
  const auto kept = compact(stream, raw);
  const auto inserted = inserted_before(stream, raw);
  return kept && inserted ? std::optional(*kept + *inserted) : std::nullopt;
}

bool is_removed(const SourceStream& stream, int64_t raw) {
  const auto used = static_cast<size_t>(
      std::min(stream.removed_count, static_cast<int64_t>(stream.removed.size())));
  return std::find(stream.removed.begin(), stream.removed.begin() + used, raw) !=
         stream.removed.begin() + used;
}

// False if packets behind it have their numbers already, or may have.
bool remove_number(SourceStream& stream, int64_t raw) {
  const auto size = static_cast<int64_t>(stream.removed.size());
  if (stream.removed_count > 0 &&
      raw <= stream.removed[static_cast<size_t>((stream.removed_count - 1) % size)])
    return is_removed(stream, raw);
  const auto number = number_of(stream, raw);
  if (!number || *number <= stream.cache.highest()) return false;
  stream.removed[static_cast<size_t>(stream.removed_count % size)] = raw;
  ++stream.removed_count;
  return true;
}

// Pads what is pending, frame by frame.
void equalise(SourceStream& stream) {
  const std::vector<int64_t>& pending = stream.pending;
  const auto packet = [&](size_t i) { return stream.cache.find(pending[i]); };
  for (size_t begin = 0, end; begin < pending.size(); begin = end) {
    size_t largest = 0;
    for (end = begin; end < pending.size(); ++end) {
      if (!packet(end)) continue;
      if (packet(begin) && packet(end)->timestamp != packet(begin)->timestamp) break;
      largest = std::max<size_t>(largest, packet(end)->payload_size);
    }
    // The last one may be shorter as it is.
    for (size_t i = begin; i + 1 < end; ++i)
      if (packet(i) && packet(i)->payload_size + size_t{1} == largest) stream.cache.pad(pending[i]);
  }
}

void take_offered_parameter_sets(SourceStream& stream) {
  if (stream.codec != wire::Codec::kH264) return;
  stream.parameter_sets = {};
  stream.parameter_sets.take_offered(
      rtc::format_parameter(stream.fmtp, "sprop-parameter-sets").value_or(std::string_view()));
}

}  // namespace

SourceStream::SourceStream(size_t media_index, const rtc::NegotiatedMedia& agreed)
    : media(media_index),
      kind(agreed.kind),
      codec(agreed.codec),
      clock_rate(agreed.clock_rate),
      fmtp(agreed.fmtp),
      cache(agreed.kind == rtc::MediaKind::kVideo
                ? PacketCache(Publisher::kVideoCache)
                : PacketCache(Publisher::kAudioCache, PacketCache::kMaxSoundPayload)) {
  take_offered_parameter_sets(*this);
  pending.reserve(cache.capacity());
  batch.reserve(cache.capacity());
}

Publisher::Publisher(const rtc::Negotiated& negotiated) {
  for (size_t i = 0; i < negotiated.media.size(); ++i)
    if (negotiated.media[i].receive) streams_.emplace_back(i, negotiated.media[i]);
}

SourceStream* Publisher::stream_of(size_t media) {
  for (SourceStream& stream : streams_)
    if (stream.media == media) return &stream;
  return nullptr;
}

std::vector<rtc::SourceMedia> Publisher::sources() const {
  std::vector<rtc::SourceMedia> sources;
  sources.reserve(streams_.size());
  for (const SourceStream& stream : streams_)
    sources.push_back({stream.kind, stream.codec, stream.fmtp});
  return sources;
}

bool Publisher::accept(Instant now, const rtc::Received& received, rtc::Counters& counters) {
  SourceStream* stream = stream_of(received.media);
  if (!stream) return false;
  const wire::RtpPacket& rtp = received.rtp;
  // Those of the source before would decode the pictures of this one into anything.
  if (stream->source && *stream->source != rtp.ssrc) take_offered_parameter_sets(*stream);
  stream->source = rtp.ssrc;
  if (rtp.payload.empty()) return take_out(now, *stream, received);
  CachedPacket packet{.timestamp = rtp.timestamp,
                      .marker = rtp.marker,
                      .audio_level = received.audio_level,
                      .arrival = now};
  if (is_video(*stream)) {
    const auto info = wire::inspect_payload(stream->codec, rtp.payload, rtp.marker);
    if (!info) {
      // Handed on would be garbage to a decoder. The number is taken out like a probe's.
      counters.add(rtc::Counter::kDropRtpMalformed);
      return take_out(now, *stream, received);
    }
    packet.keyframe = info->keyframe;
    packet.frame_start = info->frame_start;
    if (info->parameter_sets) {
      if (stream->parameter_sets_at != rtp.timestamp) stream->parameter_kinds = {};
      stream->parameter_kinds |= stream->parameter_sets.take(rtp.payload);
      stream->parameter_sets_at = rtp.timestamp;
    }
    // Also if sets and the slice are in one packet, and one kind of them is missing.
    if (info->keyframe && info->frame_start && stream->codec == wire::Codec::kH264)
      complete_keyframe(now, *stream, received.index, rtp.timestamp);
  }
  if (rtp.payload.size() > stream->cache.max_payload()) {
    counters.add(rtc::Counter::kDropRtpTooLarge);
    return take_out(now, *stream, received);
  }
  // After parameter sets may have been put before it.
  const auto index = number_of(*stream, received.index);
  if (!index) {
    counters.add(rtc::Counter::kDropRtpOffSequence);
    return false;
  }
  packet.index = *index;
  if (!insert(now, *stream, packet, rtp.payload)) {
    counters.add(rtc::Counter::kDropRtpDuplicate);
    return false;
  }
  // A packet sent again belongs to a frame that has gone already.
  if (is_video(*stream) && !received.recovered) frame_open_ = !packet.marker;
  return true;
}

// Viewers are to miss nothing under this number. True if that takes a packet.
bool Publisher::take_out(Instant now, SourceStream& stream, const rtc::Received& received) {
  if (remove_number(stream, received.index)) return false;
  const auto index = number_of(stream, received.index);
  return index &&
         insert(now, stream, {.index = *index, .timestamp = received.rtp.timestamp, .arrival = now},
                {});
}

bool Publisher::accept_relayed(Instant now, size_t stream, const CachedPacket& packet,
                               Bytes payload) {
  return stream < streams_.size() && insert(now, streams_[stream], packet, payload);
}

bool Publisher::insert(Instant now, SourceStream& stream, const CachedPacket& packet,
                       Bytes payload) {
  if (!stream.cache.insert(packet, payload)) return false;
  if (payload.empty()) stream.cache.pad(packet.index);  // RTP has no packets of nothing at all
  note_keyframe(stream, packet);
  // More than a cache in one batch would be overwritten before it is handed on.
  if (stream.pending.size() < stream.cache.capacity()) stream.pending.push_back(packet.index);
  const Instant due = now + (sound_waits_ && !is_video(stream) ? kSoundWait : kFrameWait);
  batch_due_ = std::min(batch_due_, due);
  return true;
}

// The first slice of a keyframe has come.
void Publisher::complete_keyframe(Instant now, SourceStream& stream, int64_t raw,
                                  uint32_t timestamp) {
  const bool came = stream.parameter_sets_at == timestamp && stream.parameter_kinds.both();
  if (came || !stream.parameter_sets.complete()) return;
  const auto first = number_of(stream, raw);
  // What follows has its number already.
  if (!first || *first <= stream.cache.highest()) return;
  int64_t index = *first;
  for (const Bytes unit : stream.parameter_sets.units())
    insert(now, stream,
           {.index = index++, .timestamp = timestamp, .frame_start = true, .arrival = now}, unit);
  const int64_t count = index - *first;
  stream.inserted[static_cast<size_t>(stream.insertions++ %
                                      static_cast<int64_t>(stream.inserted.size()))] = {raw, count};
  stream.inserted_count += count;
  stream.parameter_sets_at = timestamp;
  stream.parameter_kinds = {true, true};
}

// A keyframe of H.264 is all packets of its timestamp: what precedes its slices may have come
// before, and what was lost of it comes later.
void Publisher::note_keyframe(SourceStream& stream, const CachedPacket& packet) {
  const bool by_timestamp = stream.codec == wire::Codec::kH264;
  const bool begun = stream.keyframe_index >= 0;
  const bool same = begun && packet.timestamp == stream.keyframe_timestamp;
  if (packet.keyframe && !same && (!begun || packet.index > stream.keyframe_index)) {
    stream.keyframe_index = packet.index;
    stream.keyframe_timestamp = packet.timestamp;
    stream.keyframes.on_keyframe();
  } else if (same && packet.index < stream.keyframe_index && (packet.keyframe || by_timestamp)) {
    stream.keyframe_index = packet.index;
  } else {
    return;
  }
  while (by_timestamp) {
    const CachedPacket* before = stream.cache.find(stream.keyframe_index - 1);
    if (!before || before->timestamp != stream.keyframe_timestamp) return;
    --stream.keyframe_index;
  }
}

bool Publisher::has_pending_video() const {
  return std::any_of(streams_.begin(), streams_.end(), [](const SourceStream& stream) {
    return is_video(stream) && !stream.pending.empty();
  });
}

bool Publisher::batch_complete() const {
  return has_pending() && !frame_open_ && (!sound_waits_ || has_pending_video());
}

void Publisher::prepare_batch() {
  for (SourceStream& stream : streams_) {
    stream.batch.clear();
    stream.batch_lowest = std::numeric_limits<int64_t>::max();
    equalise(stream);
    std::optional<size_t> keyframe;
    for (const int64_t index : stream.pending) {
      const CachedPacket* packet = stream.cache.find(index);
      if (!packet) continue;  // overwritten
      const bool first = packet->keyframe && !keyframe;
      stream.cache.mark_sent(index);
      stream.batch.push_back(stream.cache.plain(*packet));
      stream.batch_lowest = std::min(stream.batch_lowest, index);
      if (!first) continue;
      const auto same = [&](const rtc::PlainPacket& p) { return p.timestamp == packet->timestamp; };
      keyframe =
          static_cast<size_t>(std::ranges::find_if(stream.batch, same) - stream.batch.begin());
    }
    stream.batch_keyframe = keyframe.value_or(stream.batch.size());
  }
}

void Publisher::clear_pending() {
  for (SourceStream& stream : streams_) stream.pending.clear();
  batch_due_ = Instant::never();
  frame_open_ = false;
}

std::optional<int64_t> Publisher::replay_start(const SourceStream& stream, Instant now) const {
  const CachedPacket* first = stream.cache.find(stream.keyframe_index);
  if (!first || now - first->arrival > kMaxReplayAge) return std::nullopt;
  if (stream.cache.highest() - stream.keyframe_index >= kMaxReplay) return std::nullopt;
  return stream.keyframe_index;
}

void Publisher::note_clock(SourceStream& stream, const std::optional<rtc::ClockMark>& mark) {
  if (!mark) {
    stream.clock.reset();
    return;
  }
  if (mark->at == stream.clock_seen) return;
  stream.clock_seen = mark->at;
  const int64_t offset = mark->at.us() - wire::wall_from_ntp(mark->ntp).us;
  if (!clock_offset_ || std::abs(*clock_offset_ - offset) > kClockStepUs) {
    clock_offset_ = offset;
    // By the clock before it was set, the others are not in time with this one.
    for (SourceStream& other : streams_) other.clock.reset();
  }
  stream.clock = mark;
}

std::optional<uint32_t> Publisher::timestamp_at(const SourceStream& stream, Instant now) const {
  const auto& mark = stream.clock;
  if (!mark || !clock_offset_) return std::nullopt;
  const int64_t sent = wire::wall_from_ntp(mark->ntp).us;
  const int64_t elapsed_us = now.us() - (sent + *clock_offset_);
  const int64_t ticks = elapsed_us * stream.clock_rate / 1'000'000;
  return mark->rtp_timestamp + static_cast<uint32_t>(ticks);
}

}  // namespace loopcast::sfu
