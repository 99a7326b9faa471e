#include "rtc/format_parameters.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <initializer_list>
#include <span>

#include "wire/text.h"

namespace loopcast::rtc {
namespace {

using wire::Codec;
using wire::equal_ignoring_case;
using wire::take_until;
using wire::trim;

// RFC 6184, section 8.1, table 5: a profile_idc whose constraint flags, masked, equal `flags` is
// the profile `canonical`. The last line is no part of it: Constrained High, as browsers spell it.
struct ProfilePattern {
  uint8_t idc;
  uint8_t mask;
  uint8_t flags;
  uint16_t canonical;
};
constexpr std::array<ProfilePattern, 10> kProfiles{{
    {0x42, 0x4f, 0x40, kH264ConstrainedBaseline},
    {0x4d, 0x8f, 0x80, kH264ConstrainedBaseline},
    {0x58, 0xcf, 0xc0, kH264ConstrainedBaseline},
    {0x42, 0x4f, 0x00, 0x4200},  // Baseline
    {0x58, 0xcf, 0x80, 0x4200},
    {0x4d, 0xaf, 0x00, 0x4d00},  // Main
    {0x58, 0xcf, 0x00, 0x5800},  // Extended
    {0x64, 0xff, 0x00, 0x6400},  // High
    {0xf4, 0xff, 0x00, 0xf400},  // High 4:4:4 Predictive
    {0x64, 0xff, 0x0c, 0x640c},
}};

constexpr std::array<std::string_view, 3> kOpusAnswered{"minptime", "useinbandfec", "stereo"};
constexpr std::array<std::string_view, 3> kH264Answered{"level-asymmetry-allowed",
                                                        "packetization-mode", "profile-level-id"};
constexpr std::array<std::string_view, 1> kVp9Answered{"profile-id"};
constexpr std::array<std::string_view, 3> kAv1Answered{"profile", "level-idx", "tier"};

std::span<const std::string_view> answered_names(Codec codec) {
  switch (codec) {
    case Codec::kOpus:
      return kOpusAnswered;
    case Codec::kH264:
      return kH264Answered;
    case Codec::kVp9:
      return kVp9Answered;
    case Codec::kAv1:
      return kAv1Answered;
    case Codec::kVp8:
      break;
  }
  return {};
}

// 0 if it is absent; nullopt if it is malformed.
std::optional<uint8_t> numeric_parameter(std::string_view fmtp, std::string_view name) {
  const auto value = format_parameter(fmtp, name);
  return value ? wire::parse_decimal<uint8_t>(*value) : uint8_t{0};
}

std::optional<uint8_t> packetization_mode(std::string_view fmtp) {
  return numeric_parameter(fmtp, "packetization-mode");
}

// Of VP9 and AV1.
std::optional<uint8_t> numbered_profile(Codec codec, std::string_view fmtp) {
  return numeric_parameter(fmtp, codec == Codec::kVp9 ? "profile-id" : "profile");
}

// Profiles, each before those whose decoders decode its streams as well (ITU-T H.264, section A.2).
struct ProfileOrder {
  uint16_t profile;
  std::initializer_list<uint16_t> wider;  // the nearest first
};
const std::array<ProfileOrder, 5> kWiderProfiles{{
    {kH264ConstrainedBaseline, {0x4200, 0x4d00, 0x640c, 0x6400, 0x5800, 0xf400}},
    {0x4200, {0x5800}},
    {0x4d00, {0x6400, 0xf400}},
    {0x640c, {0x6400, 0xf400}},
    {0x6400, {0xf400}},
}};

std::optional<int> h264_profile_distance(std::optional<uint16_t> stream,
                                         std::optional<uint16_t> offered) {
  if (!stream || !offered) return std::nullopt;
  if (*stream == *offered) return 0;
  for (const ProfileOrder& order : kWiderProfiles) {
    if (order.profile != *stream) continue;
    const auto* found = std::find(order.wider.begin(), order.wider.end(), *offered);
    if (found != order.wider.end()) return static_cast<int>(found - order.wider.begin()) + 1;
  }
  return std::nullopt;
}

// level_idc out of "...ll", hexadecimal and of `digits`; 0 if it is absent or malformed.
unsigned level_idc(std::string_view fmtp, std::string_view name, size_t digits) {
  const auto text = format_parameter(fmtp, name);
  if (!text || text->size() != digits) return 0;
  const std::string_view last = text->substr(digits - 2);
  unsigned level = 0;
  const auto [end, error] = std::from_chars(last.data(), last.data() + 2, level, 16);
  return error == std::errc() && end == last.data() + 2 ? level : 0;
}
unsigned h264_level(std::string_view fmtp) { return level_idc(fmtp, "profile-level-id", 6); }
// RFC 6184, section 8.1: max-recv-level, where it is given, is that of receiving.
unsigned h264_receive_level(std::string_view fmtp) {
  return std::max(h264_level(fmtp), level_idc(fmtp, "max-recv-level", 4));
}

// The tier counts more. Without them it is level 3.1 of the main tier.
unsigned av1_level(std::string_view fmtp) {
  constexpr uint8_t kLevel31 = 5;
  const unsigned level = format_parameter(fmtp, "level-idx")
                             ? numeric_parameter(fmtp, "level-idx").value_or(kLevel31)
                             : kLevel31;
  return 256u * numeric_parameter(fmtp, "tier").value_or(0) + level;
}

}  // namespace

std::optional<std::string_view> format_parameter(std::string_view fmtp, std::string_view name) {
  while (!fmtp.empty()) {
    std::string_view value = take_until(fmtp, ';');
    if (equal_ignoring_case(trim(take_until(value, '=')), name)) return trim(value);
  }
  return std::nullopt;
}

std::optional<uint16_t> h264_profile(std::string_view fmtp) {
  const auto text = format_parameter(fmtp, "profile-level-id");
  if (!text) return kH264ConstrainedBaseline;
  uint32_t id = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), id, 16);
  if (text->size() != 6 || error != std::errc() || end != text->data() + text->size())
    return std::nullopt;
  const auto idc = static_cast<uint8_t>(id >> 16);
  const auto flags = static_cast<uint8_t>(id >> 8);
  for (const ProfilePattern& p : kProfiles)
    if (p.idc == idc && (flags & p.mask) == p.flags) return p.canonical;
  return static_cast<uint16_t>(id >> 8);
}

