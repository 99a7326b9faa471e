// A worker between a few sessions and a few addresses. The input is a series of steps: a kind, who
// or where from, a size, and so many bytes. Steps are the commands of the control thread; datagrams
// as they are; their bodies as the attributes of a check, or of an answer to the worker's latest
// one, with the right MESSAGE-INTEGRITY; packets that another worker hands over; or time passing.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "rtc/ice_fragment.h"
#include "sfu/worker.h"
#include "wire/sdp.h"
#include "wire/stun.h"

using namespace loopcast;

namespace {

enum Step : uint8_t {
  kPublish,
  kWatch,
  kRestart,
  kStop,
  kTap,
  kUntap,
  kRequestKeyframe,
  kRelay,
  kEndRelay,
  kHandover,
  kDatagram,
  kCheck,
  kAnswer,
  kRouteClosed,
  kTime,  // milliseconds in 16 bits
  kSteps
};

constexpr size_t kSessions = 4;
constexpr sfu::MediaId kRelayed = 99;
const rtc::IceCredentials kTheirs{"their", "their-password-of-24-char"};

void require(bool holds) {
  if (!holds) std::abort();
}

std::string offer_of(const char* direction) {
  std::string offer =
      "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n"
      "a=ice-ufrag:" +
      kTheirs.ufrag + "\r\na=ice-pwd:" + kTheirs.password +
      "\r\na=setup:actpass\r\na=fingerprint:sha-256";
  for (int i = 0; i < 32; ++i) offer += i == 0 ? " 07" : ":07";
  for (const char* section : {"audio 9 UDP/TLS/RTP/SAVPF 111", "video 9 UDP/TLS/RTP/SAVPF 96 97"}) {
    const bool audio = section[0] == 'a';
    offer += std::string("\r\nm=") + section +
             "\r\nc=IN IP4 0.0.0.0\r\na=mid:" + (audio ? "0" : "1") + "\r\na=" + direction +
             "\r\na=rtcp-mux\r\n" +
             (audio ? "a=rtpmap:111 opus/48000/2"
                    : "a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\n"
                      "a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96");
  }
  return offer + "\r\n";
}

// What lasts for all runs, as its certificate takes longer to make than all else: without sessions
// it remembers nothing that matters to the next.
struct Fixture {
  sfu::Worker worker{{}, Random::from_number(1).fork()};
  Instant now = Instant::from_us(1'000'000);
  TransmitBatch batch{1 << 16};
  const std::string presents = offer_of("sendrecv");
  const std::string watches = offer_of("recvonly");
};

class Room final : private TransmitSink {
 public:
  explicit Room(Fixture& fixture) : fixture_(fixture) {}

  void take(Step step, uint8_t who, Bytes body) {
    const sfu::MediaId id = who % kSessions;
    Route from;
    from.remote = {IpAddress::v4(192, 0, 2, static_cast<uint8_t>(1 + who / kSessions % 8)), 5000};
    act(step, id, from, body);
    worker_.flush(now_, out_);
    send(batch_);
    sfu::Event event;
    while (worker_.poll_event(event)) note(event);
    sfu::PacketBatch handed;
    while (worker_.poll_handover(handed)) require(handed.target == 1);
    require(worker_.peers() <= kSessions);
  }

  void end() {
    for (sfu::MediaId id = 0; id < kSessions; ++id) take(kStop, static_cast<uint8_t>(id), {});
    take(kEndRelay, 0, {});
    require(worker_.peers() == 0);
  }

