// What a browser that presents sends: video of 30 frames a second and Opus-like audio of 50 packets
// a second, with retransmission, keyframes on request, sender reports and bandwidth probes.
#pragma once

#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "base/units.h"
#include "sim/burst_pacer.h"
#include "sim/session.h"
#include "sim/synthetic_media.h"
#include "wire/rtcp.h"
#include "wire/rtp.h"

namespace loopcast::sim {

// Where packets go: protected and sent by the browser.
class PacketOut {
 public:
  virtual ~PacketOut() = default;
  // `index`: roll-over counter and sequence number.
  virtual void send_rtp(const wire::RtpHeader& header, int64_t index,
                        std::span<const wire::RtpExtension> extensions, Bytes payload) = 0;
  // A whole plain packet, its header of `header_size` included.
  virtual void send_raw_rtp(Bytes packet, size_t header_size, int64_t index) = 0;
  virtual void send_rtcp(Bytes compound) = 0;
};

struct SenderOptions {
  Duration frame_interval = Duration::micros(33'333);
  size_t frame_bytes = 2500;        // around which frames vary by 40 %
  size_t keyframe_bytes = 11000;    //
  Duration keyframe_interval = {};  // 0: keyframes on request only
  size_t packet_bytes = 1100;       // of payload, at most
  size_t audio_bytes = 90;
  Bitrate pacing;                           // of video; 0: each frame leaves at once
  std::optional<uint16_t> first_sequence;   // of video and audio; random (below 2^15) if not given
  std::optional<uint32_t> first_timestamp;  // likewise
  // Bandwidth probes of padding only, 0: none. Of the RTX source if `probe_by_rtx`, else of the
  // video source itself, as a browser that has not agreed on RTX sends them.
  Duration probe_interval = {};
  bool probe_by_rtx = true;
  // What the presenter's wall clock shows at Instant 0.
  WallTime epoch{1'790'000'000'000'000};
};

class MediaSender {
 public:
  // Libwebrtc keeps packets for retransmission about this long.
  static constexpr Duration kHistory = Duration::seconds(1);
  static constexpr Duration kReportInterval = Duration::seconds(1);

  MediaSender(const Agreed& agreed, const Sources& sources, const SenderOptions& options,
              const Random::Seed& seed);

  void start(Instant now);
  void handle_timeout(Instant now, PacketOut& out);
  Instant next_timeout() const;
  // Feedback on what we send.
  void handle_rtcp(Instant now, const wire::RtcpPacket& packet, PacketOut& out);

  // The sequence numbers go on elsewhere, by `jump` (which must be above 3000 to be seen as such).
  void restart_sequence(int jump);
  // Everything goes on with other SSRCs and all that hangs on one: sequence numbers, timestamps,
  // and what can be sent again. The picture begins with a keyframe.
  void change_sources();
  // Nothing is sent until resumed, as by a presenter whose program hangs.
  void pause(bool paused) { paused_ = paused; }

  uint32_t frames() const { return frame_; }
  uint64_t keyframes() const { return keyframes_; }
  // Keyframes that were asked for (the first one is not).
  uint64_t keyframe_requests() const { return keyframe_requests_; }
  uint64_t nacked() const { return nacked_; }
  uint64_t retransmitted() const { return retransmitted_; }
  uint64_t probes() const { return probes_; }
  // Of transport-wide feedback: packets sent, and told as received and as lost (once each).
  uint64_t transport_sent() const { return static_cast<uint64_t>(transport_sequence_); }
  uint64_t told_received() const { return told_received_; }
  uint64_t told_lost() const { return told_lost_; }
  // Of video and audio, without retransmissions and probes.
  uint64_t packets() const { return uint64_t{video_.packets} + audio_.packets; }
  // What the receiver reports of the video.
  const std::optional<wire::ReportBlock>& video_report() const { return video_report_; }

 private:
  struct Sent {
    int64_t index;
    wire::RtpHeader header;
    std::vector<uint8_t> payload;
    Instant at;
  };
  struct Stream {
    const AgreedMedia* media = nullptr;  // nullptr: not sent
    Ssrc ssrc;
    Ssrc rtx_ssrc;
    uint32_t clock_rate = 0;
    int64_t index = 0;
    int64_t rtx_index = 0;
    uint32_t first_timestamp = 0;
    uint32_t packets = 0;
    uint32_t octets = 0;
    Instant last_capture;
    std::deque<Sent> history = {};
  };

  // A packet of video that the pacer has not let go yet.
  struct Waiting {
    Sample sample;
    size_t bytes;
  };

  uint32_t timestamp(const Stream& stream, Instant captured) const;
  void send(Instant now, Stream& stream, const wire::RtpHeader& header, int64_t index,
            Bytes payload, PacketOut& out);
  void send_media(Instant now, Stream& stream, uint32_t timestamp, bool marker,
                  std::vector<uint8_t> payload, PacketOut& out);
  void take_frame(Instant now);
  void send_waiting(Instant now, PacketOut& out);
  void send_audio(Instant now, PacketOut& out);
  void send_probe(PacketOut& out);
  void send_reports(Instant now, PacketOut& out);
  void retransmit(Instant now, Ssrc media, Seq16 sequence, PacketOut& out);
  void take_transport_feedback(const wire::TransportFeedback& feedback);
  void want_keyframe();

  Agreed agreed_;
  SenderOptions options_;
  Random random_;
  Stream video_, audio_;
  BurstPacer pacer_;
  std::deque<Waiting> waiting_;
  int64_t transport_sequence_ = 0;
  enum class Told : uint8_t { kNothing, kLost, kReceived };
  std::vector<Told> transport_told_;
  SeqExtender transport_extender_;
  uint64_t told_received_ = 0, told_lost_ = 0;
  uint32_t frame_ = 0, audio_packet_ = 0;
  bool keyframe_wanted_ = true;
  Instant last_keyframe_;
  bool paused_ = false;
  std::optional<uint8_t> last_fir_;
  uint64_t keyframes_ = 0, keyframe_requests_ = 0, nacked_ = 0, retransmitted_ = 0, probes_ = 0;
  std::optional<wire::ReportBlock> video_report_;
  Instant next_frame_ = Instant::never(), next_audio_ = Instant::never(),
          next_probe_ = Instant::never(), next_report_ = Instant::never();
};

}  // namespace loopcast::sim
