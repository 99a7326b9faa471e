// SRTP and SRTCP (RFC 3711, RFC 7714) with the keys of one DTLS-SRTP association (RFC 5764): what
// we send to one peer and what it sends to us. No MKI, key derivation rate 0, SRTCP always
// encrypted: what every WebRTC endpoint does.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/expected.h"
#include "base/prefetch.h"
#include "base/units.h"
#include "rtc/srtp_crypto.h"
#include "rtc/srtp_keys.h"
#include "rtc/srtp_window.h"

namespace loopcast::rtc {

// A packet whose header is at packet[0, header_size) and whose encrypted payload goes behind it.
struct RtpToProtect {
  uint8_t* packet = nullptr;
  size_t header_size = 0;
  Bytes payload;       // elsewhere, or there already
  uint64_t index = 0;  // see SrtpSender::protect_rtp
};

// What we send to one peer. Movable. With ipsec-mb and GCM 1.2 kB, of which 1 kB is the library's
// gcm_key_data: round keys and 48 powers of the GHASH key.
class SrtpSender {
 public:
  // The longest that protect_rtcp adds.
  static constexpr size_t kMaxRtcpOverhead = 20;

  SrtpSender(SrtpCrypto&, SrtpProfile, const SrtpMasterKey&);
  // With keys derived elsewhere, and an SRTCP index below which the keys were used already.
  SrtpSender(SrtpCrypto&, SrtpProfile, const SrtpSessionKey& rtp, const SrtpSessionKey& rtcp,
             uint32_t first_rtcp_index = 0);
  SrtpSender(SrtpSender&&) noexcept;
  SrtpSender& operator=(SrtpSender&&) noexcept;
  ~SrtpSender();

  // Bytes that protect_rtp adds: 16 with GCM, 10 with HMAC-SHA1-80.
  size_t overhead() const;
  // Bytes that protect_rtcp adds: 20 or 14.
  size_t rtcp_overhead() const { return overhead() + 4; }

  // Completes a packet whose header (with CSRCs and extension) is already at out[0, header_size):
  // writes `payload` encrypted after it, then the tag. `payload` may be elsewhere or exactly at
  // out[header_size...], but must not overlap `out` in another way.
  //
  // `packet_index` is ROC << 16 | sequence number (RFC 3711 §3.3.1), counted per SSRC by the
  // caller, who rewrites sequence numbers anyway; the ROC starts at 0 as the peer has no other way
  // to know. Two different packets must never be protected with the same SSRC and index: with GCM
  // that gives away the authentication key, with both profiles the XOR of the two payloads. (The
  // same packet again, for a retransmission, is harmless: it yields the same bytes.)
  //
  // Returns the packet's size; 0, having written nothing, if it does not fit, if header_size is
  // below 12, if the index is 2^48 or more (RFC 3711 §9.2: the key is used up) or is not the
  // header's.
  size_t protect_rtp(MutableBytes out, size_t header_size, Bytes payload, uint64_t packet_index);

  // The same for several packets of one source at once, each with overhead() bytes of room behind
  // its payload. At most kMaxRun. False, and none of them may be sent, if an index is 2^48 or more
  // or the library fails. In a burst (SrtpCrypto::begin_burst()) payloads must be elsewhere.
  static constexpr size_t kMaxRun = 16;
  [[nodiscard]] bool protect_rtp(std::span<const RtpToProtect> packets, Ssrc ssrc);

  // Has the key fetched into the processor's cache; what packets below 256 bytes need of it if
  // `small`.
  void prefetch(bool small) const;

  // In place: packet[0, size) is a plain RTCP compound, and what it grows by (rtcp_overhead()) must
  // fit into `packet`. One SRTCP index counts all packets of this sender whatever their SSRC.
  // Returns the packet's size; 0, having written nothing, if it does not fit, if size is below 8,
  // or after 2^31 packets.
  size_t protect_rtcp(MutableBytes packet, size_t size);

