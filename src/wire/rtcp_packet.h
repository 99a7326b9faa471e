// The frame that all RTCP packets share (RFC 3550, section 6.4.1) and the walk through a datagram
// of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.h"

namespace loopcast::wire {

// Packet types (RFC 3550, section 12.1; RFC 4585, section 6.1).
constexpr uint8_t kRtcpSenderReport = 200;
constexpr uint8_t kRtcpReceiverReport = 201;
constexpr uint8_t kRtcpSdes = 202;
constexpr uint8_t kRtcpBye = 203;
constexpr uint8_t kRtcpApp = 204;
constexpr uint8_t kRtcpTransportFeedback = 205;
constexpr uint8_t kRtcpPayloadFeedback = 206;

// Formats of transport feedback (RFC 4585, draft-holmer-rmcat-transport-wide-cc-extensions-01).
constexpr uint8_t kFeedbackNack = 1;
constexpr uint8_t kFeedbackTransportWide = 15;
// Formats of payload feedback (RFC 4585, RFC 5104, draft-alvestrand-rmcat-remb-03).
constexpr uint8_t kFeedbackPli = 1;
constexpr uint8_t kFeedbackFir = 4;
constexpr uint8_t kFeedbackApplication = 15;

constexpr size_t kRtcpHeaderSize = 4;
constexpr uint8_t kRtcpMaxCount = 31;

struct RtcpPacket {
  uint8_t count = 0;  // 5 bits: reports, sources, or the format of a feedback message
  uint8_t type = 0;
  Bytes body;  // after the header of 4 bytes, without padding
};

// The packets of a datagram in the clear. The first packet may be of any type (RFC 5506). Each
// packet may be padded, and by a number of bytes that is not a multiple of 4: browsers pad
// transport-wide feedback like that, wherever it stands in the datagram.
class RtcpReader {
 public:
  explicit RtcpReader(Bytes compound) : rest_(compound) {}

  // The next packet; nullopt at the end or where the datagram stops making sense.
  std::optional<RtcpPacket> next();
  // False once next() has met something malformed.
  bool ok() const { return ok_; }

 private:
  Bytes rest_;
  bool ok_ = true;
};

// Writes the 4 bytes before a body of `body_size`, which must be a multiple of 4 below 256 KiB.
// `padded`: the body ends with padding, whose last byte counts it.
void write_rtcp_header(ByteWriter& w, uint8_t count, uint8_t type, size_t body_size,
                       bool padded = false);

}  // namespace loopcast::wire
