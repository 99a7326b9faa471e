// ICE candidates as text: RFC 8839, section 5.1; TCP candidates: RFC 6544, section 4.5.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/address.h"

namespace loopcast::wire {

enum class CandidateType : uint8_t { kHost, kServerReflexive, kPeerReflexive, kRelay };
enum class CandidateTransport : uint8_t { kUdp, kTcp };
// RFC 6544: who opens the connection. kNone for UDP, and only there.
enum class TcpType : uint8_t { kNone, kActive, kPassive, kSimultaneousOpen };

struct Candidate {
  std::string foundation = "1";  // 1 to 32 ice-chars
  uint16_t component = 1;        // 1 = RTP, 2 = RTCP; 1 to 256
  CandidateTransport transport = CandidateTransport::kUdp;
  uint32_t priority = 0;  // 1 to 2^31 - 1
  SocketAddress address;
  CandidateType type = CandidateType::kHost;
  TcpType tcp_type = TcpType::kNone;
  std::optional<SocketAddress> related;  // raddr and rport
  std::string username_fragment;         // the extension "ufrag"; empty if absent

  bool operator==(const Candidate&) const = default;
};

// The longest line that is looked at: mDNS names and every known extension fit several times.
inline constexpr size_t kMaxCandidateLine = 1024;

// RFC 8839, section 5.4: the longest user name fragment that the grammar allows.
inline constexpr size_t kMaxIceUfrag = 256;

// Reads "candidate:...", also with "a=" before it and a line end after it. nullopt for all that
// cannot be used here, which is no error: text that is none, the empty candidate that ends a
// generation, host names (mDNS ".local"), unknown transports, types and tcptypes. Unknown extension
// attributes are skipped.
std::optional<Candidate> parse_candidate(std::string_view line);

// "candidate:1 1 udp 2130706431 192.0.2.1 3478 typ host", without "a=" and line end.
std::string write_candidate(const Candidate& candidate);

}  // namespace loopcast::wire
