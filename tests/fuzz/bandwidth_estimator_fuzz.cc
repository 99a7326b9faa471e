// The estimate of a viewer's bandwidth, from whatever feedback says of whatever was sent. The input
// is a series of steps: one byte of what was sent (number of packets and their size), one of the
// time that passes, one of length, and so many bytes of a feedback message from its base sequence
// on. The base sequence counts back from the next number, as almost all others are ignored.
#include <algorithm>
#include <cstdlib>
#include <vector>

#include "rtc/bandwidth_estimator.h"

using namespace loopcast;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  ByteReader in({data, size});
  rtc::SendHistory history;
  rtc::BandwidthEstimator estimator;
  Instant now = Instant::from_us(1'000'000);
  while (in.remaining() >= 3) {
    const uint8_t sent = in.u8();
    const int64_t passed = in.u8();
    history.add(now, sent & 0x1F, size_t{sent} * 100);
    now = now + Duration::micros(passed * passed * 100);
    const size_t length = in.u8();
    const Bytes fields = in.bytes(std::min(length, in.remaining()));

    std::vector<uint8_t> body(8 + fields.size());
    std::copy(fields.begin(), fields.end(), body.begin() + 8);
    if (fields.size() >= 2)
      store_u16(&body[8], static_cast<uint16_t>(history.next() - load_u16(fields.data())));
    const auto feedback = wire::parse_transport_feedback(
        {wire::kFeedbackTransportWide, wire::kRtcpTransportFeedback, body});
    if (!feedback) continue;
    estimator.on_feedback(now, *feedback, history, Duration::millis(passed));

    if (!(estimator.loss() >= 0 && estimator.loss() <= 1)) std::abort();
    const auto estimate = estimator.estimate();
    if (estimate &&
        (*estimate < rtc::BandwidthEstimator::kMin || *estimate > rtc::BandwidthEstimator::kMax))
      std::abort();
    const auto rate = estimator.receive_rate();
    if (rate && rate->bps < 0) std::abort();
  }
  return 0;
}
