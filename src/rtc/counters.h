// Everything that the media core drops, limits or repairs, counted by name. One set per worker,
// without atomics: its thread hands out copies.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace loopcast::rtc {

enum class Counter : uint8_t {
  kDatagramsReceived,
  kDropUnknownDatagram,  // not STUN, DTLS, RTP or RTCP
  kDropUnknownAddress,   // from an address that belongs to nobody
  kDropStunMalformed,
  kDropStunUnknownUser,
  kDropStunIntegrity,
  kDropStunUnexpected,
  kDropStunLimit,
  kDropDtlsUnvalidated,  // DTLS from an address that has not been validated
  kDropSrtpUnvalidated,  // media from an address that has not been validated, or before the keys
  kDropSrtpMalformed,
  kDropSrtpTooOld,
  kDropSrtpReplayed,
  kDropSrtpAuthentication,
  kDropSrtpSources,
  kDropRtpMalformed,
  kDropRtpUnknownStream,  // an SSRC or payload type that was not negotiated
  kDropRtpOffSequence,
  kDropRtpDuplicate,
  kDropRtpTooLarge,  // pictures in packets that are longer than Ethernet's
  kDropRtpOverRate,  // a presenter sends more than one may
  kDropRtcpMalformed,
  kRtpReceived,
  kRtpRecovered,   // came by retransmission
  kNackSent,       // packets asked for
  kNackAbandoned,  // packets that never came
  kKeyframeRequestsSent,
  kRtpForwarded,
  kRetransmissionsSent,
  kDropRetransmissionGone,  // asked for, but no longer (or not yet) there
  kDropRetransmissionLimit,
  kDropSendUnprotected,  // did not fit a datagram
  kKeyframeRequestsReceived,
  kTransportFeedbackReceived,
  kKeyframeReplays,      // joins served from the cache
  kDropRouteChallenged,  // somebody claims an address that belongs to another
  kRefusedPeers,         // the worker is full
  kDropHandshakeLimit,   // too many handshakes at once
  kDropHandoverFull,     // batches for another thread that found no room on their way
  kCount
};

// Prometheus-style name, without prefix and suffix.
std::string_view counter_name(Counter counter);

class Counters {
 public:
  void add(Counter counter, uint64_t n = 1) { values_[static_cast<size_t>(counter)] += n; }
  uint64_t get(Counter counter) const { return values_[static_cast<size_t>(counter)]; }

 private:
  std::array<uint64_t, static_cast<size_t>(Counter::kCount)> values_{};
};

}  // namespace loopcast::rtc
