#include "net/udp_socket.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>

#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/udp.h>

#include "net/clock.h"
#include "net/sockaddr.h"

namespace loopcast::net {
namespace {

// Errors left by ICMP answers to earlier datagrams that one receive() gets out of the way.
constexpr int kMaxPendingErrors = 8;

Error failure(const char* code, const std::string& what) {
  return {code, what + ": " + std::system_category().message(errno) + "."};
}

void set_buffer(int fd, int forced, int plain, int size) {
  if (::setsockopt(fd, SOL_SOCKET, forced, &size, sizeof size) != 0)
    ::setsockopt(fd, SOL_SOCKET, plain, &size, sizeof size);
}

bool set_flag(int fd, int level, int name, int value = 1) {
  return ::setsockopt(fd, level, name, &value, sizeof value) == 0;
}

// A further socket on the port of another one that shares it.
Fd open_beside(const Sockaddr& address, socklen_t length) {
  const int family = address.any.sa_family;
  Fd fd(::socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const bool good = fd && set_flag(fd.get(), SOL_SOCKET, SO_REUSEPORT) &&
                    (family != AF_INET6 || set_flag(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY)) &&
                    ::bind(fd.get(), &address.any, length) == 0;
  return good ? std::move(fd) : Fd{};
}

bool tell_destination(int fd, int family) {
  return family == AF_INET6 ? set_flag(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO)
                            : set_flag(fd, IPPROTO_IP, IP_PKTINFO);
}

// Chooses of the sockets that share a port by what a datagram begins with: RTCP (RFC 5761, section
// 4) goes to the second if there is one for it, all else to the first.
bool share_out(int fd, bool rtcp) {
  sock_filter first[] = {{BPF_RET | BPF_K, 0, 0, 0}};
  sock_filter by_type[] = {
      {BPF_LD | BPF_B | BPF_ABS, 0, 0, 0},      // of too short a datagram: the first
      {BPF_ALU | BPF_AND | BPF_K, 0, 0, 0xc0},  // the version
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 4, 0x80},
      {BPF_LD | BPF_B | BPF_ABS, 0, 0, 1},
      {BPF_JMP | BPF_JGE | BPF_K, 0, 2, 192},
      {BPF_JMP | BPF_JGT | BPF_K, 1, 0, 223},
      {BPF_RET | BPF_K, 0, 0, 1},
      {BPF_RET | BPF_K, 0, 0, 0},
  };
  const sock_fprog program =
      rtcp ? sock_fprog{std::size(by_type), by_type} : sock_fprog{std::size(first), first};
  return ::setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program) == 0;
}

// The kernel or the device cannot segment at all; other refusals are about one path.
bool refuses_all_runs(int error) {
  return error == EIO || error == ENOPROTOOPT || error == EOPNOTSUPP || error == ENOSYS;
}
bool refuses_run(int error) {
  return refuses_all_runs(error) || error == EINVAL || error == EMSGSIZE;
}

template <typename T>
cmsghdr* append_control(msghdr& header, int level, int type, const T& value) {
  auto* control =
      reinterpret_cast<cmsghdr*>(static_cast<uint8_t*>(header.msg_control) + header.msg_controllen);
  control->cmsg_level = level;
  control->cmsg_type = type;
  control->cmsg_len = CMSG_LEN(sizeof value);
  std::memcpy(CMSG_DATA(control), &value, sizeof value);
  header.msg_controllen += CMSG_SPACE(sizeof value);
  return control;
}

// The source address of a datagram.
void append_source(msghdr& header, const IpAddress& local) {
  if (local.is_v4()) {
    in_pktinfo info{};
    std::memcpy(&info.ipi_spec_dst, local.octets.data(), 4);
    append_control(header, IPPROTO_IP, IP_PKTINFO, info);
  } else {
    in6_pktinfo info{};
    std::memcpy(&info.ipi6_addr, local.octets.data(), 16);
    append_control(header, IPPROTO_IPV6, IPV6_PKTINFO, info);
  }
}

}  // namespace

// ---- receiving

struct ReceiveBatch::Messages {
  // Room for the longest chain of datagrams that the kernel puts together, and an odd number of
  // cache lines more: at a power of two the datagrams of a batch would share a few cache sets.
  static constexpr size_t kStride = 65536 + 33 * 64;
  static constexpr size_t kControl = CMSG_SPACE(sizeof(in6_pktinfo)) + CMSG_SPACE(sizeof(int));