std::optional<int> format_distance(Codec codec, std::string_view stream, std::string_view offered) {
  switch (codec) {
    case Codec::kH264: {
      const auto profiles = h264_profile_distance(h264_profile(stream), h264_profile(offered));
      const auto mode = packetization_mode(stream);
      const auto most = packetization_mode(offered);
      if (!profiles || !mode || !most || *mode > *most) return std::nullopt;
      const bool beyond = h264_level(stream) > h264_receive_level(offered);
      return 4 * *profiles + 2 * (*most - *mode) + (beyond ? 1 : 0);
    }
    case Codec::kVp9: {
      const auto profile = numbered_profile(codec, stream);
      return profile && profile == numbered_profile(codec, offered) ? std::optional(0)
                                                                    : std::nullopt;
    }
    case Codec::kAv1: {
      const auto profile = numbered_profile(codec, stream);
      const auto most = numbered_profile(codec, offered);
      if (!profile || !most || *profile > *most) return std::nullopt;
      const bool beyond = av1_level(stream) > av1_level(offered);
      return 2 * (*most - *profile) + (beyond ? 1 : 0);
    }
    case Codec::kOpus:
    case Codec::kVp8:
      return 0;
  }
  return std::nullopt;
}

std::optional<int> format_rank(Codec codec, std::string_view fmtp) {
  switch (codec) {
    case Codec::kH264: {
      const auto profile = h264_profile(fmtp);
      const auto mode = packetization_mode(fmtp);
      if (!profile || !mode || *mode > 1) return std::nullopt;
      return (*profile == kH264ConstrainedBaseline ? 0 : 2) + (*mode == 1 ? 0 : 1);
    }
    case Codec::kVp9:
    case Codec::kAv1: {
      const auto profile = numbered_profile(codec, fmtp);
      if (!profile) return std::nullopt;
      return *profile;
    }
    case Codec::kOpus:
    case Codec::kVp8:
      return 0;
  }
  return std::nullopt;
}

std::string answered_parameters(Codec codec, std::string_view fmtp) {
  const auto names = answered_names(codec);
  std::string out;
  while (!fmtp.empty()) {
    const std::string_view parameter = trim(take_until(fmtp, ';'));
    std::string_view rest = parameter;
    const std::string_view name = trim(take_until(rest, '='));
    const bool answered = std::any_of(names.begin(), names.end(), [name](std::string_view n) {
      return equal_ignoring_case(n, name);
    });
    if (!answered) continue;
    if (!out.empty()) out += ';';
    out += parameter;
  }
  return out;
}

}  // namespace loopcast::rtc
