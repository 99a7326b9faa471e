#include "sim/media_receiver.h"

#include <algorithm>
#include <array>
#include <cstdlib>

namespace loopcast::sim {
namespace {

// Frames that may be on their way when a test ends.
constexpr uint32_t kUnderWay = 20;
constexpr size_t kSeenNumbers = 4096;
constexpr size_t kMaxNackBatch = 100;
constexpr Duration kMinRepeat = Duration::millis(20);
// Rounding of two conversions between ticks and microseconds.
constexpr int64_t kTickTolerance = 2;

}  // namespace

void Violations::add(std::string what) {
  if (list_.size() < kMax) list_.push_back(std::move(what));
}

double StreamFigures::in_time_share() const {
  if (first == 0 || last_seen < first + 2 * kUnderWay) return 0;
  const auto expected = static_cast<double>(last_seen - kUnderWay - first + 1);
  return std::min(1.0, static_cast<double>(in_time) / expected);
}

MediaReceiver::MediaReceiver(const AgreedMedia& media, Violations& violations)
    : media_(media), violations_(violations), clock_rate_(wire::codec_clock_rate(media.codec)) {}

bool MediaReceiver::note_sequence(Instant now, int64_t index, bool recovered) {
  if (!seen_.emplace(index, true).second) {
    ++figures_.duplicates;
    return false;
  }
  if (seen_.size() > kSeenNumbers) seen_.erase(seen_.begin());
  ++figures_.packets;
  if (recovered) ++figures_.recovered;
  if (first_packet_.is_never()) {
    first_packet_ = now;
    first_index_ = index;
    keyframe_due_ = now + kWaitForKeyframe;
  }
  last_packet_ = now;
  missing_.erase(index);
  return true;
}

void MediaReceiver::handle_packet(Instant now, const wire::RtpPacket& packet, bool recovered) {
  const bool started = sequence_.started();
  const int64_t before = sequence_.highest();
  if (recovered && !started) return;
  const int64_t index =
      recovered ? sequence_.peek(packet.sequence) : sequence_.extend(packet.sequence);
  if (recovered && index > before)
    violations_.add("a retransmission of number " + std::to_string(index) +
                    ", which was never sent");
  if (!note_sequence(now, index, recovered)) return;
  if (started && index > before + 1) {
    if (index - before > static_cast<int64_t>(kMaxMissing))
      violations_.add("sequence numbers jump from " + std::to_string(before) + " to " +
                      std::to_string(index));
    else if (media_.nack)
      for (int64_t i = before + 1; i < index; ++i)
        missing_.emplace(i, Missing{now + kReorderWait, 0});
  }
  if (packet.payload.empty()) return;
  const auto sample = read_sample(media_.codec, packet.payload);
  if (!sample) {
    violations_.add("a payload is damaged: number " + std::to_string(index));
    return;
  }
  note_sample(now, index, packet, *sample);
}

void MediaReceiver::check_timestamp(const wire::RtpPacket& packet, const Sample& sample) {
  const auto ticks = static_cast<uint32_t>(sample.captured_us * clock_rate_ / 1'000'000);
  const uint32_t base = packet.timestamp - ticks;
  const auto off = timestamp_base_ ? static_cast<int32_t>(base - *timestamp_base_) : 0;
  // Where a new start comes out is known as well as packets arrive.
  if (std::abs(off) > (forgiving_ ? static_cast<int32_t>(clock_rate_ / 4) : 0))
    violations_.add("the timestamp of frame " + std::to_string(sample.frame) + " is off by " +
                    std::to_string(off));
  timestamp_base_ = base;
}

void MediaReceiver::check_neighbours(uint32_t number, const Frame& frame) {
  if (forgiving_) return;
  const auto before = frames_.find(number - 1), after = frames_.find(number + 1);
  if (before != frames_.end() && before->second.base + before->second.packets != frame.base)
    violations_.add("frame " + std::to_string(number) + " begins at " + std::to_string(frame.base) +
                    ", but the one before it ends before " +
                    std::to_string(before->second.base + before->second.packets));
  if (after != frames_.end() && frame.base + frame.packets != after->second.base)
    violations_.add("frame " + std::to_string(number) + " ends before " +
                    std::to_string(frame.base + frame.packets) +
                    ", but the one after it begins at " + std::to_string(after->second.base));
}

void MediaReceiver::note_sample(Instant now, int64_t index, const wire::RtpPacket& packet,
                                const Sample& sample) {
  check_timestamp(packet, sample);
  latency_.add(Duration::micros(now.us() - sample.sent_us));
  figures_.last_seen = std::max(figures_.last_seen, sample.frame);
  if (!frames_.empty() && frames_.size() == kMaxFrames && sample.frame < frames_.begin()->first)
    return;
  auto [it, added] = frames_.try_emplace(sample.frame);
  Frame& frame = it->second;
  if (added) {
    frame = {index - sample.packet, sample.packets,     0,    packet.timestamp,
             sample.keyframe,       sample.captured_us, false};
    check_neighbours(sample.frame, frame);
    if (frames_.size() > kMaxFrames) frames_.erase(frames_.begin());
  } else if (frame.base != index - sample.packet && !forgiving_) {
    violations_.add("packet " + std::to_string(sample.packet) + " of frame " +
                    std::to_string(sample.frame) + " has number " + std::to_string(index) +
                    ", not " + std::to_string(frame.base + sample.packet));
  }
  const bool last = sample.packet + 1 == sample.packets;
  if (media_.kind == rtc::MediaKind::kVideo && packet.marker != last)
    violations_.add("the marker of frame " + std::to_string(sample.frame) + " is wrong");
  ++frame.arrived;
  if (!frame.complete()) return;
  // What is replayed to us when we join may have been taken long ago.
  const Instant due = std::max(Instant::from_us(frame.captured_us), first_packet_);
  frame.in_time = now - due <= StreamFigures::kInTime;
  if (frame.in_time) ++figures_.in_time;
  decode(now);
}

void MediaReceiver::decode(Instant now) {
  if (media_.kind == rtc::MediaKind::kAudio) {
    // Each packet stands for itself; what comes late is not played.
    const auto latest = std::prev(frames_.end());
    if (latest->first > decoded_ && latest->second.complete())
      show(now, latest->first, latest->second);
    return;
  }
  while (true) {
    auto next = frames_.find(decoded_ + 1);
    if (decoded_ == 0 || next == frames_.end() || !next->second.complete()) {
      next = std::find_if(frames_.upper_bound(decoded_), frames_.end(),
                          [](const auto& f) { return f.second.keyframe && f.second.complete(); });
    }
    if (next == frames_.end()) return;
    show(now, next->first, next->second);
  }
}

void MediaReceiver::show(Instant now, uint32_t number, const Frame& frame) {
  decoded_ = number;
  ++figures_.decoded;
  if (figures_.first == 0) {
    figures_.first = number;
    figures_.first_at = now;
    // What came of earlier frames does not count.
    figures_.in_time = 0;
    for (auto it = frames_.find(number); it != frames_.end(); ++it)
      figures_.in_time += it->second.in_time ? 1 : 0;
  } else {
    const Duration gap = now - figures_.last_at;
    figures_.longest_gap = std::max(figures_.longest_gap, gap);
    if (gap > StreamFigures::kFreeze) ++figures_.freezes;
  }
  figures_.last_at = now;
  const Duration latency = now - Instant::from_us(frame.captured_us);
  figures_.worst_latency = std::max(figures_.worst_latency, latency);
  keyframe_due_ = now + kWaitForFrame;
  if (!report_) return;
  const auto ticks = static_cast<int32_t>(frame.timestamp - report_->rtp_timestamp);
  const int64_t wall =
      wire::wall_from_ntp(report_->ntp).us + int64_t{ticks} * 1'000'000 / clock_rate_;
  clock_offset_ = wall - frame.captured_us;
}

void MediaReceiver::handle_sender_report(Instant now, const wire::SenderReport& report) {
  if (report_) {
    if (static_cast<int32_t>(report.packets - report_->packets) < 0)
      violations_.add("a sender report counts fewer packets than the one before");
    const auto ticks = static_cast<int32_t>(report.rtp_timestamp - report_->rtp_timestamp);
    const int64_t us = wire::wall_from_ntp(report.ntp).us - wire::wall_from_ntp(report_->ntp).us;
    const int64_t expected = us * clock_rate_ / 1'000'000;
    // The presenter's clock may be measured anew by every report: a network's jitter.
    if (!forgiving_ && std::abs(ticks - expected) > clock_rate_ / 5 + kTickTolerance)
      violations_.add("a sender report's clock jumps by " + std::to_string(ticks - expected) +
                      " ticks");
  }
  report_ = report;
  report_->blocks = {};
  report_at_ = now;
}

bool MediaReceiver::stuck(Instant now) const {
  return media_.kind == rtc::MediaKind::kVideo && media_.pli && now >= keyframe_due_ &&
         now - last_packet_ < kWaitForFrame;
}

bool MediaReceiver::write_feedback(Instant now, ByteWriter& w, Ssrc us, Duration round_trip) {
  bool written = false;
  const Duration repeat = std::max(kMinRepeat, round_trip + round_trip / 4);
  std::array<Seq16, kMaxNackBatch> numbers;
  size_t count = 0;
  for (auto it = missing_.begin(); it != missing_.end() && count < numbers.size();) {
    auto& [index, missing] = *it;
    if (missing.due > now) {
      ++it;
      continue;
    }
    if (missing.tries == kMaxTries) {
      ++figures_.missed;
      keyframe_wanted_ = media_.kind == rtc::MediaKind::kVideo;
      it = missing_.erase(it);
      continue;
    }
    numbers[count++] = Seq16{static_cast<uint16_t>(index)};
    missing.due = now + repeat;
    ++missing.tries;
    ++it;
  }
  if (count > 0 && media_.remote_ssrc) {
    written = wire::write_nack(w, us, *media_.remote_ssrc, {numbers.data(), count});
    figures_.nacks += count;
  }
  if (stuck(now)) keyframe_wanted_ = true;
  if (keyframe_wanted_ && media_.pli && media_.remote_ssrc) {
    keyframe_wanted_ = false;
    keyframe_due_ = now + (figures_.first == 0 ? kWaitForKeyframe : kWaitForFrame);
    ++figures_.keyframe_requests;
    written |= wire::write_pli(w, us, *media_.remote_ssrc);
  }
  return written;
}

Instant MediaReceiver::next_timeout() const {
  Instant at = Instant::never();
  for (const auto& [index, missing] : missing_) at = std::min(at, missing.due);
  if (media_.kind == rtc::MediaKind::kVideo && media_.pli && !keyframe_due_.is_never() &&
      keyframe_due_ < last_packet_ + kWaitForFrame)
    at = std::min(at, keyframe_due_);
  return at;
}

wire::ReportBlock MediaReceiver::take_report(Instant now) {
  wire::ReportBlock block;
  block.ssrc = media_.remote_ssrc.value_or(Ssrc{});
  if (!sequence_.started()) return block;
  const int64_t expected = sequence_.highest() - first_index_ + 1;
  const int64_t lost = expected - static_cast<int64_t>(figures_.packets);
  block.cumulative_lost = static_cast<int32_t>(std::clamp<int64_t>(lost, 0, 0x7fffff));
  const int64_t expected_now = std::max<int64_t>(1, expected - reported_expected_);
  const int64_t lost_now =
      expected_now - static_cast<int64_t>(figures_.packets - reported_packets_);
  block.fraction_lost =
      static_cast<uint8_t>(std::clamp<int64_t>((lost_now << 8) / expected_now, 0, 255));
  reported_expected_ = expected;
  reported_packets_ = figures_.packets;
  block.highest_sequence = static_cast<uint32_t>(sequence_.highest() - (1 << 16));
  if (report_) {
    block.last_sr = wire::compact_ntp(report_->ntp);
    block.delay_since_last_sr = wire::compact_from_duration(now - report_at_);
  }
  return block;
}

}  // namespace loopcast::sim