  std::array<mmsghdr, kMessages> headers{};
  std::array<iovec, kMessages> vectors;
  std::array<Sockaddr, kMessages> names;
  alignas(cmsghdr) std::array<std::array<uint8_t, kControl>, kMessages> controls;
  // Not initialised: pages that no long chain ever reached cost nothing.
  std::unique_ptr<uint8_t[]> memory =
      std::make_unique_for_overwrite<uint8_t[]>(kMessages * kStride);

  Messages() {
    for (size_t i = 0; i < kMessages; ++i) {
      vectors[i] = {memory.get() + i * kStride, 65536};
      headers[i].msg_hdr.msg_iov = &vectors[i];
      headers[i].msg_hdr.msg_iovlen = 1;
      headers[i].msg_hdr.msg_name = &names[i];
      headers[i].msg_hdr.msg_control = controls[i].data();
      prepare(i);
    }
  }
  // The kernel shortens these.
  void prepare(size_t i) {
    headers[i].msg_hdr.msg_namelen = sizeof(Sockaddr);
    headers[i].msg_hdr.msg_controllen = kControl;
  }
};

ReceiveBatch::ReceiveBatch() : messages_(std::make_unique<Messages>()) {
  datagrams_.reserve(kMessages * TransmitBatch::kMaxSegments);
}
ReceiveBatch::~ReceiveBatch() = default;

size_t UdpSocket::receive(int fd, ReceiveBatch& batch) {
  batch.datagrams_.clear();
  batch.full_ = false;
  for (int errors = 0; errors < kMaxPendingErrors;) {
    ++counters_.receive_calls;
    const int n = ::recvmmsg(fd, batch.messages_->headers.data(), ReceiveBatch::kMessages,
                             MSG_DONTWAIT, nullptr);
    if (n >= 0) {
      batch.full_ = n == static_cast<int>(ReceiveBatch::kMessages);
      for (size_t i = 0; i < static_cast<size_t>(n); ++i) take_message(batch, i);
      break;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) break;
    if (errno != EINTR) ++counters_.receive_errors;
    ++errors;
  }
  return batch.datagrams_.size();
}

void UdpSocket::take_message(ReceiveBatch& batch, size_t index) {
  ReceiveBatch::Messages& messages = *batch.messages_;
  msghdr& header = messages.headers[index].msg_hdr;
  const size_t size = messages.headers[index].msg_len;
  Route from{from_sockaddr(messages.names[index]), {}, 0};
  size_t segment = size;
  for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
    if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
      in_pktinfo info;
      std::memcpy(&info, CMSG_DATA(c), sizeof info);
      from.local = from_in_addr(info.ipi_spec_dst);
    } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info;
      std::memcpy(&info, CMSG_DATA(c), sizeof info);
      from.local = from_in6_addr(info.ipi6_addr);
    } else if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
      int value;
      std::memcpy(&value, CMSG_DATA(c), sizeof value);
      if (value > 0) segment = static_cast<size_t>(value);
    }
  }
  messages.prepare(index);
  auto* data = static_cast<uint8_t*>(messages.vectors[index].iov_base);
  for (size_t at = 0; at < size; at += segment) {
    const size_t length = std::min(segment, size - at);
    if (length > ReceiveBatch::kMaxDatagram) {
      ++counters_.receive_oversized;
      continue;
    }
    ++counters_.received;
    counters_.received_bytes += length;
    batch.datagrams_.push_back({from, MutableBytes(data + at, length)});
  }
}

// ---- sending

struct UdpSocket::SendArrays {
  static constexpr size_t kMessages = 64;
  static constexpr size_t kControl = CMSG_SPACE(sizeof(in6_pktinfo)) + CMSG_SPACE(sizeof(uint16_t));

  std::array<mmsghdr, kMessages> headers{};
  std::array<iovec, kMessages> vectors;
  std::array<Sockaddr, kMessages> names;
  alignas(cmsghdr) std::array<std::array<uint8_t, kControl>, kMessages> controls{};
  // Bytes of each datagram of a run; 0: the message is one datagram.
  std::array<uint32_t, kMessages> segments;
  size_t count = 0;

  // A refused run, datagram by datagram.
  std::array<mmsghdr, kMessages> single_headers{};
  std::array<iovec, kMessages> single_vectors;

  SendArrays() {
    for (size_t i = 0; i < kMessages; ++i) {
      headers[i].msg_hdr.msg_iov = &vectors[i];
      headers[i].msg_hdr.msg_iovlen = 1;
      headers[i].msg_hdr.msg_name = &names[i];
      single_headers[i].msg_hdr.msg_iov = &single_vectors[i];
      single_headers[i].msg_hdr.msg_iovlen = 1;
    }
  }
};

