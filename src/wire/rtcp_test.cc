#include "wire/rtcp.h"

#include <limits>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wire/test_bytes.h"

namespace loopcast::wire {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;

constexpr Ssrc kSender{0x11111111};
constexpr Ssrc kMedia{0x22222222};
constexpr ReportBlock kBlock{kMedia, 64, -3, 0x00012345, 99, 0xaabbccdd, 0x00010000};

// What a writer appends to an empty buffer.
template <typename F>
std::vector<uint8_t> written(F&& write) {
  std::vector<uint8_t> out(1500);
  ByteWriter w(out);
  EXPECT_TRUE(write(w));
  out.resize(w.position());
  return out;
}

// The only packet of a datagram.
RtcpPacket only(const std::vector<uint8_t>& raw) {
  RtcpReader reader(raw);
  const auto packet = reader.next();
  EXPECT_TRUE(packet);
  EXPECT_FALSE(reader.next());
  EXPECT_TRUE(reader.ok());
  return packet.value_or(RtcpPacket{});
}

TEST(RtcpReader, WalksThroughACompound) {
  const auto raw = hex("80c90001 11111111 81ca0002 11111111 00000000 81ce0002 11111111 22222222");
  RtcpReader reader(raw);
  EXPECT_EQ(reader.next()->type, kRtcpReceiverReport);
  EXPECT_EQ(reader.next()->type, kRtcpSdes);
  const auto last = reader.next();
  EXPECT_EQ(last->type, kRtcpPayloadFeedback);
  EXPECT_EQ(last->count, kFeedbackPli);
  EXPECT_EQ(last->body.size(), 8u);
  EXPECT_FALSE(reader.next());
  EXPECT_TRUE(reader.ok());
}

TEST(RtcpReader, RemovesPaddingOfAnyPacket) {
  const auto raw = hex("a0c90002 11111111 00000004 a0c90002 11111111 22220002");
  RtcpReader reader(raw);
  EXPECT_EQ(reader.next()->body.size(), 4u);
  EXPECT_EQ(reader.next()->body.size(), 6u);
  EXPECT_TRUE(reader.ok());
}

TEST(RtcpReader, StopsAtWhatIsMalformed) {
  for (const auto* text : {
           "80c9",                    // no header
           "40c90001 11111111",       // another version
           "80c90002 11111111",       // longer than the datagram
           "a0c90000",                // padded, without a body
           "a0c90001 00000000",       // no padding in the padding
           "a0c90001 00000005",       // more padding than body
           "80c90001 11111111 80c9",  // something behind
       }) {
    const auto raw = hex(text);
    RtcpReader reader(raw);
    while (reader.next()) {
    }
    EXPECT_FALSE(reader.ok()) << text;
    EXPECT_FALSE(reader.next());
  }
  RtcpReader nothing{Bytes{}};
  EXPECT_FALSE(nothing.next());
  EXPECT_TRUE(nothing.ok());
}

TEST(Rtcp, SenderReport) {
  const auto raw = written([](ByteWriter& w) {
    const ReportBlock blocks[] = {kBlock, kBlock};
    return write_sender_report(w, kSender, 0x0123456789abcdef, 1, 2, 3, blocks);
  });
  EXPECT_THAT(Bytes(raw).first(52),
              ElementsAreArray(hex("82c80012 11111111 0123456789abcdef 00000001 00000002 00000003"
                                   "22222222 40fffffd 00012345 00000063 aabbccdd 00010000")));
  const auto report = parse_sender_report(only(raw));
  ASSERT_TRUE(report);
  EXPECT_EQ(report->ssrc, kSender);
  EXPECT_EQ(report->ntp, 0x0123456789abcdefu);
  EXPECT_EQ(report->rtp_timestamp, 1u);
  EXPECT_EQ(report->packets, 2u);
  EXPECT_EQ(report->octets, 3u);
  ASSERT_EQ(report->blocks.size(), 2u);
  EXPECT_EQ(report->blocks[1], kBlock);
  EXPECT_FALSE(parse_receiver_report(only(raw)));
}

TEST(Rtcp, ReceiverReport) {
  const auto raw = written([](ByteWriter& w) {
    ReportBlock block = kBlock;
    block.cumulative_lost = 1 << 30;
    return write_receiver_report(w, kSender, {&block, 1});
  });
  const auto report = parse_receiver_report(only(raw));
  ASSERT_TRUE(report);
  EXPECT_EQ(report->ssrc, kSender);
  ASSERT_EQ(report->blocks.size(), 1u);
  EXPECT_EQ(report->blocks[0].cumulative_lost, 0x7fffff);
  // Two blocks announced, one there.
  auto lying = raw;
  lying[0] = 0x82;
  EXPECT_FALSE(parse_receiver_report(only(lying)));
  EXPECT_FALSE(parse_sender_report(only(hex("80c80001 11111111"))));
}

TEST(Rtcp, ReportsHoldAtMost31Blocks) {
  std::vector<uint8_t> out(1500);
  ByteWriter w(out);
  EXPECT_FALSE(write_receiver_report(w, kSender, std::vector<ReportBlock>(32)));
  EXPECT_EQ(w.position(), 0u);
  EXPECT_TRUE(write_receiver_report(w, kSender, std::vector<ReportBlock>(31)));
}

TEST(Rtcp, CanonicalName) {
  for (size_t length = 0; length < 9; ++length) {
    const std::string name(length, 'x');
    const auto raw = written([&](ByteWriter& w) { return write_sdes_cname(w, kSender, name); });
    EXPECT_EQ(raw.size() % 4, 0u);
    EXPECT_EQ(raw.back(), 0);
    const auto sdes = parse_sdes_cname(only(raw));
    ASSERT_TRUE(sdes) << length;
    EXPECT_EQ(sdes->ssrc, kSender);
    EXPECT_EQ(sdes->cname, name);
  }
  std::vector<uint8_t> out(1500);
  ByteWriter w(out);
  EXPECT_FALSE(write_sdes_cname(w, kSender, std::string(256, 'x')));
  EXPECT_FALSE(write_sdes_mid(w, kSender, std::string(256, 'x')));
}

TEST(Rtcp, CanonicalNameBehindOtherItemsAndChunks) {
  const auto raw = hex("82ca0005 11111111 02014100 22222222 06014201 02636400");
  const auto sdes = parse_sdes_cname(only(raw));
  ASSERT_TRUE(sdes);
  EXPECT_EQ(sdes->ssrc, kMedia);
  EXPECT_EQ(sdes->cname, "cd");
  // An item past the end; a chunk without an end.
  EXPECT_FALSE(parse_sdes_cname(only(hex("81ca0002 11111111 01ff4141"))));
  EXPECT_FALSE(parse_sdes_cname(only(hex("81ca0002 11111111 02024141"))));
  EXPECT_FALSE(parse_sdes_cname(only(hex("80ca0000"))));
}

std::vector<uint16_t> numbers_of(const Nack& nack) {
  std::vector<uint16_t> all;
  nack.for_each([&](Seq16 s) { all.push_back(s.value); });
  return all;
}

TEST(Rtcp, NackPacksAndUnpacks) {
  const std::vector<Seq16> lost{{65530}, {65531}, {65535}, {10}, {11}, {27}, {28}};
  const auto raw = written([&](ByteWriter& w) { return write_nack(w, kSender, kMedia, lost); });
  EXPECT_THAT(raw, ElementsAreArray(hex("81cd0005 11111111 22222222 fffa8011 000b8000 001c0000")));
  const auto nack = parse_nack(only(raw));
  ASSERT_TRUE(nack);
  EXPECT_EQ(nack->sender, kSender);
  EXPECT_EQ(nack->media, kMedia);
  EXPECT_THAT(numbers_of(*nack), ElementsAre(65530, 65531, 65535, 10, 11, 27, 28));
}

TEST(Rtcp, NackRefusals) {
  EXPECT_FALSE(parse_nack(only(hex("81cd0002 11111111 22222222"))));
  EXPECT_FALSE(parse_nack(only(hex("81cd0001 11111111"))));
  EXPECT_FALSE(parse_nack(only(hex("81ce0003 11111111 22222222 00010000"))));
  EXPECT_FALSE(parse_nack(only(hex("82cd0003 11111111 22222222 00010000"))));
  std::vector<uint8_t> out(19);
  ByteWriter w(out);
  const std::vector<Seq16> lost{{1}, {100}};
  EXPECT_FALSE(write_nack(w, kSender, kMedia, lost));
  EXPECT_FALSE(write_nack(w, kSender, kMedia, {}));
  EXPECT_EQ(w.position(), 0u);
  EXPECT_TRUE(w.ok());
  EXPECT_TRUE(write_nack(w, kSender, kMedia, std::span(lost).first(1)));
}

TEST(Rtcp, PictureLoss) {
  const auto raw = written([](ByteWriter& w) { return write_pli(w, kSender, kMedia); });
  EXPECT_THAT(raw, ElementsAreArray(hex("81ce0002 11111111 22222222")));
  EXPECT_EQ(parse_pli(only(raw))->media, kMedia);
  EXPECT_FALSE(parse_fir(only(raw)));
  EXPECT_FALSE(parse_pli(only(hex("81ce0001 11111111"))));
}

TEST(Rtcp, FullIntraRequest) {
  const std::vector<FirEntry> entries{{kMedia, 7}, {kSender, 255}};
  const auto raw = written([&](ByteWriter& w) { return write_fir(w, kSender, entries); });
  EXPECT_THAT(raw, ElementsAreArray(hex("84ce0006 11111111 00000000 22222222 07000000"
                                        "11111111 ff000000")));
  const auto fir = parse_fir(only(raw));
  ASSERT_TRUE(fir);
  ASSERT_EQ(fir->size(), 2u);
  EXPECT_EQ((*fir)[0], entries[0]);
  EXPECT_EQ((*fir)[1], entries[1]);
  EXPECT_FALSE(parse_fir(only(hex("84ce0003 11111111 00000000 22222222"))));
}

TEST(Rtcp, Remb) {
  const std::vector<Ssrc> ssrcs{kMedia, kSender};
  const auto raw =
      written([&](ByteWriter& w) { return write_remb(w, kSender, Bitrate{2'500'000}, ssrcs); });
  const auto remb = parse_remb(only(raw));
  ASSERT_TRUE(remb);
  EXPECT_EQ(remb->sender, kSender);
  EXPECT_EQ(remb->bitrate, Bitrate{2'500'000});
  ASSERT_EQ(remb->ssrcs.size(), 2u);
  EXPECT_EQ(remb->ssrcs[0], kMedia);
  EXPECT_EQ(remb->ssrcs[1], kSender);
  // Mantissa 0x20001, exponent 1.
  EXPECT_EQ(parse_remb(only(hex("8fce0004 11111111 00000000 52454d42 00060001")))->bitrate,
            Bitrate{0x20001 << 1});
  EXPECT_FALSE(parse_remb(only(hex("8fce0004 11111111 00000000 52454d43 00060001"))));
  EXPECT_FALSE(parse_remb(only(hex("8fce0004 11111111 00000000 52454d42 01060001"))));
  // More than a signed number of 64 bits.
  EXPECT_EQ(parse_remb(only(hex("8fce0004 11111111 00000000 52454d42 00ffffff")))->bitrate.bps,
            std::numeric_limits<int64_t>::max());
}

TEST(Rtcp, RembLosesPrecisionDownwards) {
  for (const int64_t bps : {int64_t{0}, int64_t{262'143}, int64_t{262'145}, int64_t{1} << 62}) {
    const auto raw =
        written([&](ByteWriter& w) { return write_remb(w, kSender, Bitrate{bps}, {}); });
    const int64_t read = parse_remb(only(raw))->bitrate.bps;
    EXPECT_LE(read, bps);
    EXPECT_GE(read, bps - bps / 131072 - 1);
  }
}

TEST(Rtcp, Bye) {
  const std::vector<Ssrc> ssrcs{kMedia, kSender};
  const auto raw = written([&](ByteWriter& w) { return write_bye(w, ssrcs); });
  const auto bye = parse_bye(only(raw));
  ASSERT_TRUE(bye);
  ASSERT_EQ(bye->ssrcs.size(), 2u);
  EXPECT_EQ(bye->ssrcs[1], kSender);
  EXPECT_EQ(bye->reason, "");
  EXPECT_EQ(parse_bye(only(hex("81cb0002 11111111 03627965")))->reason, "bye");
  EXPECT_FALSE(parse_bye(only(hex("81cb0002 11111111 04627965"))));
  EXPECT_FALSE(parse_bye(only(hex("82cb0001 11111111"))));
}

TEST(Rtcp, OneNameForSeveralSources) {
  const std::array sources{Ssrc{1}, Ssrc{2}, Ssrc{3}};
  std::array<uint8_t, 128> out;
  ByteWriter w(out);
  ASSERT_TRUE(write_sdes_cname(w, sources, "name"));
  RtcpReader reader(w.written());
  const auto packet = reader.next();
  ASSERT_TRUE(packet);
  EXPECT_EQ(packet->count, 3);
  ASSERT_EQ(packet->body.size(), 3 * 12u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(load_u32(&packet->body[12 * i]), i + 1);
    EXPECT_EQ(packet->body[12 * i + 4], 1) << "CNAME";
    EXPECT_EQ(as_text(packet->body.subspan(12 * i + 6, 4)), "name");
  }
  EXPECT_FALSE(write_sdes_cname(w, std::span<const Ssrc>(), "name"));
}

TEST(Sdes, TellsTheMidOfASource) {
  const auto raw = written([&](ByteWriter& w) { return write_sdes_mid(w, kSender, "1"); });
  ASSERT_EQ(raw.size() % 4, 0u);
  EXPECT_EQ(raw[0], 0x81);
  EXPECT_EQ(raw[1], 202);
  EXPECT_EQ(raw[8], 15);
  EXPECT_EQ(raw[9], 1);
  EXPECT_EQ(raw[10], '1');
}

}  // namespace
}  // namespace loopcast::wire
