#include "sim/packet_counter.h"

#include <array>
#include <vector>

#include <gtest/gtest.h>

#include "wire/rtp_extensions.h"

namespace loopcast::sim {
namespace {

constexpr Ssrc kVideo{10}, kRtx{11}, kUs{1};
constexpr uint8_t kTransportCcId = 3;

Agreed agreed() {
  AgreedMedia media;
  media.kind = rtc::MediaKind::kVideo;
  media.receive = media.transport_cc = true;
  media.remote_ssrc = kVideo;
  media.remote_rtx_ssrc = kRtx;
  media.extension_ids[static_cast<size_t>(wire::ExtensionKind::kTransportCc)] = kTransportCcId;
  Agreed agreed;
  agreed.media.push_back(media);
  return agreed;
}

Instant at(int64_t ms) { return Instant::from_us(1'000'000 + ms * 1000); }

void give(PacketCounter& counter, Instant now, Ssrc ssrc, int sequence, int transport) {
  std::array<uint8_t, 100> bytes{};
  const auto number = wire::encode_transport_cc(static_cast<uint16_t>(transport));
  const wire::RtpExtension extension{kTransportCcId, number};
  const wire::RtpHeader header{false, 96, Seq16{static_cast<uint16_t>(sequence)}, 0, ssrc};
  wire::write_rtp_header(bytes, header, {&extension, 1});
  const auto packet = wire::RtpPacket::parse_header(bytes);
  ASSERT_TRUE(packet);
  counter.handle_packet(now, *packet);
}

// The numbers that the next feedback message says have arrived.
std::vector<int> told(PacketCounter& counter, Instant now) {
  std::array<uint8_t, 1000> buffer;
  ByteWriter w(buffer);
  std::vector<int> numbers;
  if (!counter.write_transport_feedback(now, w, kUs)) return numbers;
  wire::RtcpReader reader(w.written());
  const auto packet = reader.next();
  const auto feedback = packet ? wire::parse_transport_feedback(*packet) : std::nullopt;
  if (feedback)
    feedback->for_each([&](Seq16 sequence, bool received, Duration) {
      if (received) numbers.push_back(sequence.value);
    });
  return numbers;
}

TEST(PacketCounter, CountsMediaAndReportsWhatIsMissing) {
  PacketCounter counter(agreed());
  for (const int sequence : {65534, 65535, 1, 2}) give(counter, at(0), kVideo, sequence, 0);
  give(counter, at(0), kRtx, 7, 0);
  give(counter, at(0), Ssrc{99}, 7, 0);
  EXPECT_EQ(counter.packets(), 4u);
  EXPECT_EQ(counter.retransmitted(), 1u);
  const auto blocks = counter.take_report(at(10));
  ASSERT_EQ(blocks.size(), 1u);
  EXPECT_EQ(blocks[0].ssrc, kVideo);
  EXPECT_EQ(blocks[0].cumulative_lost, 1);
  EXPECT_EQ(blocks[0].fraction_lost, 256 / 5);
  EXPECT_EQ(blocks[0].highest_sequence, 0x10002u);
}

TEST(PacketCounter, TellsWhenPacketsArrived) {
  PacketCounter counter(agreed());
  give(counter, at(0), kVideo, 1, 100);
  give(counter, at(5), kVideo, 3, 102);
  EXPECT_EQ(told(counter, at(5)), (std::vector{100, 102}));
  EXPECT_EQ(told(counter, at(5)), std::vector<int>());
}

TEST(PacketCounter, TakesWhatWasThinnedOutForArrived) {
  PacketCounter counter(agreed(), 4);
  give(counter, at(0), kVideo, 4, 100);
  give(counter, at(8), kVideo, 8, 104);
  EXPECT_EQ(told(counter, at(8)), std::vector{100});
  EXPECT_EQ(told(counter, at(12)), (std::vector{101, 102}));
  EXPECT_EQ(told(counter, at(16)), (std::vector{103, 104}));
  EXPECT_EQ(counter.take_report(at(9)).at(0).cumulative_lost, 0);
}

}  // namespace
}  // namespace loopcast::sim