void UdpSocket::send(const TransmitBatch& batch, std::span<const Transmit> sends) {
  const Instant at = now();
  for (const Transmit& t : sends) {
    if (!is_ours(t)) continue;
    const Bytes data = batch.bytes(t);
    if (!t.segmented() || segmentation_) {
      put(at, t, data);
      continue;
    }
    for (size_t begin = 0; begin < data.size(); begin += t.segment)
      put(at, t, data.subspan(begin, std::min<size_t>(t.segment, data.size() - begin)));
  }
  flush();
}

// The source of a socket with one address is that address.
bool UdpSocket::has_to_name_source(Instant now, const Route& route) {
  return route.local.family == local_.ip.family && local_.ip.is_unspecified() &&
         sources_.chosen_for(now, route.remote.ip) != route.local;
}

void UdpSocket::put(Instant now, const Transmit& t, Bytes data) {
  SendArrays& a = *arrays_;
  if (a.count == SendArrays::kMessages) flush();
  const size_t i = a.count++;
  msghdr& header = a.headers[i].msg_hdr;
  header.msg_namelen = to_sockaddr(t.route.remote, a.names[i]);
  // sendmsg only reads it; the structure is shared with recvmsg.
  a.vectors[i] = {const_cast<uint8_t*>(data.data()), data.size()};
  a.segments[i] = data.size() > t.segment ? t.segment : 0;
  header.msg_control = a.controls[i].data();
  header.msg_controllen = 0;
  if (has_to_name_source(now, t.route)) append_source(header, t.route.local);
  if (a.segments[i] != 0)
    append_control(header, SOL_UDP, UDP_SEGMENT, static_cast<uint16_t>(t.segment));
}

void UdpSocket::flush() {
  SendArrays& a = *arrays_;
  size_t at = 0;
  while (at < a.count) {
    const size_t done = submit({a.headers.data() + at, a.count - at});
    for (size_t i = at; i < at + done; ++i) count_sent(a.vectors[i].iov_len, a.segments[i]);
    at += done;
    if (at == a.count) break;
    if (done > 0) continue;  // the next call tells why it stopped
    const int error = errno;
    if (a.segments[at] != 0 && refuses_run(error)) {
      if (refuses_all_runs(error)) segmentation_ = false;
      ++counters_.segmented_refusals;
      send_singly(at);
    } else {
      const size_t segment = a.segments[at];
      count_dropped(error, segment == 0 ? 1 : (a.vectors[at].iov_len + segment - 1) / segment);
    }
    ++at;
  }
  a.count = 0;
}

