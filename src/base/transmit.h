// Datagrams on their way out, laid end to end in one buffer in the order they were made, so that
// runs of equal size to one address leave in one system call (UDP GSO) and none is copied.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/address.h"
#include "base/bytes.h"

namespace loopcast {

// Where a datagram came from, and so where its answer goes.
struct Route {
  SocketAddress remote;
  // The address of ours that the peer sent to, always; family kNone: let the system choose.
  IpAddress local;
  // 0: the worker's UDP sockets. Otherwise the number of an ICE-TCP connection (RFC 6544), never
  // used again while the process lives.
  uint32_t tcp = 0;

  bool operator==(const Route&) const = default;
};

// A datagram that came in.
struct Datagram {
  Route from;
  // Writable, so that it is decrypted in place.
  MutableBytes data;
};

// One or more datagrams to one destination: each `segment` bytes but the last, which may be
// shorter.
struct Transmit {
  Route route;
  uint32_t offset = 0;   // in the batch's buffer
  uint32_t size = 0;     // of all segments together
  uint32_t segment = 0;  // > 0
  uint32_t segments = 1;
  bool segmented() const { return segments > 1; }
};

// Filled by the core, emptied by the I/O shell. Owns its memory; grows never.
class TransmitBatch {
 public:
  // The kernel's limits of one UDP_SEGMENT send: UDP_MAX_SEGMENTS and a length of 16 bits.
  static constexpr uint32_t kMaxSegments = 64;
  static constexpr uint32_t kMaxRun = 65000;
  // The largest datagram: Ethernet's MTU.
  static constexpr size_t kMaxDatagram = 1500;

  explicit TransmitBatch(size_t capacity = 1 << 20) : buffer_(capacity) { sends_.reserve(1024); }

  // Whether another datagram of the largest size fits. When it does not: flush, then clear().
  bool has_room() const { return buffer_.size() - used_ >= kMaxDatagram; }
  // Room for one datagram; valid until the next call. Empty if !has_room().
  MutableBytes slot() {
    return has_room() ? MutableBytes(buffer_).subspan(used_, kMaxDatagram) : MutableBytes{};
  }
  // The first `size` bytes of slot() are a datagram to `route`. size 0 is ignored.
  void commit(const Route& route, size_t size);

  // The same for several datagrams in a row to one destination. `size` bytes of room, at most
  // kMaxRun; empty if there are not as many left.
  MutableBytes room(size_t size) {
    return buffer_.size() - used_ >= size ? MutableBytes(buffer_).subspan(used_, size)
                                          : MutableBytes{};
  }
  // Datagrams of these sizes, none of them 0, stand end to end at the beginning of room().
  void commit_run(const Route& route, std::span<const uint16_t> sizes);

  const std::vector<Transmit>& sends() const { return sends_; }
  Bytes bytes(const Transmit& t) const { return Bytes(buffer_).subspan(t.offset, t.size); }
  bool empty() const { return sends_.empty(); }
  size_t datagrams() const { return datagrams_; }
  void clear() {
    sends_.clear();
    used_ = 0;
    datagrams_ = 0;
  }

 private:
  void append(const Route& route, uint32_t length, bool same_route);

  std::vector<uint8_t> buffer_;
  std::vector<Transmit> sends_;
  size_t used_ = 0;
  size_t datagrams_ = 0;
};

// Takes a batch away when it is full: the sockets, or a simulated network.
class TransmitSink {
 public:
  virtual ~TransmitSink() = default;
  // Sends everything in `batch`, or drops what cannot be sent now, and clears it. Never fails.
  virtual void send(TransmitBatch& batch) = 0;
};

// Where the core writes its datagrams: there is always room for one more.
struct Outlet {
  TransmitBatch& batch;
  TransmitSink& sink;

  // Room for one datagram of kMaxDatagram bytes; valid until the next call.
  MutableBytes slot() {
    if (!batch.has_room()) sink.send(batch);
    return batch.slot();
  }
  void commit(const Route& route, size_t size) { batch.commit(route, size); }

  // See TransmitBatch; never empty.
  MutableBytes room(size_t size) {
    MutableBytes found = batch.room(size);
    if (!found.empty()) return found;
    sink.send(batch);
    return batch.room(size);
  }
  void commit_run(const Route& route, std::span<const uint16_t> sizes) {
    batch.commit_run(route, sizes);
  }
};

}  // namespace loopcast
