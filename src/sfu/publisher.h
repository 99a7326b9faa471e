// The sending side of one presenter: their streams' packets, which of them start a keyframe, and
// what waits to be handed on.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "rtc/counters.h"
#include "rtc/negotiated_media.h"
#include "rtc/peer.h"
#include "sfu/keyframe_requester.h"
#include "sfu/packet_cache.h"
#include "wire/h264_parameter_sets.h"

namespace loopcast::sfu {

// One audio or video stream of a publisher.
struct SourceStream {
  SourceStream(size_t media_index, const rtc::NegotiatedMedia& agreed);

  size_t media;  // index into the publisher's Negotiated::media
  rtc::MediaKind kind;
  wire::Codec codec;
  uint32_t clock_rate;                       // Hz
  std::string fmtp;                          // as the presenter offered it
  std::optional<rtc::ClockMark> clock = {};  // see Publisher::note_clock()
  std::optional<Instant> clock_seen = {};    // when the newest report came
  PacketCache cache;
  KeyframeRequester keyframes;
  // Packets that arrived and have not been handed to the subscribers yet, in order of arrival.
  std::vector<int64_t> pending;
  // The same as they leave, see Publisher::prepare_batch().
  std::vector<rtc::PlainPacket> batch;
  // Where in `batch` the first keyframe begins, or goes on; its size: nowhere.
  size_t batch_keyframe = 0;
  int64_t batch_lowest = 0;  // number in `batch`
  // First packet of the newest keyframe, -1 before the first one.
  int64_t keyframe_index = -1;
  uint32_t keyframe_timestamp = 0;
  // Packets without payload (bandwidth probes) are not handed on, and the numbering closes behind
  // them, so that no viewer asks for them: the raw numbers of the last ones, oldest first. One that
  // comes when what follows it has been numbered already is handed on as a packet of padding.
  std::array<int64_t, 64> removed{};
  int64_t removed_count = 0;
  // H.264: a keyframe that comes without its parameter sets gets them put before it, as packets of
  // their own, so that whoever begins there, and the recorder, can decode it. Where the numbering
  // opens for them: before which raw numbers, the newest ones.
  struct Inserted {
    int64_t before = 0;
    int64_t count = 0;
  };
  std::optional<Ssrc> source;  // whose they are
  wire::H264ParameterSets parameter_sets;
  std::optional<uint32_t> parameter_sets_at;       // the timestamp with which the last ones came
  wire::H264ParameterSets::Kinds parameter_kinds;  // ... and which came with it
  std::array<Inserted, 64> inserted{};
  int64_t insertions = 0;
  int64_t inserted_count = 0;  // packets of all insertions
};

class Publisher {
 public:
  // Seconds of packets that can be sent again or replayed: 2.5 Mbit/s are about 300 a second, so
  // this is 3 s (and 1.5 MB); audio has 50 a second.
  static constexpr size_t kVideoCache = 1024;
  static constexpr size_t kAudioCache = 256;
  // How long packets wait for the rest of their frame, so that a frame goes to each viewer in one
  // piece. The packets of a frame arrive within 0.05 ms at the median and 0.46 ms at the 90th
  // percentile (measured with Chromium on loopback).
  static constexpr Duration kFrameWait = Duration::micros(300);
  // How long sound waits for a frame to leave with, if it waits: the time between two frames of 30
  // a second, and a little more. A send costs as much as five packets in one send, and without
  // waiting two of three sends are sound.
  static constexpr Duration kSoundWait = Duration::millis(35);
  // The longest keyframe-to-now stretch that a joining viewer is sent at once; longer ones wait for
  // a new keyframe, as the burst would be lost on its way.
  static constexpr int64_t kMaxReplay = 160;
  // ... and the oldest.
  static constexpr Duration kMaxReplayAge = Duration::seconds(2);

  explicit Publisher(const rtc::Negotiated& negotiated);

  // A media packet of this publisher. Copies it into its stream's cache. False if it was dropped.
  bool accept(Instant now, const rtc::Received& received, rtc::Counters& counters);

  // A packet that another worker has accepted, of streams()[stream]; false if it was dropped.
  bool accept_relayed(Instant now, size_t stream, const CachedPacket& packet, Bytes payload);
  // No more of a frame will come at once.
  void end_frame() { frame_open_ = false; }

  // Whether sound waits for a frame: with so many viewers that sends are what they cost.
  void let_sound_wait(bool waits) { sound_waits_ = waits; }
  // Whether what is pending should be handed on now: no frame is incomplete and no sound waits for
  // one, or it has waited long enough. batch_due(): when that will be at the latest; never if
  // nothing is pending.
  bool batch_ready(Instant now) const { return batch_complete() || now >= batch_due_; }
  Instant batch_due() const { return batch_due_; }
  bool has_pending() const { return !batch_due_.is_never(); }
  bool has_pending_video() const;
  // Fills SourceStream::batch: what can be decided once for all viewers. Packets of a frame that
  // are one byte shorter than its largest get a byte of padding, so that all of them leave in one
  // send (UDP segments are of equal size).
  void prepare_batch();
  // All of the pending packets have been handed on.
  void clear_pending();

  std::vector<SourceStream>& streams() { return streams_; }
  const std::vector<SourceStream>& streams() const { return streams_; }
  SourceStream* stream_of(size_t media);
  std::vector<rtc::SourceMedia> sources() const;

  // Where a viewer that joins now starts: the newest keyframe, if it can be replayed.
  std::optional<int64_t> replay_start(const SourceStream& stream, Instant now) const;

  // The newest sender report on one of streams(); nullopt: its source has told no time (yet).
  void note_clock(SourceStream& stream, const std::optional<rtc::ClockMark>& mark);
  // RTP timestamp of `stream` at `now`, from the presenter's sender reports; nullopt before them.
  // One wall clock serves both streams, so that sound and picture stay together: when it was set,
  // a stream has no timestamp until its next report.
  std::optional<uint32_t> timestamp_at(const SourceStream& stream, Instant now) const;

 private:
  bool batch_complete() const;
  bool insert(Instant now, SourceStream& stream, const CachedPacket& packet, Bytes payload);
  bool take_out(Instant now, SourceStream& stream, const rtc::Received& received);
  void complete_keyframe(Instant now, SourceStream& stream, int64_t raw, uint32_t timestamp);
  static void note_keyframe(SourceStream& stream, const CachedPacket& packet);

  std::vector<SourceStream> streams_;
  Instant batch_due_ = Instant::never();
  bool frame_open_ = false;  // the last video packet pending is not the last one of its frame
  bool sound_waits_ = false;
  // From the presenter's NTP time (µs) to our monotonic clock (µs), set by the first report seen.
  std::optional<int64_t> clock_offset_;
};

}  // namespace loopcast::sfu
