// Opus packets, as RTP and files both keep them (RFC 6716, section 3).
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/bytes.h"

namespace loopcast::record {

// Hz, of RTP and of files whatever the encoder does.
constexpr uint32_t kOpusRate = 48'000;

// Samples at 48 kHz that the packet holds; nullopt if it is malformed or longer than 120 ms.
inline std::optional<uint32_t> opus_duration(Bytes packet) {
  if (packet.empty()) return std::nullopt;
  const unsigned config = packet[0] >> 3;
  // In units of 2.5 ms: SILK has 10 to 60 ms, hybrid 10 and 20, CELT 2.5 to 20.
  constexpr std::array<uint8_t, 4> kSilk{4, 8, 16, 24};
  const unsigned units = config < 12   ? kSilk[config & 3]
                         : config < 16 ? 4u << (config & 1)
                                       : 1u << (config & 3);
  const unsigned code = packet[0] & 3;
  if (code == 3 && packet.size() < 2) return std::nullopt;
  const unsigned frames = code == 0 ? 1 : code < 3 ? 2 : packet[1] & 0x3F;
  constexpr unsigned kMaxUnits = 48;
  if (frames == 0 || frames * units > kMaxUnits) return std::nullopt;
  return frames * units * kOpusRate / 400;
}

// 20 ms of silence in stereo.
constexpr std::array<uint8_t, 3> kOpusSilence{0xFC, 0xFF, 0xFE};
constexpr uint32_t kOpusSilenceDuration = 960;

}  // namespace loopcast::record
