#include "wire/rtcp_packet.h"

namespace loopcast::wire {
namespace {

constexpr uint8_t kPaddingBit = 0x20;

}  // namespace

std::optional<RtcpPacket> RtcpReader::next() {
  if (rest_.empty() || !ok_) return std::nullopt;
  ok_ = false;  // until the packet has proved to be whole
  if (rest_.size() < kRtcpHeaderSize || rest_[0] >> 6 != 2) return std::nullopt;
  const size_t size = kRtcpHeaderSize + size_t{4} * load_u16(&rest_[2]);
  if (size > rest_.size()) return std::nullopt;

  RtcpPacket packet;
  packet.count = rest_[0] & 0x1F;
  packet.type = rest_[1];
  packet.body = rest_.subspan(kRtcpHeaderSize, size - kRtcpHeaderSize);
  if ((rest_[0] & kPaddingBit) != 0) {
    if (packet.body.empty()) return std::nullopt;
    const size_t padding = packet.body.back();
    if (padding == 0 || padding > packet.body.size()) return std::nullopt;
    packet.body = packet.body.first(packet.body.size() - padding);
  }
  rest_ = rest_.subspan(size);
  ok_ = true;
  return packet;
}

void write_rtcp_header(ByteWriter& w, uint8_t count, uint8_t type, size_t body_size, bool padded) {
  w.u8(static_cast<uint8_t>(0x80 | (padded ? kPaddingBit : 0) | (count & 0x1F)));
  w.u8(type);
  w.u16(static_cast<uint16_t>(body_size / 4));
}

}  // namespace loopcast::wire
