// The receiving side of one viewer: how a publisher's packets become this viewer's own RTP streams,
// with sequence numbers and timestamps that go on without a break.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/random.h"
#include "base/time.h"
#include "base/transmit.h"
#include "rtc/counters.h"
#include "rtc/peer.h"
#include "sfu/publisher.h"

namespace loopcast::sfu {

// What becomes of one packet for one viewer.
struct Decision {
  bool forward = false;
  bool starts = false;  // the first packet of the viewer's stream
  int64_t index = 0;    // the viewer's extended sequence number
  uint32_t timestamp = 0;
};

class Subscriber {
 public:
  // Requests of one viewer for retransmission that are honoured: a budget that refills, so that a
  // hostile viewer cannot make us send without end. A second of 2.5 Mbit/s is 300 packets.
  static constexpr int64_t kRetransmissionBurst = 600;
  static constexpr int64_t kRetransmissionsPerSecond = 600;
  // Requests of one viewer for keyframes; all viewers pay for each.
  static constexpr Duration kKeyframeInterval = Duration::seconds(1);

  // Streams of `publisher` that `viewer` (its negotiation) gets.
  Subscriber(const Publisher& publisher, const rtc::Negotiated& viewer, Random& random);

  // The viewer can be sent to: video begins with the newest keyframe if there is one to replay,
  // else one is asked for.
  void start(Instant now, Publisher& publisher, rtc::Peer& peer, rtc::Counters& counters,
             Outlet& out);
  bool started() const { return started_; }

  // Sends the publisher's pending packets to the viewer.
  void forward_pending(Publisher& publisher, rtc::Peer& peer, rtc::Counters& counters, Outlet& out);

  // The viewer's feedback, a plain RTCP compound: retransmissions are sent, keyframe requests
  // passed to the publisher's streams.
  void handle_rtcp(Instant now, Bytes compound, Publisher& publisher, rtc::Peer& peer,
                   rtc::Counters& counters, Outlet& out);

  // For each media of the viewer, the timestamp of its stream at `now` (see Peer::send_reports).
  std::vector<std::optional<uint32_t>> clocks(Instant now, const Publisher& publisher,
                                              const rtc::Peer& source) const;

 private:
  struct Stream {
    size_t source;  // index into Publisher::streams()
    size_t media;   // index into the viewer's Negotiated::media
    bool rtx;
    uint8_t orientation_id;
    uint8_t audio_level_id;
    bool running = false;
    int64_t first_index = 0;  // of the source: what the viewer got first
    uint32_t first_timestamp = 0;
    int64_t index_offset = 0;  // viewer's number - source's number
    uint32_t timestamp_offset;
    int64_t highest = -1;  // the viewer's numbering
    int64_t first_out;     // the viewer's first number
    uint64_t packets = 0;
  };

  static Decision decide(const Stream& stream, const SourceStream& source,
                         const CachedPacket& packet);
  void forward(Stream& stream, SourceStream& source, const CachedPacket& packet, rtc::Peer& peer,
               rtc::Counters& counters, Outlet& out);
  void retransmit(Instant now, Stream& stream, SourceStream& source, Seq16 sequence,
                  rtc::Peer& peer, rtc::Counters& counters, Outlet& out);
  bool spend_retransmission(Instant now);
  Stream* stream_of(const rtc::Negotiated& negotiated, Ssrc ssrc);

  std::vector<Stream> streams_;
  bool started_ = false;
  int64_t retransmission_budget_ = kRetransmissionBurst;
  Instant budget_at_;
  Instant next_keyframe_request_;
};

}  // namespace loopcast::sfu
