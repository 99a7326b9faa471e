// What knowing a viewer's bandwidth costs: noting each run that is sent, and reading the feedback
// on it.
#include <vector>

#include <benchmark/benchmark.h>

#include "rtc/bandwidth_estimator.h"

namespace loopcast::rtc {
namespace {

void note_run(benchmark::State& state) {
  SendHistory history;
  Instant now = Instant::from_us(1'000'000);
  for (auto _ : state) {
    now = now + Duration::millis(12);
    history.add(now, 9, 10'000);
    benchmark::DoNotOptimize(history);
  }
}
BENCHMARK(note_run);

// 50 ms of a broadcast of 2.5 Mbit/s: two frames of video and three packets of audio, 17 in all.
// Parsing counts. Few viewers stay in the processor's cache, many do not.
void feedback(benchmark::State& state) {
  struct Viewer {
    SendHistory history;
    BandwidthEstimator estimator;
  };
  std::vector<Viewer> viewers(static_cast<size_t>(state.range(0)));
  std::vector<wire::PacketArrival> arrivals;
  std::vector<uint8_t> message(1200);
  Instant now = Instant::from_us(1'000'000'000);
  int64_t next = 0;
  size_t viewer = viewers.size();
  size_t size = 0;
  for (auto _ : state) {
    if (viewer == viewers.size()) {
      state.PauseTiming();
      viewer = 0;
      arrivals.clear();
      for (const size_t packets : {1, 7, 1, 7, 1}) {
        for (Viewer& each : viewers) each.history.add(now, packets, packets * 1150);
        for (size_t i = 0; i < packets; ++i)
          arrivals.push_back(
              {next++, now + Duration::micros(20'000 + 400 * static_cast<int64_t>(i))});
        now = now + Duration::millis(10);
      }
      ByteWriter w(message);
      wire::write_transport_feedback(w, Ssrc{1}, Ssrc{2}, 1, arrivals);
      size = w.position();
      state.ResumeTiming();
    }
    wire::RtcpReader reader(Bytes(message).first(size));
    const auto packet = reader.next();
    const auto parsed = wire::parse_transport_feedback(*packet);
    Viewer& each = viewers[viewer++];
    each.estimator.on_feedback(now, *parsed, each.history, Duration::millis(40));
  }
  if (!viewers[0].estimator.estimate() && state.iterations() > 100 * state.range(0))
    state.SkipWithError("there is no estimate");
}
BENCHMARK(feedback)->Arg(16)->Arg(2000);

// The longest message about the longest history, told as lost by an enemy.
void longest_feedback(benchmark::State& state) {
  std::vector<uint8_t> body(18);
  store_u16(&body[10], wire::kMaxFeedbackStatuses - 1);
  store_u16(&body[16], wire::kMaxFeedbackStatuses - 1);
  SendHistory history;
  BandwidthEstimator estimator;
  const Instant now = Instant::from_us(1'000'000'000);
  for (size_t i = 0; i < SendHistory::kRuns; ++i) history.add(now, 64, 64'000);
  for (auto _ : state) {
    history.add(now, 1, 1000);
    store_u16(&body[8], static_cast<uint16_t>(history.next() - (wire::kMaxFeedbackStatuses - 1)));
    const auto parsed = wire::parse_transport_feedback(
        {wire::kFeedbackTransportWide, wire::kRtcpTransportFeedback, body});
    estimator.on_feedback(now, *parsed, history, Duration::millis(40));
  }
}
BENCHMARK(longest_feedback);

}  // namespace
}  // namespace loopcast::rtc
