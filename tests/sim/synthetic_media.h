// Video and audio that carries its own truth: each packet says which it is and when it was taken,
// and every other byte of it follows from that, so that a receiver can tell whether one bit of it
// is wrong. In front stand the bytes that a real codec's payload has there.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "wire/codec.h"

namespace loopcast::sim {

// What a synthetic packet tells of itself.
struct Sample {
  uint32_t frame = 0;    // from 1; of audio, the packet
  uint16_t packet = 0;   // in the frame
  uint16_t packets = 1;  // of the frame
  bool keyframe = false;
  int64_t captured_us = 0;  // Instant of capture
  int64_t sent_us = 0;      // and when it left the presenter
  bool operator==(const Sample&) const = default;
};

// The smallest payload that is made, whatever was asked for.
inline constexpr size_t kMinSyntheticPayload = 48;

// A payload of `size` bytes (at least kMinSyntheticPayload). kVp8, kH264 or kOpus.
std::vector<uint8_t> write_sample(wire::Codec codec, const Sample& sample, size_t size);
// nullopt if a byte is not what write_sample makes.
std::optional<Sample> read_sample(wire::Codec codec, Bytes payload);

}  // namespace loopcast::sim
