#include "rtc/peer.h"

#include <algorithm>

#include "wire/rtcp.h"
#include "wire/rtp.h"
#include "wire/rtp_extensions.h"

namespace loopcast::rtc {
namespace {

// Room that a compound of ours needs at most: reports of two streams, feedback, and SRTCP's
// trailer.
constexpr size_t kRtcpRoom = TransmitBatch::kMaxDatagram - SrtpSender::kMaxRtcpOverhead;
// A datagram on the way out stays below the path MTU of the Internet's usual tunnels.
constexpr size_t kMaxFeedbackSize = 1150;
// Reports of many peers leave together.
constexpr Duration kReportGrid = Duration::millis(20);

Dtls::Role role_of(const Negotiated& negotiated) {
  return negotiated.dtls_active ? Dtls::Role::kClient : Dtls::Role::kServer;
}

}  // namespace

Peer::Peer(Instant now, const PeerContext& context, IceCredentials local, Negotiated negotiated,
           const Random::Seed& seed)
    : context_(context),
      output_(negotiated, context.counters),
      input_(negotiated, context.counters),
      negotiated_(std::move(negotiated)),
      ice_(now, std::move(local), negotiated_.remote_ice, Random(seed).fork()),
      dtls_(std::make_unique<Dtls>(
          context.identity, role_of(negotiated_),
          DtlsFingerprint{negotiated_.fingerprint_algorithm, negotiated_.fingerprint,
                          negotiated_.other_fingerprints})),
      random_(seed) {
  random_.fork();  // what ICE got
  output_.choose_numbers(random_);
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
    case Result::kIndication:
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
      reports_due_ =
          (now + Duration::millis(random_.below(static_cast<uint32_t>(kReportInterval.ms()))))
              .floor(kReportGrid);
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
  input_.set_keys(SrtpReceiver(context_.crypto, profile, client ? keys->server : keys->client));
}

void Peer::note_authentic(Instant now) {
  if (now < settle_at_) return;
  settle_at_ = Instant::never();
  dtls_->settle();
}

bool Peer::from_validated(const Route& from) const {
  // Where media goes has been validated; it is known without a look at the agent.
  return input_.has_keys() && (output_.goes_to(from) || ice_.is_validated(from));
}

Received Peer::handle_rtp(Instant now, const Route& from, MutableBytes datagram) {
  if (!from_validated(from)) {
    context_.counters.add(Counter::kDropSrtpUnvalidated);
    return {};
  }
  const auto received = input_.handle_rtp(now, datagram);
  if (!received) return {};
  note_authentic(now);
  return *received;
}

Received Peer::handle_rtcp(Instant now, const Route& from, MutableBytes datagram) {
  if (!from_validated(from)) {
    context_.counters.add(Counter::kDropSrtpUnvalidated);
    return {};
  }
  const auto compound = input_.unprotect_rtcp(datagram);
  if (!compound) return {};
  note_authentic(now);
  wire::RtcpReader reader(*compound);
  while (const auto packet = reader.next()) {
    if (const auto report = wire::parse_sender_report(*packet)) {
      input_.on_sender_report(now, *report);
    } else if (const auto bye = wire::parse_bye(*packet)) {
      input_.on_bye(now, *bye);
    } else if (const auto feedback = wire::parse_transport_feedback(*packet)) {
      context_.counters.add(Counter::kTransportFeedbackReceived);
      output_.on_feedback(now, *feedback, round_trip());
    }
  }
  if (!reader.ok()) {
    context_.counters.add(Counter::kDropRtcpMalformed);
    return {};
  }
  return {.kind = Received::Kind::kRtcp, .rtcp = *compound};
}

void Peer::handle_timeout(Instant now) {
  ice_.handle_timeout(now);
  dtls_->handle_timeout(now);
  after_progress(now);
}

Instant Peer::next_timeout() const {
  if (state_ == State::kFailed || state_ == State::kClosed) return Instant::never();
  return std::min(
      {reports_due_, input_.next_timeout(), ice_.next_timeout(), dtls_->next_timeout()});
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

void Peer::flush_feedback(Instant now, Outlet& out) {
  MutableBytes slot = out.slot();
  ByteWriter w(slot.first(kMaxFeedbackSize));
  write_feedback_header(w);
  const size_t empty = w.position();
  input_.write_feedback(now, round_trip(), reporter(), w);
  if (w.position() > empty) send_rtcp(out, slot, w.position());
}

bool Peer::take_reports_due(Instant now) {
  if (now < reports_due_) return false;
  reports_due_ = (now + kReportInterval).floor(kReportGrid);
  return true;
}

void Peer::send_reports(Instant now, WallTime wall, std::span<const std::optional<uint32_t>> clocks,
                        Outlet& out) {
  if (state_ != State::kConnected || !ice_.selected()) return;
  MutableBytes slot = out.slot();
  ByteWriter w(slot.first(kRtcpRoom));
  std::array<wire::ReportBlock, 4> blocks;
  std::span<const wire::ReportBlock> pending(blocks.data(), input_.take_reports(now, blocks));
  bool begun = false;
  std::array<Ssrc, 2 * RtpOutput::kMaxMedia + 1> sources;
  size_t named = 0;
  const size_t media = std::min({negotiated_.media.size(), clocks.size(), RtpOutput::kMaxMedia});
  for (size_t i = 0; i < media; ++i) {
    const NegotiatedMedia& agreed = negotiated_.media[i];
    if (!agreed.send || output_.packets(i) == 0) continue;
    sources[named++] = agreed.local_ssrc;
    if (agreed.rtx_payload_type) sources[named++] = agreed.local_rtx_ssrc;
    if (!clocks[i]) continue;
    wire::write_sender_report(w, agreed.local_ssrc, wire::ntp_from_wall(wall), *clocks[i],
                              output_.packets(i), output_.octets(i), pending);
    pending = {};
    begun = true;
  }
  if (!begun) {
    if (pending.empty()) return;
    wire::write_receiver_report(w, reporter(), pending);
    if (std::find(sources.begin(), sources.begin() + named, reporter()) == sources.begin() + named)
      sources[named++] = reporter();
  }
  // Each source that sends or reports is named (RFC 3550, sections 6.1 and 6.5.1), those of
  // retransmissions too.
  wire::write_sdes_cname(w, {sources.data(), named}, kCname);
  for (size_t i = 0; i < negotiated_.media.size(); ++i) {
    const NegotiatedMedia& agreed = negotiated_.media[i];
    if (agreed.send && agreed.extension_id(wire::ExtensionKind::kMid) != 0 &&
        output_.packets(i) > 0)
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

void Peer::restart_ice(Instant now, IceCredentials local, IceCredentials remote) {
  negotiated_.remote_ice = remote;
  ice_.restart(now, std::move(local), std::move(remote));
  output_.set_route(ice_.selected());
}

void Peer::close() { dtls_->close(); }

}  // namespace loopcast::rtc
