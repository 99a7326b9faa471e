// Forwarding allocates nothing.
#include <cstdlib>
#include <new>

#include "sim/scenario.h"

namespace {

bool counting = false;
size_t allocations = 0;

void* try_allocate(size_t size) noexcept {
  if (counting) ++allocations;
  return std::malloc(size);
}

void* allocate(size_t size) {
  if (void* memory = try_allocate(size)) return memory;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(size_t size) { return allocate(size); }
void* operator new[](size_t size) { return allocate(size); }
void* operator new(size_t size, const std::nothrow_t&) noexcept { return try_allocate(size); }
void* operator new[](size_t size, const std::nothrow_t&) noexcept { return try_allocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t) noexcept { std::free(memory); }

namespace loopcast::sim {
namespace {

// Takes what is sent away, as sockets do.
class Nowhere final : public TransmitSink {
 public:
  void send(TransmitBatch& batch) override {
    datagrams += batch.datagrams();
    batch.clear();
  }
  size_t datagrams = 0;
};

class Allocation : public Scenario {};

TEST_F(Allocation, ForwardingAllocatesNothing) {
  const ClientId source = add_connected_presenter();
  for (int i = 0; i < 20; ++i) {
    if (i == 10) {
      simulation.run_for(Duration::seconds(1));
      simulation.use_aes_cm();
    }
    simulation.add_viewer(source, viewer(), both_ways(link(Duration::millis(5))));
  }
  simulation.run_for(Duration::seconds(3));
  EXPECT_EQ(simulation.browser(source + 1).srtp_profile(), rtc::kSrtpAeadAes128Gcm);
  EXPECT_EQ(simulation.browser(source + 20).srtp_profile(), rtc::kSrtpAes128CmSha1_80);

  Nowhere nowhere;
  TransmitBatch batch;
  Outlet outlet{batch, nowhere};
  sfu::Worker& worker = simulation.worker();
  Browser& presenter = simulation.browser(source);
  const Route from{simulation.address(source), simulation.server().ip, 0};
  const uint64_t before = simulation.counters().get(rtc::Counter::kRtpForwarded);
  Instant now = simulation.now();
  for (int ms = 0; ms < 600; ++ms) {
    now = now + Duration::millis(1);
    presenter.handle_timeout(now);
    std::vector<Datagram> datagrams;
    for (Datagram datagram; presenter.poll_transmit(datagram);)
      datagrams.push_back(std::move(datagram));
    for (Datagram& datagram : datagrams) {
      if (wire::classify(datagram.bytes) != wire::DatagramKind::kRtp) continue;
      counting = true;
      worker.handle_datagram(now, from, datagram.bytes, outlet);
      counting = false;
    }
    counting = true;
    worker.flush(now, outlet);
    counting = false;
    // Reports, feedback and checks: a few in a second.
    if (worker.next_timeout() <= now) worker.handle_timeout(now, outlet);
    nowhere.send(batch);
  }
  EXPECT_GE(simulation.counters().get(rtc::Counter::kRtpForwarded) - before, 20u * 60);
  EXPECT_GE(nowhere.datagrams, 20u * 60);
  EXPECT_EQ(allocations, 0u);
}

}  // namespace
}  // namespace loopcast::sim
