// A presenter and a viewer who have signed in and mean harm: their packets are protected by the
// keys that they hold, so everything behind the decryption is theirs to choose. The first byte
// chooses codec and signalling; then come records: a kind, a size in 16 bits, and so many bytes.
//
// The presenter's way in is an RtpInput with keys of its own, as it is after a handshake: one
// handshake in each run would take longer than all else together.
#include <algorithm>
#include <cstdlib>
#include <map>
#include <vector>

#include "rtc/peer_testing.h"
#include "rtc/rtp_input.h"
#include "sfu/media_testing.h"
#include "sfu/publisher.h"
#include "sfu/subscriber.h"

using namespace loopcast;

namespace {

enum Kind : uint8_t {
  kPresenterRtp,    // a whole packet
  kPresenterMedia,  // payload type choice, flags, sequence, timestamp, payload
  kPresenterRtcp,
  kViewerRtcp,
  kTime,  // milliseconds in 16 bits
  kStart,
  kKinds
};

// Of kPresenterMedia.
enum Choice : uint8_t {
  kMarker = 1,
  kVideo = 2,
  kRtx = 4,
  kOtherSource = 8 | 16,  // one of four
  kMid = 32,
  kWrongMid = 64,
};

constexpr size_t kMaxRecord = 1400;
constexpr Duration kReportInterval = rtc::Peer::kReportInterval;

void require(bool holds) {
  if (!holds) std::abort();
}

rtc::Negotiated presenting(uint8_t choice) {
  constexpr std::array kCodecs{wire::Codec::kVp8, wire::Codec::kH264, wire::Codec::kVp9,
                               wire::Codec::kAv1};
  rtc::Negotiated negotiated = sfu::publishing();
  rtc::NegotiatedMedia& video = negotiated.media[1];
  video.codec = kCodecs[choice & 3];
  for (rtc::NegotiatedMedia& media : negotiated.media) {
    media.transport_cc = true;
    for (size_t i = 0; i < media.extension_ids.size() && i < 14; ++i)
      media.extension_ids[i] = static_cast<uint8_t>(i + 1);
  }
  negotiated.media[0].nack = (choice & 8) != 0;
  if ((choice & 4) != 0) {
    video.remote_ssrc = Ssrc{5};
    video.remote_rtx_ssrc = Ssrc{6};
  }
  return negotiated;
}

// What lasts for all runs: none of it remembers anything of one that matters to the next.
struct Fixture final : TransmitSink {
  void send(TransmitBatch& full) override { full.clear(); }

  std::unique_ptr<rtc::SrtpCrypto> crypto = rtc::SrtpCrypto::make_best();
  rtc::SrtpSessionKey key;
  rtc::ConnectedPeer viewer{Instant::from_us(1), sfu::watching()};
  TransmitBatch batch;
  Outlet out{batch, *this};
};
Fixture& fixture() {
  static Fixture fixture;
  return fixture;
}

// What a viewer gets: never two different packets under one number, as both would be encrypted with
// the same bytes.
class Watched {
 public:
  void check(Bytes datagram) {
    const auto packet = wire::RtpPacket::parse_header(datagram);
    require(packet.has_value());
    const uint32_t ssrc = packet->ssrc.value;
    require(ssrc == 0x1111 || ssrc == 0x2222 || ssrc == 0x3333);
    std::vector<uint8_t> bytes(datagram.begin(), datagram.end());
    const int64_t index = sequences_[ssrc].extend(packet->sequence);
    const auto [it, added] = seen_.try_emplace({ssrc, index}, std::move(bytes));
    require(added || std::ranges::equal(it->second, datagram));
  }

 private:
  std::map<uint32_t, SeqExtender> sequences_;
  std::map<std::pair<uint32_t, int64_t>, std::vector<uint8_t>> seen_;
};

// A presenter's peer, its publisher, and one viewer.
class Room {
 public:
  explicit Room(uint8_t choice)
      : negotiated_(presenting(choice)),
        input_(negotiated_, counters_),
        sender_(*fixture().crypto, kProfile, fixture().key, fixture().key),
        publisher_(negotiated_),
        random_(Random::from_number(1)),
        subscriber_(publisher_, viewer().negotiated(), random_) {
    input_.set_keys(rtc::SrtpReceiver(*fixture().crypto, kProfile, fixture().key, fixture().key));
  }

