#include "wire/candidate.h"

#include <array>
#include <utility>

#include "wire/text.h"

namespace loopcast::wire {
namespace {

constexpr size_t kMaxFoundation = 32;              // RFC 8839, section 5.1
constexpr uint16_t kMaxComponent = 256;            // RFC 8839, section 5.1
constexpr uint32_t kMaxPriority = (1u << 31) - 1;  // RFC 8445, section 5.1.2.1

constexpr std::array<std::pair<CandidateType, std::string_view>, 4> kTypes{{
    {CandidateType::kHost, "host"},
    {CandidateType::kServerReflexive, "srflx"},
    {CandidateType::kPeerReflexive, "prflx"},
    {CandidateType::kRelay, "relay"},
}};
constexpr std::array<std::pair<TcpType, std::string_view>, 3> kTcpTypes{{
    {TcpType::kActive, "active"},
    {TcpType::kPassive, "passive"},
    {TcpType::kSimultaneousOpen, "so"},
}};

template <typename Names>
bool find_value(const Names& names, std::string_view name, auto& value) {
  for (const auto& [v, n] : names)
    if (equal_ignoring_case(n, name)) {
      value = v;
      return true;
    }
  return false;
}

template <typename Names>
std::string_view find_name(const Names& names, auto value) {
  for (const auto& [v, n] : names)
    if (v == value) return n;
  return {};
}

// The pairs of a name and a value after "typ TYPE". False if one that matters makes no sense.
bool parse_extensions(std::string_view rest, Candidate& candidate) {
  std::optional<IpAddress> related_ip;
  std::optional<uint16_t> related_port;
  for (;;) {
    const std::string_view name = take_word(rest);
    if (name.empty()) break;
    const std::string_view value = take_word(rest);
    if (equal_ignoring_case(name, "raddr")) {
      related_ip = IpAddress::parse(value);
    } else if (equal_ignoring_case(name, "rport")) {
      related_port = parse_decimal<uint16_t>(value);
    } else if (equal_ignoring_case(name, "tcptype")) {
      if (!find_value(kTcpTypes, value, candidate.tcp_type)) return false;
    } else if (equal_ignoring_case(name, "ufrag")) {
      if (!is_ice_text(value, kMaxIceUfrag)) return false;
      candidate.username_fragment = value;
    }
  }
  if (related_ip && related_port) candidate.related = SocketAddress{*related_ip, *related_port};
  return true;
}

}  // namespace

std::optional<Candidate> parse_candidate(std::string_view line) {
  if (line.size() > kMaxCandidateLine) return std::nullopt;
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
  for (const char c : line)
    if (static_cast<unsigned char>(c) < 0x20) return std::nullopt;
  if (line.starts_with("a=")) line.remove_prefix(2);
  constexpr std::string_view kPrefix = "candidate:";
  if (!line.starts_with(kPrefix)) return std::nullopt;
  line.remove_prefix(kPrefix.size());

  Candidate candidate;
  candidate.foundation = take_word(line);
  if (!is_ice_text(candidate.foundation, kMaxFoundation)) return std::nullopt;

  const auto component = parse_decimal<uint16_t>(take_word(line), kMaxComponent);
  const std::string_view transport = take_word(line);
  const auto priority = parse_decimal<uint32_t>(take_word(line), kMaxPriority);
  const auto ip = IpAddress::parse(take_word(line));
  const auto port = parse_decimal<uint16_t>(take_word(line));
  if (!component || *component == 0 || !priority || *priority == 0 || !ip || !port)
    return std::nullopt;
  candidate.component = *component;
  candidate.priority = *priority;
  candidate.address = {*ip, *port};

  if (equal_ignoring_case(transport, "udp")) {
    candidate.transport = CandidateTransport::kUdp;
  } else if (equal_ignoring_case(transport, "tcp")) {
    candidate.transport = CandidateTransport::kTcp;
  } else {
    return std::nullopt;
  }

  if (take_word(line) != "typ" || !find_value(kTypes, take_word(line), candidate.type))
    return std::nullopt;
  if (!parse_extensions(line, candidate)) return std::nullopt;
  // RFC 6544, section 4.5: a TCP candidate names its type; for UDP it means nothing.
  if ((candidate.transport == CandidateTransport::kTcp) != (candidate.tcp_type != TcpType::kNone))
    return std::nullopt;
  return candidate;
}

std::string write_candidate(const Candidate& candidate) {
  std::string out = "candidate:" + candidate.foundation;
  out += ' ' + std::to_string(candidate.component);
  out += candidate.transport == CandidateTransport::kUdp ? " udp " : " tcp ";
  out += std::to_string(candidate.priority);
  out += ' ' + candidate.address.ip.to_string();
  out += ' ' + std::to_string(candidate.address.port);
  out += " typ ";
  out += find_name(kTypes, candidate.type);
  if (candidate.related) {
    out += " raddr " + candidate.related->ip.to_string();
    out += " rport " + std::to_string(candidate.related->port);
  }
  if (candidate.transport == CandidateTransport::kTcp) {
    out += " tcptype ";
    out += find_name(kTcpTypes, candidate.tcp_type);
  }
  if (!candidate.username_fragment.empty()) out += " ufrag " + candidate.username_fragment;
  return out;
}

}  // namespace loopcast::wire
