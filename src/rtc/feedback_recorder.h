// Remembers when packets with a transport-wide sequence number arrived, until the sender has been
// told (draft-holmer-rmcat-transport-wide-cc-extensions-01). The sender's bandwidth estimate is
// made from what this reports.
#pragma once

#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "base/units.h"
#include "wire/transport_feedback.h"

namespace loopcast::rtc {

class FeedbackRecorder {
 public:
  // Often enough for an estimate that follows the network, rare enough to cost little: libwebrtc
  // adapts between 50 and 250 ms.
  static constexpr Duration kInterval = Duration::millis(50);
  // Packets in one interval, at most; 500 Mbit/s in packets of 1200 bytes. Those beyond it are
  // reported as lost.
  static constexpr size_t kMaxArrivals = 2600;

  void record(Instant now, Seq16 sequence);
  bool empty() const { return arrivals_.empty(); }

  // Appends one feedback message. False if there is nothing (more) to tell, or no room.
  bool write(ByteWriter& w, Ssrc sender, Ssrc media);

 private:
  SeqExtender sequence_;
  std::vector<wire::PacketArrival> arrivals_;
  bool sorted_ = true;
  std::optional<wire::PacketArrival> last_told_;
  uint8_t count_ = 0;
};

}  // namespace loopcast::rtc
