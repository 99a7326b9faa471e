#include "sim/packet_counter.h"

#include <algorithm>

#include "wire/rtp_extensions.h"

namespace loopcast::sim {
namespace {

// A longer gap in transport-wide numbers is a new beginning.
constexpr int64_t kMaxGap = 1000;

}  // namespace

PacketCounter::PacketCounter(const Agreed& agreed, uint16_t every) : every_(every) {
  for (const AgreedMedia& media : agreed.media) {
    if (!media.receive || !media.remote_ssrc) continue;
    streams_.push_back(
        {*media.remote_ssrc, media.remote_rtx_ssrc.value_or(Ssrc{}),
         media.transport_cc ? media.extension_id(wire::ExtensionKind::kTransportCc) : uint8_t{0}});
  }
}

void PacketCounter::handle_packet(Instant now, const wire::RtpPacket& packet) {
  for (Stream& stream : streams_) {
    const bool rtx = packet.ssrc == stream.rtx_ssrc;
    if (packet.ssrc != stream.ssrc && !rtx) continue;
    if (stream.transport_cc_id != 0)
      if (const auto number = wire::decode_transport_cc(packet.extension(stream.transport_cc_id)))
        note_transport_number(now, Seq16{*number});
    if (rtx) {
      ++retransmitted_;
      return;
    }
    const int64_t index = stream.sequence.extend(packet.sequence);
    if (stream.packets++ == 0) stream.first = index;
    if (first_packet_.is_never()) first_packet_ = now;
    return;
  }
}

void PacketCounter::note_transport_number(Instant now, Seq16 number) {
  const bool started = transport_.started();
  const int64_t before = transport_.highest();
  const int64_t index = transport_.extend(number);
  if (every_ > 1 && started && index > before + 1 && index - before < kMaxGap) {
    const Duration between = now - last_transport_;
    for (int64_t i = before + 1; i <= index; ++i) {
      const Instant at = last_transport_ + between * (i - before) / (index - before);
      untold_.push_back({at + between, at, Seq16{static_cast<uint16_t>(i)}});
    }
  } else {
    untold_.push_back({now, now, number});
  }
  if (index >= before) last_transport_ = now;
}

void PacketCounter::handle_sender_report(Instant now, const wire::SenderReport& report) {
  for (Stream& stream : streams_) {
    if (stream.ssrc != report.ssrc) continue;
    stream.last_sr = wire::compact_ntp(report.ntp);
    stream.last_sr_at = now;
  }
}

std::vector<wire::ReportBlock> PacketCounter::take_report(Instant now) {
  std::vector<wire::ReportBlock> blocks;
  for (Stream& stream : streams_) {
    if (stream.packets == 0) continue;
    wire::ReportBlock block;
    block.ssrc = stream.ssrc;
    block.highest_sequence = static_cast<uint32_t>(stream.sequence.highest() - (1 << 16));
    if (every_ == 1) {
      const int64_t expected = stream.sequence.highest() - stream.first + 1;
      const auto count = static_cast<int64_t>(stream.packets);
      block.cumulative_lost = static_cast<int32_t>(std::max<int64_t>(0, expected - count));
      const int64_t expected_now = std::max<int64_t>(1, expected - stream.reported_expected);
      const int64_t lost_now =
          expected_now - (count - static_cast<int64_t>(stream.reported_packets));
      block.fraction_lost =
          static_cast<uint8_t>(std::clamp<int64_t>((lost_now << 8) / expected_now, 0, 255));
      stream.reported_expected = expected;
      stream.reported_packets = stream.packets;
    }
    if (stream.last_sr != 0) {
      block.last_sr = stream.last_sr;
      block.delay_since_last_sr = wire::compact_from_duration(now - stream.last_sr_at);
    }
    blocks.push_back(block);
  }
  return blocks;
}

bool PacketCounter::write_transport_feedback(Instant now, ByteWriter& w, Ssrc us) {
  while (!untold_.empty() && untold_.front().tell_at <= now) {
    feedback_.record(untold_.front().at, untold_.front().number);
    untold_.pop_front();
  }
  return !streams_.empty() && feedback_.write(w, us, streams_.front().ssrc);
}

uint64_t PacketCounter::packets() const {
  uint64_t all = 0;
  for (const Stream& stream : streams_) all += stream.packets;
  return all;
}

}  // namespace loopcast::sim
