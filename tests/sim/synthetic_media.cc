#include "sim/synthetic_media.h"

#include <algorithm>
#include <array>

namespace loopcast::sim {
namespace {

using wire::Codec;

constexpr size_t kMaxPrefix = 16;

struct Prefix {
  std::array<uint8_t, kMaxPrefix> bytes{};
  size_t size = 0;
  void add(uint8_t v) { bytes[size++] = v; }
  void add16(size_t v) {
    add(static_cast<uint8_t>(v >> 8));
    add(static_cast<uint8_t>(v));
  }
};

// RFC 7741, section 4.2: extended, with a picture id of 15 bits; then one byte of frame tag.
void add_vp8(Prefix& prefix, const Sample& sample) {
  const bool first = sample.packet == 0;
  prefix.add(first ? 0x90 : 0x80);
  prefix.add(0x80);
  prefix.add16(0x8000 | (sample.frame & 0x7fff));
  if (first) prefix.add(sample.keyframe ? 0x10 : 0x11);
}

// RFC 6184 as libwebrtc sends it: a keyframe begins with its parameter sets in a STAP-A; slices are
// single NAL units or FU-A.
void add_h264(Prefix& prefix, const Sample& sample, size_t size) {
  size_t slice = sample.packet, slices = sample.packets;
  if (sample.keyframe) {
    if (sample.packet == 0) {
      prefix.add(0x78);
      prefix.add16(4);
      for (const int b : {0x67, 0x42, 0xe0, 0x1f}) prefix.add(static_cast<uint8_t>(b));
      prefix.add16(size - prefix.size - 2);
      prefix.add(0x68);
      return;
    }
    --slice, --slices;
  }
  const uint8_t type = sample.keyframe ? 5 : 1;
  if (slices == 1) {
    prefix.add(static_cast<uint8_t>(0x60 | type));
    prefix.add(0x9a);  // first_mb_in_slice is 0
    return;
  }
  const bool first = slice == 0, last = slice + 1 == slices;
  prefix.add(0x7c);
  prefix.add(static_cast<uint8_t>((first ? 0x80 : 0) | (last ? 0x40 : 0) | type));
  if (first) prefix.add(0x9a);
}

Prefix prefix_of(Codec codec, const Sample& sample, size_t size) {
  Prefix prefix;
  if (codec == Codec::kVp8)
    add_vp8(prefix, sample);
  else if (codec == Codec::kH264)
    add_h264(prefix, sample, size);
  else
    prefix.add(0x78);  // Opus: 20 ms of CELT, one frame (RFC 6716, section 3.1)
  return prefix;
}

// Where the sample may begin, by codec: every length that a prefix can have.
std::array<size_t, 3> prefix_sizes(Codec codec) {
  if (codec == Codec::kVp8) return {4, 5, 5};
  if (codec == Codec::kH264) return {2, 3, 10};
  return {1, 1, 1};
}

void fill(MutableBytes out, const Sample& sample) {
  // xorshift64*: fast, and each packet has its own start.
  uint64_t x =
      ((uint64_t{sample.frame} << 20) ^ (uint64_t{sample.packet} << 4) ^ 9) * 0x9E3779B97F4A7C15u;
  size_t at = 0;
  while (at < out.size()) {
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    std::array<uint8_t, 8> word;
    store_u64(word.data(), x * 0x2545F4914F6CDD1Du);
    const size_t n = std::min<size_t>(8, out.size() - at);
    std::copy_n(word.begin(), n, out.begin() + static_cast<long>(at));
    at += n;
  }
}

}  // namespace

std::vector<uint8_t> write_sample(Codec codec, const Sample& sample, size_t size) {
  std::vector<uint8_t> payload(std::max(size, kMinSyntheticPayload));
  const Prefix prefix = prefix_of(codec, sample, payload.size());
  ByteWriter w(payload);
  w.bytes(Bytes(prefix.bytes).first(prefix.size));
  w.u32(sample.frame);
  w.u16(sample.packet);
  w.u16(sample.packets);
  w.u8(sample.keyframe ? 1 : 0);
  w.u64(static_cast<uint64_t>(sample.captured_us));
  w.u64(static_cast<uint64_t>(sample.sent_us));
  fill(MutableBytes(payload).subspan(w.position()), sample);
  return payload;
}

std::optional<Sample> read_sample(Codec codec, Bytes payload) {
  if (payload.size() < kMinSyntheticPayload) return std::nullopt;
  for (const size_t skip : prefix_sizes(codec)) {
    ByteReader r(payload.subspan(skip));
    Sample sample;
    sample.frame = r.u32();
    sample.packet = r.u16();
    sample.packets = r.u16();
    sample.keyframe = r.u8() != 0;
    sample.captured_us = static_cast<int64_t>(r.u64());
    sample.sent_us = static_cast<int64_t>(r.u64());
    if (prefix_of(codec, sample, payload.size()).size != skip) continue;
    const std::vector<uint8_t> truth = write_sample(codec, sample, payload.size());
    if (std::equal(truth.begin(), truth.end(), payload.begin(), payload.end())) return sample;
  }
  return std::nullopt;
}

}  // namespace loopcast::sim
