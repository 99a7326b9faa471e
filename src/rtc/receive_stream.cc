#include "rtc/receive_stream.h"

#include <algorithm>
#include <cmath>

namespace loopcast::rtc {

std::optional<int64_t> ReceiveStream::on_packet(Instant now, const wire::RtpPacket& packet) {
  if (restarting_) {
    restart(packet.sequence);
  } else if (sequence_.started()) {
    const int jump =
        packet.sequence.distance_from(Seq16{static_cast<uint16_t>(sequence_.highest())});
    if (std::abs(jump) > kMaxDropout) {
      if (probation_ != packet.sequence) {
        probation_ = packet.sequence + 1;
        return std::nullopt;
      }
      restart(packet.sequence);
    }
  }
  probation_.reset();
  const int64_t index = sequence_.extend(packet.sequence);
  if (received_ == 0) first_ = index;
  ++received_;
  last_packet_ = now;
  update_jitter(now, packet.timestamp);
  return index + shift_;
}

void ReceiveStream::restart(Seq16 sequence) {
  const int64_t next = sequence_.highest() + shift_ + 1;
  sequence_ = SeqExtender();
  shift_ = next - sequence_.peek(sequence);
  received_ = received_before_ = 0;
  expected_before_ = 0;
  has_transit_ = false;
  restarting_ = false;
  ++restarts_;
}

void ReceiveStream::take_over(Ssrc ssrc) {
  ssrc_ = ssrc;
  clock_mark_.reset();
  restarting_ = sequence_.started();
}

void ReceiveStream::update_jitter(Instant now, uint32_t timestamp) {
  // RFC 3550, A.8. The difference of transits wraps with the timestamp.
  const auto arrival = now.us() * static_cast<int64_t>(clock_rate_) / 1000 / 1000;
  const int64_t transit = arrival - static_cast<int64_t>(timestamp);
  if (has_transit_) {
    const double d = std::abs(static_cast<double>(static_cast<int32_t>(transit - last_transit_)));
    // A jump of the timestamp by seconds is a new start, not jitter.
    if (d < 5.0 * clock_rate_) jitter_ += (d - jitter_) / 16;
  }
  last_transit_ = transit;
  has_transit_ = true;
}

void ReceiveStream::on_sender_report(Instant now, const wire::SenderReport& report) {
  clock_mark_ = ClockMark{report.ntp, report.rtp_timestamp, now};
}

wire::ReportBlock ReceiveStream::take_report(Instant now) {
  wire::ReportBlock block;
  block.ssrc = ssrc_;
  if (received_ == 0) return block;
  const int64_t expected = sequence_.highest() - first_ + 1;
  const int64_t lost = expected - static_cast<int64_t>(received_);
  block.cumulative_lost = static_cast<int32_t>(std::clamp<int64_t>(lost, -0x800000, 0x7fffff));
  const int64_t expected_now = expected - expected_before_;
  const int64_t lost_now = expected_now - static_cast<int64_t>(received_ - received_before_);
  expected_before_ = expected;
  received_before_ = received_;
  if (expected_now > 0 && lost_now > 0)
    block.fraction_lost =
        static_cast<uint8_t>(std::min<int64_t>(255, (lost_now << 8) / expected_now));
  // Cycles in the high half; the extender starts one cycle up.
  block.highest_sequence = static_cast<uint32_t>(sequence_.highest() - (int64_t{1} << 16));
  block.jitter = static_cast<uint32_t>(jitter_);
  if (clock_mark_) {
    block.last_sr = static_cast<uint32_t>(clock_mark_->ntp >> 16);
    block.delay_since_last_sr =
        static_cast<uint32_t>((now - clock_mark_->at).us() * 65536 / 1'000'000);
  }
  return block;
}

}  // namespace loopcast::rtc
