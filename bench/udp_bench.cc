// CPU time of the send path for each datagram of 1170 bytes, to sockets on this machine: 50
// viewers, each with a frame of 9 datagrams. Receiving sockets are never read: their full buffers
// drop, as a network card would take the datagrams away.
#include <cstring>
#include <memory>
#include <vector>

#include <benchmark/benchmark.h>

#include "net/udp_socket.h"

namespace {

using namespace loopcast;
using net::UdpSocket;

constexpr size_t kViewers = 50;
constexpr size_t kFrame = 9;
constexpr size_t kSize = 1170;

std::unique_ptr<UdpSocket> open(const UdpSocket::Options& options) {
  auto socket = UdpSocket::open({IpAddress::v4(127, 0, 0, 1), 0}, options);
  return socket ? std::move(*socket) : nullptr;
}

void fill(TransmitBatch& batch, const std::vector<std::unique_ptr<UdpSocket>>& viewers,
          const IpAddress& local) {
  for (const auto& viewer : viewers) {
    for (size_t i = 0; i < kFrame; ++i) {
      std::memset(batch.slot().data(), 'x', kSize);
      batch.commit({viewer->local(), local, 0}, kSize);
    }
  }
}

void send(benchmark::State& state, bool segmentation) {
  const auto sender = open({.segmentation = segmentation});
  std::vector<std::unique_ptr<UdpSocket>> viewers;
  for (size_t i = 0; i < kViewers; ++i) viewers.push_back(open({.buffer = 4096}));
  TransmitBatch batch;
  fill(batch, viewers, sender->local().ip);
  for (auto _ : state) sender->send(batch, batch.sends());
  const auto items = state.iterations() * static_cast<int64_t>(batch.datagrams());
  state.SetItemsProcessed(items);
  state.counters["per_datagram"] = benchmark::Counter(
      static_cast<double>(items), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void send_singly(benchmark::State& state) { send(state, false); }
void send_runs(benchmark::State& state) { send(state, true); }
BENCHMARK(send_singly);
BENCHMARK(send_runs);

void build_batch(benchmark::State& state) {
  std::vector<std::unique_ptr<UdpSocket>> viewers;
  for (size_t i = 0; i < kViewers; ++i) viewers.push_back(open({.buffer = 4096}));
  TransmitBatch batch;
  for (auto _ : state) {
    batch.clear();
    fill(batch, viewers, viewers[0]->local().ip);
    benchmark::DoNotOptimize(batch.sends().data());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(kViewers * kFrame));
}
BENCHMARK(build_batch);

// A presenter's frame there and back: what the receiver pays, with and without UDP_GRO.
void receive(benchmark::State& state, bool coalescing) {
  const auto sender = open({});
  std::vector<std::unique_ptr<UdpSocket>> receivers;
  receivers.push_back(open({.coalescing = coalescing}));
  TransmitBatch batch;
  fill(batch, receivers, sender->local().ip);
  net::ReceiveBatch received;
  for (auto _ : state) {
    state.PauseTiming();
    for (int i = 0; i < 20; ++i) sender->send(batch, batch.sends());
    state.ResumeTiming();
    while (receivers[0]->receive(received) > 0)
      benchmark::DoNotOptimize(received.datagrams().data());
  }
  state.SetItemsProcessed(static_cast<int64_t>(receivers[0]->counters().received));
}
void receive_each(benchmark::State& state) { receive(state, false); }
void receive_coalesced(benchmark::State& state) { receive(state, true); }
BENCHMARK(receive_each);
BENCHMARK(receive_coalesced);

}  // namespace
