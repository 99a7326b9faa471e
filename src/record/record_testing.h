// For tests and benchmarks: a presenter whose packets tell which picture or piece of sound they
// are, and when it was taken.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "base/time.h"
#include "record/byte_builder.h"
#include "record/recording.h"
#include "record/recording_file.h"
#include "sfu/handover.h"
#include "wire/ntp.h"

namespace loopcast::record {

// Writes what the recording gives out, as the server does. Answers how many bytes were appended.
inline Expected<size_t> write_output(Instant now, Recording& recording, RecordingFile& file) {
  const Recording::Output output = recording.take_output();
  for (const Patch& patch : output.patches)
    if (Status written = file.overwrite(patch); !written) return written.error();
  if (output.fragments.empty()) return size_t{0};
  const Status written = file.append(now, *recording.format(), output.fragments);
  if (const auto restoration = file.take_restoration()) {
    restoration->run();
    file.end_restoration(*restoration);
  }
  if (!written) {
    recording.note_unwritten(output);
    return written.error();
  }
  return output.fragments.size();
}

class SyntheticPresenter {
 public:
  struct Options {
    wire::Codec codec = wire::Codec::kH264;
    int frames_per_second = 25;  // divides 50
    size_t keyframe_bytes = 4000;
    size_t frame_bytes = 900;
    int keyframe_every = 100;  // pictures
    double audio_drift = 0;    // parts per one
    double video_drift = 0;
    double video_latency = 0.06;  // seconds from when a picture is taken to its arrival
    double audio_latency = 0;     // ... and of a piece of sound
    // Sender reports come every second and every five, from these ticks on; -1: none.
    int first_video_report = 25;
    int first_audio_report = 30;
    uint32_t first_timestamp = 0;
    uint32_t first_number = 0;  // of pictures
    bool sound = true;
    bool pictures = true;
    int b_frames =
        0;  // of H.264: so many pictures are sent behind the one that is shown after them
  };
  static constexpr size_t kMaxPayload = 1100;
  static constexpr double kTick = 0.02;  // seconds; one piece of sound

  // Time 0 of the presenter is `start`.
  SyntheticPresenter(Options options, Instant start)
      : options_(options), start_(start), number_(options.first_number) {}

