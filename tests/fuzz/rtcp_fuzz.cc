// RTCP behind the decryption: every parser over every packet of a compound.
#include <array>
#include <cstdlib>
#include <vector>

#include "wire/rtcp.h"

using namespace loopcast;
using namespace loopcast::wire;

namespace {

uint64_t sum = 0;  // so that no read is optimised away

void read_blocks(const ReportBlocks& blocks) {
  for (size_t i = 0; i < blocks.size(); ++i) sum += blocks[i].jitter;
}

void read_transport_feedback(const TransportFeedback& feedback) {
  std::vector<PacketArrival> arrivals;
  int64_t sequence = 1 << 20;
  Instant at = Instant::from_us(int64_t{1} << 40);
  size_t statuses = 0;
  feedback.for_each([&](Seq16, bool received, Duration delta) {
    ++statuses;
    at = at + delta;
    if (received) arrivals.push_back({sequence, at});
    ++sequence;
  });
  if (statuses != feedback.status_count) std::abort();

  std::array<uint8_t, 1200> out;
  std::span<const PacketArrival> rest = arrivals;
  while (!rest.empty()) {
    ByteWriter w(out);
    const size_t taken = write_transport_feedback(w, feedback.sender, feedback.media, 0, rest);
    if (taken == 0 || !w.ok()) std::abort();
    RtcpReader reader(w.written());
    const auto packet = reader.next();
    const auto again = packet ? parse_transport_feedback(*packet) : std::nullopt;
    if (!again) std::abort();
    size_t received_again = 0;
    again->for_each([&](Seq16, bool received, Duration) { received_again += received ? 1 : 0; });
    if (received_again != taken) std::abort();
    rest = rest.subspan(taken);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  RtcpReader reader({data, size});
  while (const auto packet = reader.next()) {
    if (const auto report = parse_sender_report(*packet)) read_blocks(report->blocks);
    if (const auto report = parse_receiver_report(*packet)) read_blocks(report->blocks);
    if (const auto nack = parse_nack(*packet)) nack->for_each([](Seq16 s) { sum += s.value; });
    if (const auto pli = parse_pli(*packet)) sum += pli->media.value;
    if (const auto fir = parse_fir(*packet))
      for (size_t i = 0; i < fir->size(); ++i) sum += (*fir)[i].sequence;
    if (const auto remb = parse_remb(*packet)) {
      if (remb->bitrate.bps < 0) std::abort();
      for (size_t i = 0; i < remb->ssrcs.size(); ++i) sum += remb->ssrcs[i].value;
    }
    if (const auto bye = parse_bye(*packet)) {
      for (size_t i = 0; i < bye->ssrcs.size(); ++i) sum += bye->ssrcs[i].value;
      for (const char c : bye->reason) sum += static_cast<uint8_t>(c);
    }
    if (const auto sdes = parse_sdes_cname(*packet))
      for (const char c : sdes->cname) sum += static_cast<uint8_t>(c);
    if (const auto feedback = parse_transport_feedback(*packet)) read_transport_feedback(*feedback);
  }
  return 0;
}
