// What parsing costs: a media packet, the feedback of a viewer, a consent check and a browser's
// offer.
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "wire/rtcp.h"
#include "wire/rtp.h"
#include "wire/rtp_extensions.h"
#include "wire/sdp.h"
#include "wire/stun.h"
#include "wire/transport_feedback.h"

namespace loopcast::wire {
namespace {

constexpr Ssrc kViewer{1};
constexpr Ssrc kMedia{2};

std::vector<uint8_t> media_packet() {
  std::vector<uint8_t> packet(1200, 0x5a);
  const auto send_time = encode_abs_send_time(Instant::from_us(1'000'000));
  const auto number = encode_transport_cc(77);
  const std::vector<RtpExtension> extensions{{2, send_time}, {3, number}, {4, as_bytes("1")}};
  write_rtp_header(packet, {true, 96, Seq16{1000}, 90'000, kMedia}, extensions);
  return packet;
}

void rtp(benchmark::State& state) {
  const auto bytes = media_packet();
  for (auto _ : state) {
    const auto packet = RtpPacket::parse(bytes);
    benchmark::DoNotOptimize(packet);
  }
}
BENCHMARK(rtp);

void rtp_with_transport_number(benchmark::State& state) {
  const auto bytes = media_packet();
  for (auto _ : state) {
    const auto packet = RtpPacket::parse(bytes);
    const auto number = decode_transport_cc(packet->extension(3));
    benchmark::DoNotOptimize(number);
  }
}
BENCHMARK(rtp_with_transport_number);

// A receiver report with two blocks and a name, as a viewer sends once a second.
void rtcp_receiver_report(benchmark::State& state) {
  std::vector<uint8_t> bytes(1200);
  ByteWriter w(bytes);
  const std::vector<ReportBlock> blocks(2, {kMedia, 0, 0, 70'000, 90, 1, 2});
  write_receiver_report(w, kViewer, blocks);
  write_sdes_cname(w, kViewer, "0123456789abcdef");
  for (auto _ : state) {
    RtcpReader reader(w.written());
    uint32_t highest = 0;
    while (const auto packet = reader.next())
      if (const auto report = parse_receiver_report(*packet))
        for (size_t i = 0; i < report->blocks.size(); ++i)
          highest += report->blocks[i].highest_sequence;
    benchmark::DoNotOptimize(highest);
  }
}
BENCHMARK(rtcp_receiver_report);

// Transport-wide feedback on `packets` packets: 17 are 50 ms of 2.5 Mbit/s.
void rtcp_transport_feedback(benchmark::State& state) {
  std::vector<PacketArrival> arrivals;
  for (int64_t i = 0; i < state.range(0); ++i)
    arrivals.push_back({i, Instant::from_us(1'000'000 + i * 2900)});
  std::vector<uint8_t> bytes(1200);
  ByteWriter w(bytes);
  write_transport_feedback(w, kViewer, kMedia, 1, arrivals);
  for (auto _ : state) {
    RtcpReader reader(w.written());
    const auto packet = reader.next();
    const auto feedback = parse_transport_feedback(*packet);
    size_t received = 0;
    feedback->for_each([&](Seq16, bool arrived, Duration) { received += arrived ? 1 : 0; });
    benchmark::DoNotOptimize(received);
  }
}
BENCHMARK(rtcp_transport_feedback)->Arg(17)->Arg(200);

// A consent check: parsed, and its HMAC-SHA1 made and compared.
void stun_consent(benchmark::State& state) {
  constexpr std::string_view kPassword = "EwMwzoF2BhCZ/hYio7nZUuWm";
  std::vector<uint8_t> bytes(300);
  StunWriter writer(bytes, StunClass::kRequest, kStunBinding, TransactionId{1, 2, 3});
  writer.username("abcdefgh:1TJd");
  writer.priority(0x6e7f00ff);
  writer.ice_controlling(42);
  writer.use_candidate();
  bytes.resize(writer.finish(kPassword));
  for (auto _ : state) {
    const auto message = StunMessage::parse(bytes);
    benchmark::DoNotOptimize(message->check_integrity(kPassword));
  }
}
BENCHMARK(stun_consent);

void sdp_offer(benchmark::State& state, const char* name) {
  std::ifstream file(std::string(LOOPCAST_OFFERS "/") + name);
  std::stringstream content;
  content << file.rdbuf();
  const std::string text = content.str();
  if (!parse_sdp(text)) {
    state.SkipWithError("the offer cannot be read");
    return;
  }
  for (auto _ : state) {
    const auto session = parse_sdp(text);
    benchmark::DoNotOptimize(session);
  }
}
BENCHMARK_CAPTURE(sdp_offer, chromium_viewer, "chromium_viewer.sdp");
BENCHMARK_CAPTURE(sdp_offer, chromium_presenter, "chromium_presenter.sdp");

}  // namespace
}  // namespace loopcast::wire
