// For tests: a Peer whose other side is played by the test, from the first check to decrypted
// media.
#pragma once

#include <array>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "rtc/peer.h"
#include "wire/stun.h"

namespace loopcast::rtc {

class ConnectedPeer : private TransmitSink {
 public:
  // Connects at once; `negotiated` needs no ICE or DTLS parameters.
  ConnectedPeer(Instant now, Negotiated negotiated, uint64_t seed = 1)
      : crypto_(SrtpCrypto::make_best()),
        peer_(now, PeerContext{identity_, *crypto_, counters_}, near_ice(),
              complete(std::move(negotiated)), Random::from_number(seed).fork()),
        dtls_(far_identity_, Dtls::Role::kClient, fingerprint_of(identity_)) {
    connect(now);
  }

  Peer& peer() { return peer_; }
  Counters& counters() { return counters_; }
  Outlet& out() { return outlet_; }
  const Route& route() const { return route_; }

  // What the peer has sent since the last call, decrypted.
  std::vector<std::vector<uint8_t>> take_rtp() {
    collect();
    return std::exchange(rtp_, {});
  }
  std::vector<std::vector<uint8_t>> take_rtcp() {
    collect();
    return std::exchange(rtcp_, {});
  }

  // A plain packet of the far side, protected and received. `index` is the packet's roll-over
  // counter and sequence number.
  Received receive_rtp(Instant now, Bytes packet, size_t header_size, int64_t index) {
    buffer_.assign(packet.begin(), packet.end());
    buffer_.resize(packet.size() + SrtpSender::kMaxRtcpOverhead);
    buffer_.resize(far_out_->protect_rtp(buffer_, header_size, packet.subspan(header_size),
                                         static_cast<uint64_t>(index)));
    return peer_.handle_datagram(now, route_, buffer_);
  }
  // The same of a plain compound. What it returns is valid until the next call.
  Received receive_rtcp(Instant now, Bytes compound) {
    buffer_.assign(compound.begin(), compound.end());
    buffer_.resize(compound.size() + SrtpSender::kMaxRtcpOverhead);
    buffer_.resize(far_out_->protect_rtcp(buffer_, compound.size()));
    return peer_.handle_datagram(now, route_, buffer_);
  }

 private:
  // Made once: a key costs more than a handshake.
  static const std::array<DtlsIdentity, 2>& identities() {
    static const std::array<DtlsIdentity, 2> both{DtlsIdentity::generate(),
                                                  DtlsIdentity::generate()};
    return both;
  }
  static IceCredentials near_ice() { return {"near", "password-of-the-near-side"}; }
  static IceCredentials far_ice() { return {"far1", "password-of-the-far-side1"}; }

  static DtlsFingerprint fingerprint_of(const DtlsIdentity& identity) {
    // "sha-256 AB:CD:..."
    const std::string& text = identity.fingerprint();
    DtlsFingerprint result{"sha-256", {}};
    for (size_t at = 8; at + 1 < text.size(); at += 3)
      result.digest.push_back(static_cast<uint8_t>(std::stoi(text.substr(at, 2), nullptr, 16)));
    return result;
  }

  Negotiated complete(Negotiated negotiated) const {
    negotiated.remote_ice = far_ice();
    const DtlsFingerprint fingerprint = fingerprint_of(far_identity_);
    negotiated.fingerprint_algorithm = fingerprint.algorithm;
    negotiated.fingerprint = fingerprint.digest;
    return negotiated;
  }

  void connect(Instant now) {
    std::array<uint8_t, 512> check;
    wire::StunWriter writer(check, wire::StunClass::kRequest, wire::kStunBinding, {1});
    writer.username(near_ice().ufrag + ":" + far_ice().ufrag);
    writer.priority(1);
    writer.ice_controlling(1);
    writer.use_candidate();
    peer_.handle_datagram(now, route_,
                          MutableBytes(check).first(writer.finish(near_ice().password)));
    dtls_.start(now);
    for (int round = 0; round < 10; ++round) {
      now_ = now;
      peer_.flush(now, outlet_);
      collect();
      std::array<uint8_t, Dtls::kMtu> datagram;
      while (const size_t size = dtls_.poll_transmit(datagram))
        peer_.handle_datagram(now, route_, MutableBytes(datagram).first(size));
    }
    const auto profile = static_cast<SrtpProfile>(dtls_.srtp_profile().value_or(0));
    const auto keys = split_exporter(profile, dtls_.srtp_keying_material());
    if (!keys || peer_.state() != Peer::State::kConnected) std::abort();
    far_out_.emplace(*crypto_, profile, keys->client);
    far_in_.emplace(*crypto_, profile, keys->server);
  }

  void collect() {
    if (!batch_.empty()) send(batch_);
  }

  void send(TransmitBatch& batch) override {
    for (const Transmit& transmit : batch.sends()) {
      const Bytes all = batch.bytes(transmit);
      for (size_t at = 0; at < all.size(); at += transmit.segment) {
        const Bytes one = all.subspan(at, std::min<size_t>(transmit.segment, all.size() - at));
        take({one.begin(), one.end()});
      }
    }
    batch.clear();
  }

  void take(std::vector<uint8_t> datagram) {
    switch (wire::classify(datagram)) {
      case wire::DatagramKind::kStun:
        answer(datagram);
        break;
      case wire::DatagramKind::kDtls:
        dtls_.handle_datagram(now_, datagram);
        break;
      case wire::DatagramKind::kRtp:
        if (const auto size = far_in_->unprotect_rtp(datagram)) {
          datagram.resize(*size);
          rtp_.push_back(std::move(datagram));
        }
        break;
      case wire::DatagramKind::kRtcp:
        if (const auto size = far_in_->unprotect_rtcp(datagram)) {
          datagram.resize(*size);
          rtcp_.push_back(std::move(datagram));
        }
        break;
      case wire::DatagramKind::kUnknown:
        break;
    }
  }

  void answer(Bytes datagram) {
    const auto request = wire::StunMessage::parse(datagram);
    if (!request || request->cls != wire::StunClass::kRequest) return;
    std::array<uint8_t, 512> response;
    wire::StunWriter writer(response, wire::StunClass::kSuccess, wire::kStunBinding,
                            request->transaction);
    writer.xor_mapped_address(route_.remote);
    peer_.handle_datagram(now_, route_,
                          MutableBytes(response).first(writer.finish(far_ice().password)));
  }

  const DtlsIdentity& identity_ = identities()[0];
  const DtlsIdentity& far_identity_ = identities()[1];
  std::unique_ptr<SrtpCrypto> crypto_;
  Counters counters_;
  Route route_{{IpAddress::v4(192, 0, 2, 9), 9000}, {}, 0};
  TransmitBatch batch_;
  Outlet outlet_{batch_, *this};
  Peer peer_;
  Dtls dtls_;
  std::optional<SrtpSender> far_out_;
  std::optional<SrtpReceiver> far_in_;
  std::vector<std::vector<uint8_t>> rtp_, rtcp_;
  std::vector<uint8_t> buffer_;
  Instant now_;
};

}  // namespace loopcast::rtc
