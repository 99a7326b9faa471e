#include "sim/media_sender.h"

#include <algorithm>
#include <array>

#include "sim/synthetic_media.h"
#include "wire/rtp_extensions.h"

namespace loopcast::sim {
namespace {

using wire::ExtensionKind;

constexpr Duration kAudioInterval = Duration::millis(20);
constexpr uint8_t kProbePadding = 224;  // libwebrtc's

}  // namespace

MediaSender::MediaSender(const Agreed& agreed, const Sources& sources, const SenderOptions& options,
                         const Random::Seed& seed)
    : agreed_(agreed), options_(options), random_(seed), pacer_(options.pacing) {
  for (const AgreedMedia& media : agreed_.media) {
    if (!media.send) continue;
    const bool video = media.kind == rtc::MediaKind::kVideo;
    Stream& stream = video ? video_ : audio_;
    stream.media = &media;
    stream.ssrc = video ? sources.video : sources.audio;
    stream.rtx_ssrc = sources.video_rtx;
    stream.clock_rate = wire::codec_clock_rate(media.codec);
    stream.index = options_.first_sequence.value_or(random_.below(1 << 15));
    stream.rtx_index = random_.below(1 << 15);
    stream.first_timestamp = options_.first_timestamp.value_or(random_.u32());
  }
  transport_told_.resize(1);
}

void MediaSender::start(Instant now) {
  if (video_.media) next_frame_ = now;
  if (audio_.media) next_audio_ = now + Duration::millis(7);
  if (options_.probe_interval > Duration() && video_.media)
    next_probe_ = now + options_.probe_interval;
  next_report_ = now + kReportInterval;
}

uint32_t MediaSender::timestamp(const Stream& stream, Instant captured) const {
  return stream.first_timestamp +
         static_cast<uint32_t>(captured.us() * stream.clock_rate / 1'000'000);
}

void MediaSender::send(Instant now, Stream& stream, const wire::RtpHeader& header, int64_t index,
                       Bytes payload, PacketOut& out) {
  const AgreedMedia& media = *stream.media;
  std::array<wire::RtpExtension, 4> extensions;
  size_t count = 0;
  const auto add = [&](ExtensionKind kind, Bytes value) {
    if (const uint8_t id = media.extension_id(kind)) extensions[count++] = {id, value};
  };
  const auto level = wire::encode_audio_level({true, 30});
  if (media.kind == rtc::MediaKind::kAudio) add(ExtensionKind::kAudioLevel, level);
  const auto send_time = wire::encode_abs_send_time(now);
  add(ExtensionKind::kAbsSendTime, send_time);
  const auto number = wire::encode_transport_cc(static_cast<uint16_t>(transport_sequence_));
  if (media.transport_cc) {
    add(ExtensionKind::kTransportCc, number);
    ++transport_sequence_;
  }
  add(ExtensionKind::kMid, as_bytes(media.mid));
  out.send_rtp(header, index, {extensions.data(), count}, payload);
}

void MediaSender::send_media(Instant now, Stream& stream, uint32_t timestamp, bool marker,
                             std::vector<uint8_t> payload, PacketOut& out) {
  const int64_t index = stream.index++;
  const wire::RtpHeader header{marker, stream.media->payload_type,
                               Seq16{static_cast<uint16_t>(index)}, timestamp, stream.ssrc};
  send(now, stream, header, index, payload, out);
  ++stream.packets;
  stream.octets += static_cast<uint32_t>(payload.size());
  while (!stream.history.empty() && stream.history.front().at + kHistory < now)
    stream.history.pop_front();
  stream.history.push_back({index, header, std::move(payload), now});
}

void MediaSender::take_frame(Instant now) {
  ++frame_;
  Sample sample;
  sample.frame = frame_;
  sample.keyframe = keyframe_wanted_ || (options_.keyframe_interval > Duration() &&
                                         now >= last_keyframe_ + options_.keyframe_interval);
  if (sample.keyframe) last_keyframe_ = now;
  sample.captured_us = now.us();
  keyframe_wanted_ = false;
  keyframes_ += sample.keyframe ? 1 : 0;
  const auto bytes = static_cast<size_t>(
      static_cast<double>(sample.keyframe ? options_.keyframe_bytes : options_.frame_bytes) *
      (0.6 + 0.8 * random_.unit()));
  // Equal pieces but for one byte, the smaller ones first, as libwebrtc makes them.
  size_t packets = std::max<size_t>(1, (bytes + options_.packet_bytes - 1) / options_.packet_bytes);
  const size_t each = bytes / packets, larger = bytes % packets;
  if (sample.keyframe && video_.media->codec == wire::Codec::kH264) ++packets;  // parameter sets
  sample.packets = static_cast<uint16_t>(packets);
  for (size_t i = 0; i < packets; ++i) {
    sample.packet = static_cast<uint16_t>(i);
    const bool parameters = sample.keyframe && i == 0 && video_.media->codec == wire::Codec::kH264;
    waiting_.push_back({sample, parameters ? 0 : each + (packets - i <= larger ? 1 : 0)});
  }
}

void MediaSender::send_waiting(Instant now, PacketOut& out) {
  for (; !waiting_.empty() && pacer_.next() <= now; waiting_.pop_front()) {
    auto& [sample, bytes] = waiting_.front();
    sample.sent_us = now.us();
    const Instant captured = Instant::from_us(sample.captured_us);
    send_media(now, video_, timestamp(video_, captured), sample.packet + 1 == sample.packets,
               write_sample(video_.media->codec, sample, bytes), out);
    pacer_.note_sent(now, bytes);
    video_.last_capture = captured;
  }
}

void MediaSender::send_audio(Instant now, PacketOut& out) {
  Sample sample;
  sample.frame = ++audio_packet_;
  sample.captured_us = sample.sent_us = now.us();
  send_media(now, audio_, timestamp(audio_, now), audio_packet_ == 1,
             write_sample(wire::Codec::kOpus, sample, options_.audio_bytes), out);
  audio_.last_capture = now;
}

void MediaSender::send_probe(PacketOut& out) {
  ++probes_;
  const bool rtx = options_.probe_by_rtx && video_.media->rtx_payload_type;
  const int64_t index = rtx ? video_.rtx_index++ : video_.index++;
  const wire::RtpHeader header{
      false, rtx ? *video_.media->rtx_payload_type : video_.media->payload_type,
      Seq16{static_cast<uint16_t>(index)}, timestamp(video_, video_.last_capture),
      rtx ? video_.rtx_ssrc : video_.ssrc};
  std::array<uint8_t, 300> packet{};
  const auto number = wire::encode_transport_cc(static_cast<uint16_t>(transport_sequence_));
  const wire::RtpExtension extension{video_.media->extension_id(ExtensionKind::kTransportCc),
                                     number};
  const size_t header_size = wire::write_rtp_header(
      packet, header, {&extension, video_.media->transport_cc ? size_t{1} : size_t{0}});
  if (video_.media->transport_cc) ++transport_sequence_;
  packet[0] |= 0x20;
  packet[header_size + kProbePadding - 1] = kProbePadding;
  out.send_raw_rtp(Bytes(packet).first(header_size + kProbePadding), header_size, index);
}

void MediaSender::send_reports(Instant now, PacketOut& out) {
  for (const Stream* stream : {&audio_, &video_}) {
    if (!stream->media || stream->packets == 0) continue;
    std::array<uint8_t, 256> buffer;
    ByteWriter w(buffer);
    wire::write_sender_report(w, stream->ssrc,
                              wire::ntp_from_wall(WallTime{options_.epoch.us + now.us()}),
                              timestamp(*stream, now), stream->packets, stream->octets, {});
    wire::write_sdes_cname(w, stream->ssrc, "simulated");
    out.send_rtcp(w.written());
  }
}

void MediaSender::handle_timeout(Instant now, PacketOut& out) {
  if (now >= next_frame_) {
    if (!paused_) take_frame(now);
    next_frame_ = next_frame_ + options_.frame_interval;
  }
  if (!paused_) send_waiting(now, out);
  if (now >= next_audio_) {
    if (!paused_) send_audio(now, out);
    next_audio_ = next_audio_ + kAudioInterval;
  }
  if (now >= next_probe_) {
    if (!paused_) send_probe(out);
    next_probe_ = next_probe_ + options_.probe_interval;
  }
  if (now >= next_report_) {
    if (!paused_) send_reports(now, out);
    next_report_ = next_report_ + kReportInterval;
  }
}

Instant MediaSender::next_timeout() const {
  const Instant next_waiting = waiting_.empty() || paused_ ? Instant::never() : pacer_.next();
  return std::min({next_frame_, next_audio_, next_probe_, next_report_, next_waiting});
}

void MediaSender::retransmit(Instant now, Ssrc media, Seq16 sequence, PacketOut& out) {
  Stream& stream = media == video_.ssrc ? video_ : audio_;
  if (!stream.media || stream.ssrc != media) return;
  ++nacked_;
  for (const Sent& sent : stream.history) {
    if (sent.header.sequence != sequence || sent.at + kHistory < now) continue;
    ++retransmitted_;
    if (!stream.media->rtx_payload_type) {
      send(now, stream, sent.header, sent.index, sent.payload, out);
      return;
    }
    std::vector<uint8_t> payload(2 + sent.payload.size());
    store_u16(payload.data(), sequence.value);
    std::copy(sent.payload.begin(), sent.payload.end(), payload.begin() + 2);
    wire::RtpHeader header = sent.header;
    const int64_t index = stream.rtx_index++;
    header.payload_type = *stream.media->rtx_payload_type;
    header.sequence = Seq16{static_cast<uint16_t>(index)};
    header.ssrc = stream.rtx_ssrc;
    send(now, stream, header, index, payload, out);
    return;
  }
}

void MediaSender::take_transport_feedback(const wire::TransportFeedback& feedback) {
  feedback.for_each([&](Seq16 sequence, bool received, Duration) {
    const int64_t number = transport_extender_.extend(sequence) - (1 << 16);
    if (number < 0 || number >= transport_sequence_) return;
    if (transport_told_.size() <= static_cast<size_t>(number))
      transport_told_.resize(static_cast<size_t>(number) + 1);
    Told& told = transport_told_[static_cast<size_t>(number)];
    if (told == Told::kReceived || (told == Told::kLost && !received)) return;
    if (told == Told::kLost) --told_lost_;
    told = received ? Told::kReceived : Told::kLost;
    ++(received ? told_received_ : told_lost_);
  });
}

void MediaSender::want_keyframe() {
  ++keyframe_requests_;
  keyframe_wanted_ = true;
}

void MediaSender::handle_rtcp(Instant now, const wire::RtcpPacket& packet, PacketOut& out) {
  if (const auto nack = wire::parse_nack(packet)) {
    nack->for_each([&](Seq16 sequence) { retransmit(now, nack->media, sequence, out); });
  } else if (const auto pli = wire::parse_pli(packet)) {
    if (pli->media == video_.ssrc) want_keyframe();
  } else if (const auto fir = wire::parse_fir(packet)) {
    for (size_t i = 0; i < fir->size(); ++i) {
      if ((*fir)[i].ssrc != video_.ssrc || last_fir_ == (*fir)[i].sequence) continue;
      last_fir_ = (*fir)[i].sequence;
      want_keyframe();
    }
  } else if (const auto feedback = wire::parse_transport_feedback(packet)) {
    take_transport_feedback(*feedback);
  } else {
    const auto sender = wire::parse_sender_report(packet);
    const auto receiver = wire::parse_receiver_report(packet);
    const wire::ReportBlocks blocks =
        sender ? sender->blocks : (receiver ? receiver->blocks : wire::ReportBlocks());
    for (size_t i = 0; i < blocks.size(); ++i)
      if (blocks[i].ssrc == video_.ssrc) video_report_ = blocks[i];
  }
}

void MediaSender::restart_sequence(int jump) {
  video_.index += jump;
  audio_.index += jump;
}

void MediaSender::change_sources() {
  for (Stream* stream : {&video_, &audio_}) {
    stream->ssrc = Ssrc{random_.u32() | 1};
    stream->rtx_ssrc = Ssrc{random_.u32() | 1};
    stream->index = random_.below(1 << 15);
    stream->rtx_index = random_.below(1 << 15);
    stream->first_timestamp = random_.u32();
    stream->packets = stream->octets = 0;
    stream->history.clear();
  }
  waiting_.clear();
  keyframe_wanted_ = true;
}

}  // namespace loopcast::sim
