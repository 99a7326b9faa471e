#include "rtc/rtp_output.h"

#include <algorithm>

#include "wire/rtp.h"

namespace loopcast::rtc {
namespace {

using wire::ExtensionKind;

// The longest header that is written here: extensions of one byte each, in the one-byte form.
constexpr size_t kMaxHeader = wire::kRtpFixedHeaderSize + 8;

}  // namespace

RtpOutput::RtpOutput(const Negotiated& negotiated, Counters& counters) : counters_(counters) {
  const size_t count = std::min(negotiated.media.size(), streams_.size());
  for (size_t i = 0; i < count; ++i) {
    const NegotiatedMedia& media = negotiated.media[i];
    Stream& stream = streams_[i];
    stream.ssrc = media.local_ssrc;
    stream.rtx_ssrc = media.local_rtx_ssrc;
    stream.payload_type = media.payload_type;
    stream.rtx = media.rtx_payload_type.has_value();
    stream.rtx_payload_type = media.rtx_payload_type.value_or(0);
    stream.orientation_id = media.extension_id(ExtensionKind::kVideoOrientation);
    stream.audio_level_id = media.extension_id(ExtensionKind::kAudioLevel);
  }
}

void RtpOutput::choose_numbers(Random& random) {
  // RFC 3550 wants a random start; below 2^15 so that the first wrap is seen by a receiver that
  // lost the first packets (RFC 3711, section 3.3.1).
  for (Stream& stream : streams_) stream.rtx_index = random.below(1 << 15);
}

void RtpOutput::set_route(const Route* route) {
  routed_ = route != nullptr;
  if (route) route_ = *route;
}

size_t RtpOutput::write_header(uint8_t* out, PayloadType type, Ssrc ssrc, int64_t index,
                               uint32_t timestamp, const Stream& stream,
                               const PlainPacket& packet) {
  const bool orientation = stream.orientation_id != 0 && packet.orientation >= 0;
  const bool level = stream.audio_level_id != 0 && packet.audio_level >= 0;
  const bool extended = orientation || level;
  out[0] = static_cast<uint8_t>(0x80 | (packet.padding != 0 ? 0x20 : 0) | (extended ? 0x10 : 0));
  out[1] = static_cast<uint8_t>((packet.marker ? 0x80 : 0) | type);
  store_u16(out + 2, static_cast<uint16_t>(index));
  store_u32(out + 4, timestamp);
  store_u32(out + 8, ssrc.value);
  if (!extended) return wire::kRtpFixedHeaderSize;
  // One word of elements of one byte each: the length bits of both are 0 (RFC 8285, section 4.2).
  store_u32(out + 12, uint32_t{wire::kOneByteExtensions} << 16 | 1);
  uint8_t* element = out + 16;
  store_u32(element, 0);
  if (orientation) {
    *element++ = static_cast<uint8_t>(stream.orientation_id << 4);
    *element++ = static_cast<uint8_t>(packet.orientation);
  }
  if (level) {
    *element++ = static_cast<uint8_t>(stream.audio_level_id << 4);
    *element++ = static_cast<uint8_t>(packet.audio_level);
  }
  return kMaxHeader;
}

size_t RtpOutput::send(Outlet& out, size_t media, std::span<const PlainPacket> packets,
                       const RtpShift& shift) {
  if (!srtp_ || !routed_ || media >= kMaxMedia) return 0;
  size_t sent = 0;
  while (!packets.empty()) {
    const size_t count = std::min(packets.size(), kMaxRun);
    sent += send_run(out, streams_[media], packets.first(count), shift);
    packets = packets.subspan(count);
  }
  return sent;
}

size_t RtpOutput::send_run(Outlet& out, Stream& stream, std::span<const PlainPacket> packets,
                           const RtpShift& shift) {
  const size_t overhead = srtp_->overhead();
  size_t room = 0;
  for (const PlainPacket& packet : packets) room += kMaxHeader + packet.payload.size() + overhead;
  uint8_t* at = out.room(room).data();

  std::array<RtpToProtect, kMaxRun> run;
  std::array<uint16_t, kMaxRun> sizes;
  uint32_t octets = 0;
  for (size_t i = 0; i < packets.size(); ++i) {
    const PlainPacket& packet = packets[i];
    const int64_t index = packet.index + shift.index;
    const size_t header = write_header(at, stream.payload_type, stream.ssrc, index,
                                       packet.timestamp + shift.timestamp, stream, packet);
    run[i] = {at, header, packet.payload, static_cast<uint64_t>(index)};
    sizes[i] = static_cast<uint16_t>(header + packet.payload.size() + overhead);
    octets += static_cast<uint32_t>(packet.payload.size() - packet.padding);
    at += sizes[i];
  }
  if (!srtp_->protect_rtp({run.data(), packets.size()}, stream.ssrc)) {
    counters_.add(Counter::kDropSendUnprotected, packets.size());
    return 0;
  }
  out.commit_run(route_, {sizes.data(), packets.size()});
  stream.packets += static_cast<uint32_t>(packets.size());
  stream.octets += octets;
  return packets.size();
}

bool RtpOutput::send_again(Outlet& out, size_t media, const PlainPacket& packet,
                           const RtpShift& shift, Bytes payload) {
  if (!srtp_ || !routed_ || media >= kMaxMedia || !streams_[media].rtx) return false;
  Stream& stream = streams_[media];
  const int64_t index = stream.rtx_index++;
  const MutableBytes slot = out.room(kMaxHeader + payload.size() + srtp_->overhead());
  const size_t header = write_header(slot.data(), stream.rtx_payload_type, stream.rtx_ssrc, index,
                                     packet.timestamp + shift.timestamp, stream, packet);
  slot[0] &= static_cast<uint8_t>(~0x20);  // no padding here
  const size_t size = srtp_->protect_rtp(slot, header, payload, static_cast<uint64_t>(index));
  if (size == 0) {
    counters_.add(Counter::kDropSendUnprotected);
    return false;
  }
  out.commit(route_, size);
  return true;
}

}  // namespace loopcast::rtc
