// A simulated browser: one peer connection that presents, watches, or both. Bytes and time go in,
// datagrams come out; what carries them is a simulated network or real sockets.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "rtc/dtls.h"
#include "rtc/srtp.h"
#include "sim/ice_client.h"
#include "sim/media_receiver.h"
#include "sim/media_sender.h"
#include "sim/packet_counter.h"
#include "sim/session.h"

namespace loopcast::sim {

struct BrowserOptions {
  SessionOptions session;
  SenderOptions sender;
  // Tells when packets with transport-wide numbers arrived.
  bool transport_feedback = false;
  // Received media is counted and reported on, but not decrypted (count_only()).
  bool count_only = false;
  uint16_t counts_every = 1;  // PacketCounter's
};

// What many browsers of one thread share; outlives them.
struct BrowserContext {
  const rtc::DtlsIdentity& identity;
  rtc::SrtpCrypto& crypto;
};

class Browser : private PacketOut {
 public:
  enum class State : uint8_t { kNew, kConnecting, kConnected, kClosed, kFailed };

  static constexpr Duration kReportInterval = Duration::seconds(1);

  Browser(const BrowserContext& context, const BrowserOptions& options, const Random::Seed& seed);
  ~Browser() override;

  const std::string& offer() const { return offer_; }
  // False if the answer cannot be used.
  bool set_answer(Instant now, std::string_view sdp);
  // The other way round: our answer to what the other side offers to send; empty if it cannot be
  // used.
  std::string accept_offer(Instant now, std::string_view sdp);
  // From now on media is not decrypted any more.
  void count_only(uint16_t every = 1);
  // An ICE restart: the fragment to send, and what came back.
  std::string restart_ice();
  bool set_restart_answer(Instant now, std::string_view fragment);
  // DTLS close_notify.
  void close(Instant now);
  // Says nothing any more, as a browser that was killed.
  void vanish();
  // The network has changed and the browser has noticed.
  void check_network(Instant now) { ice_.check_now(now); }

  // Decrypts in place.
  void handle_datagram(Instant now, const SocketAddress& from, MutableBytes datagram);
  void handle_timeout(Instant now);
  Instant next_timeout() const;
  bool poll_transmit(Datagram& out);

  State state() const { return state_; }
  Instant connected_at() const { return connected_at_; }
  const IceClient& ice() const { return ice_; }
  // nullptr if nothing is sent.
  MediaSender* sender() { return sender_ ? &*sender_ : nullptr; }
  // nullptr if no such stream is received.
  const MediaReceiver* receiver(rtc::MediaKind kind) const;
  // nullptr unless media is only counted.
  const PacketCounter* counter() const { return counter_ ? &*counter_ : nullptr; }
  // Zeros if no video, no audio is received.
  StreamFigures video() const;
  StreamFigures audio() const;
  // The most that sound and picture were apart, by what sender reports say of them; nullopt before
  // both had reports.
  std::optional<Duration> lip_sync_error() const { return lip_sync_error_; }
  const std::vector<std::string>& violations() const { return violations_.list(); }
  // The other side began a stream anew.
  void forgive_restart();

  // Packets that could not be decrypted: damaged, duplicates, or not for us.
  uint64_t undecryptable() const { return undecryptable_; }
  // Packets of media that came before the end of the handshake, and were dropped.
  uint64_t early() const { return early_; }
  const Agreed& agreed() const { return agreed_; }
  // As in rtc/dtls.h; nullopt before the handshake.
  std::optional<uint16_t> srtp_profile() const {
    return dtls_ ? dtls_->srtp_profile() : std::nullopt;
  }

  // Sends a plain compound of the caller's making, protected, as a hostile browser might.
  void send_compound(Bytes compound) { send_rtcp(compound); }
  // Our source as RTCP names it, and the other side's.
  Ssrc own_ssrc() const;
  std::optional<Ssrc> remote_ssrc(rtc::MediaKind kind) const;

 private:
  void begin(Instant now);
  void handle_rtp(Instant now, MutableBytes datagram);
  void handle_sender_report(Instant now, const wire::SenderReport& report);
  void note_arrival(Instant now, const wire::RtpPacket& packet);
  void handle_rtcp(Instant now, MutableBytes datagram);
  void progress(Instant now);
  void begin_srtp(Instant now);
  void note_lip_sync();
  void write_feedback(Instant now);
  void write_reports(Instant now);
  void write_transport_feedback(Instant now);

  void send_rtp(const wire::RtpHeader& header, int64_t index,
                std::span<const wire::RtpExtension> extensions, Bytes payload) override;
  void send_raw_rtp(Bytes packet, size_t header_size, int64_t index) override;
  void send_rtcp(Bytes compound) override;

  BrowserContext context_;
  BrowserOptions options_;
  Random random_;
  Sources sources_;
  IceClient ice_;
  std::string offer_;
  Agreed agreed_;
  std::unique_ptr<rtc::Dtls> dtls_;
  std::optional<rtc::SrtpSender> srtp_out_;
  std::optional<rtc::SrtpReceiver> srtp_in_;
  Violations violations_;
  std::optional<MediaSender> sender_;
  std::deque<MediaReceiver> receivers_;
  std::optional<PacketCounter> counter_;
  rtc::FeedbackRecorder feedback_;  // of the receivers; the counter has its own
  std::deque<Datagram> outgoing_;
  State state_ = State::kNew;
  Instant connected_at_ = Instant::never();
  Instant next_report_ = Instant::never();
  Instant next_feedback_ = Instant::never();
  std::optional<Duration> lip_sync_error_;
  uint64_t undecryptable_ = 0;
  uint64_t early_ = 0;
};

}  // namespace loopcast::sim
