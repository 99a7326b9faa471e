#include "rtc/peer.h"

#include <algorithm>

#include "wire/rtcp.h"
#include "wire/rtp_extensions.h"

namespace loopcast::rtc {
namespace {

using wire::ExtensionKind;

// Room that a compound of ours needs at most: reports of two streams, feedback, and SRTCP's
// trailer.
constexpr size_t kRtcpRoom = TransmitBatch::kMaxDatagram - SrtpSender::kMaxRtcpOverhead;
// A datagram on the way out stays below the path MTU of the Internet's usual tunnels.
constexpr size_t kMaxFeedbackSize = 1150;
// Numbers in one NACK request; more are asked for with the next.
constexpr size_t kMaxNackBatch = 64;
// Reports of many peers leave together.
constexpr Duration kReportGrid = Duration::millis(20);
// Without signalled SSRCs a new source may take over from one that has been silent for this long.
constexpr Duration kSourceTakeover = Duration::seconds(2);

Dtls::Role role_of(const Negotiated& negotiated) {
  return negotiated.dtls_active ? Dtls::Role::kClient : Dtls::Role::kServer;
}

}  // namespace

Peer::Peer(Instant now, const PeerContext& context, IceCredentials local, Negotiated negotiated,
           const Random::Seed& seed)
    : context_(context),
      output_(negotiated, context.counters),
      negotiated_(std::move(negotiated)),
      ice_(now, std::move(local), negotiated_.remote_ice, Random(seed).fork()),
      dtls_(std::make_unique<Dtls>(
          context.identity, role_of(negotiated_),
          DtlsFingerprint{negotiated_.fingerprint_algorithm, negotiated_.fingerprint})),
      receiving_(negotiated_.media.size()),
      random_(seed) {
  random_.fork();  // what ICE got
  output_.choose_numbers(random_);
  for (const NegotiatedMedia& m : negotiated_.media)
    if (m.receive && m.transport_cc) transport_cc_id_ = m.extension_id(ExtensionKind::kTransportCc);
}

Received Peer::handle_datagram(Instant now, const Route& from, MutableBytes datagram) {
  switch (wire::classify(datagram)) {
    case wire::DatagramKind::kStun:
      return handle_stun(now, from, datagram);
    case wire::DatagramKind::kDtls:
      handle_dtls(now, from, datagram);
      return {};
    case wire::DatagramKind::kRtp:
      return handle_rtp(now, from, datagram);
    case wire::DatagramKind::kRtcp:
      return handle_rtcp(now, from, datagram);
    case wire::DatagramKind::kUnknown:
      break;
  }
  context_.counters.add(Counter::kDropUnknownDatagram);
  return {};
}

Received Peer::handle_stun(Instant now, const Route& from, Bytes datagram) {
  using Result = IceAgent::Result;
  const Result result = ice_.handle_datagram(now, from, datagram);
  switch (result) {
    case Result::kHandled:
      break;
    case Result::kMalformed:
    case Result::kUnknownAttribute:
      context_.counters.add(Counter::kDropStunMalformed);
      break;
    case Result::kUnauthenticated:
    case Result::kUnknownUser:
      context_.counters.add(Counter::kDropStunUnknownUser);
      break;
    case Result::kBadIntegrity:
      context_.counters.add(Counter::kDropStunIntegrity);
      break;
    case Result::kRoleConflict:
    case Result::kUnexpectedResponse:
    case Result::kRefused:
    case Result::kFailed:
      context_.counters.add(Counter::kDropStunUnexpected);
      break;
    case Result::kTooManyRoutes:
      context_.counters.add(Counter::kDropStunLimit);
      break;
  }
  after_progress(now);
  return {.kind = result == Result::kHandled ? Received::Kind::kStun : Received::Kind::kNone};
}

void Peer::handle_dtls(Instant now, const Route& from, Bytes datagram) {
  if (ice_.is_validated(from)) {
    dtls_->handle_datagram(now, datagram);
    after_progress(now);
    return;
  }
  // A browser starts DTLS as soon as its own check is answered, which may be before it has answered
  // ours. Waiting for its retransmission would delay the picture.
  if (held_.empty()) held_from_ = from;
  if (ice_.selected() || state_ != State::kConnecting || !(from == held_from_) ||
      held_.size() == kMaxHeldDatagrams || datagram.size() > TransmitBatch::kMaxDatagram) {
    context_.counters.add(Counter::kDropDtlsUnvalidated);
    return;
  }
  held_.emplace_back(datagram.begin(), datagram.end());
}

void Peer::after_progress(Instant now) {
  if (!held_.empty() && ice_.selected()) {
    const bool good = ice_.is_validated(held_from_);
    for (const auto& datagram : held_) {
      if (good)
        dtls_->handle_datagram(now, datagram);
      else
        context_.counters.add(Counter::kDropDtlsUnvalidated);
    }
    held_ = {};
  }
  if (ice_.selected() && negotiated_.dtls_active && dtls_->state() == Dtls::State::kNew)
    dtls_->start(now);
  if (state_ == State::kConnecting && dtls_->state() == Dtls::State::kConnected) {
    begin_srtp();
    if (output_.has_keys()) {
      state_ = State::kConnected;
      settle_at_ = now + kSettleTime;
      // Reports of many peers that join together are spread over the interval.
      timers_.set(
          Timer::kReports,
          (now + Duration::millis(random_.below(static_cast<uint32_t>(kReportInterval.ms()))))
              .floor(kReportGrid));
    }
  }
  if (dtls_->state() == Dtls::State::kClosed && state_ != State::kFailed) state_ = State::kClosed;
  if (dtls_->state() == Dtls::State::kFailed) state_ = State::kFailed, failure_ = "dtls";
  if (ice_.state() == IceAgent::State::kFailed) state_ = State::kFailed, failure_ = "ice";
  output_.set_route(ice_.selected());
}

void Peer::begin_srtp() {
  const auto profile = static_cast<SrtpProfile>(dtls_->srtp_profile().value_or(0));
  const auto keys = split_exporter(profile, dtls_->srtp_keying_material());
  if (!keys) {
    state_ = State::kFailed;
    failure_ = "dtls";
    return;
  }
  const bool client = negotiated_.dtls_active;
  output_.set_keys(SrtpSender(context_.crypto, profile, client ? keys->client : keys->server));
  receiver_.emplace(context_.crypto, profile, client ? keys->server : keys->client);
}

void Peer::note_authentic(Instant now) {
  if (now < settle_at_) return;
  settle_at_ = Instant::never();
  dtls_->settle();
}

bool Peer::from_validated(const Route& from) const {
  // Where media goes has been validated; it is known without a look at the agent.
  return receiver_.has_value() && (output_.goes_to(from) || ice_.is_validated(from));
}

void Peer::note_srtp_error(SrtpError error) {
  switch (error) {
    case SrtpError::kMalformed:
      context_.counters.add(Counter::kDropSrtpMalformed);
      break;
    case SrtpError::kTooOld:
      context_.counters.add(Counter::kDropSrtpTooOld);
      break;
    case SrtpError::kReplayed:
      context_.counters.add(Counter::kDropSrtpReplayed);
      break;
    case SrtpError::kAuthentication:
      context_.counters.add(Counter::kDropSrtpAuthentication);
      break;
    case SrtpError::kTooManySources:
      context_.counters.add(Counter::kDropSrtpSources);
      break;
  }
}

std::optional<size_t> Peer::media_of(const wire::RtpPacket& packet, bool& is_rtx) {
  for (size_t i = 0; i < receiving_.size(); ++i) {
    const NegotiatedMedia& m = negotiated_.media[i];
    if (!m.receive) continue;
    is_rtx = m.rtx_payload_type == packet.payload_type;
    if (!is_rtx && m.payload_type != packet.payload_type) continue;
    // Payload types are unique within a bundle, so this is the section. Its SSRC is the signalled
    // one, or the first that came.
    if (is_rtx) {
      if (m.remote_rtx_ssrc && *m.remote_rtx_ssrc != packet.ssrc) return std::nullopt;
      return i;
    }
    if (m.remote_ssrc && *m.remote_ssrc != packet.ssrc) return std::nullopt;
    return i;
  }
  return std::nullopt;
}

Received Peer::handle_rtp(Instant now, const Route& from, MutableBytes datagram) {
  Counters& counters = context_.counters;
  if (!from_validated(from)) {
    counters.add(Counter::kDropSrtpUnvalidated);
    return {};
  }
  const auto size = receiver_->unprotect_rtp(datagram);
  if (!size) {
    note_srtp_error(size.error());
    return {};
  }
  note_authentic(now);
  const auto packet = wire::RtpPacket::parse(datagram.first(*size));
  if (!packet) {
    counters.add(Counter::kDropRtpMalformed);
    return {};
  }
  if (transport_cc_id_ != 0) {
    const Bytes number = packet->extension(transport_cc_id_);
    if (number.size() == 2) {
      if (feedback_.empty() && !timers_.is_set(Timer::kFeedback))
        timers_.set(Timer::kFeedback, now + FeedbackRecorder::kInterval);
      feedback_.record(now, Seq16{load_u16(number.data())});
    }
  }
  bool is_rtx = false;
  const auto media = media_of(*packet, is_rtx);
  if (!media) {
    counters.add(Counter::kDropRtpUnknownStream);
    return {};
  }
  const NegotiatedMedia& agreed = negotiated_.media[*media];
  Receiving& in = receiving_[*media];
  Received received{
      .kind = Received::Kind::kRtp, .media = *media, .recovered = is_rtx, .rtp = *packet};
  if (is_rtx) {
    // Padding, which senders probe the bandwidth with, has no original sequence number.
    if (!in.stream || packet->payload.size() < 2) return {};
    received.rtp.sequence = Seq16{load_u16(packet->payload.data())};
    received.rtp.payload = packet->payload.subspan(2);
    received.rtp.ssrc = in.stream->ssrc();
    received.rtp.payload_type = agreed.payload_type;
    received.index = in.stream->extend(received.rtp.sequence);
    counters.add(Counter::kRtpRecovered);
  } else {
    if (in.stream && in.stream->ssrc() != packet->ssrc) {
      if (now - in.stream->last_packet() < kSourceTakeover) {
        counters.add(Counter::kDropRtpUnknownStream);
        return {};
      }
      in.stream->take_over(packet->ssrc);
    }
    if (!in.stream) in.stream.emplace(packet->ssrc, agreed.clock_rate);
    const uint32_t restarts = in.stream->restarts();
    const auto index = in.stream->on_packet(now, *packet);
    if (!index) {
      counters.add(Counter::kDropRtpOffSequence);
      return {};
    }
    // The packet that a new sequence began with is lost, and perhaps more: no NACK can mend that.
    if (in.stream->restarts() != restarts) in.keyframe_wanted = may_want_keyframe(*media);
    received.index = *index;
    counters.add(Counter::kRtpReceived);
  }
  if (const Bytes value = packet->extension(agreed.extension_id(ExtensionKind::kAudioLevel));
      value.size() == 1)
    received.audio_level = value[0];
  if (agreed.nack && !in.nack.on_packet(now, received.index))
    in.keyframe_wanted = may_want_keyframe(*media);
  return received;
}

Received Peer::handle_rtcp(Instant now, const Route& from, MutableBytes datagram) {
  if (!from_validated(from)) {
    context_.counters.add(Counter::kDropSrtpUnvalidated);
    return {};
  }
  const auto size = receiver_->unprotect_rtcp(datagram);
  if (!size) {
    note_srtp_error(size.error());
    return {};
  }
  note_authentic(now);
  const Bytes compound = datagram.first(*size);
  wire::RtcpReader reader(compound);
  while (const auto packet = reader.next()) {
    if (const auto report = wire::parse_sender_report(*packet)) {
      handle_sender_report(now, *report);
    } else if (const auto feedback = wire::parse_transport_feedback(*packet)) {
      context_.counters.add(Counter::kTransportFeedbackReceived);
      output_.on_feedback(now, *feedback, round_trip());
    }
  }
  if (!reader.ok()) {
    context_.counters.add(Counter::kDropRtcpMalformed);
    return {};
  }
  return {.kind = Received::Kind::kRtcp, .rtcp = compound};
}

void Peer::handle_sender_report(Instant now, const wire::SenderReport& report) {
  for (Receiving& in : receiving_)
    if (in.stream && in.stream->ssrc() == report.ssrc) in.stream->on_sender_report(now, report);
}

void Peer::handle_timeout(Instant now) {
  ice_.handle_timeout(now);
  dtls_->handle_timeout(now);
  after_progress(now);
}

Instant Peer::next_timeout() const {
  if (state_ == State::kFailed || state_ == State::kClosed) return Instant::never();
  Instant at = std::min({timers_.next(), ice_.next_timeout(), dtls_->next_timeout()});
  for (const Receiving& in : receiving_) {
    at = std::min(at, in.nack.next_timeout());
    if (in.keyframe_wanted) at = std::min(at, in.keyframe_allowed);
  }
  return at;
}

void Peer::flush(Instant now, Outlet& out) {
  while (true) {
    Route to;
    const size_t size = ice_.poll_transmit(now, out.slot(), to);
    if (size == 0) break;
    out.commit(to, size);
  }
  const Route* route = ice_.selected();
  if (!route) return;
  while (const size_t size = dtls_->poll_transmit(out.slot())) out.commit(*route, size);
  if (output_.has_keys() && state_ == State::kConnected) flush_feedback(now, out);
}

Ssrc Peer::reporter() const {
  for (const NegotiatedMedia& m : negotiated_.media)
    if (m.send) return m.local_ssrc;
  return Ssrc{1};  // as browsers do when they only receive
}

void Peer::write_feedback_header(ByteWriter& w) const {
  // RFC 3550 compounds begin with a report; four bytes of it keep every receiver content.
  wire::write_receiver_report(w, reporter(), {});
}

bool Peer::may_want_keyframe(size_t media) const {
  const NegotiatedMedia& agreed = negotiated_.media[media];
  return receiving_[media].stream && (agreed.pli || agreed.fir);
}

void Peer::flush_feedback(Instant now, Outlet& out) {
  MutableBytes slot = out.slot();
  ByteWriter w(slot.first(kMaxFeedbackSize));
  write_feedback_header(w);
  const size_t empty = w.position();
  for (size_t i = 0; i < receiving_.size(); ++i) {
    Receiving& in = receiving_[i];
    if (!in.stream) continue;
    const NegotiatedMedia& agreed = negotiated_.media[i];
    std::array<Seq16, kMaxNackBatch> missing;
    const size_t count = in.nack.take_due(now, round_trip(), missing);
    if (count > 0 && wire::write_nack(w, reporter(), in.stream->ssrc(), {missing.data(), count}))
      context_.counters.add(Counter::kNackSent, count);
    if (const uint64_t abandoned = in.nack.abandoned(); abandoned != in.abandoned_counted) {
      context_.counters.add(Counter::kNackAbandoned, abandoned - in.abandoned_counted);
      in.abandoned_counted = abandoned;
      in.keyframe_wanted = may_want_keyframe(i);
    }
    if (in.keyframe_wanted && now >= in.keyframe_allowed) {
      in.keyframe_wanted = false;
      in.keyframe_allowed = now + kKeyframeInterval;
      const wire::FirEntry fir{in.stream->ssrc(), ++in.fir_sequence};
      if (agreed.pli ? wire::write_pli(w, reporter(), in.stream->ssrc())
                     : wire::write_fir(w, reporter(), {&fir, 1}))
        context_.counters.add(Counter::kKeyframeRequestsSent);
    }
  }
  if (timers_.expire(Timer::kFeedback, now)) {
    Ssrc media{0};
    for (const Receiving& in : receiving_)
      if (in.stream) media = in.stream->ssrc();
    feedback_.write(w, reporter(), media);
    if (!feedback_.empty()) timers_.set(Timer::kFeedback, now);  // the rest with the next flush
  }
  if (w.position() > empty) send_rtcp(out, slot, w.position());
}

bool Peer::take_reports_due(Instant now) {
  if (!timers_.expire(Timer::kReports, now)) return false;
  timers_.set(Timer::kReports, (now + kReportInterval).floor(kReportGrid));
  return true;
}

void Peer::send_reports(Instant now, WallTime wall, std::span<const std::optional<uint32_t>> clocks,
                        Outlet& out) {
  if (state_ != State::kConnected || !ice_.selected()) return;
  MutableBytes slot = out.slot();
  ByteWriter w(slot.first(kRtcpRoom));
  std::array<wire::ReportBlock, 4> blocks;
  size_t count = 0;
  for (Receiving& in : receiving_)
    if (in.stream && count < blocks.size()) blocks[count++] = in.stream->take_report(now);
  std::span<const wire::ReportBlock> pending(blocks.data(), count);
  bool begun = false;
  for (size_t i = 0; i < receiving_.size() && i < clocks.size(); ++i) {
    if (!negotiated_.media[i].send || !clocks[i] || output_.packets(i) == 0) continue;
    wire::write_sender_report(w, negotiated_.media[i].local_ssrc, wire::ntp_from_wall(wall),
                              *clocks[i], output_.packets(i), output_.octets(i), pending);
    pending = {};
    begun = true;
  }
  if (!begun) {
    if (pending.empty()) return;
    wire::write_receiver_report(w, reporter(), pending);
  }
  wire::write_sdes_cname(w, reporter(), kCname);
  for (size_t i = 0; i < negotiated_.media.size(); ++i) {
    const NegotiatedMedia& agreed = negotiated_.media[i];
    if (agreed.send && agreed.extension_id(ExtensionKind::kMid) != 0 && output_.packets(i) > 0)
      wire::write_sdes_mid(w, agreed.local_ssrc, agreed.mid);
  }
  send_rtcp(out, slot, w.position());
}

void Peer::send_rtcp(Outlet& out, MutableBytes slot, size_t size) {
  const Route* route = ice_.selected();
  const size_t protected_size = output_.srtp().protect_rtcp(slot, size);
  if (protected_size == 0)
    context_.counters.add(Counter::kDropSendUnprotected);
  else
    out.commit(*route, protected_size);
}

void Peer::request_keyframe(size_t media) {
  if (may_want_keyframe(media)) receiving_[media].keyframe_wanted = true;
}

Instant Peer::last_media() const {
  Instant last;
  for (const Receiving& in : receiving_) {
    if (!in.stream) continue;
    last = std::max(last, in.stream->last_packet());
    if (const auto& mark = in.stream->clock_mark()) last = std::max(last, mark->at);
  }
  return last;
}

std::optional<ClockMark> Peer::clock_mark(size_t media) const {
  const auto& stream = receiving_[media].stream;
  return stream ? stream->clock_mark() : std::nullopt;
}

void Peer::restart_ice(Instant now, IceCredentials local, IceCredentials remote) {
  negotiated_.remote_ice = remote;
  ice_.restart(now, std::move(local), std::move(remote));
  output_.set_route(ice_.selected());
}

void Peer::close() { dtls_->close(); }

}  // namespace loopcast::rtc
