// The format parameters of codecs (a=fmtp), and whether two of them mean the same stream.
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

// Whether a decoder that is promised the stream `a` can be given the stream `b`: packetization mode
// and profile of H.264 (levels may differ), profile of VP9 and AV1.
bool same_stream_format(wire::Codec codec, std::string_view a, std::string_view b);

// 0 is what every viewer decodes; higher is worse; nullopt cannot be forwarded (H.264 interleaved,
// malformed profiles).
std::optional<int> format_rank(wire::Codec codec, std::string_view fmtp);

// The parameters that an answer repeats. The others describe the sender's stream (sprop-...) or
// limit what we would send to it.
std::string answered_parameters(wire::Codec codec, std::string_view fmtp);

}  // namespace loopcast::rtc
