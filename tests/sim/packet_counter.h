// What a browser can do with packets that it does not decrypt: count them, report on them and,
// where it was agreed, tell when they arrived (transport-wide feedback). For viewers by the
// thousand.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "rtc/feedback_recorder.h"
#include "sim/session.h"
#include "wire/rtcp.h"
#include "wire/rtp.h"

namespace loopcast::sim {

class PacketCounter {
 public:
  // Of each stream only numbers divisible by `every` come here (1: all of them): somebody between
  // has taken the others away and they count as arrived.
  explicit PacketCounter(const Agreed& agreed, uint16_t every = 1);

  // Of our sources; others are ignored.
  void handle_packet(Instant now, const wire::RtpPacket& packet);
  void handle_sender_report(Instant now, const wire::SenderReport& report);
  // A block for each stream that packets came of.
  std::vector<wire::ReportBlock> take_report(Instant now);
  // Appends what is due. False if there is nothing (more) to tell, or no room.
  bool write_transport_feedback(Instant now, ByteWriter& w, Ssrc us);

  // That came here, of the media sources themselves and of retransmissions.
  uint64_t packets() const;
  uint64_t retransmitted() const { return retransmitted_; }
  Instant first_packet() const { return first_packet_; }

 private:
  struct Stream {
    Ssrc ssrc;
    Ssrc rtx_ssrc;
    uint8_t transport_cc_id = 0;
    SeqExtender sequence = {};
    int64_t first = 0;
    uint64_t packets = 0;
    int64_t reported_expected = 0;
    uint64_t reported_packets = 0;
    uint32_t last_sr = 0;
    Instant last_sr_at = {};
  };
  // Arrivals between two packets that come here are made up, and told as much later as the two are
  // apart: in as many messages as of somebody who sees all packets.
  struct Arrival {
    Instant tell_at;
    Instant at;
    Seq16 number;
  };
  void note_transport_number(Instant now, Seq16 number);

  uint16_t every_;
  std::vector<Stream> streams_;
  uint64_t retransmitted_ = 0;
  Instant first_packet_ = Instant::never();
  rtc::FeedbackRecorder feedback_;
  std::deque<Arrival> untold_;
  SeqExtender transport_;
  Instant last_transport_;
};

}  // namespace loopcast::sim
