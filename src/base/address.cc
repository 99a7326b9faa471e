#include "base/address.h"

#include <charconv>

#include <arpa/inet.h>

namespace loopcast {
namespace {

constexpr std::array<uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

}  // namespace

IpAddress IpAddress::v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d) {
  IpAddress ip;
  ip.family = Family::kV4;
  ip.octets = {a, b, c, d};
  return ip;
}

IpAddress IpAddress::v6(const std::array<uint8_t, 16>& octets) {
  if (std::memcmp(octets.data(), kMappedPrefix.data(), kMappedPrefix.size()) == 0)
    return v4(octets[12], octets[13], octets[14], octets[15]);
  IpAddress ip;
  ip.family = Family::kV6;
  ip.octets = octets;
  return ip;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  if (text.size() > 45) return std::nullopt;  // the longest IPv6 text form, INET6_ADDRSTRLEN
  const std::string terminated(text);
  std::array<uint8_t, 16> octets{};
  if (inet_pton(AF_INET, terminated.c_str(), octets.data()) == 1)
    return v4(octets[0], octets[1], octets[2], octets[3]);
  if (inet_pton(AF_INET6, terminated.c_str(), octets.data()) == 1) return v6(octets);
  return std::nullopt;
}

bool IpAddress::is_loopback() const {
  if (is_v4()) return octets[0] == 127;
  if (!is_v6() || octets[15] != 1) return false;
  for (size_t i = 0; i < 15; ++i)
    if (octets[i] != 0) return false;
  return true;
}

bool IpAddress::is_unspecified() const {
  for (const uint8_t octet : octets)
    if (octet != 0) return false;
  return true;
}

bool IpAddress::is_link_local() const {
  if (is_v4()) return octets[0] == 169 && octets[1] == 254;
  return is_v6() && octets[0] == 0xfe && (octets[1] & 0xc0) == 0x80;
}

bool IpAddress::is_private() const {
  if (is_loopback() || is_link_local()) return true;
  if (is_v4()) {
    return octets[0] == 10 || (octets[0] == 172 && (octets[1] & 0xf0) == 16) ||
           (octets[0] == 192 && octets[1] == 168) || (octets[0] == 100 && (octets[1] & 0xc0) == 64);
  }
  return is_v6() && (octets[0] & 0xfe) == 0xfc;
}

std::string IpAddress::to_string() const {
  if (family == Family::kNone) return "none";
  char text[INET6_ADDRSTRLEN];
  return inet_ntop(is_v4() ? AF_INET : AF_INET6, octets.data(), text, sizeof text);
}

std::optional<SocketAddress> SocketAddress::parse(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  const auto ip = IpAddress::parse(host);
  if (!ip || bracketed != (host.find(':') != std::string_view::npos)) return std::nullopt;
  SocketAddress address{*ip, 0};
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (error != std::errc() || end != port.data() + port.size()) return std::nullopt;
  return address;
}

std::string SocketAddress::to_string() const {
  const std::string host = ip.to_string();
  return (ip.is_v6() ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

}  // namespace loopcast
