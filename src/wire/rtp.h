// RTP packets (RFC 3550, section 5.1) with header extensions (RFC 8285), and the demultiplexing of
// what shares their port (RFC 7983).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/bytes.h"
#include "base/units.h"

namespace loopcast::wire {

constexpr size_t kRtpFixedHeaderSize = 12;
// RFC 8285, sections 4.2 and 4.3. The low four bits of the two-byte profile are application bits.
constexpr uint16_t kOneByteExtensions = 0xBEDE;
constexpr uint16_t kTwoByteExtensions = 0x1000;

struct RtpExtension {
  uint8_t id = 0;
  Bytes data;
};

// The elements of an extension block, one after the other. Padding is skipped; the end of the block
// is also where it stops making sense (a length past its end, id 15 or a padding id with a length
// in the one-byte form: RFC 8285, section 4.2).
class RtpExtensionReader {
 public:
  RtpExtensionReader(uint16_t profile, Bytes block);
  std::optional<RtpExtension> next();

 private:
  enum class Form : uint8_t { kNone, kOneByte, kTwoByte };
  Bytes rest_;
  Form form_;
};

// A view into the caller's bytes.
struct RtpPacket {
  bool marker = false;
  PayloadType payload_type = 0;
  Seq16 sequence;
  uint32_t timestamp = 0;
  Ssrc ssrc;
  size_t header_size = 0;          // fixed header, contributing sources and extension block
  uint16_t extension_profile = 0;  // 0xBEDE, 0x1000 to 0x100F, another one, or 0 without extension
  Bytes extensions;                // body of the extension block
  Bytes payload;                   // without padding; empty in a packet of padding only
  uint8_t padding = 0;             // bytes of padding after the payload, its count byte included

  // A packet in the clear. nullopt if it is not RTP version 2 or does not hold what it announces.
  static std::optional<RtpPacket> parse(Bytes datagram);
  // The header alone, for a packet that is still encrypted: `payload` is all that follows the
  // header and `padding` is 0, because the count is part of what is encrypted (RFC 3711,
  // section 3.1).
  static std::optional<RtpPacket> parse_header(Bytes datagram);

  // The value of an extension element, the first one of this id; empty if it is absent (or, in the
  // two-byte form only, present without a value).
  Bytes extension(uint8_t id) const;
};

// Calls f(uint8_t id, Bytes data) for each extension element.
template <typename F>
void for_each_extension(const RtpPacket& packet, F&& f) {
  RtpExtensionReader reader(packet.extension_profile, packet.extensions);
  while (const auto element = reader.next()) f(element->id, element->data);
}

struct RtpHeader {
  bool marker = false;
  PayloadType payload_type = 0;
  Seq16 sequence;
  uint32_t timestamp = 0;
  Ssrc ssrc;
};

// Writes a header without contributing sources and returns its size, or 0 if it does not fit or an
// extension is impossible (id 0, more than 255 bytes). The extensions take the one-byte form if all
// ids are 1 to 14 and all sizes 1 to 16, else the two-byte form.
size_t write_rtp_header(MutableBytes out, const RtpHeader& header,
                        std::span<const RtpExtension> extensions);

enum class DatagramKind : uint8_t { kStun, kDtls, kRtp, kRtcp, kUnknown };

// What a datagram claims to be, by its first bytes (RFC 7983, section 7). RTP and RTCP are told
// apart by the payload types 64 to 95, which RTP leaves alone for that (RFC 5761, section 4).
DatagramKind classify(Bytes datagram);

}  // namespace loopcast::wire
