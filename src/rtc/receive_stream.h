// What a receiver knows of one RTP stream (one SSRC): extended sequence numbers, loss and jitter
// for its report blocks (RFC 3550, section 6.4.1 and appendix A), and the sender's clock.
#pragma once

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

  // `clock_rate` in Hz, > 0.
  ReceiveStream(Ssrc ssrc, uint32_t clock_rate) : ssrc_(ssrc), clock_rate_(clock_rate) {}

  // A packet on the stream's own SSRC. Returns its extended sequence number, or nullopt for a
  // packet far off the sequence: it is dropped, and if the next one continues it the sender has
  // started anew (RFC 3550, A.1); then the extended numbers go on from the highest one.
  std::optional<int64_t> on_packet(Instant now, const wire::RtpPacket& packet);
  // The extended number of a packet of this stream that came by RFC 4588 retransmission.
  int64_t extend(Seq16 sequence) const { return sequence_.peek(sequence) + shift_; }
  // The number that the packet with this extended number has, or had, on the wire: what feedback to
  // the sender names it by (RFC 4585, section 6.2.1). Of the present sequence only, not of one
  // before a new start.
  Seq16 wire_sequence(int64_t index) const { return Seq16{static_cast<uint16_t>(index - shift_)}; }

  // Another source goes on in this one's place; the extended numbers go on from the highest one.
  void take_over(Ssrc ssrc);

  void on_sender_report(Instant now, const wire::SenderReport& report);
  const std::optional<ClockMark>& clock_mark() const { return clock_mark_; }

  // The report block for what came since the last call.
  wire::ReportBlock take_report(Instant now);

  Ssrc ssrc() const { return ssrc_; }
  uint64_t packets() const { return received_; }
  Instant last_packet() const { return last_packet_; }
  // How often the sequence began anew: each time packets may have been lost that no number tells
  // of.
  uint32_t restarts() const { return restarts_; }

 private:
  void restart(Seq16 sequence);
  void update_jitter(Instant now, uint32_t timestamp);

  Ssrc ssrc_;
  uint32_t clock_rate_;
  SeqExtender sequence_;
  int64_t shift_ = 0;  // from sequence_ to the numbers given out, which never go back
  int64_t first_ = 0;
  bool restarting_ = false;         // the next packet begins a new sequence
  std::optional<Seq16> probation_;  // the number that a restarted sender would continue with
  uint32_t restarts_ = 0;
  uint64_t received_ = 0;
  int64_t expected_before_ = 0;
  uint64_t received_before_ = 0;
  int64_t last_transit_ = 0;
  bool has_transit_ = false;
  double jitter_ = 0;  // in timestamp units
  Instant last_packet_;
  std::optional<ClockMark> clock_mark_;
};

}  // namespace loopcast::rtc
