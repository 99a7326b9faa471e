#include "rtc/receive_stream.h"

#include <algorithm>
#include <cmath>

namespace loopcast::rtc {

std::optional<int64_t> ReceiveStream::on_packet(Instant now, const wire::RtpPacket& packet) {
  if (restarting_) {
    restart(now, packet);
  } else if (sequence_.started()) {
    const int jump =
        packet.sequence.distance_from(Seq16{static_cast<uint16_t>(sequence_.highest())});
    if (std::abs(jump) > kMaxDropout) {
      if (probation_ != packet.sequence) {
        probation_ = packet.sequence + 1;
        return std::nullopt;
      }
      restart(now, packet);
    } else if (sequence_.peek(packet.sequence) + shift_ < begin_) {
      // Its place is taken by what came before the new start.
      return std::nullopt;
    }
  }
  probation_.reset();
  const bool newest = !sequence_.started() ||
                      packet.sequence.newer_than(Seq16{static_cast<uint16_t>(sequence_.highest())});
  const int64_t index = sequence_.extend(packet.sequence);
  if (newest) {
    newest_timestamp_ = timestamp(packet.timestamp);
    newest_at_ = now;
  }
  if (received_ == 0) first_ = index;
  ++received_;
  last_packet_ = now;
  update_jitter(now, packet.timestamp);
  return index + shift_;
}

std::optional<int64_t> ReceiveStream::extend(Seq16 sequence) const {
  const int64_t number = sequence_.peek(sequence);
  if (number > sequence_.highest() + kMaxRetransmissionLead || number + shift_ < begin_)
    return std::nullopt;
  return number + shift_;
}

void ReceiveStream::restart(Instant now, const wire::RtpPacket& packet) {
  begin_ = sequence_.highest() + shift_ + 1;
  sequence_ = SeqExtender();
  shift_ = begin_ - sequence_.peek(packet.sequence);
  continue_timestamps(now, packet.timestamp);
  received_ = received_before_ = 0;
  expected_before_ = 0;
  last_arrival_.reset();
  restarting_ = false;
  ++restarts_;
}

void ReceiveStream::continue_timestamps(Instant now, uint32_t on_wire) {
  // At least one tick, so that the first packet belongs to no frame of before.
  const double elapsed = std::max(1.0, ticks(now - newest_at_));
  const uint32_t expected = newest_timestamp_ + static_cast<uint32_t>(std::llround(elapsed));
  const auto off = static_cast<int32_t>(timestamp(on_wire) - expected);
  if (std::abs(static_cast<double>(off)) <= ticks(kMaxTimestampStep)) return;
  timestamp_shift_ = expected - on_wire;
  clock_mark_.reset();  // of the clock before
}

void ReceiveStream::take_over(Ssrc ssrc) {
  ssrc_ = ssrc;
  clock_mark_.reset();
  jitter_ = 0;
  restarting_ = sequence_.started();
}

void ReceiveStream::update_jitter(Instant now, uint32_t timestamp) {
  // RFC 3550, A.8, by differences alone, which stay small however long all this has been running.
  if (last_arrival_) {
    const auto step = static_cast<int32_t>(timestamp - last_arrival_->timestamp);
    const double d = std::abs(ticks(now - last_arrival_->at) - step);
    // A jump of the timestamp by seconds is a new start, not jitter.
    if (d < 5.0 * clock_rate_) jitter_ += (d - jitter_) / 16;
  }
  last_arrival_ = {now, timestamp};
}

void ReceiveStream::on_sender_report(Instant now, const wire::SenderReport& report) {
  last_report_ = now;
  if (report.ntp == 0) return;
  clock_mark_ = ClockMark{report.ntp, timestamp(report.rtp_timestamp), now};
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
  // Zero says that there was no report (RFC 3550, section 6.4.1): then there is no delay either.
  if (clock_mark_) block.last_sr = wire::compact_ntp(clock_mark_->ntp);
  if (block.last_sr != 0)
    block.delay_since_last_sr = wire::compact_from_duration(now - clock_mark_->at);
  return block;
}

}  // namespace loopcast::rtc
