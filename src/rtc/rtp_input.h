// The path of RTP in from one peer: decrypts, tells which stream a packet belongs to, and keeps
// what feedback to its sender is made of: what is missing, what has arrived when, whether a
// keyframe is wanted. Part of rtc::Peer, as RtpOutput is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "rtc/counters.h"
#include "rtc/feedback_recorder.h"
#include "rtc/nack_generator.h"
#include "rtc/negotiated_media.h"
#include "rtc/receive_stream.h"
#include "rtc/srtp.h"
#include "wire/rtcp.h"
#include "wire/rtp.h"

namespace loopcast::rtc {

// A packet of media, or feedback, out of a datagram; views into the caller's bytes.
struct Received {
  enum class Kind : uint8_t {
    kNone,
    kStun,  // authenticated and handled
    kRtp,
    kRtcp,
  };
  Kind kind = Kind::kNone;
  // kRtp: the packet of the original stream, also if it came as a retransmission.
  size_t media = 0;        // index into Negotiated::media
  int64_t index = 0;       // extended sequence number, never negative
  bool recovered = false;  // came by retransmission
  wire::RtpPacket rtp = {};
  int16_t audio_level = -1;  // RFC 6464; -1: not in this packet
  // kRtcp: the compound; what concerns what we receive has been handled already.
  Bytes rtcp = {};
};

class RtpInput {
 public:
  // The least time between two requests for a keyframe of one stream, whoever wants it: more would
  // be ignored by a browser's encoder, or starve the picture.
  static constexpr Duration kKeyframeInterval = Duration::millis(300);
  // Without better evidence another source may take over from one that has been silent for this
  // long. One that was replaced, and its retransmissions, do not come back sooner either.
  static constexpr Duration kSourceTakeover = Duration::seconds(2);
  // What a source sends this long after its goodbye was not overtaken by it: the source goes on.
  static constexpr Duration kByeReordering = Duration::millis(500);

  // `counters` outlives it.
  RtpInput(const Negotiated& negotiated, Counters& counters);

  void set_keys(SrtpReceiver&& srtp) { srtp_.emplace(std::move(srtp)); }
  bool has_keys() const { return srtp_.has_value(); }

  // Both decrypt in place, need keys, and return nullopt, having changed nothing but a counter, if
  // the datagram does not authenticate. A packet of RTP that is authentic but of no use comes back
  // as Kind::kNone; of RTCP the plain compound comes back.
  std::optional<Received> handle_rtp(Instant now, MutableBytes datagram);
  std::optional<Bytes> unprotect_rtcp(MutableBytes datagram);
  // What a compound says of the streams that are received.
  void on_sender_report(Instant now, const wire::SenderReport& report);
  void on_bye(Instant now, const wire::Bye& bye);

  // Has what unprotect_rtcp() needs fetched into the processor's cache.
  void prefetch_rtcp() const {
    if (srtp_) srtp_->prefetch_rtcp();
  }

  // Asks the sender of `media` for a keyframe with the next feedback, or kKeyframeInterval after
  // the last request. A sender that has sent nothing yet is not asked: it begins with one.
  void request_keyframe(size_t media);
  // When write_feedback() has something to tell.
  Instant next_timeout() const;
  // Appends what is due: NACKs, requests for keyframes, and which packets have arrived.
  // `reporter`: our SSRC. `round_trip`: to the peer; 0 if unknown.
  void write_feedback(Instant now, Duration round_trip, Ssrc reporter, ByteWriter& w);
  // Report blocks for what came since the last call, one for each stream; returns how many.
  size_t take_reports(Instant now, std::span<wire::ReportBlock> blocks);

  // When media, or a sender report on it, came last; Instant 0 before any.
  Instant last_media() const;
  // The clock of what is received; nullopt before its first sender report.
  std::optional<ClockMark> clock_mark(size_t media) const;

 private:
  // One section of the session.
  struct Section {
    bool receive = false;
    std::string mid;
    PayloadType payload_type = 0;
    std::optional<PayloadType> rtx_payload_type;
    std::optional<Ssrc> signalled_ssrc, signalled_rtx_ssrc;
    uint32_t clock_rate = 0;  // Hz
    // Of header extensions; 0: not agreed.
    uint8_t mid_id = 0, transport_cc_id = 0, audio_level_id = 0;
    bool wants_nack = false, pli = false, fir = false;

    std::optional<ReceiveStream> stream;
    std::optional<Instant> ended_at;  // when the source of `stream` said goodbye
    std::optional<Ssrc> rtx_ssrc;
    // Of the source before: what it sends again has numbers that mean nothing here.
    std::optional<Ssrc> old_rtx_ssrc;
    Instant old_rtx_until;
    NackGenerator nack;
    uint64_t abandoned_counted = 0;
    bool keyframe_wanted = false;
    Instant keyframe_allowed;  // not asked for before
    uint8_t fir_sequence = 0;

    bool may_want_keyframe() const { return stream && (pli || fir); }
    bool has_type(PayloadType type) const {
      return type == payload_type || type == rtx_payload_type;
    }
    bool has_source(Ssrc ssrc) const {
      return (stream && stream->ssrc() == ssrc) || rtx_ssrc == ssrc;
    }
    bool signalled(Ssrc ssrc) const { return signalled_ssrc == ssrc || signalled_rtx_ssrc == ssrc; }
  };
  // The section that a packet belongs to, and whether its MID or a signalled SSRC says so.
  struct Belonging {
    Section* section = nullptr;
    bool proven = false;
  };

  void note_error(SrtpError error);
  std::optional<Section*> section_by_mid(const wire::RtpPacket& packet);
  Belonging section_of(const wire::RtpPacket& packet);
  bool admit_source(Instant now, const Belonging& belonging, const wire::RtpPacket& packet);
  bool admit_rtx_source(Instant now, Section& section, Ssrc ssrc);
  bool read_retransmission(Instant now, Section& section, Received& received);
  bool read_media(Instant now, const Belonging& belonging, Received& received);
  void note_transport_number(Instant now, const Section& section, const wire::RtpPacket& packet);
  void write_stream_feedback(Instant now, Duration round_trip, Ssrc reporter, Section& section,
                             ByteWriter& w);

  std::optional<SrtpReceiver> srtp_;
  Counters& counters_;
  std::vector<Section> sections_;  // in the order of Negotiated::media
  FeedbackRecorder feedback_;
  Instant feedback_due_ = Instant::never();
};

}  // namespace loopcast::rtc
