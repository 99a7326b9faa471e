// The receiving side of one viewer: how a publisher's packets become this viewer's own RTP streams,
// with sequence numbers and timestamps that go on without a break.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "base/transmit.h"
#include "rtc/counters.h"
#include "rtc/peer.h"
#include "sfu/publisher.h"

namespace loopcast::sfu {

class Subscriber {
 public:
  // Requests of one viewer for retransmission that are honoured: a budget that refills, so that a
  // hostile viewer cannot make us send without end. A second of 2.5 Mbit/s is 300 packets.
  static constexpr int64_t kRetransmissionBurst = 600;
  static constexpr int64_t kRetransmissionsPerSecond = 600;
  // To a viewer whose way is full, where each packet sent again pushes out another one.
  static constexpr int64_t kRetransmissionsWhenFull = 30;
  // Requests of one viewer for keyframes; all viewers pay for each.
  static constexpr Duration kKeyframeInterval = Duration::seconds(1);

  // Streams of `publisher` that `viewer` (its negotiation) gets.
  Subscriber(const Publisher& publisher, const rtc::Negotiated& viewer, Random& random);

  // The viewer can be sent to: video begins with the newest keyframe if there is one to replay,
  // else one is asked for.
  // Returns the number of packets that were replayed.
  size_t start(Instant now, Publisher& publisher, rtc::Peer& peer, rtc::Counters& counters,
               Outlet& out);
  bool started() const { return started_; }

  // Sends the publisher's batch (Publisher::prepare_batch) to the viewer.
  void forward_batch(Instant now, const Publisher& publisher, rtc::Peer& peer,
                     rtc::Counters& counters, Outlet& out);

  // The viewer's feedback, a plain RTCP compound: retransmissions are sent, keyframe requests
  // passed to the publisher's streams.
  void handle_rtcp(Instant now, Bytes compound, Publisher& publisher, rtc::Peer& peer,
                   rtc::Counters& counters, Outlet& out);

  // For each media of the viewer, the timestamp of its stream at `now` (see Peer::send_reports).
  std::vector<std::optional<uint32_t>> clocks(Instant now, const Publisher& publisher) const;

 private:
  struct Stream {
    size_t source = 0;  // index into Publisher::streams()
    size_t media = 0;   // index into the viewer's Negotiated::media
    bool rtx = false;
    bool running = false;
    uint32_t first_timestamp = 0;  // of the source: what the viewer got first
    int64_t first_index = 0;
    rtc::RtpShift shift;    // from the source's numbers to the viewer's
    int64_t highest = -1;   // the viewer's numbering
    int64_t first_out = 0;  // the viewer's first number
  };

  std::span<Stream> streams() { return {streams_.data(), stream_count_}; }
  std::span<const Stream> streams() const { return {streams_.data(), stream_count_}; }
  static void begin(Stream& stream, const rtc::PlainPacket& packet);
  static bool wants(const Stream& stream, const rtc::PlainPacket& packet);
  static void send(Instant now, Stream& stream, std::span<const rtc::PlainPacket> packets,
                   rtc::Peer& peer, rtc::Counters& counters, Outlet& out);
  size_t replay(Instant now, Stream& stream, const SourceStream& source, int64_t from,
                rtc::Peer& peer, rtc::Counters& counters, Outlet& out);
  void retransmit(Instant now, Stream& stream, SourceStream& source, Seq16 sequence,
                  rtc::Peer& peer, rtc::Counters& counters, Outlet& out);
  bool spend_retransmission(Instant now, const rtc::Peer& peer);
  Stream* stream_of(const rtc::Negotiated& negotiated, Ssrc ssrc);

  // Inline: they are read for each frame. The picture comes first, so that a sound that leaves with
  // it is the shorter end of its run.
  std::array<Stream, rtc::RtpOutput::kMaxMedia> streams_;
  size_t stream_count_ = 0;
  bool started_ = false;
  int64_t retransmission_budget_ = kRetransmissionBurst;
  Instant budget_at_;
  Instant next_keyframe_request_;
};

}  // namespace loopcast::sfu
