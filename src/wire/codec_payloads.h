// The payload formats behind inspect_payload(), one source file each. Payloads are not empty.
#pragma once

#include <optional>

#include "base/bytes.h"
#include "wire/codec.h"

namespace loopcast::wire {

std::optional<PayloadInfo> inspect_h264(Bytes payload, bool marker);  // RFC 6184
std::optional<PayloadInfo> inspect_vp8(Bytes payload, bool marker);   // RFC 7741
std::optional<PayloadInfo> inspect_vp9(Bytes payload, bool marker);   // RFC 9628
std::optional<PayloadInfo> inspect_av1(Bytes payload, bool marker);   // AV1 RTP specification

}  // namespace loopcast::wire