  void take(Kind kind, Bytes record) {
    switch (kind) {
      case kPresenterRtp:
        presenter_rtp(record);
        break;
      case kPresenterMedia:
        presenter_media(record);
        break;
      case kPresenterRtcp:
        presenter_rtcp(record);
        break;
      case kViewerRtcp:
        subscriber_.handle_rtcp(now_, record, publisher_, viewer(), counters_, out());
        break;
      case kTime:
        if (record.size() >= 2) now_ = now_ + Duration::millis(load_u16(record.data()) % 10'000);
        break;
      case kStart:
        if (!subscriber_.started()) subscriber_.start(now_, publisher_, viewer(), counters_, out());
        break;
      case kKinds:
        break;
    }
    settle();
  }

 private:
  static constexpr auto kProfile = rtc::SrtpProfile::kAeadAes128Gcm;

  static rtc::Peer& viewer() { return fixture().viewer.peer(); }
  static Outlet& out() { return fixture().out; }

  void presenter_rtp(Bytes record) {
    if (record.size() < 12) return;
    std::vector<uint8_t> packet(record.begin(), record.end());
    packet[0] = static_cast<uint8_t>((packet[0] & 0x3f) | 0x80);
    if (packet[1] >= 192 && packet[1] <= 223) packet[1] &= 0x7f;  // would be RTCP
    const auto header = wire::RtpPacket::parse_header(packet);
    if (!header) return;
    // As the receiver guesses the roll-over counter.
    SeqExtender& sequence = sequences_[header->ssrc.value];
    const int64_t index = sequence.peek(header->sequence) - (1 << 16);
    if (index < 0) return;
    const Bytes payload = Bytes(record).subspan(header->header_size);
    packet.resize(packet.size() + sender_.overhead());
    const size_t size =
        sender_.protect_rtp(packet, header->header_size, payload, static_cast<uint64_t>(index));
    require(size == packet.size());
    const auto received = input_.handle_rtp(now_, packet);
    if (!received) return;
    sequence.extend(header->sequence);
    if (received->kind != rtc::Received::Kind::kRtp) return;
    require(received->index >= 0 && received->media < negotiated_.media.size());
    publisher_.accept(now_, *received, counters_);
  }

  void presenter_media(Bytes record) {
    ByteReader in(record);
    const uint8_t choice = in.u8();
    const bool video = (choice & kVideo) != 0, rtx = (choice & kRtx) != 0;
    const uint32_t other = 16u * ((choice & kOtherSource) >> 3);
    const wire::RtpHeader header{
        (choice & kMarker) != 0, static_cast<PayloadType>(video ? (rtx ? 97 : 96) : 111),
        Seq16{in.u16()}, in.u16(), Ssrc{other + (video ? (rtx ? 6u : 5u) : 4u)}};
    const std::array<uint8_t, 2> number{in.u8(), in.u8()};
    const rtc::NegotiatedMedia& agreed = negotiated_.media[video ? 1 : 0];
    const std::string_view mid =
        (choice & kWrongMid) != 0 ? std::string_view("2") : std::string_view(agreed.mid);
    const std::array extensions{
        wire::RtpExtension{agreed.extension_id(wire::ExtensionKind::kTransportCc), number},
        wire::RtpExtension{agreed.extension_id(wire::ExtensionKind::kMid), as_bytes(mid)}};
    if (!in.ok()) return;
    std::vector<uint8_t> packet(64 + in.remaining());
    const size_t header_size = wire::write_rtp_header(
        packet, header, {extensions.data(), (choice & kMid) != 0 ? size_t{2} : size_t{1}});
    packet.resize(header_size);
    const Bytes payload = in.rest();
    packet.insert(packet.end(), payload.begin(), payload.end());
    presenter_rtp(packet);
  }

  // As Peer and Worker handle a compound.
  void presenter_rtcp(Bytes record) {
    wire::RtcpReader reader(record);
    while (const auto packet = reader.next()) {
      if (const auto report = wire::parse_sender_report(*packet))
        input_.on_sender_report(now_, *report);
      else if (const auto bye = wire::parse_bye(*packet))
        input_.on_bye(now_, *bye);
    }
    if (!reader.ok()) return;
    for (sfu::SourceStream& stream : publisher_.streams())
      publisher_.note_clock(stream, input_.clock_mark(stream.media));
  }

  void settle() {
    for (const sfu::SourceStream& stream : publisher_.streams())
      require(stream.pending.size() <= stream.cache.capacity());
    if (publisher_.has_pending() && publisher_.batch_ready(now_)) {
      publisher_.prepare_batch();
      subscriber_.forward_batch(now_, publisher_, viewer(), counters_, out());
      publisher_.clear_pending();
    }
    take_sent();
    // Whoever drives the input comes to rest: no deadline stays due.
    for (int i = 0; input_.next_timeout() <= now_; ++i) {
      require(i < 1000);
      write([&](ByteWriter& w) { input_.write_feedback(now_, kRoundTrip, Ssrc{1}, w); });
    }
    if (now_ < next_report_) return;
    next_report_ = now_ + kReportInterval;
    subscriber_.clocks(now_, publisher_);
    std::array<wire::ReportBlock, 4> blocks;
    const size_t count = input_.take_reports(now_, blocks);
    require(count <= negotiated_.media.size());
    write([&](ByteWriter& w) { wire::write_receiver_report(w, Ssrc{1}, {blocks.data(), count}); });
  }

  // What is written for the presenter makes sense to them.
  template <typename F>
  void write(F&& f) {
    std::array<uint8_t, 1150> compound;
    ByteWriter w(compound);
    f(w);
    wire::RtcpReader reader(w.written());
    while (reader.next()) continue;
    require(reader.ok());
  }

  void take_sent() {
    TransmitBatch& batch = fixture().batch;
    for (const Transmit& transmit : batch.sends()) {
      const Bytes all = batch.bytes(transmit);
      for (size_t at = 0; at < all.size(); at += transmit.segment)
        watched_.check(all.subspan(at, std::min<size_t>(transmit.segment, all.size() - at)));
    }
    batch.clear();
  }

  static constexpr Duration kRoundTrip = Duration::millis(40);
  Instant now_ = Instant::from_us(1'000'000);
  Instant next_report_ = now_;
  rtc::Counters counters_;
  rtc::Negotiated negotiated_;
  rtc::RtpInput input_;
  rtc::SrtpSender sender_;  // the presenter's
  sfu::Publisher publisher_;
  Random random_;
  sfu::Subscriber subscriber_;
  Watched watched_;
  std::map<uint32_t, SeqExtender> sequences_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ByteReader in({data, size});
  Room room(in.u8());
  while (in.ok() && in.remaining() >= 3) {
    const auto kind = static_cast<Kind>(in.u8() % kKinds);
    const size_t length = std::min<size_t>(in.u16(), std::min(in.remaining(), kMaxRecord));
    // Of exact size, so that AddressSanitizer sees an access past the end.
    const Bytes view = in.bytes(length);
    std::vector<uint8_t> record(view.begin(), view.end());
    record.shrink_to_fit();
    room.take(kind, record);
  }
  return 0;
}
