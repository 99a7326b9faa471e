// A worker's UDP socket: many datagrams in one system call both ways, and runs of equal size in one
// trip through the kernel (UDP_SEGMENT and UDP_GRO, Linux 4.18 and 5.0).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <sys/socket.h>

#include "base/address.h"
#include "base/bytes.h"
#include "base/expected.h"
#include "base/transmit.h"
#include "net/fd.h"
#include "net/source_addresses.h"

namespace loopcast::net {

// Memory for what one system call receives; one serves all sockets of a thread.
class ReceiveBatch {
 public:
  // Messages of one recvmmsg. Each may hold several datagrams of one peer (UDP_GRO).
  static constexpr size_t kMessages = 64;
  // Larger datagrams are dropped: nothing of WebRTC is longer than Ethernet's MTU.
  static constexpr size_t kMaxDatagram = 2048;

  ReceiveBatch();
  ~ReceiveBatch();
  ReceiveBatch(const ReceiveBatch&) = delete;

  // Each of at most kMaxDatagram bytes.
  std::span<const Datagram> datagrams() const { return datagrams_; }
  // Whether the socket is likely to have more.
  bool full() const { return full_; }

 private:
  friend class UdpSocket;
  struct Messages;

  std::unique_ptr<Messages> messages_;
  std::vector<Datagram> datagrams_;
  bool full_ = false;
};

struct UdpCounters {
  uint64_t received = 0;        // datagrams
  uint64_t received_bytes = 0;  // of their payload
  uint64_t receive_calls = 0;
  uint64_t receive_oversized = 0;  // dropped
  uint64_t receive_errors = 0;

  uint64_t sent = 0;  // datagrams
  uint64_t sent_bytes = 0;
  uint64_t send_calls = 0;
  uint64_t segmented_sends = 0;     // runs that left in one piece
  uint64_t segmented_refusals = 0;  // runs that had to leave datagram by datagram

  // Datagrams that never left, by reason.
  uint64_t dropped_no_buffer = 0;    // EAGAIN, ENOBUFS, ENOMEM: the network is slower than we
  uint64_t dropped_unreachable = 0;  // no route, or an ICMP error of an earlier datagram
  uint64_t dropped_too_big = 0;      // EMSGSIZE
  uint64_t dropped_other = 0;        // firewall rules, a local address that has gone, ...
};

class UdpSocket {
 public:
  // sendmmsg(2), or a test's stand-in for it.
  using SendFunction = int (*)(int fd, mmsghdr* messages, unsigned count, int flags);

  struct Options {
    // Bytes of kernel buffer each way; past the system's limit only with CAP_NET_ADMIN, else what
    // is allowed. A keyframe to a thousand viewers is about 30 MB, paced; 8 MB are 10 to 100 ms.
    int buffer = 8 << 20;
    bool segmentation = true;  // UDP_SEGMENT
    bool coalescing = true;    // UDP_GRO
    // RTCP comes by receive_rtcp(), where the kernel can do it.
    bool separate_rtcp = false;
    SendFunction send = nullptr;
  };

  // Bound to `address` (port 0: any free one), non-blocking. An IPv6 socket takes IPv6 alone, so
  // that one for each family may share a port. Errors: "socket_failed", "bind_failed".
  static Expected<std::unique_ptr<UdpSocket>> open(const SocketAddress& address,
                                                   const Options& options);
  static Expected<std::unique_ptr<UdpSocket>> open(const SocketAddress& address);
  ~UdpSocket();

  int fd() const { return fd_.get(); }
  // Where RTCP comes (RFC 5761, section 4), which may wait a little; -1: with all else. Datagrams
  // of one peer that the kernel has put together come where the first of them belongs.
  int rtcp_fd() const { return rtcp_ ? rtcp_.get() : -1; }
  // Where it is bound to, with the port that the system chose.
  const SocketAddress& local() const { return local_; }

  // Replaces what `batch` holds by what has arrived. Never waits. Returns the number of datagrams;
  // Route.local is the address of ours that each was sent to, so that its answer leaves from there.
  size_t receive(ReceiveBatch& batch) { return receive(fd_.get(), batch); }
  size_t receive_rtcp(ReceiveBatch& batch) { return receive(rtcp_fd(), batch); }

  // Sends those of `sends` that are for UDP and of this socket's family; leaves others alone. Never
  // waits, never fails: what does not leave is counted. A run that the kernel refuses in one piece
  // leaves datagram by datagram: when the device cannot do it (EIO and the like) this is
  // remembered, when it does not fit the path's MTU (EINVAL, EMSGSIZE) only this run is concerned.
  void send(const TransmitBatch& batch, std::span<const Transmit> sends);

  // Whether runs still leave in one piece.
  bool segmentation() const { return segmentation_; }
  const UdpCounters& counters() const { return counters_; }

 private:
  struct SendArrays;

  // Sockets on one port.
  struct Group {
    Fd receiver;
    Fd rtcp;    // none: the receiver gets that as well
    Fd sender;  // none: the receiver sends
  };
  static bool complete(Group& group, const SocketAddress& local, const Options& options);

  UdpSocket(Group group, const SocketAddress& local, const Options& options);

  bool is_ours(const Transmit& t) const {
    return t.route.tcp == 0 && t.route.remote.ip.family == local_.ip.family;
  }
  bool has_to_name_source(Instant now, const Route& route);
  void put(Instant now, const Transmit& t, Bytes data);
  void flush();
  // How many left; 0: errno tells why the first did not.
  size_t submit(std::span<mmsghdr> messages);
  void send_singly(size_t index);
  void count_sent(size_t size, size_t segment);
  void count_dropped(int error, size_t datagrams);
  size_t receive(int fd, ReceiveBatch& batch);
  void take_message(ReceiveBatch& batch, size_t index);

  Fd fd_;
  Fd rtcp_;
  Fd sender_;
  SocketAddress local_;
  SourceAddresses sources_;
  SendFunction send_function_;
  bool segmentation_;
  std::unique_ptr<SendArrays> arrays_;
  UdpCounters counters_;
};

}  // namespace loopcast::net
