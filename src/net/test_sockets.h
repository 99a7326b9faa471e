// Plain sockets of the other side, for tests: every wait ends at a deadline, none is a sleep.
#pragma once

#include <string>

#include <poll.h>
#include <sys/socket.h>

#include "base/transmit.h"
#include "net/clock.h"
#include "net/fd.h"
#include "net/sockaddr.h"

namespace loopcast::net::test {

constexpr int kPatienceMs = 5000;

inline SocketAddress loopback(uint16_t port, uint8_t last = 1) {
  return {IpAddress::v4(127, 0, 0, last), port};
}
inline SocketAddress loopback6(uint16_t port) { return {*IpAddress::parse("::1"), port}; }

inline bool has_ipv6() {
  const Fd fd(::socket(AF_INET6, SOCK_DGRAM, 0));
  Sockaddr name;
  const socklen_t length = to_sockaddr(loopback6(0), name);
  return fd && ::bind(fd.get(), &name.any, length) == 0;
}

inline bool readable(int fd, int timeout_ms = kPatienceMs) {
  pollfd p{fd, POLLIN, 0};
  return ::poll(&p, 1, timeout_ms) == 1;
}

// A blocking socket that is connected to `to`; none if that fails.
inline Fd connect(const SocketAddress& to, int type, int receive_buffer = 0) {
  Fd fd(::socket(to.ip.is_v6() ? AF_INET6 : AF_INET, type, 0));
  if (receive_buffer != 0)
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  Sockaddr name;
  const socklen_t length = to_sockaddr(to, name);
  if (::connect(fd.get(), &name.any, length) != 0) fd.reset();
  return fd;
}

// What one recv() gives; empty at the end of a stream or when nothing comes in time.
inline std::string read_some(int fd) {
  if (!readable(fd)) return {};
  std::string data(65536, '\0');
  const ssize_t n = ::recv(fd, data.data(), data.size(), 0);
  data.resize(n > 0 ? static_cast<size_t>(n) : 0);
  return data;
}

inline bool write_all(int fd, std::string_view data) {
  return ::send(fd, data.data(), data.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(data.size());
}

inline void put(TransmitBatch& batch, const Route& to, std::string_view data) {
  const MutableBytes slot = batch.slot();
  std::memcpy(slot.data(), data.data(), data.size());
  batch.commit(to, data.size());
}

}  // namespace loopcast::net::test
