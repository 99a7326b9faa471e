// IP addresses and UDP/TCP ports as plain values: the core knows where a datagram came from, never
// the socket behind it.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace loopcast {

// An IPv4 or IPv6 address. IPv4 is held in the first four bytes of `octets`; an IPv4-mapped IPv6
// address is turned into IPv4 when it is made, so that one host has one value.
struct IpAddress {
  enum class Family : uint8_t { kNone, kV4, kV6 };

  std::array<uint8_t, 16> octets{};
  Family family = Family::kNone;

  static IpAddress v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d);
  static IpAddress v6(const std::array<uint8_t, 16>& octets);
  // "192.0.2.1", "2001:db8::1"; nullopt for everything else (names, zones, ports).
  static std::optional<IpAddress> parse(std::string_view text);

  bool is_v4() const { return family == Family::kV4; }
  bool is_v6() const { return family == Family::kV6; }
  bool is_loopback() const;
  bool is_unspecified() const;
  // 169.254/16, fe80::/10.
  bool is_link_local() const;
  // RFC 1918, RFC 4193 (fc00::/7), RFC 6598 (100.64/10), loopback and link-local.
  bool is_private() const;
  std::string to_string() const;

  // By words: what compares bytes is a call, and addresses are compared for each datagram.
  bool operator==(const IpAddress& other) const {
    uint64_t a[2], b[2];
    std::memcpy(a, octets.data(), sizeof a);
    std::memcpy(b, other.octets.data(), sizeof b);
    return a[0] == b[0] && a[1] == b[1] && family == other.family;
  }
};

struct SocketAddress {
  IpAddress ip;
  uint16_t port = 0;

  // "192.0.2.1:80", "[2001:db8::1]:80".
  static std::optional<SocketAddress> parse(std::string_view text);
  std::string to_string() const;

  bool operator==(const SocketAddress&) const = default;
};

}  // namespace loopcast

template <>
struct std::hash<loopcast::SocketAddress> {
  size_t operator()(const loopcast::SocketAddress& a) const noexcept {
    uint64_t lo, hi;
    std::memcpy(&lo, a.ip.octets.data(), 8);
    std::memcpy(&hi, a.ip.octets.data() + 8, 8);
    uint64_t h = (lo ^ (uint64_t{a.port} << 48)) * 0x9E3779B97F4A7C15u;
    h = (h ^ (h >> 32) ^ hi) * 0xD6E8FEB86659FD93u;
    return static_cast<size_t>(h ^ (h >> 32));
  }
};
