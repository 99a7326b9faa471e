// What a receiver knows of one RTP stream (one SSRC): extended sequence numbers, loss and jitter
// for its report blocks (RFC 3550, section 6.4.1 and appendix A), and the sender's clock.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "base/time.h"
#include "base/units.h"
#include "wire/rtcp.h"
#include "wire/rtp.h"

namespace loopcast::rtc {

// The last sender report of a stream: at `at` (ours) its RTP clock stood at `rtp_timestamp` and the
// sender's wall clock at `ntp`.
struct ClockMark {
  uint64_t ntp = 0;
  uint32_t rtp_timestamp = 0;
  Instant at;
};

class ReceiveStream {
 public:
  // A jump of the sequence number by more than this, to either side, is a sender that started anew
  // (RFC 3550, A.1: MAX_DROPOUT).
  static constexpr int kMaxDropout = 3000;
  // A retransmission may be ahead of the highest number by so many: the packets between them are
  // lost or overtaken, and a stream that misses more is broken.
  static constexpr int kMaxRetransmissionLead = 256;
  // Where a source begins anew and its timestamps are further than this from where the passing of
  // time would have brought them, they have begun anew as well.
  static constexpr Duration kMaxTimestampStep = Duration::seconds(2);

  // `clock_rate` in Hz, > 0.
  ReceiveStream(Ssrc ssrc, uint32_t clock_rate) : ssrc_(ssrc), clock_rate_(clock_rate) {}

  // A packet on the stream's own SSRC. Returns its extended sequence number, or nullopt for a
  // packet far off the sequence: it is dropped, and if the next one continues it the sender has
  // started anew (RFC 3550, A.1); then the extended numbers go on from the highest one, and
  // timestamp() from the last one.
  std::optional<int64_t> on_packet(Instant now, const wire::RtpPacket& packet);
  // The extended number of a packet of this stream that came by RFC 4588 retransmission; nullopt if
  // it cannot be one: it is too far ahead, or from before the present sequence began.
  std::optional<int64_t> extend(Seq16 sequence) const;
  // The number that the packet with this extended number has, or had, on the wire: what feedback to
  // the sender names it by (RFC 4585, section 6.2.1). Of the present sequence only, not of one
  // before a new start.
  Seq16 wire_sequence(int64_t index) const { return Seq16{static_cast<uint16_t>(index - shift_)}; }
  // The timestamp that a packet, or a sender report, is given out with: that of the wire until the
  // source begins anew.
  uint32_t timestamp(uint32_t on_wire) const { return on_wire + timestamp_shift_; }

  // Another source goes on in this one's place, from its next packet on; numbers and timestamps go
  // on, and all else begins anew.
  void take_over(Ssrc ssrc);

  // A report without a time (an NTP timestamp of zero: RFC 3550, section 6.4.1) is a sign of life
  // and nothing else.
  void on_sender_report(Instant now, const wire::SenderReport& report);
  // In the timestamps that are given out; nullopt before the first report that tells a time.
  const std::optional<ClockMark>& clock_mark() const { return clock_mark_; }

  // The report block for what came since the last call.
  wire::ReportBlock take_report(Instant now);

  Ssrc ssrc() const { return ssrc_; }
  uint64_t packets() const { return received_; }
  Instant last_packet() const { return last_packet_; }
  // When a packet or a sender report came last.
  Instant last_heard() const { return std::max(last_packet_, last_report_); }
  // How often the sequence began anew: each time packets may have been lost that no number tells
  // of.
  uint32_t restarts() const { return restarts_; }

 private:
  void restart(Instant now, const wire::RtpPacket& packet);
  void continue_timestamps(Instant now, uint32_t on_wire);
  void update_jitter(Instant now, uint32_t timestamp);
  double ticks(Duration d) const { return d.as_seconds() * clock_rate_; }

  Ssrc ssrc_;
  uint32_t clock_rate_;
  SeqExtender sequence_;
  int64_t shift_ = 0;  // from sequence_ to the numbers given out, which never go back
  int64_t first_ = 0;
  int64_t begin_ = 0;               // of the numbers given out, the first of the present sequence
  uint32_t timestamp_shift_ = 0;    // from the wire's timestamps to those given out
  uint32_t newest_timestamp_ = 0;   // given out, of the highest number
  Instant newest_at_;               // when that came
  bool restarting_ = false;         // the next packet begins a new sequence
  std::optional<Seq16> probation_;  // the number that a restarted sender would continue with
  uint32_t restarts_ = 0;
  uint64_t received_ = 0;
  int64_t expected_before_ = 0;
  uint64_t received_before_ = 0;
  struct Arrival {
    Instant at;
    uint32_t timestamp;
  };
  std::optional<Arrival> last_arrival_;  // what the jitter is measured against
  double jitter_ = 0;                    // in timestamp units
  Instant last_packet_;
  Instant last_report_;
  std::optional<ClockMark> clock_mark_;
};

}  // namespace loopcast::rtc
