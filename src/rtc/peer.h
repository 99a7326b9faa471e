// One remote peer: a browser or another WebRTC program at the other end of one transport. Puts
// together ICE, DTLS, SRTP, retransmission, transport-wide feedback and reports. This is the whole
// API that routing (sfu) sees.
//
// Sans-IO: datagrams come in with the time, datagrams go out through an Outlet, and what changed is
// state to look at. After each call that may change something, drive the peer: flush(), then look
// at state() and next_timeout().
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "base/transmit.h"
#include "rtc/counters.h"
#include "rtc/dtls.h"
#include "rtc/dtls_identity.h"
#include "rtc/ice.h"
#include "rtc/negotiated_media.h"
#include "rtc/rtp_input.h"
#include "rtc/rtp_output.h"
#include "rtc/srtp.h"

namespace loopcast::rtc {

// What all peers of one worker share; outlives them.
struct PeerContext {
  const DtlsIdentity& identity;
  SrtpCrypto& crypto;
  Counters& counters;
};

class Peer {
 public:
  enum class State : uint8_t {
    kConnecting,
    kConnected,  // media can be sent
    kClosed,     // the peer said goodbye (DTLS close_notify)
    kFailed,     // never connected, or lost
  };

  // Bytes of DTLS that are held back until the address they came from is validated: a ClientHello
  // that overtook the answer to our check, in two or three datagrams.
  static constexpr size_t kMaxHeldDatagrams = 4;
  static constexpr Duration kReportInterval = Duration::seconds(1);
  // Media that comes later than this after the handshake is of a peer that has finished it, too.
  static constexpr Duration kSettleTime = Duration::seconds(1);
  // Of everything we send, in SDP and RTCP alike.
  static constexpr const char* kCname = "loopcast";

  Peer(Instant now, const PeerContext& context, IceCredentials local, Negotiated negotiated,
       const Random::Seed& seed);

  // A datagram that belongs to this peer by its address or by the user name in it. Decrypts in
  // place.
  Received handle_datagram(Instant now, const Route& from, MutableBytes datagram);
  void handle_timeout(Instant now);
  Instant next_timeout() const;
  // Writes everything that is due but media.
  void flush(Instant now, Outlet& out);

  State state() const { return state_; }
  // Why it failed: "ice" or "dtls"; empty otherwise.
  const char* failure() const { return failure_; }
  // Where media goes now; nullptr before an address is validated.
  const Route* route() const { return ice_.selected(); }
  bool is_validated(const Route& route) const { return ice_.is_validated(route); }

  // See RtpOutput.
  size_t send_rtp(Instant now, Outlet& out, size_t media, std::span<const PlainPacket> packets,
                  const RtpShift& shift) {
    return output_.send(now, out, media, packets, shift);
  }
  bool send_rtx(Instant now, Outlet& out, size_t media, const PlainPacket& packet,
                const RtpShift& shift, Bytes payload) {
    return output_.send_again(now, out, media, packet, shift, payload);
  }
  // Of the way to the peer; nullptr if it was not agreed that the peer tells what arrives.
  const BandwidthEstimator* estimator() const { return output_.estimator(); }

  // Has what send_rtp() needs fetched into the processor's cache; `small`: for packets below 256
  // bytes.
  void prefetch(bool small) const { output_.prefetch(small); }

  // The same for a datagram of RTCP.
  void prefetch_feedback() const {
    output_.prefetch_feedback();
    input_.prefetch_rtcp();
  }

  // See RtpInput.
  void request_keyframe(size_t media) { input_.request_keyframe(media); }
  // Whether it is time for reports; then the next are due after kReportInterval.
  bool take_reports_due(Instant now);
  // Sender reports of all that is sent and report blocks of all that is received. `clocks`: for
  // each media, the RTP timestamp that corresponds to `wall`, or nullopt if that is not known.
  void send_reports(Instant now, WallTime wall, std::span<const std::optional<uint32_t>> clocks,
                    Outlet& out);

  Instant last_media() const { return input_.last_media(); }
  std::optional<ClockMark> clock_mark(size_t media) const { return input_.clock_mark(media); }
  Duration round_trip() const { return ice_.last_round_trip(); }

  void restart_ice(Instant now, IceCredentials local, IceCredentials remote);
  const IceCredentials& local_ice() const { return ice_.local(); }
  const Negotiated& negotiated() const { return negotiated_; }
  // Says goodbye with the next flush.
  void close();

 private:
  Received handle_stun(Instant now, const Route& from, Bytes datagram);
  void handle_dtls(Instant now, const Route& from, Bytes datagram);
  Received handle_rtp(Instant now, const Route& from, MutableBytes datagram);
  Received handle_rtcp(Instant now, const Route& from, MutableBytes datagram);
  bool from_validated(const Route& from) const;
  void after_progress(Instant now);
  void begin_srtp();
  void note_authentic(Instant now);
  void flush_feedback(Instant now, Outlet& out);
  void write_feedback_header(ByteWriter& w) const;
  Ssrc reporter() const;
  void send_rtcp(Outlet& out, MutableBytes slot, size_t size);

  PeerContext context_;
  RtpOutput output_;
  RtpInput input_;
  Instant settle_at_ = Instant::never();
  Negotiated negotiated_;
  IceAgent ice_;
  std::unique_ptr<Dtls> dtls_;
  Instant reports_due_ = Instant::never();
  Random random_;
  std::vector<std::vector<uint8_t>> held_;  // DTLS from an address that is not validated yet
  Route held_from_;
  State state_ = State::kConnecting;
  const char* failure_ = "";
};

}  // namespace loopcast::rtc
