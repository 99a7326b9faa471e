// The path of RTP out to one peer: everything that a packet needs on its way lies here side by
// side, so that a fan-out to thousands touches little memory for each. Part of rtc::Peer.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "base/prefetch.h"
#include "base/random.h"
#include "base/time.h"
#include "base/transmit.h"
#include "rtc/bandwidth_estimator.h"
#include "rtc/counters.h"
#include "rtc/negotiated_media.h"
#include "rtc/send_history.h"
#include "rtc/srtp.h"
#include "wire/rtp_extensions.h"

namespace loopcast::rtc {

// A packet as its sender numbered it, the same for all who get it.
struct PlainPacket {
  int64_t index = 0;  // extended sequence number: roll-over counter and sequence number
  uint32_t timestamp = 0;
  bool marker = false;
  uint8_t padding = 0;       // the last bytes of `payload` (RFC 3550, section 5.1); 0: none
  int16_t audio_level = -1;  // RFC 6464; -1: none
  Bytes payload;             // padding included
};

// What a receiver's own numbering is ahead of the sender's.
struct RtpShift {
  int64_t index = 0;
  uint32_t timestamp = 0;
};

class RtpOutput {
 public:
  // Sections of one session that send: a microphone and a camera.
  static constexpr size_t kMaxMedia = 2;
  // Packets that are encrypted and sent in one piece.
  static constexpr size_t kMaxRun = 16;

  RtpOutput(const Negotiated& negotiated, Counters& counters);
  // Where the numbering of retransmissions starts; once, before anything is sent.
  void choose_numbers(Random& random);

  void set_keys(SrtpSender&& srtp) { srtp_.emplace(std::move(srtp)); }
  bool has_keys() const { return srtp_.has_value(); }
  SrtpSender& srtp() { return *srtp_; }
  // nullptr: nowhere.
  void set_route(const Route* route);
  bool goes_to(const Route& route) const { return routed_ && route_ == route; }

  // Sends packets of Negotiated::media[media]. Returns how many: all, or as many as could be
  // protected (the others are counted).
  size_t send(Instant now, Outlet& out, size_t media, std::span<const PlainPacket> packets,
              const RtpShift& shift);
  // Sends one again on the RTX source, if there is one (RFC 4588, section 4). `payload`: the
  // original sequence number, as the receiver knows it, and the payload without padding.
  bool send_again(Instant now, Outlet& out, size_t media, const PlainPacket& packet,
                  const RtpShift& shift, Bytes payload);

  void prefetch(bool small) const {
    if (srtp_) srtp_->prefetch(small);
    loopcast::prefetch(way_.get());
  }

  // The same for on_feedback().
  void prefetch_feedback() const {
    if (!way_) return;
    loopcast::prefetch(&way_->estimator, sizeof(BandwidthEstimator));
    way_->history.prefetch();
  }

  // What the receiver tells of the packets that were numbered across all streams; `round_trip`: 0
  // if unknown. Ignored unless that was agreed.
  void on_feedback(Instant now, const wire::TransportFeedback& feedback, Duration round_trip) {
    if (way_) way_->estimator.on_feedback(now, feedback, way_->history, round_trip);
  }
  // Of the way to the receiver; nullptr if feedback was not agreed.
  const BandwidthEstimator* estimator() const { return way_ ? &way_->estimator : nullptr; }

  // For sender reports.
  uint32_t packets(size_t media) const { return streams_[media].packets; }
  uint32_t octets(size_t media) const { return streams_[media].octets; }

 private:
  struct Stream {
    Ssrc ssrc, rtx_ssrc;
    PayloadType payload_type = 0, rtx_payload_type = 0;
    bool rtx = false;
    // Of header extensions; 0: not agreed.
    uint8_t transport_id = 0, send_time_id = 0, audio_level_id = 0;
    uint32_t packets = 0;
    uint32_t octets = 0;
    int64_t rtx_index = 0;
  };

  // The way to the receiver, as its transport-wide feedback shows it.
  struct Way {
    SendHistory history;
    BandwidthEstimator estimator;
  };
  // What is the same in all packets that leave together.
  struct Moment {
    wire::AbsSendTime send_time{};
    uint16_t transport_number = 0;  // of the next packet
  };

  Moment moment(Instant now) const;
  static size_t write_header(uint8_t* out, PayloadType type, Ssrc ssrc, int64_t index,
                             uint32_t timestamp, const Stream& stream, const PlainPacket& packet,
                             Moment& moment);
  size_t send_run(Instant now, Outlet& out, Stream& stream, std::span<const PlainPacket> packets,
                  const RtpShift& shift);

  Counters& counters_;
  bool routed_ = false;
  Route route_;
  std::array<Stream, kMaxMedia> streams_;
  std::optional<SrtpSender> srtp_;
  std::unique_ptr<Way> way_;
};

}  // namespace loopcast::rtc
