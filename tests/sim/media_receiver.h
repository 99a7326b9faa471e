// What a browser does with one stream that it receives, and what it thinks of it: sequence numbers,
// requests for retransmission and keyframes, frames put together and checked byte by byte, and the
// rules that a receiver may rely on.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "sim/latency.h"
#include "sim/session.h"
#include "sim/synthetic_media.h"
#include "wire/rtcp.h"
#include "wire/rtp.h"

namespace loopcast::sim {

// What is wrong with what was received, in words; bounded.
class Violations {
 public:
  void add(std::string what);
  const std::vector<std::string>& list() const { return list_; }
  bool empty() const { return list_.empty(); }

 private:
  static constexpr size_t kMax = 20;
  std::vector<std::string> list_;
};

struct StreamFigures {
  uint64_t packets = 0;    // that came for the first time, by any way
  uint64_t recovered = 0;  // of them by retransmission
  uint64_t duplicates = 0;
  uint64_t missed = 0;  // given up
  uint64_t nacks = 0;   // packets asked for
  uint64_t keyframe_requests = 0;
  // Video: frames; audio: packets.
  uint64_t decoded = 0;
  uint64_t in_time = 0;    // complete within kInTime of their capture, or of our first packet
  uint32_t first = 0;      // number of the first decoded one, 0 before
  uint32_t last_seen = 0;  // the highest number that any packet came of
  uint64_t freezes = 0;    // longer than kFreeze without a picture
  Duration longest_gap;    // between pictures
  Duration worst_latency;  // from capture to picture
  Instant first_at;        // the first picture
  Instant last_at;         // the latest

  static constexpr Duration kInTime = Duration::millis(500);
  static constexpr Duration kFreeze = Duration::millis(300);
  // Share of the frames from the first on that were complete in time; the last few, which may
  // still be under way, do not count.
  double in_time_share() const;
};

class MediaReceiver {
 public:
  // Libwebrtc's limits.
  static constexpr int kMaxTries = 10;
  static constexpr Duration kReorderWait = Duration::millis(5);
  static constexpr Duration kWaitForKeyframe = Duration::millis(200);
  static constexpr Duration kWaitForFrame = Duration::seconds(1);

  MediaReceiver(const AgreedMedia& media, Violations& violations);

  // A packet of our source, or what a retransmission carried (`recovered`).
  void handle_packet(Instant now, const wire::RtpPacket& packet, bool recovered);
  void handle_sender_report(Instant now, const wire::SenderReport& report);
  // What is due: true if it wrote feedback.
  bool write_feedback(Instant now, ByteWriter& w, Ssrc us, Duration round_trip);
  Instant next_timeout() const;
  wire::ReportBlock take_report(Instant now);

  const AgreedMedia& media() const { return media_; }
  const StreamFigures& figures() const { return figures_; }
  // From capture to arrival, of each packet that came for the first time.
  const LatencyHistogram& latency() const { return latency_; }
  Instant first_packet() const { return first_packet_; }
  // The sender's wall clock when the latest picture or sound was taken, less the true time, in
  // microseconds: the same for audio and video if both are to play together.
  std::optional<int64_t> clock_offset() const { return clock_offset_; }
  // The sender began its numbering anew: numbers need not follow from those before, and timestamps
  // within a quarter of a second.
  void forgive_restart() { forgiving_ = true; }

 private:
  struct Frame {
    int64_t base = 0;  // sequence number of its packet 0
    uint16_t packets = 0;
    uint16_t arrived = 0;
    uint32_t timestamp = 0;
    bool keyframe = false;
    int64_t captured_us = 0;
    bool in_time = false;
    bool complete() const { return arrived == packets; }
  };
  struct Missing {
    Instant due;
    int tries = 0;
  };
  static constexpr size_t kMaxFrames = 256;
  static constexpr size_t kMaxMissing = 1000;

  bool note_sequence(Instant now, int64_t index, bool recovered);
  void note_sample(Instant now, int64_t index, const wire::RtpPacket& packet, const Sample& sample);
  void check_neighbours(uint32_t number, const Frame& frame);
  void check_timestamp(const wire::RtpPacket& packet, const Sample& sample);
  void decode(Instant now);
  void show(Instant now, uint32_t number, const Frame& frame);
  bool stuck(Instant now) const;

  AgreedMedia media_;
  Violations& violations_;
  StreamFigures figures_;
  LatencyHistogram latency_;
  uint32_t clock_rate_;
  SeqExtender sequence_;
  int64_t first_index_ = 0;
  std::map<int64_t, bool> seen_;  // the latest numbers
  std::map<int64_t, Missing> missing_;
  std::map<uint32_t, Frame> frames_;
  uint32_t decoded_ = 0;  // number of the latest
  std::optional<uint32_t> timestamp_base_;
  bool forgiving_ = false;
  bool keyframe_wanted_ = false;
  Instant first_packet_ = Instant::never();
  Instant last_packet_;
  Instant keyframe_due_ = Instant::never();
  std::optional<wire::SenderReport> report_;
  Instant report_at_;
  std::optional<int64_t> clock_offset_;
  uint64_t reported_packets_ = 0;
  int64_t reported_expected_ = 0;
};

}  // namespace loopcast::sim
