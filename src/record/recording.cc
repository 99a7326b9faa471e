#include "record/recording.h"

#include <algorithm>
#include <utility>

#include "record/mp4.h"
#include "record/opus.h"
#include "record/webm.h"

namespace loopcast::record {
namespace {

bool is_video(const sfu::HandoverStream& stream) {
  return stream.kind == rtc::MediaKind::kVideo && wire::is_video(stream.codec);
}
bool is_sound(const sfu::HandoverStream& stream) { return stream.codec == wire::Codec::kOpus; }

int64_t to_units(Duration time, const Track& track) {
  return (time.us() * track.timescale() + 500'000) / 1'000'000;
}
Duration from_units(int64_t units, const Track& track) {
  return Duration::micros(units * 1'000'000 / track.timescale());
}

// VP8 cannot be in MP4, and nothing but VP8 is put into WebM.
Format format_for(const std::vector<sfu::HandoverStream>& streams) {
  const bool vp8 = std::ranges::any_of(
      streams, [](const auto& stream) { return stream.codec == wire::Codec::kVp8; });
  return vp8 ? Format::kWebm : Format::kMp4;
}
bool can_hold(Format format, wire::Codec codec) {
  return codec == wire::Codec::kOpus || (codec == wire::Codec::kVp8) == (format == Format::kWebm);
}

}  // namespace

bool Recording::fits(const std::vector<sfu::HandoverStream>& streams) const {
  if (!format_) return true;
  const auto pictures = std::ranges::find_if(
      tracks_, [](const OpenTrack& open) { return wire::is_video(open.track.codec); });
  return std::ranges::all_of(streams, [&](const sfu::HandoverStream& stream) {
    if (!is_video(stream)) return true;
    return pictures != tracks_.end() ? stream.codec == pictures->track.codec
                                     : can_hold(*format_, stream.codec);
  });
}

void Recording::take(Instant now, const sfu::PacketBatch& batch) {
  if (!batch.streams.empty()) {
    end_source(now);
    begin_source(batch);
  }
  for (const sfu::PacketBatch::Packet& packet : batch.packets) {
    if (packet.stream >= streams_.size()) continue;
    ++counters_.packets;
    Stream& stream = streams_[packet.stream];
    if (!is_sound(stream.description) && !is_video(stream.description)) continue;
    stream.jitter.insert(now, packet.meta, batch.payload(packet));
  }
  for (Stream& stream : streams_) drain(now, stream);
  for (const sfu::PacketBatch::Clock& clock : batch.clocks) {
    if (clock.stream >= streams_.size() || !timeline_) continue;
    if (is_sound(streams_[clock.stream].description))
      timeline_->on_audio_report(clock.mark);
    else
      timeline_->on_video_report(clock.mark);
  }
  if (draft_.is_open() && timeline_->target()) settle();
  if (batch.last) end_source(now);
  handle_timeout(now);
}

void Recording::begin_source(const sfu::PacketBatch& batch) {
  if (!format_) format_ = format_for(batch.streams);
  uint32_t audio_rate = kOpusRate, video_rate = 90'000;
  for (const sfu::HandoverStream& description : batch.streams) {
    Stream& stream =
        streams_.emplace_back(description, is_video(description) ? kVideoWait : kAudioWait);
    if (description.clock_rate == 0) continue;
    if (is_video(description)) {
      stream.frames = std::make_unique<FrameAssembler>(description.codec);
      video_rate = description.clock_rate;
    } else {
      audio_rate = description.clock_rate;
    }
  }
  // Packets of a replay came before now: the time begins with the first of them.
  Instant first = batch.at;
  for (const auto& packet : batch.packets) first = std::min(first, packet.meta.arrival);
  if (tracks_.empty()) origin_ = first;
  const Duration start = std::max(first - origin_, end_);
  timeline_.emplace(audio_rate, video_rate, start, first);
  jumps_ = 0;
  const bool both =
      std::ranges::any_of(batch.streams, is_sound) && std::ranges::any_of(batch.streams, is_video);
  if (both) draft_.open(tracks_.empty());
  for (OpenTrack& open : tracks_) open.floor = open.next;
}

void Recording::end_source(Instant now) {
  for (Stream& stream : streams_) {
    stream.jitter.stop_waiting();
    drain(now, stream);
  }
  streams_.clear();
  timeline_.reset();
  end_draft();
}

void Recording::drain(Instant now, Stream& stream) {
  while (auto packet = stream.jitter.pop(now)) {
    if (is_sound(stream.description)) {
      add_sound(now, *packet);
      continue;
    }
    if (!stream.frames) continue;
    stream.frames->push(*packet);
    while (auto frame = stream.frames->pop())
      add_picture(now, stream.description.codec, std::move(*frame));
  }
  counters_.packets_lost +=
      stream.jitter.lost() - std::exchange(stream.lost_counted, stream.jitter.lost());
  if (!stream.frames) return;
  const uint64_t dropped = stream.frames->dropped();
  if (dropped != stream.dropped_counted && stream.frames->needs_keyframe()) wants_keyframe_ = true;
  counters_.frames_dropped += dropped - std::exchange(stream.dropped_counted, dropped);
}

Recording::OpenTrack* Recording::find(wire::Codec codec) {
  const auto it = std::ranges::find_if(
      tracks_, [&](const OpenTrack& open) { return open.track.codec == codec; });
  return it == tracks_.end() ? nullptr : &*it;
}

Recording::OpenTrack& Recording::open(wire::Codec codec) {
  OpenTrack& open = tracks_.emplace_back();
  open.track.id = static_cast<uint32_t>(tracks_.size());
  open.track.codec = codec;
  open.run.track = open.track.id;
  tracks_changed_ = true;
  return open;
}

void Recording::add_sound(Instant now, const JitterBuffer::Packet& packet) {
  const auto duration = opus_duration(packet.payload);
  if (!duration) {
    ++counters_.packets_refused;
    return;
  }
  const Duration time = timeline_->audio_time(packet.meta.timestamp, packet.meta.arrival);
  note_jump();
  OpenTrack* track = find(wire::Codec::kOpus);
  if (!track) {
    track = &open(wire::Codec::kOpus);
    track->next = std::max<int64_t>(0, to_units(time, track->track));
  }
  const int64_t at = to_units(time, track->track);
  // It came after its place was filled.
  if (at <= track->next - kOpusSilenceDuration) return;
  note_media(now);
  fill_silence(*track, at);
  track->run.samples.push_back(
      {track->next, *duration, static_cast<uint32_t>(packet.payload.size()), true});
  track->run.bytes.insert(track->run.bytes.end(), packet.payload.begin(), packet.payload.end());
  track->next += *duration;
}

void Recording::fill_silence(OpenTrack& track, int64_t until) {
  while (track.next + kOpusSilenceDuration <= until) {
    track.run.samples.push_back({track.next, kOpusSilenceDuration, kOpusSilence.size(), true});
    track.run.bytes.insert(track.run.bytes.end(), kOpusSilence.begin(), kOpusSilence.end());
    track.next += kOpusSilenceDuration;
    ++counters_.silences;
  }
}

void Recording::add_picture(Instant now, wire::Codec codec, TimedFrame&& timed) {
  if (!can_hold(*format_, codec)) {
    ++counters_.packets_refused;
    return;
  }
  OpenTrack* track = find(codec);
  if (!track) track = &open(codec);
  if (const auto& config = timed.frame.config) {
    Track& t = track->track;
    if (t.description.empty() && !config->description.empty()) {
      t.description = config->description;
      tracks_changed_ = true;
    }
    if (uint64_t{config->width} * config->height > uint64_t{t.width} * t.height) {
      t.width = config->width;
      t.height = config->height;
      tracks_changed_ = true;
    }
    // A fragment begins with a keyframe where it can, so that what is lost with one is little. The
    // first one is to know when each track begins.
    if (begun_ && !is_empty()) cut(now);
  }
  note_media(now);
  const Duration time = timeline_->video_time(timed.timestamp, timed.arrival);
  note_jump();
  if (draft_.is_open()) track->run.clock.push_back(time - timeline_->correction());
  const int64_t at = std::max(to_units(time, track->track), track->next);
  auto& samples = track->run.samples;
  if (!samples.empty()) samples.back().duration = static_cast<uint32_t>(at - samples.back().time);
  if (!samples.empty()) track->last_step = samples.back().duration;
  constexpr uint32_t kGuess = 3000;
  const uint32_t guess =
      track->last_step > 0 && track->last_step < 90'000 ? track->last_step : kGuess;
  samples.push_back(
      {at, guess, static_cast<uint32_t>(timed.frame.data.size()), timed.frame.keyframe});
  track->run.bytes.insert(track->run.bytes.end(), timed.frame.data.begin(), timed.frame.data.end());
  track->next = at + 1;
  ++counters_.frames;
  wants_keyframe_ = false;
  if (track->run.bytes.size() >= kMaxFragmentBytes) cut(now);
}

void Recording::note_media(Instant now) {
  if (fragment_since_.is_never()) fragment_since_ = now;
}

bool Recording::is_empty() const {
  return std::ranges::all_of(tracks_,
                             [](const OpenTrack& open) { return open.run.samples.empty(); });
}

// What came first may not have been written, like pictures before a keyframe. A file that begins
// later than at 0 has no length that all players agree about.
void Recording::begin_at_zero() {
  begun_ = true;
  std::optional<Duration> first;
  for (const OpenTrack& open : tracks_) {
    if (open.run.samples.empty()) continue;
    const Duration at = from_units(open.run.samples.front().time, open.track);
    first = std::min(first.value_or(at), at);
  }
  for (OpenTrack& open : tracks_) {
    const int64_t units = to_units(*first, open.track);
    for (Sample& sample : open.run.samples) sample.time -= units;
    for (Duration& clock : open.run.clock) clock = clock - *first;
    open.next -= units;
  }
  origin_ = origin_ + *first;
  if (timeline_) timeline_->move_origin(*first);
}

void Recording::cut(Instant now) {
  // Sound that pauses is silence, before pictures run away from it.
  OpenTrack* sound = find(wire::Codec::kOpus);
  if (!begun_ && !is_empty()) begin_at_zero();
  Duration pictures;
  for (const OpenTrack& open : tracks_)
    if (&open != sound) pictures = std::max(pictures, from_units(open.next, open.track));
  if (sound) fill_silence(*sound, to_units(pictures - kAudioPatience, sound->track));
  fragment_since_ = Instant::never();
  if (is_empty()) return;
  const std::vector<Track> tracks = written_tracks();
  std::vector<Run> runs;
  for (OpenTrack& open : tracks_) {
    if (open.run.samples.empty()) continue;
    reach(open.run);
    runs.push_back(std::exchange(open.run, {.track = open.track.id}));
  }
  uint64_t offset = 0;
  if (*format_ == Format::kMp4) {
    if (std::exchange(tracks_changed_, false)) append_mp4_tracks(output_, tracks);
    offset = given_ + output_.size();
    append_mp4_fragment(output_, ++sequence_, runs);
  } else {
    if (std::exchange(tracks_changed_, false)) append_webm_tracks(output_, tracks);
    offset = given_ + output_.size();
    append_webm_clusters(output_, tracks, runs);
  }
  ++counters_.fragments;
  if (!draft_.is_open()) return;
  for (Run& run : runs) run.bytes = {};
  draft_.add({now, offset, sequence_, std::move(runs)});
  while (draft_.is_over(now)) leave_guessed(*draft_.pop());
}

// Times before and after a jump of a clock are not comparable: those before it stay a guess.
void Recording::note_jump() {
  if (std::exchange(jumps_, timeline_->jumps()) == timeline_->jumps() || !draft_.is_open()) return;
  while (const auto fragment = draft_.pop()) leave_guessed(*fragment);
  for (OpenTrack& open : tracks_) {
    open.run.clock.clear();
    open.floor = std::max(open.floor, open.next);
  }
  draft_.set_partial();
}

void Recording::reach(const Run& run) {
  const Sample& last = run.samples.back();
  end_ = std::max(end_, from_units(last.time + last.duration, tracks_[run.track - 1].track));
}

std::vector<Track> Recording::written_tracks() const {
  std::vector<Track> tracks;
  tracks.reserve(tracks_.size());
  for (const OpenTrack& open : tracks_) tracks.push_back(open.track);
  return tracks;
}

void Recording::leave_guessed(const Draft::Fragment& fragment) {
  bool pictures = false;
  for (const Run& run : fragment.runs) {
    if (run.clock.empty()) continue;
    pictures = true;
    OpenTrack& open = tracks_[run.track - 1];
    open.floor = std::max(open.floor, run.samples.back().time + 1);
  }
  if (pictures) ++counters_.fragments_guessed;
}

void Recording::end_draft() {
  draft_.close();
  while (const auto fragment = draft_.pop()) leave_guessed(*fragment);
  for (OpenTrack& open : tracks_) open.run.clock.clear();
}

// The first reports are in: pictures are where the reports say, those before as well.
void Recording::settle() {
  const Duration correction = *timeline_->target();
  const Duration off = correction - timeline_->correction();
  if (std::max(off, -off) > kMaxRetiming) return end_draft();
  timeline_->settle();
  std::vector<Run*> runs;
  for (Draft::Fragment& fragment : draft_.fragments())
    for (Run& run : fragment.runs) runs.push_back(&run);
  for (OpenTrack& open : tracks_)
    if (!open.run.samples.empty()) runs.push_back(&open.run);
  const std::vector<Draft::Fragment> before(draft_.fragments().begin(), draft_.fragments().end());

  // A file begins at 0, also if that is now another moment.
  Duration origin;
  if (draft_.is_whole() && !runs.empty()) {
    origin = Duration::seconds(1'000'000);
    for (const Run* run : runs)
      origin = std::min(origin, run->clock.empty() ? from_units(run->samples.front().time,
                                                                tracks_[run->track - 1].track)
                                                   : run->clock.front() + correction);
    origin_ = origin_ + origin;
    timeline_->move_origin(origin);
  }
  for (Run* run : runs) {
    OpenTrack& open = tracks_[run->track - 1];
    const size_t guessed = run->samples.size() - run->clock.size();
    for (size_t i = 0; i < run->samples.size(); ++i) {
      int64_t& time = run->samples[i].time;
      if (i < guessed) {
        time -= to_units(origin, open.track);
        continue;
      }
      const Duration at = run->clock[i - guessed] + correction - origin;
      time = std::max(to_units(at, open.track), open.floor);
      open.floor = time + 1;
      if (i > 0)
        run->samples[i - 1].duration = static_cast<uint32_t>(time - run->samples[i - 1].time);
    }
    if (!run->clock.empty()) open.next = open.floor;
  }
  if (OpenTrack* sound = find(wire::Codec::kOpus)) sound->next -= to_units(origin, sound->track);
  rewrite(before);
}

// In place, as sizes are the same: what is at an offset may be of before or of now, as a kill
// leaves it, and is whole either way.
void Recording::rewrite(const std::vector<Draft::Fragment>& before) {
  const std::vector<Track> tracks = written_tracks();
  if (!before.empty()) end_ = Duration();
  for (const Draft::Fragment& was : before) {
    const Draft::Fragment now = *draft_.pop();
    if (*format_ == Format::kMp4) {
      std::vector<uint8_t> head;
      append_mp4_fragment_head(head, now.sequence, now.runs);
      overwrite(now.offset, std::move(head));
    } else {
      for (Patch& patch : webm_times(tracks, was.runs, now.runs))
        overwrite(now.offset + patch.offset, std::move(patch.bytes));
    }
    for (const Run& run : now.runs) reach(run);
    ++counters_.fragments_retimed;
  }
  end_draft();
}

void Recording::overwrite(uint64_t offset, std::vector<uint8_t>&& bytes) {
  if (offset < given_)
    patches_.push_back({offset, std::move(bytes)});
  else
    std::ranges::copy(bytes, output_.begin() + static_cast<ptrdiff_t>(offset - given_));
}

void Recording::handle_timeout(Instant now) {
  for (Stream& stream : streams_)
    if (stream.jitter.next_timeout() <= now) drain(now, stream);
  if (!fragment_since_.is_never() && now - fragment_since_ >= kFragment) cut(now);
}

Instant Recording::next_timeout() const {
  Instant at = fragment_since_.is_never() ? Instant::never() : fragment_since_ + kFragment;
  for (const Stream& stream : streams_) at = std::min(at, stream.jitter.next_timeout());
  return at;
}

void Recording::finish(Instant now) {
  end_source(now);
  cut(now);
}

Recording::Output Recording::take_output() {
  given_ += output_.size();
  return {std::exchange(output_, {}), std::exchange(patches_, {})};
}

void Recording::note_unwritten(const Output& output) {
  given_ -= output.fragments.size();
  draft_.forget_from(given_);
  // What was in it is to be described again.
  tracks_changed_ = !tracks_.empty();
  note_loss();
}

void Recording::note_loss() {
  for (Stream& stream : streams_)
    if (stream.frames) {
      stream.frames->require_keyframe();
      wants_keyframe_ = true;
    }
}

bool Recording::take_keyframe_request(Instant now) {
  if (!wants_keyframe_ || now - keyframe_asked_ < kKeyframeRetry) return false;
  keyframe_asked_ = now;
  ++counters_.keyframe_requests;
  return true;
}

}  // namespace loopcast::record