 private:
  SrtpCrypto* crypto_;
  std::unique_ptr<SrtpCipher> rtp_;
  SrtpProfile profile_;
  uint32_t next_rtcp_index_ = 0;
  std::array<uint64_t, 2> rtp_salt_{};  // as two words in network byte order; not a secret
  SrtpSessionKey rtcp_key_;
};

enum class SrtpError : uint8_t {
  kMalformed,       // not an SRTP or SRTCP packet, or too short to be one
  kTooOld,          // behind the replay window, or its index is past the key's lifetime
  kReplayed,        // was received before
  kAuthentication,  // forged, damaged, or of another key
  // Of an unknown source while kMaxSources are in use, or kMaxForgotten were; not looked at
  // further.
  kTooManySources,
};

// What one peer sends to us. Movable. About 200 bytes for a peer that sends RTCP alone, as a viewer
// does; the first RTP packet adds the expanded key (1 kB with ipsec-mb), each source 150 bytes.
class SrtpReceiver {
 public:
  // Sources of RTP, and of RTCP, that one peer can have: a microphone, a camera and a screen of
  // three simulcast layers each with their retransmissions are 13. Bounds memory and search.
  static constexpr size_t kMaxSources = 16;
  // Sources that were given up and whose place another one has taken. A program that begins a new
  // source each minute gets through a day.
  static constexpr size_t kMaxForgotten = 1440;

  SrtpReceiver(SrtpCrypto&, SrtpProfile, const SrtpMasterKey&);
  SrtpReceiver(SrtpCrypto&, SrtpProfile, const SrtpSessionKey& rtp, const SrtpSessionKey& rtcp);
  SrtpReceiver(SrtpReceiver&&) noexcept;
  SrtpReceiver& operator=(SrtpReceiver&&) noexcept;
  ~SrtpReceiver();

  // In place: the plain packet is packet[0, returned size). State (ROC, replay window, the list of
  // sources) changes only when a packet authenticates. After an error the bytes behind the header
  // are undefined.
  Expected<size_t, SrtpError> unprotect_rtp(MutableBytes packet);
  Expected<size_t, SrtpError> unprotect_rtcp(MutableBytes packet);

  // Has what unprotect_rtcp() needs fetched into the processor's cache.
  void prefetch_rtcp() const { loopcast::prefetch(rtcp_sources_.data()); }

  // The peer sends this source no more, or another one in its place: a new source may take its
  // place here when there is no other. From then on its packets are refused as replayed: without
  // its window an old one could not be told from a new one. As long as it keeps its place it is
  // received like any other.
  void give_up_source(Ssrc);
  // Whether it was given up, and has its place still.
  bool gave_up(Ssrc) const;
  // The peer sends it again after all.
  void resume_source(Ssrc);

 private:
  // `given_up`: 0, or a number that is the greater the later that was.
  struct RtpSource {
    Ssrc ssrc;
    uint32_t given_up = 0;
    SrtpWindow<1024> window = {};
  };
  struct RtcpSource {
    Ssrc ssrc;
    uint32_t given_up = 0;
    SrtpWindow<128> window = {};
  };

  // Why packets of a source without a place are refused, if they are.
  template <typename Source>
  std::optional<SrtpError> refusal(const std::vector<Source>& sources, Ssrc ssrc) const;
  // Remembers the index of an authentic packet; `source`: its place, or nullptr.
  template <typename Source>
  void remember(std::vector<Source>& sources, Source* source, Ssrc ssrc, uint64_t index);

  SrtpCrypto* crypto_;
  std::unique_ptr<SrtpCipher> rtp_;  // made with the first RTP packet: a viewer sends none
  SrtpProfile profile_;
  std::vector<RtpSource> rtp_sources_;
  std::vector<RtcpSource> rtcp_sources_;
  std::vector<Ssrc> forgotten_;
  uint32_t given_up_ = 0;
  SrtpSessionKey rtp_key_;
  SrtpSessionKey rtcp_key_;
};

}  // namespace loopcast::rtc
