#include "record/recording.h"

#include <algorithm>
#include <span>
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
  const bool too_much = is_over_rate(now, batch.bytes.size() + batch.packets.size() * kPacketCost);
  if (too_much) counters_.packets_over_rate += batch.packets.size();
  for (const sfu::PacketBatch::Packet& packet : batch.packets) {
    if (too_much || packet.stream >= streams_.size()) continue;
    ++counters_.packets;
    Stream& stream = streams_[packet.stream];
    if (!is_sound(stream.description) && !is_video(stream.description)) continue;
    stream.jitter.insert(now, packet.meta, batch.payload(packet));
  }
  for (Stream& stream : streams_) drain(now, stream);
  for (const sfu::PacketBatch::Clock& clock : batch.clocks) {
    if (clock.stream >= streams_.size() || !timeline_ || !clock.mark) continue;
    if (is_sound(streams_[clock.stream].description))
      timeline_->on_audio_report(*clock.mark);
    else
      timeline_->on_video_report(*clock.mark);
  }
  if (draft_.is_open() && timeline_->target()) settle();
  if (batch.last) end_source(now);
  handle_timeout(now);
}

bool Recording::is_over_rate(Instant now, size_t bytes) {
  const int64_t passed_ms = std::clamp<int64_t>((now - budget_at_).ms(), 0, 60'000);
  if (passed_ms > 0) {
    budget_ = std::min(kMaxBurst, budget_ + passed_ms * (kMaxRate / 1000));
    budget_at_ = now;
  }
  if (static_cast<int64_t>(bytes) <= budget_) {
    budget_ -= static_cast<int64_t>(bytes);
    return false;
  }
  over_rate_ = true;
  note_loss();
  return true;
}

void Recording::begin_source(const sfu::PacketBatch& batch) {
  if (!format_) format_ = format_for(batch.streams);
  uint32_t audio_rate = kOpusRate, video_rate = 90'000;
  for (const sfu::HandoverStream& description : batch.streams) {
    Stream& stream =
        streams_.emplace_back(description, is_video(description) ? kVideoWait : kAudioWait);
    if (description.clock_rate == 0) continue;
    if (is_video(description)) {
      stream.frames = std::make_unique<FrameAssembler>(description.codec, description.fmtp);
      video_rate = description.clock_rate;
    } else {
      audio_rate = description.clock_rate;
    }
  }
  // Packets of a replay came before now: the time begins with the first of them.
  Instant first = batch.at;
  for (const auto& packet : batch.packets) first = std::min(first, packet.meta.arrival);
  if (tracks_.empty()) origin_ = first;
  const Duration passed = first - origin_;
  const Duration start = std::max(passed, end_);
  timeline_.emplace(audio_rate, video_rate, start, first, start - passed);
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
  place_held_sound(now, true);
  flush_pictures(now, Instant::never());
  streams_.clear();
  timeline_.reset();
  end_draft();
}

void Recording::drain(Instant now, Stream& stream) {
  while (auto packet = stream.jitter.pop(now)) {
    if (is_sound(stream.description)) {
      add_sound(now, std::move(*packet));
      continue;
    }
    if (!stream.frames) continue;
    stream.frames->push(*packet);
    if (stream.frames->is_marked()) note_media(now);
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

void Recording::flush_pictures(Instant now, Instant arrived) {
  for (Stream& stream : streams_) {
    if (!stream.frames) continue;
    stream.frames->flush(arrived);
    while (auto frame = stream.frames->pop())
      add_picture(now, stream.description.codec, std::move(*frame));
  }
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

void Recording::add_sound(Instant now, JitterBuffer::Packet&& packet) {
  held_sound_.push_back(std::move(packet));
  place_held_sound(now, false);
}

void Recording::place_held_sound(Instant now, bool all) {
  while (!held_sound_.empty()) {
    const sfu::CachedPacket& first = held_sound_.front().meta;
    const sfu::CachedPacket& last = held_sound_.back().meta;
    const bool full = all || held_sound_.size() > kMaxHeldSound;
    const SoundVerdict verdict = timeline_->judge(full ? Instant::never() : now, first.timestamp,
                                                  first.arrival, last.timestamp, last.arrival);
    if (verdict == SoundVerdict::kUnknown) return;
    if (verdict == SoundVerdict::kStoodStill) timeline_->resume_sound(first.timestamp);
    place_sound(now, held_sound_.front());
    held_sound_.pop_front();
  }
}

void Recording::place_sound(Instant now, const JitterBuffer::Packet& packet) {
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
    note_config(*track, *config);
    // A fragment begins with a keyframe where it can, so that what is lost with one is little. The
    // first one is to know when each track begins.
    if (begun_ && !is_empty()) cut(now);
  }
  note_media(now);
  const Duration time = timeline_->video_time(timed.timestamp, timed.arrival);
  note_jump();
  if (draft_.is_open()) track->run.clock.push_back(time - timeline_->correction());
  const int64_t at = place_picture(*track, time, timed);
  track->run.samples.push_back(
      {at, 0, static_cast<uint32_t>(timed.frame.data.size()), timed.frame.keyframe});
  track->run.bytes.insert(track->run.bytes.end(), timed.frame.data.begin(), timed.frame.data.end());
  track->next = std::max(track->next, at + 1);
  ++counters_.frames;
  wants_keyframe_ = false;
  if (track->run.bytes.size() >= kMaxFragmentBytes) cut(now);
}

// Where a picture is shown. One that its timestamp says is shown before another one that came
// earlier lies before that, and all others behind everything that came.
int64_t Recording::place_picture(OpenTrack& track, Duration time, const TimedFrame& timed) {
  int64_t at = to_units(time, track.track);
  const bool stepped =
      std::exchange(picture_steps_, timeline_->picture_steps()) != timeline_->picture_steps();
  const bool back = track.track.codec == wire::Codec::kH264 &&
                    track.order.goes_back(timed.timestamp, timed.frame.keyframe || stepped);
  if (!back) return std::max(at, track.next);
  at = std::clamp(at, std::max<int64_t>(0, track.next - PictureOrder::kMaxBack), track.next);
  // Pictures that are shown near this one came near it: a decoder holds back no more of them. A
  // fragment may have tens of thousands of tiny ones, and all of them are not looked at for each.
  constexpr size_t kNear = 2 * PictureOrder::kMaxDepth;
  const std::span<const Sample> samples(track.run.samples);
  const auto near = samples.last(std::min(samples.size(), kNear));
  const auto taken = [&](const Sample& sample) { return sample.time == at; };
  while (std::ranges::any_of(near, taken)) ++at;
  return at;
}

// The file describes its largest picture, which is more than any other one needs. Parameter sets
// of H.264 that change are told to be in the pictures, where they are.
void Recording::note_config(OpenTrack& open, const VideoConfig& config) {
  Track& track = open.track;
  const bool larger = uint64_t{config.width} * config.height > uint64_t{track.width} * track.height;
  if (track.codec == wire::Codec::kH264 && !track.in_band && !track.description.empty() &&
      track.description != config.description)
    track.in_band = tracks_changed_ = true;
  if (larger || track.description.empty()) {
    tracks_changed_ |= larger || track.description != config.description;
    track.description = config.description;
  }
  if (!larger) return;
  track.width = config.width;
  track.height = config.height;
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
    open.floor = std::max<int64_t>(0, open.floor - units);
  }
  move_origin(*first);
}

void Recording::move_origin(Duration by) {
  origin_ = origin_ + by;
  for (Reach& reach : reached_) reach.pictures = reach.pictures - by;
  if (timeline_) timeline_->move_origin(by);
}

Duration Recording::awaited_sound(Instant now) {
  Duration pictures, due;
  for (const OpenTrack& open : tracks_)
    if (wire::is_video(open.track.codec))
      pictures = std::max(pictures, from_units(open.next, open.track));
  reached_.push_back({now, pictures});
  while (!reached_.empty() && reached_.front().at + kAudioPatience <= now) {
    due = reached_.front().pictures;
    reached_.pop_front();
  }
  return due;
}

void Recording::cut(Instant now) {
  // Sound that pauses is silence, before pictures run away from it.
  OpenTrack* sound = find(wire::Codec::kOpus);
  if (!begun_ && !is_empty()) begin_at_zero();
  const Duration awaited = awaited_sound(now);
  if (sound && held_sound_.empty()) fill_silence(*sound, to_units(awaited, sound->track));
  fragment_since_ = Instant::never();
  for (const Stream& stream : streams_)
    if (stream.frames && stream.frames->is_marked()) note_media(now);
  if (is_empty()) return;
  const std::vector<Track> tracks = written_tracks();
  std::vector<Run> runs;
  for (OpenTrack& open : tracks_) {
    if (open.run.samples.empty()) continue;
    if (wire::is_video(open.track.codec)) {
      open.order.place(open.run.samples);
      open.run.reordered = open.order.reorders();
    }
    open.decoded = open.run.samples.back().time;
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
  int64_t end = 0;
  for (const Sample& sample : run.samples)
    end = std::max(end, sample.time + std::max(sample.offset, 0) + int64_t{sample.duration});
  end_ = std::max(end_, from_units(end, tracks_[run.track - 1].track));
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
    for (const Sample& sample : run.samples)
      open.floor = std::max(open.floor, sample.time + sample.offset + 1);
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
    move_origin(origin);
  }
  std::vector<std::optional<int64_t>> latest(tracks_.size());
  for (const Draft::Fragment& fragment : before)
    for (const Run& run : fragment.runs)
      if (!run.clock.empty()) tracks_[run.track - 1].decoded = -1;
  for (Run* run : runs) move_pictures(*run, correction - origin, -origin, latest[run->track - 1]);
  if (OpenTrack* sound = find(wire::Codec::kOpus)) sound->next -= to_units(origin, sound->track);
  rewrite(before);
}

// `by_others`: of what is not placed by a clock. `latest`: shown so far of the track, as it was.
void Recording::move_pictures(Run& run, Duration clock_by, Duration by_others,
                              std::optional<int64_t>& latest) {
  OpenTrack& open = tracks_[run.track - 1];
  const bool placed = &run != &open.run;
  const size_t guessed = run.samples.size() - run.clock.size();
  int64_t by = to_units(by_others, open.track);
  for (size_t i = 0; i < run.samples.size(); ++i) {
    Sample& sample = run.samples[i];
    if (i < guessed) {
      sample.time += by;
      if (placed) open.decoded = sample.time;
      continue;
    }
    const int64_t was = sample.time + sample.offset;
    int64_t shown = to_units(run.clock[i - guessed] + clock_by, open.track);
    if (!latest || was > *latest) {
      shown = std::max(shown, open.floor);
      open.floor = shown + 1;
      latest = was;
    }
    by = shown - was;
    sample.time = run.reordered ? std::max(sample.time + by, open.decoded + 1) : shown;
    if (placed) {
      sample.offset = static_cast<int32_t>(shown - sample.time);
      if (i > 0) run.samples[i - 1].duration = static_cast<uint32_t>(sample.time - open.decoded);
      open.decoded = sample.time;
    }
  }
  if (run.clock.empty()) return;
  open.next = open.floor;
  if (placed) open.order.shift(by, open.decoded);
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
  if (fragment_since_.is_never() || now - fragment_since_ < kFragment) return;
  flush_pictures(now, now - kMarkerPatience);
  cut(now);
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
