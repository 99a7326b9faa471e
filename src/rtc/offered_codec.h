// The codecs of one section of an offer.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/units.h"
#include "wire/codec.h"
#include "wire/sdp.h"

namespace loopcast::rtc {

struct OfferedCodec {
  wire::Codec codec = wire::Codec::kOpus;
  PayloadType payload_type = 0;
  std::optional<PayloadType> rtx_payload_type;
  std::string_view fmtp;  // of the description that it was read from
};

// Those that this server forwards, in the order of the m-line: known by a=rtpmap with the clock
// rate of their specification, of the kind of the section, and in a format that format_rank knows.
std::vector<OfferedCodec> offered_codecs(const wire::MediaDescription& section);

// The first of `preference` that is offered, in its best format (format_rank, then order).
std::optional<OfferedCodec> choose_codec(std::span<const OfferedCodec> offered,
                                         std::span<const wire::Codec> preference);

// The nearest, and of those the first, under which a stream of `codec` with the parameters `fmtp`
// may be sent (format_distance).
std::optional<OfferedCodec> match_codec(std::span<const OfferedCodec> offered, wire::Codec codec,
                                        std::string_view fmtp);

}  // namespace loopcast::rtc
