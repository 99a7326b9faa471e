// A presenter and a viewer who have signed in and mean harm: their packets are protected by the
// keys that they hold, so everything behind the decryption is theirs to choose. The first byte
// chooses codec and signalling; then come records: a kind, a size in 16 bits, and so many bytes.
#include <algorithm>
#include <cstdlib>
#include <map>

#include "rtc/peer_testing.h"
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

constexpr size_t kMaxRecord = 1400;

void require(bool holds) {
  if (!holds) std::abort();
}

rtc::Negotiated presenting(uint8_t choice) {
  constexpr std::array kCodecs{wire::Codec::kVp8, wire::Codec::kH264, wire::Codec::kVp9,
                               wire::Codec::kAv1};
  rtc::Negotiated negotiated = sfu::publishing();
  rtc::NegotiatedMedia& video = negotiated.media[1];
  video.codec = kCodecs[choice & 3];
  video.transport_cc = true;
  for (rtc::NegotiatedMedia& media : negotiated.media)
    for (size_t i = 0; i < media.extension_ids.size() && i < 14; ++i)
      media.extension_ids[i] = static_cast<uint8_t>(i + 1);
  negotiated.media[0].nack = (choice & 8) != 0;
  if ((choice & 4) != 0) {
    video.remote_ssrc = Ssrc{5};
    video.remote_rtx_ssrc = Ssrc{6};
  }
  return negotiated;
}

// A presenter's peer, its publisher, and one viewer.
class Room {
 public:
  Room(uint8_t choice)
      : presenter_(now_, presenting(choice)),
        publisher_(presenter_.peer().negotiated()),
        random_(Random::from_number(1)),
        subscriber_(publisher_, viewer().peer().negotiated(), random_) {}

  void take(Kind kind, Bytes record) {
    switch (kind) {
      case kPresenterRtp:
        presenter_rtp(record);
        break;
      case kPresenterMedia:
        presenter_media(record);
        break;
      case kPresenterRtcp:
        presenter_.receive_rtcp(now_, record);
        break;
      case kViewerRtcp:
        subscriber_.handle_rtcp(now_, record, publisher_, viewer().peer(), viewer().counters(),
                                viewer().out());
        break;
      case kTime:
        if (record.size() >= 2) now_ = now_ + Duration::millis(load_u16(record.data()) % 10'000);
        break;
      case kStart:
        if (!subscriber_.started())
          subscriber_.start(now_, publisher_, viewer().peer(), viewer().counters(), viewer().out());
        break;
      case kKinds:
        break;
    }
    settle();
  }

 private:
  // Its state is of no matter to what is forwarded, and a handshake would cost all speed.
  static rtc::ConnectedPeer& viewer() {
    static rtc::ConnectedPeer peer(Instant::from_us(1), sfu::watching());
    return peer;
  }

  void presenter_rtp(Bytes record) {
    std::vector<uint8_t> packet(record.begin(), record.end());
    if (packet.size() < 12) return;
    packet[0] = static_cast<uint8_t>((packet[0] & 0x3f) | 0x80);
    if (packet[1] >= 192 && packet[1] <= 223) packet[1] &= 0x7f;  // would be RTCP
    const auto header = wire::RtpPacket::parse_header(packet);
    if (!header) return;
    // As the receiver guesses the roll-over counter.
    SeqExtender& sequence = sequences_[header->ssrc.value];
    const int64_t index = sequence.peek(header->sequence) - (1 << 16);
    if (index < 0) return;
    const rtc::Received received = presenter_.receive_rtp(now_, packet, header->header_size, index);
    sequence.extend(header->sequence);
    if (received.kind != rtc::Received::Kind::kRtp) return;
    require(received.index >= 0);
    publisher_.accept(now_, received, presenter_.counters());
  }

  void presenter_media(Bytes record) {
    ByteReader in(record);
    const uint8_t choice = in.u8();
    const bool marker = (choice & 1) != 0, video = (choice & 2) != 0, rtx = (choice & 4) != 0;
    const wire::RtpHeader header{marker, static_cast<PayloadType>(video ? (rtx ? 97 : 96) : 111),
                                 Seq16{in.u16()}, in.u16(), Ssrc{video ? (rtx ? 6u : 5u) : 4u}};
    const std::array<uint8_t, 2> number{in.u8(), in.u8()};
    const wire::RtpExtension extension{
        presenter_.peer().negotiated().media[1].extension_id(wire::ExtensionKind::kTransportCc),
        number};
    if (!in.ok()) return;
    std::vector<uint8_t> packet(64 + in.remaining());
    const size_t header_size = wire::write_rtp_header(packet, header, {&extension, 1});
    packet.resize(header_size);
    const Bytes payload = in.rest();
    packet.insert(packet.end(), payload.begin(), payload.end());
    presenter_rtp(packet);
  }

  void settle() {
    for (const sfu::SourceStream& stream : publisher_.streams())
      require(stream.pending.size() <= stream.cache.capacity());
    if (publisher_.has_pending() && publisher_.batch_ready(now_)) {
      publisher_.prepare_batch();
      subscriber_.forward_batch(now_, publisher_, viewer().peer(), viewer().counters(),
                                viewer().out());
      publisher_.clear_pending();
    }
    for (const auto& raw : viewer().take_rtp()) {
      const auto packet = wire::RtpPacket::parse(raw);
      require(packet.has_value());
      require(packet->ssrc.value == 0x1111 || packet->ssrc.value == 0x2222 ||
              packet->ssrc.value == 0x3333);
    }
    // Whoever drives the peer comes to rest: no deadline stays due. All of ICE is out of sight
    // here, so it may give up.
    for (int i = 0; presenter_.peer().next_timeout() <= now_; ++i) {
      require(i < 1000);
      presenter_.peer().handle_timeout(now_);
      presenter_.peer().flush(now_, presenter_.out());
      if (presenter_.peer().take_reports_due(now_))
        presenter_.peer().send_reports(now_, WallTime{now_.us()}, {}, presenter_.out());
    }
    for (const auto& raw : presenter_.take_rtcp()) {
      wire::RtcpReader reader(raw);
      while (reader.next()) continue;
      require(reader.ok());
    }
  }

  Instant now_ = Instant::from_us(1'000'000);
  rtc::ConnectedPeer presenter_;
  sfu::Publisher publisher_;
  Random random_;
  sfu::Subscriber subscriber_;
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
