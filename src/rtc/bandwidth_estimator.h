// How many bits a second the way to a receiver carries, from its transport-wide feedback alone:
// Google congestion control (draft-ietf-rmcat-gcc-02) for a sender that cannot choose how much it
// sends. A broadcast sends what its presenter does, pauses with it, and does not probe.
#pragma once

#include <cstdint>
#include <optional>

#include "base/time.h"
#include "base/units.h"
#include "rtc/delay_trend.h"
#include "rtc/loss_meter.h"
#include "rtc/receive_rate.h"
#include "rtc/send_history.h"
#include "wire/transport_feedback.h"

namespace loopcast::rtc {

class BandwidthEstimator {
 public:
  // There is no estimate before so much was told of.
  static constexpr Duration kWarmUp = Duration::seconds(1);
  static constexpr uint32_t kMinPackets = 50;
  // Of an estimate.
  static constexpr Bitrate kMin = Bitrate::kbps(10);
  static constexpr Bitrate kMax = Bitrate::kbps(10'000'000);

  // Tells of one feedback message; `round_trip` as ICE measured it. Whatever the message says, the
  // work is bounded: by its length, and long ones count only if they tell of something new. A
  // message whose last number was not sent yet, or is forgotten, is ignored.
  void on_feedback(Instant now, const wire::TransportFeedback& feedback, const SendHistory& history,
                   Duration round_trip);

  // What the way carries; nullopt before enough feedback came. It does not grow beyond half as much
  // again as arrives, stays as it is while the source pauses or sends less, and is never less than
  // what arrives while no queue builds up.
  std::optional<Bitrate> estimate() const;
  // A queue is building up now, as of the latest feedback.
  bool overused() const { return trend_.usage() == DelayTrend::Usage::kOveruse; }
  // Share of packets lost over the last second or so, 0 to 1.
  double loss() const { return loss_.share(); }
  // What has arrived over the last second, pauses left out; nullopt soon after a pause.
  std::optional<Bitrate> receive_rate() const { return rate_.over(ReceiveRate::kLong); }

 private:
  void adjust(Instant now, Duration elapsed, Duration round_trip);
  void decrease(Instant now);
  void increase(Duration elapsed, Duration round_trip, Bitrate arriving);
  void limit_by_loss(Instant now, Duration round_trip, Bitrate arriving);

  DelayTrend trend_;
  ReceiveRate rate_;
  LossMeter loss_;
  uint32_t packets_ = 0;  // ever told of, up to kMinPackets
  std::optional<Instant> first_feedback_;
  Instant last_feedback_;
  double estimate_bps_ = 0;  // 0: none yet
  double capacity_bps_ = 0;  // what arrived when a queue built up last; 0: unknown
  std::optional<Instant> overused_since_;
  Instant last_decrease_;
  Instant last_loss_decrease_;
};

static_assert(sizeof(BandwidthEstimator) <= 1024, "it exists once for each viewer");

}  // namespace loopcast::rtc
