#include "rtc/srtp.h"

#include <random>

#include "rtc/srtp_testing.h"

namespace loopcast::rtc {
namespace {

constexpr uint32_t kSsrc = 0xcafe0001;

class SrtpTest : public SrtpProfileTest {
 protected:
  // What a receiver makes of the protected packet: the plain bytes, or the error.
  static Buffer unprotect(SrtpReceiver& receiver, Buffer packet) {
    const auto size = receiver.unprotect_rtp(packet);
    EXPECT_TRUE(size) << "error " << (size ? 0 : static_cast<int>(size.error()));
    packet.resize(size ? *size : 0);
    return packet;
  }
  static std::optional<SrtpError> rtp_error(SrtpReceiver& receiver, Buffer packet) {
    const auto size = receiver.unprotect_rtp(packet);
    return size ? std::nullopt : std::optional(size.error());
  }
  static std::optional<SrtpError> rtcp_error(SrtpReceiver& receiver, Buffer packet) {
    const auto size = receiver.unprotect_rtcp(packet);
    return size ? std::nullopt : std::optional(size.error());
  }
};
INSTANTIATE_TEST_SUITE_P(All, SrtpTest, srtp_params(), param_name);

TEST_P(SrtpTest, RoundTripOfEverySize) {
  SrtpSender from = sender();
  SrtpReceiver to = receiver();
  EXPECT_EQ(from.overhead(), profile() == SrtpProfile::kAeadAes128Gcm ? 16u : 10u);
  uint16_t seq = 1;
  for (size_t size = 0; size < 600; ++size, ++seq) {
    const Buffer plain = rtp_packet(kSsrc, seq, size);
    const Buffer sealed = protect(from, plain, seq);
    ASSERT_EQ(sealed.size(), plain.size() + from.overhead());
    if (size >= 16) {
      EXPECT_FALSE(std::equal(plain.begin() + 12, plain.end(), sealed.begin() + 12));
    }
    ASSERT_EQ(unprotect(to, sealed), plain);
  }
}

TEST_P(SrtpTest, OtherKeyFails) {
  SrtpSender from = sender(1);
  SrtpReceiver to = receiver(2);
  EXPECT_EQ(rtp_error(to, protect(from, rtp_packet(kSsrc, 1), 1)), SrtpError::kAuthentication);
  EXPECT_EQ(rtcp_error(to, protect_rtcp(from, rtcp_packet(kSsrc))), SrtpError::kAuthentication);
}

TEST_P(SrtpTest, OutOfPlaceEqualsInPlace) {
  SrtpSender from = sender();
  for (const size_t size : {0u, 1u, 15u, 16u, 17u, 255u, 1150u}) {
    const Buffer plain = rtp_packet(kSsrc, 7, size);
    Buffer in_place = plain;
    in_place.resize(plain.size() + from.overhead());
    const size_t written = from.protect_rtp(in_place, 12, Bytes(in_place).subspan(12, size), 7);
    ASSERT_EQ(written, in_place.size());
    EXPECT_EQ(in_place, protect(from, plain, 7)) << size;
  }
}

TEST_P(SrtpTest, HeaderWithSourcesAndExtensionIsAuthenticated) {
  SrtpSender from = sender();
  // Two CSRCs, and an extension of two words.
  Buffer plain = rtp_packet(kSsrc, 9, 8 + 12 + 300);
  plain[0] = 0x92;
  store_u16(&plain[12 + 8], 0xbede);
  store_u16(&plain[12 + 8 + 2], 2);
  const size_t header_size = 12 + 8 + 12;
  const Buffer sealed = protect(from, plain, 9, header_size);
  ASSERT_TRUE(std::equal(plain.begin(), plain.begin() + header_size, sealed.begin()));
  for (size_t at = 12; at < header_size; ++at) {
    SrtpReceiver to = receiver();
    Buffer damaged = sealed;
    damaged[at] ^= 0x40;
    EXPECT_NE(rtp_error(to, damaged), std::nullopt) << at;
  }
  SrtpReceiver to = receiver();
  EXPECT_EQ(unprotect(to, sealed), plain);
}

TEST_P(SrtpTest, EveryDamagedByteIsNoticed) {
  SrtpSender from = sender();
  SrtpReceiver to = receiver();
  const Buffer rtp = protect(from, rtp_packet(kSsrc, 100, 60), 100);
  const Buffer rtcp = protect_rtcp(from, rtcp_packet(kSsrc));
  for (size_t at = 0; at < rtp.size(); ++at)
    for (const uint8_t mask : {uint8_t{0x01}, uint8_t{0x80}}) {
      Buffer damaged = rtp;
      damaged[at] ^= mask;
      EXPECT_NE(rtp_error(to, damaged), std::nullopt) << at;
    }
  for (size_t at = 0; at < rtcp.size(); ++at)
    for (const uint8_t mask : {uint8_t{0x01}, uint8_t{0x80}}) {
      Buffer damaged = rtcp;
      damaged[at] ^= mask;
      EXPECT_NE(rtcp_error(to, damaged), std::nullopt) << at;
    }
  // Nothing of that left a trace.
  EXPECT_EQ(rtp_error(to, rtp), std::nullopt);
  EXPECT_EQ(rtcp_error(to, rtcp), std::nullopt);
}

TEST_P(SrtpTest, EveryTruncationIsNoticed) {
  SrtpSender from = sender();
  SrtpReceiver to = receiver();
  Buffer plain = rtp_packet(kSsrc, 5, 80);
  plain[0] = 0x91;
  store_u16(&plain[18], 3);
  const Buffer rtp = protect(from, plain, 5, 12 + 4 + 4 + 12);
  const Buffer rtcp = protect_rtcp(from, rtcp_packet(kSsrc));
  // Copies of exact size, so that AddressSanitizer sees a read past the end.
  for (size_t size = 0; size < rtp.size(); ++size)
    EXPECT_NE(rtp_error(to, Buffer(rtp.begin(), rtp.begin() + size)), std::nullopt) << size;
  for (size_t size = 0; size < rtcp.size(); ++size)
    EXPECT_NE(rtcp_error(to, Buffer(rtcp.begin(), rtcp.begin() + size)), std::nullopt) << size;
  for (size_t size = 0; size < 12 + 16; ++size)
    EXPECT_EQ(rtp_error(to, Buffer(size, 0x80)),
              size < 12 + from.overhead() ? SrtpError::kMalformed : SrtpError::kAuthentication)
        << size;
}

TEST_P(SrtpTest, MalformedHeaders) {
  SrtpReceiver to = receiver();
  Buffer packet(60);
  EXPECT_EQ(rtp_error(to, packet), SrtpError::kMalformed);  // version 0
  EXPECT_EQ(rtcp_error(to, packet), SrtpError::kMalformed);
  packet[0] = 0x8f;  // 15 CSRCs
  EXPECT_EQ(rtp_error(to, packet), SrtpError::kMalformed);
  packet[0] = 0x90;  // an extension beyond the end
  packet[15] = 200;
  EXPECT_EQ(rtp_error(to, packet), SrtpError::kMalformed);
  EXPECT_EQ(rtp_error(to, Buffer(65536, 0x80)), SrtpError::kMalformed);
  EXPECT_EQ(rtcp_error(to, Buffer(65536, 0x80)), SrtpError::kMalformed);
}

TEST_P(SrtpTest, ReplayIsRefused) {
  SrtpSender from = sender();
  SrtpReceiver to = receiver();
  const Buffer rtp = protect(from, rtp_packet(kSsrc, 3), 3);
  EXPECT_EQ(rtp_error(to, rtp), std::nullopt);
  EXPECT_EQ(rtp_error(to, rtp), SrtpError::kReplayed);
  const Buffer rtcp = protect_rtcp(from, rtcp_packet(kSsrc));
  EXPECT_EQ(rtcp_error(to, rtcp), std::nullopt);
  EXPECT_EQ(rtcp_error(to, rtcp), SrtpError::kReplayed);
  // The windows are of one source each.
  EXPECT_EQ(rtp_error(to, protect(from, rtp_packet(kSsrc + 1, 3), 3)), std::nullopt);
}

TEST_P(SrtpTest, LatePacketsPassWithinTheWindowOnly) {
  SrtpSender from = sender();
  SrtpReceiver to = receiver();
  EXPECT_EQ(rtp_error(to, protect(from, rtp_packet(kSsrc, 5000), 5000)), std::nullopt);
  EXPECT_EQ(rtp_error(to, protect(from, rtp_packet(kSsrc, 5000 - 1023), 5000 - 1023)),
            std::nullopt);
  EXPECT_EQ(rtp_error(to, protect(from, rtp_packet(kSsrc, 5000 - 1024), 5000 - 1024)),
            SrtpError::kTooOld);
  // Before index 0 there is nothing: 65000 after 5 would be of ROC -1.
  EXPECT_EQ(rtp_error(to, protect(from, rtp_packet(kSsrc + 1, 5), 5)), std::nullopt);
  EXPECT_EQ(rtp_error(to, protect(from, rtp_packet(kSsrc + 1, 65000), 65000)), SrtpError::kTooOld);
}

// Through several wraps of the sequence number, with loss, duplicates and reordering.
TEST_P(SrtpTest, RolloverWithLossAndReordering) {
  SrtpSender from = sender();
  SrtpReceiver to = receiver();
  std::mt19937 random(11);
  std::vector<uint64_t> order;
  for (uint64_t index = 65000; index < 3 * 65536 + 500; index += 1 + random() % 200)
    order.push_back(index);
  for (size_t i = 0; i + 1 < order.size(); i += 1 + random() % 3) std::swap(order[i], order[i + 1]);
  uint64_t highest = 0;
  for (const uint64_t index : order) {
    const auto seq = static_cast<uint16_t>(index);
    const Buffer plain = rtp_packet(kSsrc, seq, 20);
    const Buffer sealed = protect(from, plain, index);
    ASSERT_EQ(unprotect(to, sealed), plain) << index;
    ASSERT_EQ(rtp_error(to, sealed), SrtpError::kReplayed) << index;
    highest = std::max(highest, index);
  }
  // The same for one wrap, explicitly.
  for (const uint64_t index : {65530u, 65537u, 65534u, 65536u, 65535u, 65538u}) {
    const Buffer plain = rtp_packet(kSsrc + 1, static_cast<uint16_t>(index), 20);
    EXPECT_EQ(unprotect(to, protect(from, plain, index)), plain) << index;
  }
  EXPECT_EQ(highest >> 16, 3u);
}

TEST_P(SrtpTest, ForgedPacketsDoNotMoveTheRollover) {
  SrtpSender from = sender();
  SrtpReceiver to = receiver();
  EXPECT_EQ(rtp_error(to, protect(from, rtp_packet(kSsrc, 65000), 65000)), std::nullopt);
  // Looks as if the sequence number had wrapped.
  EXPECT_EQ(rtp_error(to, rtp_packet(kSsrc, 20, 200)), SrtpError::kAuthentication);
  EXPECT_EQ(rtp_error(to, protect(from, rtp_packet(kSsrc, 65001), 65001)), std::nullopt);
  EXPECT_EQ(rtp_error(to, protect(from, rtp_packet(kSsrc, 64999), 64999)), std::nullopt);
}

TEST_P(SrtpTest, ForgedSourcesTakeNoPlace) {
  SrtpSender from = sender();
  SrtpReceiver to = receiver();
  for (uint32_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(rtp_error(to, rtp_packet(i, 1, 50)), SrtpError::kAuthentication);
    Buffer rtcp = rtcp_packet(i);
    rtcp[rtcp.size() - 4] |= 0x80;
    rtcp[rtcp.size() - 14] |= 0x80;
    EXPECT_EQ(rtcp_error(to, rtcp), SrtpError::kAuthentication);
  }
  EXPECT_EQ(rtp_error(to, protect(from, rtp_packet(kSsrc, 1), 1)), std::nullopt);
  EXPECT_EQ(rtcp_error(to, protect_rtcp(from, rtcp_packet(kSsrc))), std::nullopt);
}

TEST_P(SrtpTest, SourcesAreBounded) {
  SrtpSender from = sender();
  SrtpReceiver to = receiver();
  const auto rtp = [&](uint32_t ssrc, uint16_t seq) {
    return rtp_error(to, protect(from, rtp_packet(ssrc, seq), seq));
  };
  const auto rtcp = [&](uint32_t ssrc) {
    return rtcp_error(to, protect_rtcp(from, rtcp_packet(ssrc)));
  };
  for (uint32_t i = 0; i < SrtpReceiver::kMaxSources; ++i) {
    EXPECT_EQ(rtp(i, 1), std::nullopt);
    EXPECT_EQ(rtcp(i), std::nullopt);
  }
  EXPECT_EQ(rtp(kSsrc, 1), SrtpError::kTooManySources);
  EXPECT_EQ(rtcp(kSsrc), SrtpError::kTooManySources);
  EXPECT_EQ(rtp(3, 2), std::nullopt);
  EXPECT_EQ(rtcp(3), std::nullopt);

  // One that was given up makes room, but keeps its place until somebody needs it.
  to.give_up_source(Ssrc{5});
  EXPECT_TRUE(to.gave_up(Ssrc{5}));
  EXPECT_EQ(rtp(5, 2), std::nullopt);
  EXPECT_EQ(rtp(5, 1), SrtpError::kReplayed);
  EXPECT_EQ(rtcp(5), std::nullopt);
  EXPECT_EQ(rtp(kSsrc, 1), std::nullopt);
  EXPECT_EQ(rtcp(kSsrc), std::nullopt);
  EXPECT_FALSE(to.gave_up(Ssrc{5}));
  EXPECT_EQ(rtp(3, 1), SrtpError::kReplayed);
  EXPECT_EQ(rtp(kSsrc + 1, 1), SrtpError::kTooManySources);
}

TEST_P(SrtpTest, ASourceThatLostItsPlaceNeverComesBack) {
  SrtpSender from = sender();
  SrtpReceiver to = receiver();
  for (uint32_t i = 0; i < SrtpReceiver::kMaxSources; ++i)
    EXPECT_EQ(rtp_error(to, protect(from, rtp_packet(i, 1), 1)), std::nullopt);
  to.give_up_source(Ssrc{7});
  to.give_up_source(Ssrc{5});
  to.give_up_source(Ssrc{9});
  to.resume_source(Ssrc{9});
  EXPECT_EQ(rtp_error(to, protect(from, rtp_packet(100, 1), 1)), std::nullopt) << "for the 7";
  EXPECT_EQ(rtp_error(to, protect(from, rtp_packet(5, 2), 2)), std::nullopt) << "later than the 7";
  EXPECT_EQ(rtp_error(to, protect(from, rtp_packet(101, 1), 1)), std::nullopt) << "for the 5";
  // Whoever replays what was recorded on the way has no luck with it.
  for (const uint32_t gone : {5u, 7u})
    for (uint16_t sequence = 1; sequence <= 3; ++sequence)
      EXPECT_EQ(rtp_error(to, protect(from, rtp_packet(gone, sequence), sequence)),
                SrtpError::kReplayed);
  EXPECT_EQ(rtp_error(to, protect(from, rtp_packet(102, 1), 1)), SrtpError::kTooManySources)
      << "the 9 is in use again";
}

TEST_P(SrtpTest, SourcesThatChangeForeverAreBounded) {
  SrtpSender from = sender();
  SrtpReceiver to = receiver();
  size_t received = 0;
  for (uint32_t i = 0; i < SrtpReceiver::kMaxForgotten + 100; ++i) {
    if (!rtp_error(to, protect(from, rtp_packet(i, 1), 1))) ++received;
    to.give_up_source(Ssrc{i});
  }
  EXPECT_EQ(received, SrtpReceiver::kMaxForgotten + SrtpReceiver::kMaxSources);
}

TEST_P(SrtpTest, RtcpIndexCountsAllPackets) {
  SrtpSender from = sender();
  SrtpReceiver to = receiver();
  const size_t index_at_end = profile() == SrtpProfile::kAeadAes128Gcm ? 4 : 14;
  for (uint32_t i = 0; i < 300; ++i) {
    const Buffer plain = rtcp_packet(kSsrc + i % 3, 8 + 4 * (i % 20));
    Buffer sealed = protect_rtcp(from, plain);
    ASSERT_EQ(sealed.size(), plain.size() + from.rtcp_overhead());
    EXPECT_LE(from.rtcp_overhead(), SrtpSender::kMaxRtcpOverhead);
    EXPECT_EQ(load_u32(&sealed[sealed.size() - index_at_end]), 0x80000000u | i);
    const auto size = to.unprotect_rtcp(sealed);
    ASSERT_TRUE(size);
    sealed.resize(*size);
    EXPECT_EQ(sealed, plain);
  }
}

TEST_P(SrtpTest, SeveralPacketsAtOnceAreTheSameAsOneByOne) {
  for (size_t count = 1; count <= SrtpSender::kMaxRun; ++count) {
    SrtpSender one = sender(), many = sender();
    std::vector<Buffer> plain, singly, together;
    std::vector<RtpToProtect> run;
    for (size_t i = 0; i < count; ++i) {
      // Across a roll-over, of different sizes, one of them without payload.
      const auto index = static_cast<uint16_t>(0xFFFC + i);
      plain.push_back(rtp_packet(kSsrc, index, i == 3 ? 0 : 900 + i * 13));
      for (auto* to : {&singly, &together}) {
        to->push_back(plain.back());
        to->back().resize(plain.back().size() + one.overhead());
      }
    }
    for (size_t i = 0; i < count; ++i) {
      const Bytes payload = Bytes(plain[i]).subspan(12);
      run.push_back({together[i].data(), 12, payload, 0xFFFC + i});
      ASSERT_EQ(one.protect_rtp(singly[i], 12, payload, 0xFFFC + i), singly[i].size());
    }
    ASSERT_TRUE(many.protect_rtp(run, Ssrc{kSsrc}));
    for (size_t i = 0; i < count; ++i)
      EXPECT_TRUE(together[i] == singly[i]) << i << " of " << count;
  }
}

TEST_P(SrtpTest, RtcpWindow) {
  SrtpSender from = sender();
  SrtpReceiver to = receiver();
  std::vector<Buffer> packets;
  for (int i = 0; i < 200; ++i) packets.push_back(protect_rtcp(from, rtcp_packet(kSsrc)));
  EXPECT_EQ(rtcp_error(to, packets[199]), std::nullopt);
  EXPECT_EQ(rtcp_error(to, packets[199 - 127]), std::nullopt);
  EXPECT_EQ(rtcp_error(to, packets[199 - 127]), SrtpError::kReplayed);
  EXPECT_EQ(rtcp_error(to, packets[199 - 128]), SrtpError::kTooOld);
}

TEST_P(SrtpTest, KeysEnd) {
  const SrtpSessionKey key = derive_session_key(profile(), SrtpStream::kRtcp, master_key(1));
  SrtpSender from(*crypto_, profile(), key, key, 0x7ffffffe);
  EXPECT_FALSE(protect_rtcp(from, rtcp_packet(kSsrc)).empty());
  const Buffer last = protect_rtcp(from, rtcp_packet(kSsrc));
  SrtpReceiver to(*crypto_, profile(), key, key);
  EXPECT_EQ(rtcp_error(to, last), std::nullopt);
  EXPECT_TRUE(protect_rtcp(from, rtcp_packet(kSsrc)).empty());
  EXPECT_TRUE(protect_rtcp(from, rtcp_packet(kSsrc)).empty());

  const uint64_t end = 1ull << 48;
  EXPECT_FALSE(protect(from, rtp_packet(kSsrc, 0xffff), end - 1).empty());
  EXPECT_TRUE(protect(from, rtp_packet(kSsrc, 0), end).empty());
}

TEST_P(SrtpTest, RefusesWhatDoesNotFit) {
  SrtpSender from = sender();
  const Buffer plain = rtp_packet(kSsrc, 1, 40);
  const Bytes payload = Bytes(plain).subspan(12);
  const size_t full = plain.size() + from.overhead();
  for (size_t room = 0; room < full; ++room) {
    Buffer out(room);
    std::copy_n(plain.begin(), std::min<size_t>(room, 12), out.begin());
    const Buffer before = out;
    EXPECT_EQ(from.protect_rtp(out, 12, payload, 1), 0u) << room;
    EXPECT_EQ(out, before);
  }
  Buffer out = plain;
  out.resize(full + 100);
  EXPECT_EQ(from.protect_rtp(out, 11, payload, 1), 0u);
  EXPECT_EQ(from.protect_rtp(out, SIZE_MAX, payload, 1), 0u);
  EXPECT_EQ(from.protect_rtp(out, 12, payload, 2), 0u);  // not the header's sequence number
  EXPECT_EQ(from.protect_rtp(out, 12, payload, 1), full);

  const Buffer rtcp = rtcp_packet(kSsrc);
  for (size_t room = 0; room < rtcp.size() + from.rtcp_overhead(); ++room) {
    Buffer packet = rtcp;
    packet.resize(room);
    EXPECT_EQ(from.protect_rtcp(packet, rtcp.size()), 0u) << room;
  }
  Buffer packet(100);
  EXPECT_EQ(from.protect_rtcp(packet, 7), 0u);
  Buffer huge(70000, 0x80);
  EXPECT_EQ(from.protect_rtcp(huge, 65530), 0u);
  EXPECT_EQ(from.protect_rtp(huge, 12, Bytes(huge).subspan(12, 65520), 0x8080), 0u);
}

TEST_P(SrtpTest, MovedObjectsGoOn) {
  SrtpSender a = sender();
  SrtpReceiver b = receiver();
  EXPECT_EQ(rtp_error(b, protect(a, rtp_packet(kSsrc, 1), 1)), std::nullopt);
  const Buffer rtcp = protect_rtcp(a, rtcp_packet(kSsrc));
  EXPECT_EQ(rtcp_error(b, rtcp), std::nullopt);
  SrtpSender from = std::move(a);
  SrtpReceiver to = std::move(b);
  EXPECT_EQ(rtp_error(to, protect(from, rtp_packet(kSsrc, 1), 1)), SrtpError::kReplayed);
  EXPECT_EQ(rtp_error(to, protect(from, rtp_packet(kSsrc, 2), 2)), std::nullopt);
  EXPECT_EQ(rtcp_error(to, rtcp), SrtpError::kReplayed);
  EXPECT_EQ(rtcp_error(to, protect_rtcp(from, rtcp_packet(kSsrc))), std::nullopt);
}

// Several sessions share what the thread has.
TEST_P(SrtpTest, SessionsDoNotDisturbEachOther) {
  SrtpSender from_1 = sender(1), from_2 = sender(2);
  SrtpReceiver to_1 = receiver(1), to_2 = receiver(2);
  for (uint16_t seq = 1; seq < 20; ++seq) {
    const Buffer one = protect(from_1, rtp_packet(kSsrc, seq), seq);
    const Buffer two = protect(from_2, rtp_packet(kSsrc, seq), seq);
    const Buffer rtcp_1 = protect_rtcp(from_1, rtcp_packet(kSsrc));
    const Buffer rtcp_2 = protect_rtcp(from_2, rtcp_packet(kSsrc));
    EXPECT_NE(one, two);
    EXPECT_EQ(rtp_error(to_2, one), SrtpError::kAuthentication);
    EXPECT_EQ(rtp_error(to_1, one), std::nullopt);
    EXPECT_EQ(rtcp_error(to_2, rtcp_2), std::nullopt);
    EXPECT_EQ(rtcp_error(to_1, rtcp_1), std::nullopt);
    EXPECT_EQ(rtp_error(to_2, two), std::nullopt);
  }
}

// Packets of many senders: what they are in the end, and where they stand on the way.
class SrtpBurstTest : public SrtpTest {
 protected:
  // Runs of one, two and three packets, of different sizes, one of them without payload.
  void make(size_t senders) {
    for (size_t s = 0; s < senders; ++s) {
      senders_.push_back(sender(static_cast<uint8_t>(s)));
      for (size_t i = 0; i < s % 3 + 1; ++i) {
        const auto seq = static_cast<uint16_t>(0xFFFE + i);
        plain_.push_back(rtp_packet(kSsrc, seq, s == 5 ? 0 : 40 + s * 23 + i));
      }
    }
    for (const Buffer& plain : plain_) {
      places_.push_back(plain);
      std::fill(places_.back().begin() + 12, places_.back().end(), kUntouched);
      places_.back().resize(plain.size() + senders_.front().overhead(), kUntouched);
    }
  }
  void protect_all() {
    size_t at = 0;
    for (size_t s = 0; s < senders_.size(); ++s) {
      std::vector<RtpToProtect> run;
      for (size_t i = 0; i < s % 3 + 1; ++i, ++at)
        run.push_back({places_[at].data(), 12, Bytes(plain_[at]).subspan(12), 0xFFFE + i});
      ASSERT_TRUE(senders_[s].protect_rtp(run, Ssrc{kSsrc}));
    }
  }
  void expect_sealed() {
    size_t at = 0;
    for (size_t s = 0; s < senders_.size(); ++s)
      for (size_t i = 0; i < s % 3 + 1; ++i, ++at)
        EXPECT_EQ(places_[at], protect(senders_[s], plain_[at], 0xFFFE + i)) << s << ", " << i;
  }
  bool untouched(size_t at) const {
    return std::all_of(places_[at].begin() + 12, places_[at].end(),
                       [](uint8_t byte) { return byte == kUntouched; });
  }
  // Whether this library and profile put anything off.
  bool puts_off() const {
    return std::get<0>(GetParam()) == SrtpBackend::kIpsecMb &&
           profile() == SrtpProfile::kAes128CmSha1_80;
  }

