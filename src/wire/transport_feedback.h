// Transport-wide congestion control feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01,
// section 3.1): which packets of all streams together have arrived, and when.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/bytes.h"
#include "base/time.h"
#include "base/units.h"
#include "wire/rtcp_packet.h"

namespace loopcast::wire {

// Packets that one feedback message may tell of. The format could say 65535, in 16 bytes; a
// datagram full of such messages would cost milliseconds. 8192 are a second of 75 Mbit/s, and a
// peer reports ten times a second or more.
constexpr uint16_t kMaxFeedbackStatuses = 8192;
// Units of the reference time and of the deltas.
constexpr Duration kFeedbackReferenceUnit = Duration::millis(64);
constexpr Duration kFeedbackDeltaUnit = Duration::micros(250);

// A view into the caller's bytes, known to be whole.
class TransportFeedback {
 public:
  Ssrc sender;
  Ssrc media;
  Seq16 base_sequence;
  uint16_t status_count = 0;   // 1 to kMaxFeedbackStatuses
  int32_t reference_time = 0;  // 24 bits, signed, in units of 64 ms; wraps
  uint8_t feedback_count = 0;  // of this message among its like; wraps

  // Calls f(Seq16 sequence, bool received, Duration delta) for each packet in order of sequence
  // number. `delta` is the time since the received packet before, for the first one since
  // reference_time; -8192 to 8191.75 ms, 0 if not received.
  template <typename F>
  void for_each(F&& f) const {
    Walk walk(*this);
    Status status;
    while (walk.next(status)) f(status.sequence, status.received, status.delta);
  }

 private:
  friend std::optional<TransportFeedback> parse_transport_feedback(const RtcpPacket&);

  struct Status {
    Seq16 sequence;
    bool received = false;
    Duration delta;
  };
  // The state of an iteration over statuses and deltas.
  class Walk {
   public:
    explicit Walk(const TransportFeedback& feedback);
    bool next(Status& status);

   private:
    Bytes chunks_;
    Bytes deltas_;
    Seq16 sequence_;
    size_t left_;         // statuses to come
    unsigned chunk_ = 0;  // the current chunk, and what is left of it
    unsigned chunk_left_ = 0;
  };

  Bytes chunks_;
  Bytes deltas_;
};

// nullopt for another type of packet, no or more than kMaxFeedbackStatuses statuses, the reserved
// status symbol, and missing chunks or deltas.
std::optional<TransportFeedback> parse_transport_feedback(const RtcpPacket& packet);

struct PacketArrival {
  int64_t sequence = 0;  // extended; its low 16 bits are the number on the wire
  Instant at;
};

// Writes one message that tells of `arrivals`, sorted by strictly rising sequence, and returns how
// many of them it tells of: those that follow belong into the next message, with the next
// `feedback_count`. The message ends before an arrival that does not fit into the writer, is more
// than 8.19 s from the one before, is not above it in sequence, or lies beyond
// kMaxFeedbackStatuses. 0, and nothing written, if not even one fits. Packets in gaps between the
// arrivals are told as not received.
size_t write_transport_feedback(ByteWriter& w, Ssrc sender, Ssrc media, uint8_t feedback_count,
                                std::span<const PacketArrival> arrivals);

}  // namespace loopcast::wire
