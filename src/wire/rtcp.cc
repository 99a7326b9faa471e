#include "wire/rtcp.h"

#include <algorithm>
#include <limits>

namespace loopcast::wire {
namespace {

constexpr size_t kSsrcSize = 4;
constexpr size_t kSenderInfoSize = 24;      // with the sender's SSRC
constexpr size_t kFeedbackHeaderSize = 8;   // sender and media source
constexpr uint32_t kRembName = 0x52454D42;  // "REMB"
constexpr size_t kRembFixedSize = kFeedbackHeaderSize + 8;
constexpr uint32_t kRembMantissaMax = (1u << 18) - 1;
constexpr uint8_t kSdesEnd = 0;
constexpr uint8_t kSdesCname = 1;
constexpr uint8_t kSdesMid = 15;  // RFC 9143, section 16
constexpr int kNackMaskBits = 16;

bool is_feedback(const RtcpPacket& packet, uint8_t type, uint8_t format) {
  return packet.type == type && packet.count == format && packet.body.size() >= kFeedbackHeaderSize;
}

Ssrc ssrc_at(Bytes body, size_t offset) { return Ssrc{load_u32(&body[offset])}; }

int32_t sign_extend_24(uint32_t v) { return static_cast<int32_t>(v << 8) >> 8; }

// How many of `sequences` one item of a NACK takes: the first, and those up to 16 after it.
size_t nack_item_length(std::span<const Seq16> sequences) {
  size_t n = 1;
  while (n < sequences.size()) {
    const int distance = sequences[n].distance_from(sequences[0]);
    if (distance < 0 || distance > kNackMaskBits) break;
    ++n;
  }
  return n;
}

void write_blocks(ByteWriter& w, std::span<const ReportBlock> blocks) {
  for (const ReportBlock& block : blocks) {
    const int32_t lost = std::clamp(block.cumulative_lost, -0x80'0000, 0x7F'FFFF);
    w.u32(block.ssrc.value);
    w.u8(block.fraction_lost);
    w.u24(static_cast<uint32_t>(lost) & 0xFF'FFFF);
    w.u32(block.highest_sequence);
    w.u32(block.jitter);
    w.u32(block.last_sr);
    w.u32(block.delay_since_last_sr);
  }
}

// Starts a packet if all of it fits.
bool start(ByteWriter& w, size_t count, uint8_t type, size_t body_size) {
  if (!w.ok() || count > kRtcpMaxCount || w.remaining() < kRtcpHeaderSize + body_size) return false;
  write_rtcp_header(w, static_cast<uint8_t>(count), type, body_size);
  return true;
}

}  // namespace

ReportBlock ReportBlocks::operator[](size_t i) const {
  const uint8_t* p = &raw_[i * kReportBlockSize];
  ReportBlock block;
  block.ssrc = Ssrc{load_u32(p)};
  block.fraction_lost = p[4];
  block.cumulative_lost = sign_extend_24(load_u24(p + 5));
  block.highest_sequence = load_u32(p + 8);
  block.jitter = load_u32(p + 12);
  block.last_sr = load_u32(p + 16);
  block.delay_since_last_sr = load_u32(p + 20);
  return block;
}

std::optional<SenderReport> parse_sender_report(const RtcpPacket& packet) {
  const size_t blocks = packet.count * ReportBlocks::kReportBlockSize;
  if (packet.type != kRtcpSenderReport || packet.body.size() < kSenderInfoSize + blocks)
    return std::nullopt;
  ByteReader r(packet.body);
  SenderReport report;
  report.ssrc = Ssrc{r.u32()};
  report.ntp = r.u64();
  report.rtp_timestamp = r.u32();
  report.packets = r.u32();
  report.octets = r.u32();
  report.blocks = ReportBlocks(r.bytes(blocks));
  return report;
}

std::optional<ReceiverReport> parse_receiver_report(const RtcpPacket& packet) {
  const size_t blocks = packet.count * ReportBlocks::kReportBlockSize;
  if (packet.type != kRtcpReceiverReport || packet.body.size() < kSsrcSize + blocks)
    return std::nullopt;
  return ReceiverReport{ssrc_at(packet.body, 0),
                        ReportBlocks(packet.body.subspan(kSsrcSize, blocks))};
}

std::optional<Nack> parse_nack(const RtcpPacket& packet) {
  if (!is_feedback(packet, kRtcpTransportFeedback, kFeedbackNack)) return std::nullopt;
  const Bytes items = packet.body.subspan(kFeedbackHeaderSize);
  if (items.empty() || items.size() % 4 != 0) return std::nullopt;
  return Nack{ssrc_at(packet.body, 0), ssrc_at(packet.body, 4), items};
}

std::optional<Pli> parse_pli(const RtcpPacket& packet) {
  if (!is_feedback(packet, kRtcpPayloadFeedback, kFeedbackPli)) return std::nullopt;
  return Pli{ssrc_at(packet.body, 0), ssrc_at(packet.body, 4)};
}

std::optional<Fir> parse_fir(const RtcpPacket& packet) {
  if (!is_feedback(packet, kRtcpPayloadFeedback, kFeedbackFir)) return std::nullopt;
  const Bytes entries = packet.body.subspan(kFeedbackHeaderSize);
  if (entries.empty() || entries.size() % Fir::kEntrySize != 0) return std::nullopt;
  return Fir{ssrc_at(packet.body, 0), entries};
}

std::optional<Remb> parse_remb(const RtcpPacket& packet) {
  if (!is_feedback(packet, kRtcpPayloadFeedback, kFeedbackApplication)) return std::nullopt;
  const Bytes body = packet.body;
  if (body.size() < kRembFixedSize || load_u32(&body[8]) != kRembName) return std::nullopt;
  const size_t ssrcs = kSsrcSize * body[12];
  if (body.size() < kRembFixedSize + ssrcs) return std::nullopt;
  const unsigned exponent = body[13] >> 2;
  const uint64_t mantissa = load_u24(&body[13]) & kRembMantissaMax;
  const auto limit = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  const uint64_t bps = mantissa > (limit >> exponent) ? limit : mantissa << exponent;
  return Remb{ssrc_at(body, 0), Bitrate{static_cast<int64_t>(bps)},
              SsrcList(body.subspan(kRembFixedSize, ssrcs))};
}

std::optional<Bye> parse_bye(const RtcpPacket& packet) {
  const size_t ssrcs = kSsrcSize * packet.count;
  if (packet.type != kRtcpBye || packet.body.size() < ssrcs) return std::nullopt;
  Bye bye{SsrcList(packet.body.first(ssrcs)), {}};
  const Bytes reason = packet.body.subspan(ssrcs);
  if (!reason.empty()) {
    if (reason.size() < 1u + reason[0]) return std::nullopt;
    bye.reason = as_text(reason.subspan(1, reason[0]));
  }
  return bye;
}

std::optional<SdesCname> parse_sdes_cname(const RtcpPacket& packet) {
  if (packet.type != kRtcpSdes) return std::nullopt;
  ByteReader r(packet.body);
  for (int chunk = 0; chunk < packet.count; ++chunk) {
    const Ssrc ssrc{r.u32()};
    while (r.ok()) {
      const uint8_t item = r.u8();
      if (item == kSdesEnd) break;
      const Bytes text = r.bytes(r.u8());
      if (r.ok() && item == kSdesCname) return SdesCname{ssrc, as_text(text)};
    }
    if (!r.ok()) return std::nullopt;
    r.skip((4 - r.position() % 4) % 4);  // a chunk ends on a word
  }
  return std::nullopt;
}

bool write_sender_report(ByteWriter& w, Ssrc ssrc, uint64_t ntp, uint32_t rtp_timestamp,
                         uint32_t packets, uint32_t octets, std::span<const ReportBlock> blocks) {
  const size_t size = kSenderInfoSize + blocks.size() * ReportBlocks::kReportBlockSize;
  if (!start(w, blocks.size(), kRtcpSenderReport, size)) return false;
  w.u32(ssrc.value);
  w.u64(ntp);
  w.u32(rtp_timestamp);
  w.u32(packets);
  w.u32(octets);
  write_blocks(w, blocks);
  return true;
}

bool write_receiver_report(ByteWriter& w, Ssrc ssrc, std::span<const ReportBlock> blocks) {
  const size_t size = kSsrcSize + blocks.size() * ReportBlocks::kReportBlockSize;
  if (!start(w, blocks.size(), kRtcpReceiverReport, size)) return false;
  w.u32(ssrc.value);
  write_blocks(w, blocks);
  return true;
}

bool write_sdes_cname(ByteWriter& w, std::span<const Ssrc> ssrcs, std::string_view cname) {
  if (ssrcs.empty() || cname.size() > 255) return false;
  const size_t chunk = kSsrcSize + 2 + cname.size();
  // One to four zeros: the end of the items, and up to the end of the word.
  const size_t zeros = 4 - chunk % 4;
  if (!start(w, ssrcs.size(), kRtcpSdes, ssrcs.size() * (chunk + zeros))) return false;
  for (const Ssrc ssrc : ssrcs) {
    w.u32(ssrc.value);
    w.u8(kSdesCname);
    w.u8(static_cast<uint8_t>(cname.size()));
    w.bytes(as_bytes(cname));
    w.zeros(zeros);
  }
  return true;
}

bool write_nack(ByteWriter& w, Ssrc sender, Ssrc media, std::span<const Seq16> sequences) {
  if (sequences.empty()) return false;
  size_t items = 0;
  for (auto rest = sequences; !rest.empty(); rest = rest.subspan(nack_item_length(rest))) ++items;
  if (!start(w, kFeedbackNack, kRtcpTransportFeedback, kFeedbackHeaderSize + 4 * items))
    return false;
  w.u32(sender.value);
  w.u32(media.value);
  for (auto rest = sequences; !rest.empty();) {
    const size_t n = nack_item_length(rest);
    unsigned mask = 0;
    for (const Seq16 s : rest.subspan(1, n - 1)) {
      const int distance = s.distance_from(rest[0]);
      if (distance > 0) mask |= 1u << (distance - 1);
    }
    w.u16(rest[0].value);
    w.u16(static_cast<uint16_t>(mask));
    rest = rest.subspan(n);
  }
  return true;
}

bool write_pli(ByteWriter& w, Ssrc sender, Ssrc media) {
  if (!start(w, kFeedbackPli, kRtcpPayloadFeedback, kFeedbackHeaderSize)) return false;
  w.u32(sender.value);
  w.u32(media.value);
  return true;
}

bool write_fir(ByteWriter& w, Ssrc sender, std::span<const FirEntry> entries) {
  const size_t size = kFeedbackHeaderSize + entries.size() * Fir::kEntrySize;
  if (entries.empty() || !start(w, kFeedbackFir, kRtcpPayloadFeedback, size)) return false;
  w.u32(sender.value);
  w.u32(0);  // the media source is in the entries
  for (const FirEntry& entry : entries) {
    w.u32(entry.ssrc.value);
    w.u8(entry.sequence);
    w.u24(0);
  }
  return true;
}

bool write_sdes_mid(ByteWriter& w, Ssrc ssrc, std::string_view mid) {
  if (mid.size() > 255) return false;
  const size_t chunk = kSsrcSize + 2 + mid.size();
  const size_t zeros = 4 - chunk % 4;
  if (!start(w, 1, kRtcpSdes, chunk + zeros)) return false;
  w.u32(ssrc.value);
  w.u8(kSdesMid);
  w.u8(static_cast<uint8_t>(mid.size()));
  w.bytes(as_bytes(mid));
  w.zeros(zeros);
  return true;
}

bool write_remb(ByteWriter& w, Ssrc sender, Bitrate bitrate, std::span<const Ssrc> ssrcs) {
  const size_t size = kRembFixedSize + kSsrcSize * ssrcs.size();
  if (ssrcs.size() > 255 || !start(w, kFeedbackApplication, kRtcpPayloadFeedback, size))
    return false;
  auto mantissa = static_cast<uint64_t>(std::max<int64_t>(bitrate.bps, 0));
  uint32_t exponent = 0;
  for (; mantissa > kRembMantissaMax; mantissa >>= 1) ++exponent;
  w.u32(sender.value);
  w.u32(0);
  w.u32(kRembName);
  w.u8(static_cast<uint8_t>(ssrcs.size()));
  w.u24((exponent << 18) | static_cast<uint32_t>(mantissa));
  for (const Ssrc ssrc : ssrcs) w.u32(ssrc.value);
  return true;
}

bool write_bye(ByteWriter& w, std::span<const Ssrc> ssrcs) {
  if (!start(w, ssrcs.size(), kRtcpBye, kSsrcSize * ssrcs.size())) return false;
  for (const Ssrc ssrc : ssrcs) w.u32(ssrc.value);
  return true;
}

}  // namespace loopcast::wire