size_t UdpSocket::submit(std::span<mmsghdr> messages) {
  for (;;) {
    ++counters_.send_calls;
    const int n = send_function_(sender_ ? sender_.get() : fd_.get(), messages.data(),
                                 static_cast<unsigned>(messages.size()), MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    return n > 0 ? static_cast<size_t>(n) : 0;
  }
}

void UdpSocket::send_singly(size_t index) {
  SendArrays& a = *arrays_;
  const msghdr& run = a.headers[index].msg_hdr;
  const auto* data = static_cast<uint8_t*>(a.vectors[index].iov_base);
  const size_t size = a.vectors[index].iov_len;
  const size_t segment = a.segments[index];
  // The source address stays, if there is one; UDP_SEGMENT, the last control message, goes.
  const size_t control = run.msg_controllen - CMSG_SPACE(sizeof(uint16_t));
  size_t count = 0;
  for (size_t at = 0; at < size && count < SendArrays::kMessages; at += segment, ++count) {
    a.single_vectors[count] = {const_cast<uint8_t*>(data) + at, std::min(segment, size - at)};
    msghdr& header = a.single_headers[count].msg_hdr;
    header.msg_name = run.msg_name;
    header.msg_namelen = run.msg_namelen;
    header.msg_control = run.msg_control;
    header.msg_controllen = control;
  }
  for (size_t at = 0; at < count;) {
    const size_t done = submit({a.single_headers.data() + at, count - at});
    for (size_t i = at; i < at + done; ++i) count_sent(a.single_vectors[i].iov_len, 0);
    at += done;
    if (done == 0) {
      count_dropped(errno, 1);
      ++at;
    }
  }
}

void UdpSocket::count_sent(size_t size, size_t segment) {
  counters_.sent_bytes += size;
  if (segment == 0) {
    ++counters_.sent;
    return;
  }
  counters_.sent += (size + segment - 1) / segment;
  ++counters_.segmented_sends;
}

void UdpSocket::count_dropped(int error, size_t datagrams) {
  switch (error) {
    case EAGAIN:
    case ENOBUFS:
    case ENOMEM:
      counters_.dropped_no_buffer += datagrams;
      break;
    case ECONNREFUSED:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EHOSTDOWN:
    case ENETDOWN:
      counters_.dropped_unreachable += datagrams;
      break;
    case EMSGSIZE:
      counters_.dropped_too_big += datagrams;
      break;
    default:
      counters_.dropped_other += datagrams;
  }
}

// ---- the socket

Expected<std::unique_ptr<UdpSocket>> UdpSocket::open(const SocketAddress& address) {
  return open(address, Options{});
}

Expected<std::unique_ptr<UdpSocket>> UdpSocket::open(const SocketAddress& address,
                                                     const Options& options) {
  const int family = address.ip.is_v6() ? AF_INET6 : AF_INET;
  const std::string name = "UDP " + address.to_string();
  Fd fd(::socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return failure("socket_failed", "Cannot make a socket for " + name);
  const bool set = (family != AF_INET6 || set_flag(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY)) &&
                   tell_destination(fd.get(), family);
  if (!set) return failure("socket_failed", "Cannot set the options of the socket for " + name);
  set_buffer(fd.get(), SO_RCVBUFFORCE, SO_RCVBUF, options.buffer);
  set_buffer(fd.get(), SO_SNDBUFFORCE, SO_SNDBUF, options.buffer);
  Sockaddr bind_to;
  const socklen_t length = to_sockaddr(address, bind_to);
  if (::bind(fd.get(), &bind_to.any, length) != 0)
    return failure("bind_failed", "Cannot bind " + name);
  const SocketAddress local = bound_address(fd.get());
  Group group{std::move(fd), {}, {}};
  // The port has been taken exclusively by now, so that no second server shares it by accident.
  if (set_flag(group.receiver.get(), SOL_SOCKET, SO_REUSEPORT) &&
      !complete(group, local, options)) {
    group = {std::move(group.receiver), {}, {}};
    set_flag(group.receiver.get(), SOL_SOCKET, SO_REUSEPORT, 0);
  }
  // Without it every datagram comes alone, and nothing else changes. The kernel asks any socket of
  // the port whether to coalesce, not the one that will receive.
  for (const Fd* one : {&group.receiver, &group.rtcp, &group.sender})
    if (*one && options.coalescing) set_flag(one->get(), SOL_UDP, UDP_GRO);
  return std::unique_ptr<UdpSocket>(new UdpSocket(std::move(group), local, options));
}

bool UdpSocket::complete(Group& group, const SocketAddress& local, const Options& options) {
  const int family = local.ip.is_v6() ? AF_INET6 : AF_INET;
  Sockaddr address;
  const socklen_t length = to_sockaddr(local, address);
  if (options.separate_rtcp) {
    group.rtcp = open_beside(address, length);
    if (!group.rtcp || !tell_destination(group.rtcp.get(), family)) return false;
    set_buffer(group.rtcp.get(), SO_RCVBUFFORCE, SO_RCVBUF, options.buffer);
  }
  // Each datagram that leaves wakes those who wait for its socket, one by one as the device frees
  // it: an event loop that watches for reading pays for that, a socket that nobody watches does
  // not.
  group.sender = open_beside(address, length);
  if (!group.sender) return false;
  set_buffer(group.sender.get(), SO_SNDBUFFORCE, SO_SNDBUF, options.buffer);
  // Should anything ever arrive here, it costs no memory.
  set_buffer(group.sender.get(), SO_RCVBUFFORCE, SO_RCVBUF, 0);
  return share_out(group.receiver.get(), options.separate_rtcp);
}

UdpSocket::UdpSocket(Group group, const SocketAddress& local, const Options& options)
    : fd_(std::move(group.receiver)),
      rtcp_(std::move(group.rtcp)),
      sender_(std::move(group.sender)),
      local_(local),
      sources_(local.ip.family),
      send_function_(options.send != nullptr ? options.send : &::sendmmsg),
      segmentation_(options.segmentation),
      arrays_(std::make_unique<SendArrays>()) {}

UdpSocket::~UdpSocket() = default;

}  // namespace loopcast::net
