// The format parameters of codecs (a=fmtp), and whether a stream may be sent under an offered
// format.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "wire/codec.h"

namespace loopcast::rtc {

// The value of one parameter of "name=value;name=value", without regard to the case of its name;
// nullopt if it is not there.
std::optional<std::string_view> format_parameter(std::string_view fmtp, std::string_view name);

// What of profile-level-id tells a profile from another (RFC 6184, section 8.1, table 5):
// profile_idc and the canonical constraint flags. Without the parameter it is Constrained Baseline,
// as browsers read it. nullopt if it is malformed.
std::optional<uint16_t> h264_profile(std::string_view fmtp);
inline constexpr uint16_t kH264ConstrainedBaseline = 0x42e0;

// How well the stream that its sender described by `stream` fits a format that a receiver offered:
// 0 exactly; the higher, the more the receiver has said to be able to do than the stream needs, or
// the more the stream asks beyond its wishes. nullopt: it may not be sent under that format.
//
// H.264: a packetization mode includes the lower ones (RFC 6184, section 6.3), a profile includes
// those whose streams its decoders decode (ITU-T H.264, section A.2). AV1: a profile includes the
// lower ones (AV1, section A.2). The profiles of VP9 exclude each other: they tell the bit
// depth and the subsampling. Levels and tiers are wishes (decision 22), and every Opus decoder
// decodes every Opus stream.
std::optional<int> format_distance(wire::Codec codec, std::string_view stream,
                                   std::string_view offered);

// 0 is what every viewer decodes; higher is worse; nullopt cannot be forwarded (H.264 interleaved,
// malformed profiles).
std::optional<int> format_rank(wire::Codec codec, std::string_view fmtp);

// The parameters that an answer repeats. The others describe the sender's stream (sprop-...) or
// limit what we would send to it.
std::string answered_parameters(wire::Codec codec, std::string_view fmtp);

}  // namespace loopcast::rtc
