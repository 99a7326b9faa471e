#include "sim/browser.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "wire/rtp_extensions.h"

namespace loopcast::sim {
namespace {

// RTP stays below it, RTCP too.
constexpr size_t kMaxDatagram = 1500;
constexpr size_t kMaxFeedback = 1100;

}  // namespace

Browser::Browser(const BrowserContext& context, const BrowserOptions& options,
                 const Random::Seed& seed)
    : context_(context), options_(options), random_(seed), ice_(random_.fork()) {
  sources_ = {Ssrc{random_.u32() | 1}, Ssrc{random_.u32() | 1}, Ssrc{random_.u32() | 1}};
  offer_ = write_offer(options_.session, sources_, ice_.local(), context_.identity.fingerprint());
}

Browser::~Browser() = default;

bool Browser::set_answer(Instant now, std::string_view sdp) {
  auto agreed = read_answer(sdp);
  if (!agreed || state_ != State::kNew) return false;
  agreed_ = std::move(*agreed);
  begin(now);
  return true;
}

std::string Browser::accept_offer(Instant now, std::string_view sdp) {
  auto agreed = read_offer(sdp);
  if (!agreed || state_ != State::kNew) return {};
  agreed_ = std::move(*agreed);
  if (!options_.session.congestion_control)
    for (AgreedMedia& media : agreed_.media) media.transport_cc = false;
  begin(now);
  return write_answer(sdp, agreed_, options_.session, ice_.local(),
                      context_.identity.fingerprint());
}

void Browser::begin(Instant now) {
  dtls_ =
      std::make_unique<rtc::Dtls>(context_.identity, rtc::Dtls::Role::kClient, agreed_.fingerprint);
  if (options_.count_only)
    count_only(options_.counts_every);
  else
    for (const AgreedMedia& media : agreed_.media)
      if (media.receive) receivers_.emplace_back(media, violations_);
  const bool sends = std::any_of(agreed_.media.begin(), agreed_.media.end(),
                                 [](const AgreedMedia& m) { return m.send; });
  if (sends) sender_.emplace(agreed_, sources_, options_.sender, random_.fork());
  state_ = State::kConnecting;
  ice_.start(now, agreed_.ice, agreed_.candidates);
}

void Browser::count_only(uint16_t every) {
  receivers_.clear();
  counter_.emplace(agreed_, every);
}

std::string Browser::restart_ice() {
  ice_.renew_credentials();
  return write_restart(ice_.local());
}

bool Browser::set_restart_answer(Instant now, std::string_view fragment) {
  const auto ice = read_restart(fragment);
  if (!ice) return false;
  ice_.start(now, *ice, agreed_.candidates);
  return true;
}

void Browser::close(Instant) {
  if (dtls_) dtls_->close();
  state_ = State::kClosed;
}

void Browser::vanish() {
  ice_.stop();
  outgoing_.clear();
  state_ = State::kClosed;
}

void Browser::handle_datagram(Instant now, const SocketAddress& from, MutableBytes datagram) {
  if (state_ == State::kNew || state_ == State::kClosed || state_ == State::kFailed) return;
  switch (wire::classify(datagram)) {
    case wire::DatagramKind::kStun:
      ice_.handle_datagram(now, from, datagram);
      break;
    case wire::DatagramKind::kDtls:
      dtls_->handle_datagram(now, datagram);
      break;
    case wire::DatagramKind::kRtp:
      if (srtp_in_)
        handle_rtp(now, datagram);
      else
        ++early_;
      break;
    case wire::DatagramKind::kRtcp:
      if (srtp_in_) handle_rtcp(now, datagram);
      break;
    case wire::DatagramKind::kUnknown:
      violations_.add("a datagram that is nothing known");
      break;
  }
  progress(now);
}

void Browser::progress(Instant now) {
  if (ice_.state() == IceClient::State::kConnected && dtls_->state() == rtc::Dtls::State::kNew)
    dtls_->start(now);
  if (state_ == State::kConnecting && dtls_->state() == rtc::Dtls::State::kConnected)
    begin_srtp(now);
  if (dtls_->state() == rtc::Dtls::State::kClosed) state_ = State::kClosed;
  if (dtls_->state() == rtc::Dtls::State::kFailed || ice_.state() == IceClient::State::kLost)
    state_ = State::kFailed;
}

void Browser::begin_srtp(Instant now) {
  const auto profile = static_cast<rtc::SrtpProfile>(dtls_->srtp_profile().value_or(0));
  const auto keys = rtc::split_exporter(profile, dtls_->srtp_keying_material());
  if (!keys) {
    state_ = State::kFailed;
    return;
  }
  srtp_out_.emplace(context_.crypto, profile, keys->client);
  srtp_in_.emplace(context_.crypto, profile, keys->server);
  state_ = State::kConnected;
  connected_at_ = now;
  // Not all in step.
  next_report_ = now + kReportInterval * (50 + random_.below(50)) / 100;
  const bool tells = std::any_of(agreed_.media.begin(), agreed_.media.end(),
                                 [](const AgreedMedia& m) { return m.receive && m.transport_cc; });
  if (options_.transport_feedback && tells) next_feedback_ = now + rtc::FeedbackRecorder::kInterval;
  if (sender_) sender_->start(now);
}

void Browser::note_arrival(Instant now, const wire::RtpPacket& packet) {
  if (next_feedback_.is_never()) return;
  for (const AgreedMedia& media : agreed_.media) {
    if (!media.transport_cc ||
        (packet.ssrc != media.remote_ssrc && packet.ssrc != media.remote_rtx_ssrc))
      continue;
    const Bytes value = packet.extension(media.extension_id(wire::ExtensionKind::kTransportCc));
    if (const auto number = wire::decode_transport_cc(value)) feedback_.record(now, Seq16{*number});
  }
}

void Browser::handle_rtp(Instant now, MutableBytes datagram) {
  if (counter_) {
    if (const auto packet = wire::RtpPacket::parse_header(datagram))
      counter_->handle_packet(now, *packet);
    return;
  }
  const auto size = srtp_in_->unprotect_rtp(datagram);
  if (!size) {
    ++undecryptable_;
    return;
  }
  const auto packet = wire::RtpPacket::parse(datagram.first(*size));
  if (!packet) {
    violations_.add("an RTP packet is malformed");
    return;
  }
  note_arrival(now, *packet);
  for (MediaReceiver& receiver : receivers_) {
    const AgreedMedia& media = receiver.media();
    if (packet->ssrc == media.remote_ssrc && packet->payload_type == media.payload_type) {
      receiver.handle_packet(now, *packet, false);
      note_lip_sync();
      return;
    }
    if (media.rtx_payload_type && packet->ssrc == media.remote_rtx_ssrc &&
        packet->payload_type == *media.rtx_payload_type) {
      if (packet->payload.size() < 2) return;
      wire::RtpPacket original = *packet;
      original.sequence = Seq16{load_u16(packet->payload.data())};
      original.payload = packet->payload.subspan(2);
      receiver.handle_packet(now, original, true);
      return;
    }
  }
  violations_.add("a packet of an SSRC or payload type that was not signalled: " +
                  std::to_string(packet->ssrc.value) + ", " + std::to_string(packet->payload_type));
}

void Browser::handle_rtcp(Instant now, MutableBytes datagram) {
  const auto size = srtp_in_->unprotect_rtcp(datagram);
  if (!size) {
    ++undecryptable_;
    return;
  }
  wire::RtcpReader reader(datagram.first(*size));
  while (const auto packet = reader.next()) {
    if (sender_) sender_->handle_rtcp(now, *packet, *this);
    if (const auto report = wire::parse_sender_report(*packet)) handle_sender_report(now, *report);
  }
  if (!reader.ok()) violations_.add("an RTCP compound is malformed");
}

void Browser::handle_sender_report(Instant now, const wire::SenderReport& report) {
  if (counter_) {
    counter_->handle_sender_report(now, report);
    return;
  }
  const auto owner =
      std::find_if(receivers_.begin(), receivers_.end(),
                   [&](const MediaReceiver& r) { return r.media().remote_ssrc == report.ssrc; });
  if (owner == receivers_.end())
    violations_.add("a sender report of a source that was not signalled");
  else
    owner->handle_sender_report(now, report);
}

void Browser::note_lip_sync() {
  const MediaReceiver* audio = receiver(rtc::MediaKind::kAudio);
  const MediaReceiver* video = receiver(rtc::MediaKind::kVideo);
  if (!audio || !video || !audio->clock_offset() || !video->clock_offset()) return;
  const Duration apart =
      Duration::micros(std::abs(*audio->clock_offset() - *video->clock_offset()));
  lip_sync_error_ = std::max(lip_sync_error_.value_or(apart), apart);
}

void Browser::handle_timeout(Instant now) {
  if (state_ == State::kNew || state_ == State::kClosed || state_ == State::kFailed) return;
  ice_.handle_timeout(now);
  dtls_->handle_timeout(now);
  progress(now);
  if (state_ != State::kConnected) return;
  if (sender_) sender_->handle_timeout(now, *this);
  write_feedback(now);
  if (now >= next_report_) {
    write_reports(now);
    next_report_ = next_report_ + kReportInterval;
  }
  if (now >= next_feedback_) {
    write_transport_feedback(now);
    next_feedback_ = now + rtc::FeedbackRecorder::kInterval;
  }
}

void Browser::write_transport_feedback(Instant now) {
  const auto media = std::find_if(agreed_.media.begin(), agreed_.media.end(),
                                  [](const AgreedMedia& m) { return m.receive && m.remote_ssrc; });
  if (media == agreed_.media.end()) return;
  for (bool more = true; more;) {
    std::array<uint8_t, kMaxFeedback> buffer;
    ByteWriter w(buffer);
    more = counter_ ? counter_->write_transport_feedback(now, w, own_ssrc())
                    : feedback_.write(w, own_ssrc(), *media->remote_ssrc);
    if (more) send_rtcp(w.written());
  }
}

void Browser::write_feedback(Instant now) {
  std::array<uint8_t, kMaxFeedback> buffer;
  ByteWriter w(buffer);
  for (MediaReceiver& receiver : receivers_)
    receiver.write_feedback(now, w, own_ssrc(), ice_.round_trip());
  if (w.position() > 0) send_rtcp(w.written());
}

void Browser::write_reports(Instant now) {
  std::vector<wire::ReportBlock> blocks;
  if (counter_) blocks = counter_->take_report(now);
  for (MediaReceiver& receiver : receivers_)
    if (receiver.figures().packets > 0) blocks.push_back(receiver.take_report(now));
  if (blocks.empty()) return;
  std::array<uint8_t, kMaxFeedback> buffer;
  ByteWriter w(buffer);
  wire::write_receiver_report(w, own_ssrc(), blocks);
  wire::write_sdes_cname(w, own_ssrc(), "simulated");
  send_rtcp(w.written());
}

Instant Browser::next_timeout() const {
  if (state_ == State::kNew || state_ == State::kClosed || state_ == State::kFailed)
    return Instant::never();
  Instant at = std::min(ice_.next_timeout(), dtls_->next_timeout());
  if (state_ != State::kConnected) return at;
  at = std::min({at, next_report_, next_feedback_});
  if (sender_) at = std::min(at, sender_->next_timeout());
  for (const MediaReceiver& receiver : receivers_) at = std::min(at, receiver.next_timeout());
  return at;
}

bool Browser::poll_transmit(Datagram& out) {
  if (ice_.poll_transmit(out)) return true;
  if (dtls_ && ice_.selected()) {
    out.bytes.resize(rtc::Dtls::kMtu);
    out.bytes.resize(dtls_->poll_transmit(out.bytes));
    out.to = *ice_.selected();
    if (!out.bytes.empty()) return true;
  }
  if (outgoing_.empty()) return false;
  out = std::move(outgoing_.front());
  outgoing_.pop_front();
  return true;
}

const MediaReceiver* Browser::receiver(rtc::MediaKind kind) const {
  for (const MediaReceiver& receiver : receivers_)
    if (receiver.media().kind == kind) return &receiver;
  return nullptr;
}

StreamFigures Browser::video() const {
  const MediaReceiver* video = receiver(rtc::MediaKind::kVideo);
  return video ? video->figures() : StreamFigures();
}

StreamFigures Browser::audio() const {
  const MediaReceiver* audio = receiver(rtc::MediaKind::kAudio);
  return audio ? audio->figures() : StreamFigures();
}

void Browser::forgive_restart() {
  for (MediaReceiver& receiver : receivers_) receiver.forgive_restart();
}

Ssrc Browser::own_ssrc() const { return sender_ ? sources_.video : Ssrc{1}; }

std::optional<Ssrc> Browser::remote_ssrc(rtc::MediaKind kind) const {
  const MediaReceiver* found = receiver(kind);
  return found ? found->media().remote_ssrc : std::nullopt;
}

// Packets on their way out.

void Browser::send_rtp(const wire::RtpHeader& header, int64_t index,
                       std::span<const wire::RtpExtension> extensions, Bytes payload) {
  if (!srtp_out_ || !ice_.selected()) return;
  std::vector<uint8_t> bytes(kMaxDatagram);
  const size_t header_size = wire::write_rtp_header(bytes, header, extensions);
  bytes.resize(srtp_out_->protect_rtp(bytes, header_size, payload, static_cast<uint64_t>(index)));
  outgoing_.push_back({*ice_.selected(), std::move(bytes)});
}

void Browser::send_raw_rtp(Bytes packet, size_t header_size, int64_t index) {
  if (!srtp_out_ || !ice_.selected()) return;
  std::vector<uint8_t> bytes(packet.begin(), packet.end());
  bytes.resize(kMaxDatagram);
  bytes.resize(srtp_out_->protect_rtp(bytes, header_size, packet.subspan(header_size),
                                      static_cast<uint64_t>(index)));
  outgoing_.push_back({*ice_.selected(), std::move(bytes)});
}

void Browser::send_rtcp(Bytes compound) {
  if (!srtp_out_ || !ice_.selected()) return;
  std::vector<uint8_t> bytes(compound.begin(), compound.end());
  bytes.resize(compound.size() + rtc::SrtpSender::kMaxRtcpOverhead);
  bytes.resize(srtp_out_->protect_rtcp(bytes, compound.size()));
  outgoing_.push_back({*ice_.selected(), std::move(bytes)});
}

}  // namespace loopcast::sim
