// One recording: the packets of a presenter, and of the same one who comes back, as the bytes of a
// growing file. Knows no file and no clock.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/time.h"
#include "record/draft.h"
#include "record/frame_assembler.h"
#include "record/jitter_buffer.h"
#include "record/picture_order.h"
#include "record/timeline.h"
#include "record/track.h"
#include "sfu/handover.h"

namespace loopcast::record {

struct RecordingCounters {
  uint64_t packets = 0;
  uint64_t packets_lost = 0;
  uint64_t frames = 0;
  uint64_t frames_dropped = 0;  // left out after a loss, until the next keyframe
  uint64_t fragments = 0;
  uint64_t silences = 0;           // pieces of silence that fill gaps in the sound
  uint64_t packets_refused = 0;    // malformed, or of a codec that the file cannot hold
  uint64_t packets_over_rate = 0;  // more came than one recording takes
  uint64_t keyframe_requests = 0;
  uint64_t fragments_retimed = 0;  // their times were a guess, and were written anew
  uint64_t fragments_guessed = 0;  // ... and are still one: no reports came in time
};

class Recording {
 public:
  // Media between two writes: with the wait below, what a sudden end costs at most is a second.
  static constexpr Duration kFragment = Duration::millis(400);
  // ... or so many bytes.
  static constexpr size_t kMaxFragmentBytes = size_t{4} << 20;
  // How long a missing packet is waited for: several round trips of its retransmission.
  static constexpr Duration kVideoWait = Duration::millis(500);
  static constexpr Duration kAudioWait = Duration::millis(300);
  // A picture with the marker is over if nothing of it came for this long.
  static constexpr Duration kMarkerPatience = Duration::millis(50);
  // Sound that has not come this long after the pictures that it belongs to is silence.
  static constexpr Duration kAudioPatience = Duration::millis(2000);
  // Pieces of sound that wait for what is to become of them.
  static constexpr size_t kMaxHeldSound = 1024;
  // A request for a keyframe that brought none is repeated after this long.
  static constexpr Duration kKeyframeRetry = Duration::seconds(1);
  // A guess that was further off is left as it is: no start of an encoder takes so long.
  static constexpr Duration kMaxRetiming = Duration::seconds(2);

  // A stream that sends more than this for long has the rest left out: some ten times what browsers
  // send, and a minute of that at once, as of a sender that had collected it.
  static constexpr int64_t kMaxRate = 4'000'000;  // bytes a second
  static constexpr int64_t kMaxBurst = 32'000'000;
  // A packet counts for so many bytes more than its payload, which is what it takes beside that, in
  // memory and in the tables of the file: else packets of one byte would be nearly free.
  static constexpr size_t kPacketCost = 40;

  explicit Recording(RecordingCounters& counters) : counters_(counters) {}

  // Whether a publisher of these streams can go on in this file so that players show it: with the
  // codec of the pictures that are in it, or one that a file without any can hold.
  bool fits(const std::vector<sfu::HandoverStream>& streams) const;
  // A batch with streams in it is a new publisher: the recording goes on with that one.
  void take(Instant now, const sfu::PacketBatch& batch);
  void handle_timeout(Instant now);
  Instant next_timeout() const;
  // Nothing more comes: the rest becomes a fragment.
  void finish(Instant now);

  struct Output {
    std::vector<uint8_t> fragments;  // to be written behind what was written so far
    std::vector<Patch> patches;      // of that; offsets count from the first fragment
  };
  Output take_output();
  // These fragments could not be written, and come to no place in the file.
  void note_unwritten(const Output& output);
  // Batches were lost on the way here: pictures go on with the next keyframe.
  void note_loss();
  // Whether something was left out since the last call because too much came.
  bool take_over_rate() { return std::exchange(over_rate_, false); }
  // Whether the publisher is to be asked for a keyframe.
  bool take_keyframe_request(Instant now);

  // nullopt before the first batch.
  std::optional<Format> format() const { return format_; }
  // Of what take_output() has given out so far, or would now.
  Duration duration() const { return end_; }

 private:
  struct Stream {
    Stream(const sfu::HandoverStream& of, Duration wait) : description(of), jitter(wait) {}
    sfu::HandoverStream description;
    JitterBuffer jitter;
    std::unique_ptr<FrameAssembler> frames;  // of video
    uint64_t lost_counted = 0;
    uint64_t dropped_counted = 0;
  };
  struct OpenTrack {
    Track track;
    int64_t next = 0;   // end of its last sample, in its units; of video, where the next begins
    int64_t floor = 0;  // pictures that are placed anew do not come before this
    PictureOrder order;
    int64_t decoded = -1;  // when the last one is decoded that was cut
    Run run;               // with times of presentation until it is cut
  };

  bool is_over_rate(Instant now, size_t bytes);
  void begin_source(const sfu::PacketBatch& batch);
  void end_source(Instant now);
  void drain(Instant now, Stream& stream);
  // Pictures that are over unless something of them came since `arrived`.
  void flush_pictures(Instant now, Instant arrived);
  void add_sound(Instant now, JitterBuffer::Packet&& packet);
  // What is held, unless more of it has to be seen; `all`: nothing more comes.
  void place_held_sound(Instant now, bool all);
  void place_sound(Instant now, const JitterBuffer::Packet& packet);
  int64_t place_picture(OpenTrack& track, Duration time, const TimedFrame& timed);
  // How far pictures reach that came long enough ago.
  Duration awaited_sound(Instant now);
  void move_origin(Duration by);
  void add_picture(Instant now, wire::Codec codec, TimedFrame&& frame);
  void fill_silence(OpenTrack& track, int64_t until);
  void note_media(Instant now);
  void note_config(OpenTrack& open, const VideoConfig& config);
  OpenTrack* find(wire::Codec codec);
  OpenTrack& open(wire::Codec codec);
  bool is_empty() const;
  void begin_at_zero();
  void cut(Instant now);
  void note_jump();
  // What is written of a track reaches to the end of `run`.
  void reach(const Run& run);
  std::vector<Track> written_tracks() const;
  void leave_guessed(const Draft::Fragment& fragment);
  void end_draft();
  void settle();
  void move_pictures(Run& run, Duration clock_by, Duration by_others,
                     std::optional<int64_t>& latest);
  void rewrite(const std::vector<Draft::Fragment>& before);
  void overwrite(uint64_t offset, std::vector<uint8_t>&& bytes);

  RecordingCounters& counters_;
  std::optional<Format> format_;
  std::vector<OpenTrack> tracks_;
  bool tracks_changed_ = false;
  bool begun_ = false;  // something was cut
  std::vector<Stream> streams_;
  std::optional<Timeline> timeline_;
  Instant fragment_since_ = Instant::never();
  uint32_t sequence_ = 0;
  std::vector<uint8_t> output_;
  std::vector<Patch> patches_;
  uint64_t given_ = 0;  // bytes that came before `output_`
  Draft draft_;
  uint32_t jumps_ = 0;          // of the timeline, that the draft knows of
  uint32_t picture_steps_ = 0;  // of the timeline, that pictures were placed after
  std::deque<JitterBuffer::Packet> held_sound_;
  struct Reach {
    Instant at;
    Duration pictures;
  };
  std::deque<Reach> reached_;  // at each cut of the last seconds
  Duration end_;
  Instant origin_;  // when the recording's time was 0
  Instant keyframe_asked_ = Instant::from_us(0);
  bool wants_keyframe_ = false;
  int64_t budget_ = kMaxBurst;  // bytes that may come now
  Instant budget_at_;
  bool over_rate_ = false;
};

}  // namespace loopcast::record
