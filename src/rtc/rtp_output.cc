#include "rtc/rtp_output.h"

#include <algorithm>

#include "wire/rtp.h"

namespace loopcast::rtc {
namespace {

using wire::ExtensionKind;

// The longest header that is written here: all extensions, in the one-byte form.
constexpr size_t kMaxHeader = wire::kRtpFixedHeaderSize + 16;

// The first byte of an extension (RFC 8285, section 4.2).
constexpr uint8_t element_header(uint8_t id, size_t size) {
  return static_cast<uint8_t>(id << 4 | (size - 1));
}

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
    stream.transport_id = media.extension_id(ExtensionKind::kTransportCc);
    stream.send_time_id = media.extension_id(ExtensionKind::kAbsSendTime);
    stream.audio_level_id = media.extension_id(ExtensionKind::kAudioLevel);
    if (media.send && stream.transport_id != 0 && !way_) way_ = std::make_unique<Way>();
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

RtpOutput::Moment RtpOutput::moment(Instant now) const {
  return {.send_time = wire::encode_abs_send_time(now),
          .transport_number = way_ ? way_->history.next() : uint16_t{0}};
}

size_t RtpOutput::write_header(uint8_t* out, PayloadType type, Ssrc ssrc, int64_t index,
                               uint32_t timestamp, const Stream& stream, const PlainPacket& packet,
                               Moment& moment) {
  uint8_t* element = out + wire::kRtpFixedHeaderSize + 4;
  if (stream.transport_id != 0) {
    *element = element_header(stream.transport_id, 2);
    store_u16(element + 1, moment.transport_number++);
    element += 3;
  }
  if (stream.send_time_id != 0) {
    *element = element_header(stream.send_time_id, moment.send_time.size());
    element = std::ranges::copy(moment.send_time, element + 1).out;
  }
  if (stream.audio_level_id != 0 && packet.audio_level >= 0) {
    *element++ = element_header(stream.audio_level_id, 1);
    *element++ = static_cast<uint8_t>(packet.audio_level);
  }
  const auto size = static_cast<size_t>(element - out) - wire::kRtpFixedHeaderSize - 4;
  const bool extended = size > 0;
  out[0] = static_cast<uint8_t>(0x80 | (packet.padding != 0 ? 0x20 : 0) | (extended ? 0x10 : 0));
  out[1] = static_cast<uint8_t>((packet.marker ? 0x80 : 0) | type);
  store_u16(out + 2, static_cast<uint16_t>(index));
  store_u32(out + 4, timestamp);
  store_u32(out + 8, ssrc.value);
  if (!extended) return wire::kRtpFixedHeaderSize;
  const size_t words = (size + 3) / 4;
  store_u32(out + wire::kRtpFixedHeaderSize,
            uint32_t{wire::kOneByteExtensions} << 16 | static_cast<uint32_t>(words));
  for (size_t i = size; i < words * 4; ++i) *element++ = 0;
  return wire::kRtpFixedHeaderSize + 4 + words * 4;
}

size_t RtpOutput::send(Instant now, Outlet& out, size_t media, std::span<const PlainPacket> packets,
                       const RtpShift& shift) {
  if (!srtp_ || !routed_ || media >= kMaxMedia) return 0;
  size_t sent = 0;
  while (!packets.empty()) {
    const size_t count = std::min(packets.size(), kMaxRun);
    sent += send_run(now, out, streams_[media], packets.first(count), shift);
    packets = packets.subspan(count);
  }
  return sent;
}

size_t RtpOutput::send_run(Instant now, Outlet& out, Stream& stream,
                           std::span<const PlainPacket> packets, const RtpShift& shift) {
  const size_t overhead = srtp_->overhead();
  size_t room = 0;
  for (const PlainPacket& packet : packets) room += kMaxHeader + packet.payload.size() + overhead;
  uint8_t* at = out.room(room).data();

  std::array<RtpToProtect, kMaxRun> run;
  std::array<uint16_t, kMaxRun> sizes;
  uint32_t octets = 0, bytes = 0;
  Moment departure = moment(now);
  for (size_t i = 0; i < packets.size(); ++i) {
    const PlainPacket& packet = packets[i];
    const int64_t index = packet.index + shift.index;
    const size_t header =
        write_header(at, stream.payload_type, stream.ssrc, index,
                     packet.timestamp + shift.timestamp, stream, packet, departure);
    run[i] = {at, header, packet.payload, static_cast<uint64_t>(index)};
    sizes[i] = static_cast<uint16_t>(header + packet.payload.size() + overhead);
    octets += static_cast<uint32_t>(packet.payload.size() - packet.padding);
    bytes += sizes[i];
    at += sizes[i];
  }
  if (!srtp_->protect_rtp({run.data(), packets.size()}, stream.ssrc)) {
    counters_.add(Counter::kDropSendUnprotected, packets.size());
    return 0;
  }
  out.commit_run(route_, {sizes.data(), packets.size()});
  if (stream.transport_id != 0) way_->history.add(now, packets.size(), bytes);
  stream.packets += static_cast<uint32_t>(packets.size());
  stream.octets += octets;
  return packets.size();
}

bool RtpOutput::send_again(Instant now, Outlet& out, size_t media, const PlainPacket& packet,
                           const RtpShift& shift, Bytes payload) {
  if (!srtp_ || !routed_ || media >= kMaxMedia || !streams_[media].rtx) return false;
  Stream& stream = streams_[media];
  const int64_t index = stream.rtx_index++;
  const MutableBytes slot = out.room(kMaxHeader + payload.size() + srtp_->overhead());
  Moment departure = moment(now);
  const size_t header = write_header(slot.data(), stream.rtx_payload_type, stream.rtx_ssrc, index,
                                     packet.timestamp + shift.timestamp, stream, packet, departure);
  slot[0] &= static_cast<uint8_t>(~0x20);  // no padding here
  const size_t size = srtp_->protect_rtp(slot, header, payload, static_cast<uint64_t>(index));
  if (size == 0) {
    counters_.add(Counter::kDropSendUnprotected);
    return false;
  }
  out.commit(route_, size);
  if (stream.transport_id != 0) way_->history.add(now, 1, size);
  return true;
}

}  // namespace loopcast::rtc
