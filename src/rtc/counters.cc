#include "rtc/counters.h"

namespace loopcast::rtc {

std::string_view counter_name(Counter counter) {
  switch (counter) {
    case Counter::kDatagramsReceived:
      return "datagrams_received";
    case Counter::kDropUnknownDatagram:
      return "drop_unknown_datagram";
    case Counter::kDropUnknownAddress:
      return "drop_unknown_address";
    case Counter::kDropStunMalformed:
      return "drop_stun_malformed";
    case Counter::kDropStunUnknownUser:
      return "drop_stun_unknown_user";
    case Counter::kDropStunIntegrity:
      return "drop_stun_integrity";
    case Counter::kDropStunUnexpected:
      return "drop_stun_unexpected";
    case Counter::kDropStunLimit:
      return "drop_stun_limit";
    case Counter::kDropDtlsUnvalidated:
      return "drop_dtls_unvalidated";
    case Counter::kDropSrtpUnvalidated:
      return "drop_srtp_unvalidated";
    case Counter::kDropSrtpMalformed:
      return "drop_srtp_malformed";
    case Counter::kDropSrtpTooOld:
      return "drop_srtp_too_old";
    case Counter::kDropSrtpReplayed:
      return "drop_srtp_replayed";
    case Counter::kDropSrtpAuthentication:
      return "drop_srtp_authentication";
    case Counter::kDropSrtpSources:
      return "drop_srtp_sources";
    case Counter::kDropRtpMalformed:
      return "drop_rtp_malformed";
    case Counter::kDropRtpUnknownStream:
      return "drop_rtp_unknown_stream";
    case Counter::kDropRtpOffSequence:
      return "drop_rtp_off_sequence";
    case Counter::kDropRtpDuplicate:
      return "drop_rtp_duplicate";
    case Counter::kDropRtpTooLarge:
      return "drop_rtp_too_large";
    case Counter::kDropRtpOverRate:
      return "drop_rtp_over_rate";
    case Counter::kDropRtcpMalformed:
      return "drop_rtcp_malformed";
    case Counter::kRtpReceived:
      return "rtp_received";
    case Counter::kRtpRecovered:
      return "rtp_recovered";
    case Counter::kNackSent:
      return "nack_sent";
    case Counter::kNackAbandoned:
      return "nack_abandoned";
    case Counter::kKeyframeRequestsSent:
      return "keyframe_requests_sent";
    case Counter::kRtpForwarded:
      return "rtp_forwarded";
    case Counter::kRetransmissionsSent:
      return "retransmissions_sent";
    case Counter::kDropRetransmissionGone:
      return "drop_retransmission_gone";
    case Counter::kDropRetransmissionLimit:
      return "drop_retransmission_limit";
    case Counter::kDropSendUnprotected:
      return "drop_send_unprotected";
    case Counter::kKeyframeRequestsReceived:
      return "keyframe_requests_received";
    case Counter::kTransportFeedbackReceived:
      return "transport_feedback_received";
    case Counter::kKeyframeReplays:
      return "keyframe_replays";
    case Counter::kDropRouteChallenged:
      return "drop_route_challenged";
    case Counter::kRefusedPeers:
      return "refused_peers";
    case Counter::kDropHandshakeLimit:
      return "drop_handshake_limit";
    case Counter::kDropHandoverFull:
      return "drop_handover_full";
    case Counter::kCount:
      break;
  }
  return "unknown";
}

}  // namespace loopcast::rtc
