#include "rtc/rtp_input.h"

#include <algorithm>
#include <array>
#include <utility>

#include "wire/rtp_extensions.h"

namespace loopcast::rtc {
namespace {

using wire::ExtensionKind;

// Numbers in one NACK request; more are asked for with the next.
constexpr size_t kMaxNackBatch = 64;

}  // namespace

RtpInput::RtpInput(const Negotiated& negotiated, Counters& counters)
    : counters_(counters), sections_(negotiated.media.size()) {
  for (size_t i = 0; i < sections_.size(); ++i) {
    const NegotiatedMedia& agreed = negotiated.media[i];
    Section& section = sections_[i];
    section.receive = agreed.receive;
    section.mid = agreed.mid;
    section.payload_type = agreed.payload_type;
    section.rtx_payload_type = agreed.rtx_payload_type;
    section.signalled_ssrc = agreed.remote_ssrc;
    section.signalled_rtx_ssrc = agreed.remote_rtx_ssrc;
    section.clock_rate = agreed.clock_rate;
    section.mid_id = agreed.extension_id(ExtensionKind::kMid);
    if (agreed.transport_cc)
      section.transport_cc_id = agreed.extension_id(ExtensionKind::kTransportCc);
    section.audio_level_id = agreed.extension_id(ExtensionKind::kAudioLevel);
    section.wants_nack = agreed.nack;
    section.pli = agreed.pli;
    section.fir = agreed.fir;
  }
}

void RtpInput::note_error(SrtpError error) {
  switch (error) {
    case SrtpError::kMalformed:
      counters_.add(Counter::kDropSrtpMalformed);
      break;
    case SrtpError::kTooOld:
      counters_.add(Counter::kDropSrtpTooOld);
      break;
    case SrtpError::kReplayed:
      counters_.add(Counter::kDropSrtpReplayed);
      break;
    case SrtpError::kAuthentication:
      counters_.add(Counter::kDropSrtpAuthentication);
      break;
    case SrtpError::kTooManySources:
      counters_.add(Counter::kDropSrtpSources);
      break;
  }
}

// nullopt: the packet has no MID; nullptr: one of no section of ours.
std::optional<RtpInput::Section*> RtpInput::section_by_mid(const wire::RtpPacket& packet) {
  uint8_t id = 0;
  Bytes mid;
  bool has_mid = false;
  for (Section& section : sections_) {
    if (!section.receive || section.mid_id == 0) continue;
    // Mostly the same in all sections: looked up once.
    if (section.mid_id != id) mid = packet.extension(id = section.mid_id);
    if (mid.empty()) continue;
    if (as_text(mid) == section.mid) return &section;
    has_mid = true;
  }
  if (has_mid) return nullptr;
  return std::nullopt;
}

// RFC 9143, section 9.2: the MID decides, then an SSRC that is known, then the payload type, which
// must be one of the section in any case. That an SSRC was signalled is no reason to refuse another
// one: senders may have to change theirs (RFC 3550, section 8.2).
RtpInput::Belonging RtpInput::section_of(const wire::RtpPacket& packet) {
  const PayloadType type = packet.payload_type;
  if (const auto by_mid = section_by_mid(packet)) {
    if (*by_mid && (*by_mid)->has_type(type)) return {*by_mid, true};
    return {};
  }
  for (Section& section : sections_) {
    if (!section.receive || !section.has_source(packet.ssrc)) continue;
    if (section.has_type(type)) return {&section, false};
    return {};
  }
  for (Section& section : sections_)
    if (section.receive && section.signalled(packet.ssrc) && section.has_type(type))
      return {&section, true};
  for (Section& section : sections_)
    if (section.receive && section.has_type(type)) return {&section, false};
  return {};
}

// Whether the packet is of the source of the section's stream. A new one becomes that at once if it
// is proven to belong here; one that had to give way before, or that only has the right payload
// type, when the present one has gone. All that is kept for the old one moves or begins anew.
bool RtpInput::admit_source(Instant now, const Belonging& belonging,
                            const wire::RtpPacket& packet) {
  Section& section = *belonging.section;
  if (section.stream && section.stream->ssrc() == packet.ssrc) {
    // What a goodbye overtook on its way has come by then: this source goes on after all.
    if (section.ended_at && now - *section.ended_at >= kByeReordering) section.ended_at.reset();
    return true;
  }
  // A probe of the bandwidth begins no stream.
  if (packet.payload.empty()) return false;
  if (!section.stream) {
    // It may have come with the payload type of retransmissions first, as a probe.
    if (section.rtx_ssrc == packet.ssrc) section.rtx_ssrc.reset();
    section.stream.emplace(packet.ssrc, section.clock_rate);
    return true;
  }
  const bool gone = section.ended_at || now - section.stream->last_packet() >= kSourceTakeover;
  if (!gone && (!belonging.proven || srtp_->gave_up(packet.ssrc))) return false;
  srtp_->give_up_source(section.stream->ssrc());
  if (section.rtx_ssrc) {
    srtp_->give_up_source(*section.rtx_ssrc);
    section.old_rtx_ssrc = std::exchange(section.rtx_ssrc, std::nullopt);
    section.old_rtx_until = now + kSourceTakeover;
  }
  // At last, as it may be the one that retransmissions came on before.
  srtp_->resume_source(packet.ssrc);
  section.ended_at.reset();
  section.stream->take_over(packet.ssrc);
  return true;
}

bool RtpInput::admit_rtx_source(Instant now, Section& section, Ssrc ssrc) {
  // Against RFC 4588, section 2, by which they have an SSRC of their own, but they can be read; the
  // source of the media is not given up with them when others come.
  if (section.stream && section.stream->ssrc() == ssrc) return true;
  if (section.rtx_ssrc == ssrc) return true;
  if (section.old_rtx_ssrc == ssrc && now < section.old_rtx_until) return false;
  if (section.rtx_ssrc) srtp_->give_up_source(*section.rtx_ssrc);
  srtp_->resume_source(ssrc);
  section.rtx_ssrc = ssrc;
  return true;
}

void RtpInput::note_transport_number(Instant now, const Section& section,
                                     const wire::RtpPacket& packet) {
  if (section.transport_cc_id == 0) return;
  const Bytes number = packet.extension(section.transport_cc_id);
  if (number.size() != 2) return;
  if (feedback_.empty() && feedback_due_.is_never())
    feedback_due_ = now + FeedbackRecorder::kInterval;
  feedback_.record(now, Seq16{load_u16(number.data())});
}

std::optional<Received> RtpInput::handle_rtp(Instant now, MutableBytes datagram) {
  const auto size = srtp_->unprotect_rtp(datagram);
  if (!size) {
    note_error(size.error());
    return std::nullopt;
  }
  const auto packet = wire::RtpPacket::parse(datagram.first(*size));
  if (!packet) {
    counters_.add(Counter::kDropRtpMalformed);
    return Received{};
  }
  const Belonging belonging = section_of(*packet);
  if (!belonging.section) {
    counters_.add(Counter::kDropRtpUnknownStream);
    return Received{};
  }
  Section& section = *belonging.section;
  note_transport_number(now, section, *packet);
  Received received{.kind = Received::Kind::kRtp,
                    .media = static_cast<size_t>(&section - sections_.data()),
                    .recovered = section.rtx_payload_type == packet->payload_type,
                    .rtp = *packet};
  const bool good = received.recovered ? read_retransmission(now, section, received)
                                       : read_media(now, belonging, received);
  if (!good) return Received{};
  received.rtp.timestamp = section.stream->timestamp(packet->timestamp);
  if (const Bytes value = packet->extension(section.audio_level_id); value.size() == 1)
    received.audio_level = value[0];
  if (section.wants_nack && !section.nack.on_packet(now, received.index))
    section.keyframe_wanted = section.may_want_keyframe();
  return received;
}

// RFC 4588, section 4. False if it is of no use.
bool RtpInput::read_retransmission(Instant now, Section& section, Received& received) {
  if (!admit_rtx_source(now, section, received.rtp.ssrc)) {
    counters_.add(Counter::kDropRtpUnknownStream);
    return false;
  }
  const Bytes payload = received.rtp.payload;
  // Padding, which senders probe the bandwidth with, has no original sequence number.
  if (!section.stream || payload.size() < 2) return false;
  received.rtp.sequence = Seq16{load_u16(payload.data())};
  received.rtp.payload = payload.subspan(2);
  received.rtp.ssrc = section.stream->ssrc();
  received.rtp.payload_type = section.payload_type;
  const auto index = section.stream->extend(received.rtp.sequence);
  if (!index) {
    counters_.add(Counter::kDropRtpOffSequence);
    return false;
  }
  received.index = *index;
  counters_.add(Counter::kRtpRecovered);
  return true;
}

bool RtpInput::read_media(Instant now, const Belonging& belonging, Received& received) {
  if (!admit_source(now, belonging, received.rtp)) {
    counters_.add(Counter::kDropRtpUnknownStream);
    return false;
  }
  Section& section = *belonging.section;
  const uint32_t restarts = section.stream->restarts();
  const auto index = section.stream->on_packet(now, received.rtp);
  if (!index) {
    counters_.add(Counter::kDropRtpOffSequence);
    return false;
  }
  // The packet that a new sequence began with is lost, and perhaps more: no NACK can mend that, nor
  // does anybody know what was missing under the old numbers.
  if (section.stream->restarts() != restarts) {
    section.nack.restart();
    section.keyframe_wanted = section.may_want_keyframe();
  }
  received.index = *index;
  counters_.add(Counter::kRtpReceived);
  return true;
}

std::optional<Bytes> RtpInput::unprotect_rtcp(MutableBytes datagram) {
  const auto size = srtp_->unprotect_rtcp(datagram);
  if (!size) {
    note_error(size.error());
    return std::nullopt;
  }
  return datagram.first(*size);
}

void RtpInput::on_sender_report(Instant now, const wire::SenderReport& report) {
  for (Section& section : sections_)
    if (section.stream && section.stream->ssrc() == report.ssrc)
      section.stream->on_sender_report(now, report);
}

void RtpInput::on_bye(Instant now, const wire::Bye& bye) {
  for (Section& section : sections_)
    for (size_t i = 0; section.stream && i < bye.ssrcs.size(); ++i)
      if (bye.ssrcs[i] == section.stream->ssrc()) section.ended_at = now;
}

void RtpInput::request_keyframe(size_t media) {
  Section& section = sections_[media];
  if (section.may_want_keyframe()) section.keyframe_wanted = true;
}

Instant RtpInput::next_timeout() const {
  Instant at = feedback_due_;
  for (const Section& section : sections_) {
    at = std::min(at, section.nack.next_timeout());
    if (section.keyframe_wanted) at = std::min(at, section.keyframe_allowed);
  }
  return at;
}

void RtpInput::write_feedback(Instant now, Duration round_trip, Ssrc reporter, ByteWriter& w) {
  Ssrc media{0};
  for (Section& section : sections_) {
    if (!section.stream) continue;
    write_stream_feedback(now, round_trip, reporter, section, w);
    media = section.stream->ssrc();
  }
  if (now < feedback_due_) return;
  feedback_.write(w, reporter, media);
  feedback_due_ = feedback_.empty() ? Instant::never() : now;  // the rest with the next flush
}

void RtpInput::write_stream_feedback(Instant now, Duration round_trip, Ssrc reporter,
                                     Section& section, ByteWriter& w) {
  const Ssrc sender = section.stream->ssrc();
  std::array<int64_t, kMaxNackBatch> missing;
  std::array<Seq16, kMaxNackBatch> asked;
  const size_t count = section.nack.take_due(now, round_trip, missing);
  for (size_t i = 0; i < count; ++i) asked[i] = section.stream->wire_sequence(missing[i]);
  if (count > 0 && wire::write_nack(w, reporter, sender, {asked.data(), count}))
    counters_.add(Counter::kNackSent, count);
  if (const uint64_t abandoned = section.nack.abandoned(); abandoned != section.abandoned_counted) {
    counters_.add(Counter::kNackAbandoned, abandoned - section.abandoned_counted);
    section.abandoned_counted = abandoned;
    section.keyframe_wanted = section.may_want_keyframe();
  }
  if (!section.keyframe_wanted || now < section.keyframe_allowed) return;
  section.keyframe_wanted = false;
  section.keyframe_allowed = now + kKeyframeInterval;
  const wire::FirEntry fir{sender, ++section.fir_sequence};
  if (section.pli ? wire::write_pli(w, reporter, sender) : wire::write_fir(w, reporter, {&fir, 1}))
    counters_.add(Counter::kKeyframeRequestsSent);
}

size_t RtpInput::take_reports(Instant now, std::span<wire::ReportBlock> blocks) {
  size_t count = 0;
  for (Section& section : sections_)
    if (section.stream && count < blocks.size()) blocks[count++] = section.stream->take_report(now);
  return count;
}

Instant RtpInput::last_media() const {
  Instant last;
  for (const Section& section : sections_)
    if (section.stream) last = std::max(last, section.stream->last_heard());
  return last;
}

std::optional<ClockMark> RtpInput::clock_mark(size_t media) const {
  const auto& stream = sections_[media].stream;
  return stream ? stream->clock_mark() : std::nullopt;
}

}  // namespace loopcast::rtc
