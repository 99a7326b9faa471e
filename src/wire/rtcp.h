// RTCP: reports, source descriptions and goodbyes (RFC 3550, section 6), feedback messages (RFC
// 4585, RFC 5104, REMB), compound and reduced-size (RFC 5506). Transport-wide feedback has
// transport_feedback.h, the clock conversions ntp.h; this header includes both.
//
// What the parsers return are views into the caller's bytes. A parser returns nullopt for a packet
// of another type and for a malformed one. A writer appends a whole packet and returns true, or
// returns false and appends nothing: no room, or more items than the format can count.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "base/units.h"
#include "wire/ntp.h"
#include "wire/rtcp_packet.h"
#include "wire/transport_feedback.h"

namespace loopcast::wire {

// RFC 3550, section 6.4.1.
struct ReportBlock {
  Ssrc ssrc;
  uint8_t fraction_lost = 0;         // of the packets since the last report, in 1/256
  int32_t cumulative_lost = 0;       // 24 bits, signed: duplicates make it negative
  uint32_t highest_sequence = 0;     // with the count of wraps above its low 16 bits
  uint32_t jitter = 0;               // in units of the RTP clock
  uint32_t last_sr = 0;              // compact NTP of the last sender report, 0 before the first
  uint32_t delay_since_last_sr = 0;  // in 1/65536 s
  bool operator==(const ReportBlock&) const = default;
};

class ReportBlocks {
 public:
  ReportBlocks() = default;
  // `raw` holds whole blocks.
  explicit ReportBlocks(Bytes raw) : raw_(raw) {}
  size_t size() const { return raw_.size() / kReportBlockSize; }
  // Undefined unless i < size().
  ReportBlock operator[](size_t i) const;

  static constexpr size_t kReportBlockSize = 24;

 private:
  Bytes raw_;
};

struct SenderReport {
  Ssrc ssrc;
  uint64_t ntp = 0;
  uint32_t rtp_timestamp = 0;
  uint32_t packets = 0;
  uint32_t octets = 0;  // of payload
  ReportBlocks blocks;
};

struct ReceiverReport {
  Ssrc ssrc;
  ReportBlocks blocks;
};

// A generic NACK (RFC 4585, section 6.2.1).
struct Nack {
  Ssrc sender;
  Ssrc media;
  Bytes items;  // pairs of packet id and bitmask, 4 bytes each

  // Calls f(Seq16) for each number asked for, at most 17 per item.
  template <typename F>
  void for_each(F&& f) const {
    for (size_t at = 0; at + 4 <= items.size(); at += 4) {
      const Seq16 first{load_u16(&items[at])};
      f(first);
      const unsigned mask = load_u16(&items[at + 2]);
      for (int bit = 0; bit < 16; ++bit)
        if ((mask >> bit & 1) != 0) f(first + (bit + 1));
    }
  }
};

// Picture loss indication (RFC 4585, section 6.3.1).
struct Pli {
  Ssrc sender;
  Ssrc media;
};

// A full intra request for one source (RFC 5104, section 4.3.1). `sequence` tells a new request
// from a repeated one.
struct FirEntry {
  Ssrc ssrc;
  uint8_t sequence = 0;
  bool operator==(const FirEntry&) const = default;
};
struct Fir {
  Ssrc sender;
  Bytes raw;  // whole entries

  size_t size() const { return raw.size() / kEntrySize; }
  // Undefined unless i < size().
  FirEntry operator[](size_t i) const {
    return {Ssrc{load_u32(&raw[i * kEntrySize])}, raw[i * kEntrySize + 4]};
  }
  static constexpr size_t kEntrySize = 8;
};

// A bounded list of SSRCs.
class SsrcList {
 public:
  SsrcList() = default;
  // `raw` holds whole SSRCs.
  explicit SsrcList(Bytes raw) : raw_(raw) {}
  size_t size() const { return raw_.size() / 4; }
  // Undefined unless i < size().
  Ssrc operator[](size_t i) const { return Ssrc{load_u32(&raw_[i * 4])}; }

 private:
  Bytes raw_;
};

// Receiver estimated maximum bitrate (draft-alvestrand-rmcat-remb-03, section 2.2). A bitrate
// beyond int64_t is cut to its maximum.
struct Remb {
  Ssrc sender;
  Bitrate bitrate;
  SsrcList ssrcs;
};

struct Bye {
  SsrcList ssrcs;
  std::string_view reason;
};

// The canonical name of a source (RFC 3550, section 6.5.1): at most 255 bytes, not checked for
// UTF-8.
struct SdesCname {
  Ssrc ssrc;
  std::string_view cname;
};

std::optional<SenderReport> parse_sender_report(const RtcpPacket& packet);
std::optional<ReceiverReport> parse_receiver_report(const RtcpPacket& packet);
std::optional<Nack> parse_nack(const RtcpPacket& packet);
std::optional<Pli> parse_pli(const RtcpPacket& packet);
std::optional<Fir> parse_fir(const RtcpPacket& packet);
std::optional<Remb> parse_remb(const RtcpPacket& packet);
std::optional<Bye> parse_bye(const RtcpPacket& packet);
// The first canonical name of the packet.
std::optional<SdesCname> parse_sdes_cname(const RtcpPacket& packet);

// At most 31 blocks. `cumulative_lost` is clamped to its 24 bits.
bool write_sender_report(ByteWriter& w, Ssrc ssrc, uint64_t ntp, uint32_t rtp_timestamp,
                         uint32_t packets, uint32_t octets, std::span<const ReportBlock> blocks);
bool write_receiver_report(ByteWriter& w, Ssrc ssrc, std::span<const ReportBlock> blocks);
// One name for several sources, which have a chunk each (RFC 3550, section 6.5): at least one, at
// most 31.
bool write_sdes_cname(ByteWriter& w, std::span<const Ssrc> ssrcs, std::string_view cname);
inline bool write_sdes_cname(ByteWriter& w, Ssrc ssrc, std::string_view cname) {
  return write_sdes_cname(w, std::span(&ssrc, 1), cname);
}
// `sequences` in sending order (each newer than the one before), at least one.
bool write_nack(ByteWriter& w, Ssrc sender, Ssrc media, std::span<const Seq16> sequences);
bool write_pli(ByteWriter& w, Ssrc sender, Ssrc media);
// At least one entry.
bool write_fir(ByteWriter& w, Ssrc sender, std::span<const FirEntry> entries);
// At most 255 sources. The bitrate loses precision downwards, to 18 significant bits.
// The section that a source belongs to, in a packet of its own (RFC 9143, section 15). `mid`: at
// most 255 bytes.
bool write_sdes_mid(ByteWriter& w, Ssrc ssrc, std::string_view mid);
bool write_remb(ByteWriter& w, Ssrc sender, Bitrate bitrate, std::span<const Ssrc> ssrcs);
// At most 31 sources.
bool write_bye(ByteWriter& w, std::span<const Ssrc> ssrcs);

}  // namespace loopcast::wire
