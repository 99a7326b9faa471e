#include "rtc/offered_codec.h"

#include <algorithm>

#include "rtc/format_parameters.h"
#include "wire/text.h"

namespace loopcast::rtc {
namespace {

using wire::Codec;
using wire::MediaDescription;
using wire::RtpMap;

constexpr uint8_t kOpusChannels = 2;  // RFC 7587, section 7: always, even of mono

// RFC 5761, section 4: with rtcp-mux these look like RTCP.
constexpr bool conflicts_with_rtcp(PayloadType type) { return type >= 64 && type <= 95; }

const RtpMap* find_map(const MediaDescription& section, PayloadType type) {
  for (const RtpMap& map : section.rtpmaps)
    if (map.payload_type == type) return &map;
  return nullptr;
}

std::string_view find_fmtp(const MediaDescription& section, PayloadType type) {
  for (const wire::Fmtp& fmtp : section.fmtps)
    if (fmtp.payload_type == type) return fmtp.parameters;
  return {};
}

// Payload types of the m-line that have a map.
std::vector<const RtpMap*> mapped_formats(const MediaDescription& section) {
  std::vector<const RtpMap*> maps;
  for (const std::string& format : section.formats) {
    const auto type = wire::parse_decimal<PayloadType>(format);
    if (!type || conflicts_with_rtcp(*type)) continue;
    if (const RtpMap* map = find_map(section, *type)) maps.push_back(map);
  }
  return maps;
}

}  // namespace

std::vector<OfferedCodec> offered_codecs(const MediaDescription& section) {
  const std::vector<const RtpMap*> maps = mapped_formats(section);
  std::vector<OfferedCodec> codecs;
  for (const RtpMap* map : maps) {
    const auto codec = wire::codec_from_name(map->encoding);
    if (!codec || wire::is_video(*codec) != (section.media == "video") ||
        map->clock_rate != wire::codec_clock_rate(*codec) ||
        (*codec == Codec::kOpus && map->channels != kOpusChannels))
      continue;
    OfferedCodec offered{*codec, map->payload_type, std::nullopt,
                         find_fmtp(section, map->payload_type)};
    if (!format_rank(*codec, offered.fmtp)) continue;
    for (const RtpMap* rtx : maps) {
      if (!wire::equal_ignoring_case(rtx->encoding, "rtx") || rtx->clock_rate != map->clock_rate)
        continue;
      const auto apt = format_parameter(find_fmtp(section, rtx->payload_type), "apt");
      if (apt && wire::parse_decimal<PayloadType>(*apt) == map->payload_type) {
        offered.rtx_payload_type = rtx->payload_type;
        break;
      }
    }
    codecs.push_back(offered);
  }
  return codecs;
}

std::optional<OfferedCodec> choose_codec(std::span<const OfferedCodec> offered,
                                         std::span<const Codec> preference) {
  for (const Codec codec : preference) {
    const OfferedCodec* best = nullptr;
    for (const OfferedCodec& o : offered) {
      if (o.codec != codec) continue;
      if (best == nullptr || format_rank(codec, o.fmtp) < format_rank(codec, best->fmtp)) best = &o;
    }
    if (best != nullptr) return *best;
  }
  return std::nullopt;
}

std::optional<OfferedCodec> match_codec(std::span<const OfferedCodec> offered, Codec codec,
                                        std::string_view fmtp) {
  std::optional<OfferedCodec> nearest;
  int least = 0;
  for (const OfferedCodec& o : offered) {
    if (o.codec != codec) continue;
    const auto distance = format_distance(codec, fmtp, o.fmtp);
    if (!distance || (nearest && *distance >= least)) continue;
    nearest = o;
    least = *distance;
  }
  return nearest;
}

}  // namespace loopcast::rtc
