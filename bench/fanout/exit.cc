#include "exit.h"

#include <cstdlib>
#include <thread>

#include "net/clock.h"

namespace loopcast::bench {

void Pace::wait_for(Instant at) {
  if (!on_) return;
  if (!offset_) offset_ = net::now() - at;
  const Duration left = at + *offset_ - net::now();
  if (left > Duration()) std::this_thread::sleep_for(std::chrono::microseconds(left.us()));
}

Exit::Exit(const Options& options) {
  if (!options.to) return;
  auto socket =
      net::UdpSocket::open({options.to->is_v4() ? IpAddress::v4(0, 0, 0, 0) : IpAddress::v6({}), 0},
                           {.segmentation = options.segmentation});
  if (!socket) std::abort();
  socket_ = std::move(*socket);
}

void Exit::send(TransmitBatch& batch) {
  sends_ += batch.sends().size();
  datagrams_ += batch.datagrams();
  if (socket_) socket_->send(batch, batch.sends());
  batch.clear();
}

uint64_t Exit::unsent() const {
  if (!socket_) return 0;
  const net::UdpCounters& c = socket_->counters();
  return c.dropped_no_buffer + c.dropped_unreachable + c.dropped_too_big + c.dropped_other;
}

}  // namespace loopcast::bench