 private:
  void act(Step step, sfu::MediaId id, const Route& from, Bytes body) {
    switch (step) {
      case kPublish:
        // Of an id that was given once, the control thread makes no second session.
        if (!ours_.contains(id)) command(sfu::Publish{id, fixture_.presents});
        break;
      case kWatch: {
        const sfu::MediaId source = body.empty() ? kRelayed : body[0] % kSessions;
        if (!ours_.contains(id)) command(sfu::Watch{id, source, fixture_.watches});
        break;
      }
      case kRestart:
        command(sfu::RestartIce{id, std::string(as_text(body))});
        break;
      case kStop:
        command(sfu::Stop{id});
        ours_.erase(id);
        break;
      case kTap:
        command(sfu::Tap{id, 1, Duration::seconds(1)});
        break;
      case kUntap:
        command(sfu::Untap{id, 1});
        break;
      case kRequestKeyframe:
        command(sfu::RequestKeyframe{id});
        break;
      case kRelay:
        command(sfu::Relay{kRelayed,
                           {{rtc::MediaKind::kAudio, wire::Codec::kOpus, 48'000, {}},
                            {rtc::MediaKind::kVideo, wire::Codec::kVp8, 90'000, {}}}});
        break;
      case kEndRelay:
        command(sfu::EndRelay{kRelayed});
        break;
      case kHandover:
        hand_over(body);
        break;
      case kDatagram: {
        std::vector<uint8_t> datagram(body.begin(), body.end());
        worker_.handle_datagram(now_, from, datagram, out_);
        break;
      }
      case kCheck:
        if (ours_.contains(id)) check(id, from, body);
        break;
      case kAnswer:
        if (checks_.contains(from.remote)) answer(from, body);
        break;
      case kRouteClosed:
        worker_.route_closed(now_, from);
        break;
      case kTime:
        if (body.size() >= 2) now_ = now_ + Duration::millis(load_u16(body.data()) % 10'000);
        for (int i = 0; worker_.next_timeout() <= now_; ++i) {
          require(i < 1000);
          worker_.handle_timeout(now_, out_);
        }
        break;
      case kSteps:
        break;
    }
  }

  void command(sfu::Command command) { worker_.handle(now_, std::move(command), out_); }

  void note(const sfu::Event& event) {
    if (const auto* answered = std::get_if<sfu::Answered>(&event)) {
      const auto answer = wire::parse_sdp(answered->sdp);
      require(answer && !answer->media.empty());
      const auto& own = answer->media[0].transport;
      const auto& shared = answer->transport;
      ours_[answered->id] = own.ice_ufrag.empty()
                                ? rtc::IceCredentials{shared.ice_ufrag, shared.ice_password}
                                : rtc::IceCredentials{own.ice_ufrag, own.ice_password};
    } else if (const auto* restarted = std::get_if<sfu::Restarted>(&event)) {
      const auto fragment = rtc::parse_ice_fragment(restarted->fragment);
      if (!restarted->fragment.empty()) require(fragment.has_value());
      if (fragment && !fragment->ice.ufrag.empty()) ours_[restarted->id] = fragment->ice;
    } else {
      // Nobody here knows the key of the certificate that was offered.
      require(!std::holds_alternative<sfu::Connected>(event));
    }
  }

  void hand_over(Bytes body) {
    ByteReader r(body);
    sfu::PacketBatch batch;
    batch.publisher = kRelayed;
    batch.at = now_;
    const uint32_t stream = r.u8() % 3u;
    if (r.u8() % 4 == 0) batch.clocks.push_back({stream, rtc::ClockMark{r.u64(), r.u32(), now_}});
    sfu::CachedPacket meta;
    meta.index = 40'000 + r.u16();
    meta.timestamp = r.u32();
    const uint8_t flags = r.u8();
    meta.marker = (flags & 1) != 0;
    meta.keyframe = meta.frame_start = (flags & 2) != 0;
    meta.arrival = now_;
    meta.payload_size = static_cast<uint16_t>(r.remaining());
    const Bytes payload = r.rest();
    batch.bytes.assign(payload.begin(), payload.end());
    batch.packets.push_back({stream, 0, meta});
    worker_.handle_handover(now_, std::move(batch), out_);
  }

  // A message with `body` behind its own attributes, signed.
  template <typename F>
  void signed_message(const Route& from, wire::StunClass cls, const wire::TransactionId& id,
                      std::string_view password, F&& attributes) {
    std::array<uint8_t, 700> out;
    wire::StunWriter writer(out, cls, wire::kStunBinding, id);
    attributes(writer);
    worker_.handle_datagram(now_, from, MutableBytes(out).first(writer.finish(password)), out_);
  }
  void check(sfu::MediaId id, const Route& from, Bytes body) {
    wire::TransactionId transaction{};
    store_u32(transaction.data(), ++sent_);
    checked_.insert(from.remote);
    const std::string user = ours_[id].ufrag + ":" + kTheirs.ufrag;
    signed_message(from, wire::StunClass::kRequest, transaction, ours_[id].password, [&](auto& w) {
      w.username(user);
      w.priority(1);
      w.ice_controlling(1);
      if (!body.empty() && (body[0] & 1) != 0) w.use_candidate();
    });
  }
  void answer(const Route& from, Bytes body) {
    // Where the check came from, or where somebody lies that it did.
    const Route said = body.empty() ? from : Route{{from.remote.ip, body[0]}, {}, 0};
    answered_.insert(from.remote);
    signed_message(from, wire::StunClass::kSuccess, checks_[from.remote], kTheirs.password,
                   [&](auto& w) { w.xor_mapped_address(said.remote); });
  }

  void send(TransmitBatch& batch) override {
    for (const Transmit& transmit : batch.sends()) {
      const Bytes all = batch.bytes(transmit);
      for (size_t at = 0; at < all.size(); at += transmit.segment)
        note_sent(transmit.route.remote,
                  all.subspan(at, std::min<size_t>(transmit.segment, all.size() - at)));
    }
    batch.clear();
  }
  // Nothing goes to an address that has not sent a check, and nothing but checks and answers to one
  // that has not answered.
  void note_sent(const SocketAddress& to, Bytes datagram) {
    require(checked_.contains(to));
    const auto message = wire::StunMessage::parse(datagram);
    require(message || answered_.contains(to));
    if (message && message->cls == wire::StunClass::kRequest) checks_[to] = message->transaction;
  }

  Fixture& fixture_;
  sfu::Worker& worker_ = fixture_.worker;
  Instant& now_ = fixture_.now;
  TransmitBatch& batch_ = fixture_.batch;
  Outlet out_{batch_, *this};
  std::map<sfu::MediaId, rtc::IceCredentials> ours_;
  uint32_t sent_ = 0;
  // Addresses that have sent a check, and that have answered one; and the worker's latest to each.
  std::unordered_set<SocketAddress> checked_, answered_;
  std::unordered_map<SocketAddress, wire::TransactionId> checks_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Fixture fixture;
  ByteReader in({data, size});
  Room room(fixture);
  while (in.ok() && in.remaining() >= 3) {
    const auto step = static_cast<Step>(in.u8() % kSteps);
    const uint8_t who = in.u8();
    room.take(step, who, in.bytes(std::min<size_t>(in.u8(), in.remaining())));
  }
  room.end();
  return 0;
}
