#include "wire/rtp.h"

#include <algorithm>

namespace loopcast::wire {
namespace {

constexpr size_t kExtensionHeaderSize = 4;  // profile and length in words
constexpr uint8_t kPaddingBit = 0x20;
constexpr uint8_t kExtensionBit = 0x10;

bool fits_one_byte_form(const RtpExtension& extension) {
  return extension.id >= 1 && extension.id <= 14 && !extension.data.empty() &&
         extension.data.size() <= 16;
}

bool fits_two_byte_form(const RtpExtension& extension) {
  return extension.id >= 1 && extension.data.size() <= 255;
}

}  // namespace

RtpExtensionReader::RtpExtensionReader(uint16_t profile, Bytes block)
    : rest_(block),
      form_(profile == kOneByteExtensions              ? Form::kOneByte
            : (profile & 0xFFF0) == kTwoByteExtensions ? Form::kTwoByte
                                                       : Form::kNone) {}

std::optional<RtpExtension> RtpExtensionReader::next() {
  if (form_ == Form::kNone) return std::nullopt;
  while (!rest_.empty() && rest_[0] == 0) rest_ = rest_.subspan(1);
  if (rest_.empty()) return std::nullopt;

  uint8_t id = 0;
  size_t header = 0;
  size_t size = 0;
  bool valid = true;
  if (form_ == Form::kOneByte) {
    id = rest_[0] >> 4;
    header = 1;
    size = (rest_[0] & 0x0Fu) + 1;
    valid = id != 0 && id != 15;
  } else if (rest_.size() >= 2) {
    id = rest_[0];
    header = 2;
    size = rest_[1];
  } else {
    valid = false;
  }
  if (!valid || header + size > rest_.size()) {
    rest_ = {};
    return std::nullopt;
  }
  const RtpExtension element{id, rest_.subspan(header, size)};
  rest_ = rest_.subspan(header + size);
  return element;
}

std::optional<RtpPacket> RtpPacket::parse_header(Bytes datagram) {
  if (datagram.size() < kRtpFixedHeaderSize || datagram[0] >> 6 != 2) return std::nullopt;
  RtpPacket packet;
  packet.marker = (datagram[1] & 0x80) != 0;
  packet.payload_type = datagram[1] & 0x7F;
  packet.sequence = Seq16{load_u16(&datagram[2])};
  packet.timestamp = load_u32(&datagram[4]);
  packet.ssrc = Ssrc{load_u32(&datagram[8])};
  packet.header_size = kRtpFixedHeaderSize + size_t{4} * (datagram[0] & 0x0Fu);
  if ((datagram[0] & kExtensionBit) != 0) {
    const size_t block = packet.header_size + kExtensionHeaderSize;
    if (block > datagram.size()) return std::nullopt;
    const size_t length = size_t{4} * load_u16(&datagram[block - 2]);
    packet.extension_profile = load_u16(&datagram[block - 4]);
    packet.header_size = block + length;
    if (packet.header_size > datagram.size()) return std::nullopt;
    packet.extensions = datagram.subspan(block, length);
  }
  if (packet.header_size > datagram.size()) return std::nullopt;
  packet.payload = datagram.subspan(packet.header_size);
  return packet;
}

std::optional<RtpPacket> RtpPacket::parse(Bytes datagram) {
  auto packet = parse_header(datagram);
  if (!packet || (datagram[0] & kPaddingBit) == 0) return packet;
  if (packet->payload.empty()) return std::nullopt;
  packet->padding = packet->payload.back();
  if (packet->padding == 0 || packet->padding > packet->payload.size()) return std::nullopt;
  packet->payload = packet->payload.first(packet->payload.size() - packet->padding);
  return packet;
}

Bytes RtpPacket::extension(uint8_t id) const {
  RtpExtensionReader reader(extension_profile, extensions);
  while (const auto element = reader.next())
    if (element->id == id) return element->data;
  return {};
}

size_t write_rtp_header(MutableBytes out, const RtpHeader& header,
                        std::span<const RtpExtension> extensions) {
  if (!std::ranges::all_of(extensions, fits_two_byte_form)) return 0;
  const bool one_byte = std::ranges::all_of(extensions, fits_one_byte_form);

  ByteWriter w(out);
  w.u8(static_cast<uint8_t>(0x80 | (extensions.empty() ? 0 : kExtensionBit)));
  w.u8(static_cast<uint8_t>((header.marker ? 0x80 : 0) | (header.payload_type & 0x7F)));
  w.u16(header.sequence.value);
  w.u32(header.timestamp);
  w.u32(header.ssrc.value);
  if (!extensions.empty()) {
    size_t body = 0;
    for (const auto& extension : extensions) body += (one_byte ? 1 : 2) + extension.data.size();
    const size_t words = (body + 3) / 4;
    if (words > 0xFFFF) return 0;
    w.u16(one_byte ? kOneByteExtensions : kTwoByteExtensions);
    w.u16(static_cast<uint16_t>(words));
    for (const auto& [id, data] : extensions) {
      if (one_byte) {
        w.u8(static_cast<uint8_t>((id << 4) | (data.size() - 1)));
      } else {
        w.u8(id);
        w.u8(static_cast<uint8_t>(data.size()));
      }
      w.bytes(data);
    }
    w.zeros(words * 4 - body);
  }
  return w.ok() ? w.position() : 0;
}

DatagramKind classify(Bytes datagram) {
  if (datagram.empty()) return DatagramKind::kUnknown;
  const uint8_t first = datagram[0];
  if (first <= 3) return DatagramKind::kStun;
  if (first >= 20 && first <= 63) return DatagramKind::kDtls;
  if (first < 128 || first > 191 || datagram.size() < 2) return DatagramKind::kUnknown;
  const uint8_t payload_type = datagram[1] & 0x7F;
  return payload_type >= 64 && payload_type <= 95 ? DatagramKind::kRtcp : DatagramKind::kRtp;
}

}  // namespace loopcast::wire