  static constexpr uint8_t kUntouched = 0xee;
  std::vector<SrtpSender> senders_;
  std::vector<Buffer> plain_;
  std::vector<Buffer> places_;
};
INSTANTIATE_TEST_SUITE_P(All, SrtpBurstTest, srtp_params(), param_name);

// 79 packets: more than are put off at a time.
TEST_P(SrtpBurstTest, IsTheSameAsImmediately) {
  make(40);
  crypto_->begin_burst();
  protect_all();
  EXPECT_EQ(untouched(plain_.size() - 1), puts_off());
  EXPECT_FALSE(untouched(0));  // done when there was no more room
  EXPECT_EQ(crypto_->end_burst(), 0u);
  expect_sealed();
}

TEST_P(SrtpBurstTest, FewPackets) {
  make(2);
  crypto_->begin_burst();
  protect_all();
  EXPECT_EQ(untouched(0), puts_off());
  EXPECT_EQ(crypto_->end_burst(), 0u);
  expect_sealed();
}

// RTCP and single packets do not wait, nor disturb those that do; what comes after a completion
// waits for the next.
TEST_P(SrtpBurstTest, GoesOnAfterCompletion) {
  make(12);
  crypto_->begin_burst();
  for (int round = 0; round < 2; ++round) {
    for (Buffer& place : places_) std::fill(place.begin() + 12, place.end(), kUntouched);
    protect_all();
    SrtpReceiver to = receiver(0);
    EXPECT_EQ(rtcp_error(to, protect_rtcp(senders_[0], rtcp_packet(kSsrc))), std::nullopt);
    EXPECT_EQ(rtp_error(to, protect(senders_[0], rtp_packet(kSsrc, 9), 9)), std::nullopt);
    EXPECT_EQ(untouched(0), puts_off());
    crypto_->complete_burst();
    expect_sealed();
  }
  EXPECT_EQ(crypto_->end_burst(), 0u);
}

TEST_P(SrtpBurstTest, EndWithoutBeginIsHarmless) {
  EXPECT_EQ(crypto_->end_burst(), 0u);
  crypto_->complete_burst();
  make(7);
  protect_all();
  expect_sealed();
  crypto_->begin_burst();
  EXPECT_EQ(crypto_->end_burst(), 0u);
  EXPECT_EQ(crypto_->end_burst(), 0u);
  protect_all();  // immediately again
  expect_sealed();
}

// Both libraries write the same bytes.
TEST(SrtpBackends, Agree) {
  const auto a = SrtpCrypto::make(SrtpBackend::kIpsecMb);
  const auto b = SrtpCrypto::make(SrtpBackend::kOpenSsl);
  ASSERT_TRUE(b);
  if (!a) GTEST_SKIP() << "ipsec-mb is not available on this processor";
  for (const auto profile : {SrtpProfile::kAeadAes128Gcm, SrtpProfile::kAes128CmSha1_80}) {
    SrtpSender from_a(*a, profile, master_key(3)), from_b(*b, profile, master_key(3));
    for (uint16_t size = 0; size < 1300; size = static_cast<uint16_t>(size + 13)) {
      const Buffer plain = rtp_packet(kSsrc, size, size);
      EXPECT_EQ(protect(from_a, plain, size), protect(from_b, plain, size)) << size;
    }
    for (size_t size = 8; size < 300; size += 4)
      EXPECT_EQ(protect_rtcp(from_a, rtcp_packet(kSsrc, size)),
                protect_rtcp(from_b, rtcp_packet(kSsrc, size)));
  }
}

TEST(SrtpBackends, ThereIsABest) {
  const auto best = SrtpCrypto::make_best();
  ASSERT_TRUE(best);
  EXPECT_NE(std::string_view(best->name()), "");
}

}  // namespace
}  // namespace loopcast::rtc
