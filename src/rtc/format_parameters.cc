#include "rtc/format_parameters.h"

#include <algorithm>
#include <array>
#include <charconv>
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

bool same_stream_format(Codec codec, std::string_view a, std::string_view b) {
  switch (codec) {
    case Codec::kH264: {
      const auto profile = h264_profile(a);
      const auto mode = packetization_mode(a);
      return profile && mode && profile == h264_profile(b) && mode == packetization_mode(b);
    }
    case Codec::kVp9:
    case Codec::kAv1: {
      const auto profile = numbered_profile(codec, a);
      return profile && profile == numbered_profile(codec, b);
    }
    case Codec::kOpus:
    case Codec::kVp8:
      return true;
  }
  return false;
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
