#include "record/depacketizer.h"

#include "record/av1.h"
#include "record/h264.h"
#include "record/vp8.h"
#include "record/vp9.h"

namespace loopcast::record {

std::unique_ptr<Depacketizer> make_depacketizer(wire::Codec codec, std::string_view fmtp) {
  switch (codec) {
    case wire::Codec::kH264:
      return std::make_unique<H264Depacketizer>(fmtp);
    case wire::Codec::kVp9:
      return std::make_unique<Vp9Depacketizer>();
    case wire::Codec::kAv1:
      return std::make_unique<Av1Depacketizer>();
    case wire::Codec::kVp8:
    case wire::Codec::kOpus:
      break;
  }
  return std::make_unique<Vp8Depacketizer>();
}

}  // namespace loopcast::record