  sfu::PacketBatch describe(sfu::MediaId publisher) const {
    sfu::PacketBatch batch;
    batch.publisher = publisher;
    batch.at = start_;
    if (options_.sound)
      batch.streams.push_back({rtc::MediaKind::kAudio, wire::Codec::kOpus, 48'000, {}});
    if (options_.pictures)
      batch.streams.push_back({rtc::MediaKind::kVideo, options_.codec, 90'000, {}});
    return batch;
  }

  // Everything of the next 20 ms, as it arrives.
  sfu::PacketBatch next(sfu::MediaId publisher) {
    const double t = static_cast<double>(tick_) * kTick;
    sfu::PacketBatch batch;
    batch.publisher = publisher;
    batch.at = arrival(t + std::max(options_.video_latency, options_.audio_latency));
    if (options_.sound) add_sound(batch, t);
    const int ticks_per_frame = 50 / options_.frames_per_second;
    if (options_.pictures && tick_ % ticks_per_frame == 0) add_picture(batch, t);
    if (options_.pictures && reports(options_.first_video_report, 50))
      add_report(batch, video_stream(), t, video_clock(t));
    if (options_.sound && reports(options_.first_audio_report, 250))
      add_report(batch, 0, t, audio_clock(t));
    ++tick_;
    return batch;
  }

  void request_keyframe() { wants_keyframe_ = true; }
  // The picture that comes next is of the other size.
  void change_size() {
    large_ = !large_;
    wants_keyframe_ = true;
  }
  // Nothing is sent for so many ticks, and the numbers go on.
  void skip(int64_t ticks) {
    tick_ += ticks;
    sound_ += static_cast<uint32_t>(ticks);
    number_ += static_cast<uint32_t>(ticks * options_.frames_per_second / 50);
    wants_keyframe_ = true;
  }

  // When a picture or a piece of sound was taken, in seconds.
  double time_of_sound(uint32_t number) const {
    return number * kTick / (1 + options_.audio_drift);
  }
  double time_of_picture(uint32_t number) const {
    return (number - options_.first_number) / static_cast<double>(options_.frames_per_second);
  }
  uint32_t pictures() const { return number_; }
  Instant now() const { return arrival(static_cast<double>(tick_) * kTick); }

 private:
  Instant arrival(double t) const { return start_ + Duration::micros(std::llround(t * 1e6)); }
  bool reports(int64_t from, int64_t every) const {
    return from >= 0 && tick_ >= from && (tick_ - from) % every == 0;
  }
  uint32_t video_stream() const { return options_.sound ? 1 : 0; }
  uint32_t clock(double t, double rate) const {
    return options_.first_timestamp + static_cast<uint32_t>(std::llround(t * rate));
  }
  uint32_t audio_clock(double t) const { return clock(t, 48'000 * (1 + options_.audio_drift)); }
  uint32_t video_clock(double t) const { return clock(t, 90'000 * (1 + options_.video_drift)); }

  void add(sfu::PacketBatch& batch, uint32_t stream, int64_t index, uint32_t timestamp, bool marker,
           double at, Bytes payload) const {
    sfu::CachedPacket meta;
    meta.index = index;
    meta.timestamp = timestamp;
    meta.marker = marker;
    meta.payload_size = static_cast<uint16_t>(payload.size());
    meta.arrival = arrival(at);
    batch.packets.push_back({stream, static_cast<uint32_t>(batch.bytes.size()), meta});
    batch.bytes.insert(batch.bytes.end(), payload.begin(), payload.end());
  }

  void add_sound(sfu::PacketBatch& batch, double t) {
    // A clock that is fast has its 960 samples together sooner.
    for (; time_of_sound(sound_) < t + kTick / 2; ++sound_) {
      // 20 ms of CELT in stereo, which tells its number.
      std::vector<uint8_t> payload{0xFC, 'S', 'O', 'U', 'N'};
      ByteBuilder(payload).u32(sound_);
      payload.resize(80, 0x5A);
      add(batch, 0, audio_index_++, options_.first_timestamp + sound_ * 960, false,
          time_of_sound(sound_) + options_.audio_latency, payload);
    }
  }

  void add_picture(sfu::PacketBatch& batch, double t) {
    const uint32_t number = number_++;
    const bool first = number == options_.first_number;
    ++since_key_;
    const auto between = static_cast<uint32_t>(options_.b_frames);
    if ((number - options_.first_number) % (between + 1) != 0) return;
    const bool key = wants_keyframe_ || since_key_ >= options_.keyframe_every || first;
    if (key) since_key_ = 0, wants_keyframe_ = false;
    const double at = t + options_.video_latency;
    // What comes before a keyframe does not refer to it.
    if (!key) send_picture(batch, number, at, false);
    for (uint32_t i = first ? 0 : between; i > 0; --i) send_picture(batch, number - i, at, false);
    if (key) send_picture(batch, number, at, true);
  }

  void send_picture(sfu::PacketBatch& batch, uint32_t number, double at, bool key) {
    const uint32_t timestamp = video_clock(time_of_picture(number));
    if (options_.codec == wire::Codec::kVp8)
      add_vp8(batch, number, timestamp, at, key);
    else
      add_h264(batch, number, timestamp, at, key);
  }

  void add_h264(sfu::PacketBatch& batch, uint32_t number, uint32_t timestamp, double at, bool key) {
    static const std::vector<uint8_t> kSmall{0x67, 0x42, 0xc0, 0x1e, 0xd9, 0x00, 0xa0, 0x3d,
                                             0xb0, 0x11, 0x00, 0x00, 0x03, 0x00, 0x01, 0x00,
                                             0x00, 0x03, 0x00, 0x3c, 0x0f, 0x16, 0x2e, 0x48};
    static const std::vector<uint8_t> kLarge{0x67, 0x64, 0x00, 0x28, 0xac, 0xd9, 0x40, 0x78, 0x02,
                                             0x27, 0xe5, 0xc0, 0x44, 0x00, 0x00, 0x03, 0x00, 0x04,
                                             0x00, 0x00, 0x03, 0x00, 0xf0, 0x3c, 0x60, 0xc6, 0x58};
    static const std::vector<uint8_t> kPicture{0x68, 0xcb, 0x83, 0xcb, 0x20};
    const auto stream = video_stream();
    if (key) {
      std::vector<uint8_t> aggregate{0x78};
      ByteBuilder out(aggregate);
      for (const auto& set : {large_ ? kLarge : kSmall, kPicture}) {
        out.u16(static_cast<uint16_t>(set.size()));
        out.bytes(set);
      }
      add(batch, stream, video_index_++, timestamp, false, at, aggregate);
    }
    std::vector<uint8_t> slice{0x88, 'P', 'I', 'C', 'T'};
    ByteBuilder(slice).u32(number);
    slice.resize(key ? options_.keyframe_bytes : options_.frame_bytes, 0xA5);
    const auto type = static_cast<uint8_t>(key ? 5 : 1);
    for (size_t from = 0; from < slice.size(); from += kMaxPayload) {
      const size_t size = std::min(kMaxPayload, slice.size() - from);
      const bool first = from == 0, last = from + size == slice.size();
      std::vector<uint8_t> payload{
          0x7C, static_cast<uint8_t>((first ? 0x80 : 0) | (last ? 0x40 : 0) | type)};
      if (first && last) payload = {static_cast<uint8_t>(0x60 | type)};
      payload.insert(payload.end(), slice.begin() + static_cast<ptrdiff_t>(from),
                     slice.begin() + static_cast<ptrdiff_t>(from + size));
      add(batch, stream, video_index_++, timestamp, last, at, payload);
    }
  }

  void add_vp8(sfu::PacketBatch& batch, uint32_t number, uint32_t timestamp, double at, bool key) {
    const uint16_t width = large_ ? 1920 : 640, height = large_ ? 1080 : 480;
    std::vector<uint8_t> frame{static_cast<uint8_t>(key ? 0x10 : 0x11), 2, 0};
    if (key)
      frame.insert(frame.end(),
                   {0x9D, 0x01, 0x2A, static_cast<uint8_t>(width), static_cast<uint8_t>(width >> 8),
                    static_cast<uint8_t>(height), static_cast<uint8_t>(height >> 8)});
    for (const char c : {'P', 'I', 'C', 'T'}) frame.push_back(static_cast<uint8_t>(c));
    ByteBuilder(frame).u32(number);
    frame.resize(key ? options_.keyframe_bytes : options_.frame_bytes, 0xA5);
    for (size_t from = 0; from < frame.size(); from += kMaxPayload) {
      const size_t size = std::min(kMaxPayload, frame.size() - from);
      std::vector<uint8_t> payload{static_cast<uint8_t>(from == 0 ? 0x10 : 0x00)};
      payload.insert(payload.end(), frame.begin() + static_cast<ptrdiff_t>(from),
                     frame.begin() + static_cast<ptrdiff_t>(from + size));
      add(batch, video_stream(), video_index_++, timestamp, from + size == frame.size(), at,
          payload);
    }
  }

  void add_report(sfu::PacketBatch& batch, uint32_t stream, double t, uint32_t timestamp) const {
    constexpr int64_t kWallUs = 1'700'000'000'000'000;
    const WallTime wall{kWallUs + static_cast<int64_t>(t * 1e6)};
    const rtc::ClockMark mark{wire::ntp_from_wall(wall), timestamp, batch.at};
    batch.clocks.push_back({stream, mark});
  }

  Options options_;
  Instant start_;
  int64_t tick_ = 0;
  uint32_t sound_ = 0;
  int64_t audio_index_ = 0;
  int64_t video_index_ = 70'000;
  uint32_t number_;
  int since_key_ = 0;
  bool wants_keyframe_ = false;
  bool large_ = false;
};

}  // namespace loopcast::record
