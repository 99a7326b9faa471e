#include "wire/codec.h"

#include <algorithm>
#include <array>

#include "wire/codec_payloads.h"

namespace loopcast::wire {
namespace {

constexpr std::array<std::string_view, 5> kNames = {"opus", "VP8", "VP9", "H264", "AV1"};

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, lower, lower);
}

PayloadInfo inspect_opus() {
  PayloadInfo info;
  info.keyframe = true;
  info.frame_start = info.frame_end =
      true;  // the marker begins a talk spurt, RFC 7587, section 4.1
  info.layer_start = info.layer_end = true;
  return info;
}

}  // namespace

std::string_view codec_name(Codec codec) { return kNames[static_cast<size_t>(codec)]; }

std::optional<Codec> codec_from_name(std::string_view name) {
  for (size_t i = 0; i < kNames.size(); ++i)
    if (same_name(kNames[i], name)) return static_cast<Codec>(i);
  return std::nullopt;
}

uint32_t codec_clock_rate(Codec codec) { return codec == Codec::kOpus ? 48'000 : 90'000; }

bool is_video(Codec codec) { return codec != Codec::kOpus; }

std::optional<PayloadInfo> inspect_payload(Codec codec, Bytes payload, bool marker) {
  if (payload.empty()) return std::nullopt;
  switch (codec) {
    case Codec::kOpus:
      return inspect_opus();
    case Codec::kVp8:
      return inspect_vp8(payload, marker);
    case Codec::kVp9:
      return inspect_vp9(payload, marker);
    case Codec::kH264:
      return inspect_h264(payload, marker);
    case Codec::kAv1:
      return inspect_av1(payload, marker);
  }
  return std::nullopt;
}

}  // namespace loopcast::wire
