#include "wire/stun.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "wire/hmac_sha1.h"
#include "wire/test_bytes.h"

namespace loopcast::wire {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;

// The test vectors of RFC 5769.
constexpr std::string_view kPassword = "VOkJxbRl1RmTxUk/WvJxBt";
constexpr std::string_view kTransaction = "b7e7a701 bc34d686 fa87dfae";

std::vector<uint8_t> sample_request() {  // section 2.1
  return hex(
      "00010058 2112a442 b7e7a701 bc34d686 fa87dfae"
      "80220010 5354554e 20746573 7420636c 69656e74"
      "00240004 6e0001ff 80290008 932ff9b1 51263b36"
      "00060009 6576746a 3a683676 59202020"
      "00080014 9aeaa70c bfd8cb56 781ef2b5 b2d3f249 c1b571a2"
      "80280004 e57a3bcf");
}

std::vector<uint8_t> sample_response_v4() {  // section 2.2
  return hex(
      "0101003c 2112a442 b7e7a701 bc34d686 fa87dfae"
      "8022000b 74657374 20766563 746f7220"
      "00200008 0001a147 e112a643"
      "00080014 2b91f599 fd9e90c3 8c7489f9 2af9ba53 f06be7d7"
      "80280004 c07d4c96");
}

std::vector<uint8_t> sample_response_v6() {  // section 2.3
  return hex(
      "01010048 2112a442 b7e7a701 bc34d686 fa87dfae"
      "8022000b 74657374 20766563 746f7220"
      "00200014 0002a147 0113a9fa a5d3f179 bc25f4b5 bed2b9d9"
      "00080014 a382954e 4be67bf1 1784c97c 8292c275 bfe3ed41"
      "80280004 c8fb0b4c");
}

std::vector<uint8_t> sample_long_term_request() {  // section 2.4
  return hex(
      "00010060 2112a442 78ad3433 c6ad72c0 29da412e"
      "00060012 e3839ee3 8388e383 aae38383 e382afe3 82b90000"
      "0015001c 662f2f34 39396b39 35346436 4f4c3334 6f4c3946 53547679 36347341"
      "0014000b 6578616d 706c652e 6f726700"
      "00080014 f6702465 6dd64a3e 02b8e071 2e85c9a2 8ca89666");
}

TransactionId transaction() {
  TransactionId id;
  std::ranges::copy(hex(kTransaction), id.begin());
  return id;
}

TEST(StunMessage, SampleRequest) {
  const auto raw = sample_request();
  const auto message = StunMessage::parse(raw);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->cls, StunClass::kRequest);
  EXPECT_EQ(message->method, kStunBinding);
  EXPECT_EQ(message->transaction, transaction());
  EXPECT_EQ(message->username, "evtj:h6vY");
  EXPECT_EQ(message->priority, 0x6e0001ffu);
  EXPECT_EQ(message->ice_controlled, 0x932ff9b151263b36u);
  EXPECT_FALSE(message->ice_controlling);
  EXPECT_FALSE(message->use_candidate);
  EXPECT_TRUE(message->has_integrity);
  EXPECT_TRUE(message->has_fingerprint);
  EXPECT_TRUE(message->fingerprint_ok);
  EXPECT_TRUE(message->unknown().empty());
  EXPECT_TRUE(message->check_integrity(kPassword));
  EXPECT_FALSE(message->check_integrity("VOkJxbRl1RmTxUk/WvJxBT"));
  EXPECT_FALSE(message->check_integrity(""));
}

TEST(StunMessage, SampleResponses) {
  const auto v4 = sample_response_v4();
  const auto message = StunMessage::parse(v4);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->cls, StunClass::kSuccess);
  EXPECT_EQ(message->xor_mapped_address, SocketAddress::parse("192.0.2.1:32853"));
  EXPECT_TRUE(message->fingerprint_ok);
  EXPECT_TRUE(message->check_integrity(kPassword));

  const auto v6 = sample_response_v6();
  const auto message6 = StunMessage::parse(v6);
  ASSERT_TRUE(message6);
  EXPECT_EQ(message6->xor_mapped_address,
            SocketAddress::parse("[2001:db8:1234:5678:11:2233:4455:6677]:32853"));
  EXPECT_TRUE(message6->fingerprint_ok);
  EXPECT_TRUE(message6->check_integrity(kPassword));
}

TEST(StunMessage, SampleLongTermRequest) {
  const auto raw = sample_long_term_request();
  const auto message = StunMessage::parse(raw);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->username, "マトリックス");
  EXPECT_TRUE(message->has_integrity);
  EXPECT_FALSE(message->has_fingerprint);
  EXPECT_TRUE(message->fingerprint_ok);
  EXPECT_FALSE(message->check_integrity("TheMatrIX"));
}

TEST(StunMessage, EveryChangedBitIsNoticed) {
  const auto good = sample_request();
  const size_t covered = good.size() - 8;  // up to FINGERPRINT
  for (size_t bit = 0; bit < covered * 8; ++bit) {
    auto raw = good;
    raw[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    const auto message = StunMessage::parse(raw);
    if (!message) continue;
    EXPECT_FALSE(message->check_integrity(kPassword)) << bit;
    EXPECT_FALSE(message->has_fingerprint && message->fingerprint_ok) << bit;
  }
  auto raw = good;
  raw.back() ^= 1;
  const auto message = StunMessage::parse(raw);
  ASSERT_TRUE(message);
  EXPECT_FALSE(message->fingerprint_ok);
  EXPECT_TRUE(message->check_integrity(kPassword));
}

TEST(StunMessage, RefusesWhatIsCutShortOrTooLong) {
  for (auto raw : {sample_request(), sample_response_v6(), sample_long_term_request()}) {
    for (size_t size = 0; size < raw.size(); ++size) {
      EXPECT_FALSE(StunMessage::parse(Bytes(raw).first(size))) << size;
      if (size < kStunHeaderSize) continue;
      // With a length to match: only a cut between attributes is a message.
      std::vector<uint8_t> cut(raw.begin(), raw.begin() + static_cast<long>(size));
      store_u16(&cut[2], static_cast<uint16_t>(size - kStunHeaderSize));
      const auto message = StunMessage::parse(cut);
      EXPECT_TRUE(!message || size % 4 == 0) << size;
    }
    raw.push_back(0);
    EXPECT_FALSE(StunMessage::parse(raw));
  }
}

std::vector<uint8_t> message_with(std::string_view attributes) {
  auto raw = hex("00010000 2112a442 b7e7a701 bc34d686 fa87dfae");
  const auto body = hex(attributes);
  raw.insert(raw.end(), body.begin(), body.end());
  store_u16(&raw[2], static_cast<uint16_t>(body.size()));
  return raw;
}

TEST(StunMessage, RefusesWrongSizes) {
  EXPECT_TRUE(StunMessage::parse(message_with("")));
  for (const auto* attributes : {
           "00240003 00000000",                    // priority
           "00250004 00000000",                    // use-candidate with a value
           "80290004 00000000",                    // controlled
           "802a000c 00000000 00000000 00000000",  // controlling
           "00200004 0001a147",                    // address
           "00200008 0002a147 e112a643",           // address of IPv6, too short
           "00200008 0003a147 e112a643",           // address of no family
           "00090002 04000000",                    // error code
           "00090004 00000200",                    // error code 200
           "00090004 00000464",                    // error code 500 as 4 and 100
           "00080010 00000000 00000000 00000000 00000000", "80280003 00000000",
           "80280004 00000000 00250000",  // behind the fingerprint
       })
    EXPECT_FALSE(StunMessage::parse(message_with(attributes))) << attributes;
  std::string long_name = "000601fd";
  for (int i = 0; i < 512; ++i) long_name += "61";
  EXPECT_FALSE(StunMessage::parse(message_with(long_name)));
}

TEST(StunMessage, RefusesWhatIsNotStun) {
  auto raw = message_with("");
  raw[0] = 0x40;
  EXPECT_FALSE(StunMessage::parse(raw));
  raw[0] = 0;
  raw[4] = 0x22;
  EXPECT_FALSE(StunMessage::parse(raw));
}

TEST(StunMessage, FirstOfTwoCounts) {
  const auto raw = message_with("00240004 00000001 00240004 00000002");
  EXPECT_EQ(StunMessage::parse(raw)->priority, 1u);
}

TEST(StunMessage, IgnoresWhatIsBehindIntegrity) {
  const auto raw = message_with(
      "00080014 00000000 00000000 00000000 00000000 00000000"
      "00250000 00060001 61000000 7fff0000");
  const auto message = StunMessage::parse(raw);
  ASSERT_TRUE(message);
  EXPECT_FALSE(message->use_candidate);
  EXPECT_EQ(message->username, "");
  EXPECT_TRUE(message->unknown().empty());
}

TEST(StunMessage, ListsUnknownRequiredAttributes) {
  const auto raw = message_with("7fff0000 c0570004 00000000 00030004 00000000");
  const auto message = StunMessage::parse(raw);
  ASSERT_TRUE(message);
  EXPECT_THAT(message->unknown(), ElementsAre(0x7fff, 0x0003));
  std::string many;
  for (int i = 0; i < 20; ++i) many += "7fff0000";
  const auto raw_many = message_with(many);
  EXPECT_EQ(StunMessage::parse(raw_many)->unknown().size(), kStunMaxUnknown);
}

TEST(StunWriter, ResponseMakesTheSampleButForPadding) {
  for (const auto* address : {"192.0.2.1:32853", "[2001:db8:1234:5678:11:2233:4455:6677]:32853"}) {
    std::vector<uint8_t> out(200);
    StunWriter w(out, StunClass::kSuccess, kStunBinding, transaction());
    w.software("test vector");
    w.xor_mapped_address(*SocketAddress::parse(address));
    out.resize(w.finish(kPassword));
    const auto sample = address[0] == '[' ? sample_response_v6() : sample_response_v4();
    ASSERT_EQ(out.size(), sample.size());
    // The sample pads the software's name with a space, this writer with zero; so the checksums
    // differ as well.
    EXPECT_EQ(sample[35], ' ');
    EXPECT_EQ(out[35], 0);
    const size_t checked = sample.size() - 32;
    auto expected = sample;
    expected[35] = 0;
    expected.resize(checked);
    EXPECT_THAT(Bytes(out).first(checked), ElementsAreArray(expected));
    const auto message = StunMessage::parse(out);
    ASSERT_TRUE(message);
    EXPECT_TRUE(message->has_fingerprint && message->fingerprint_ok);
    EXPECT_TRUE(message->check_integrity(kPassword));
    EXPECT_EQ(message->xor_mapped_address, SocketAddress::parse(address));
  }
}

TEST(StunWriter, RequestReadsBack) {
  std::vector<uint8_t> out(200);
  StunWriter w(out, StunClass::kRequest, kStunBinding, transaction());
  w.username("remote:local");
  w.priority(7);
  w.ice_controlling(0x0123456789abcdef);
  w.use_candidate();
  out.resize(w.finish("secret"));
  const auto message = StunMessage::parse(out);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->cls, StunClass::kRequest);
  EXPECT_EQ(message->username, "remote:local");
  EXPECT_EQ(message->priority, 7u);
  EXPECT_EQ(message->ice_controlling, 0x0123456789abcdefu);
  EXPECT_TRUE(message->use_candidate);
  EXPECT_TRUE(message->check_integrity("secret"));
  EXPECT_FALSE(message->check_integrity("Secret"));
}

TEST(StunWriter, ErrorReadsBack) {
  std::vector<uint8_t> out(200);
  StunWriter w(out, StunClass::kError, kStunBinding, transaction());
  w.error(kStunUnknownAttribute, "Unknown Attribute");
  const std::vector<uint16_t> types{0x7fff, 3, 5};
  w.unknown_attributes(types);
  out.resize(w.finish(""));
  const auto message = StunMessage::parse(out);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->cls, StunClass::kError);
  EXPECT_EQ(message->error_code, 420);
  EXPECT_FALSE(message->has_integrity);
  EXPECT_TRUE(message->has_fingerprint && message->fingerprint_ok);
}

TEST(StunWriter, ClassAndMethodShareTheType) {
  for (const StunClass cls :
       {StunClass::kRequest, StunClass::kIndication, StunClass::kSuccess, StunClass::kError}) {
    for (const uint16_t method : {uint16_t{1}, uint16_t{0x9}, uint16_t{0xfff}, uint16_t{0x550}}) {
      std::vector<uint8_t> out(28);
      StunWriter w(out, cls, method, transaction());
      ASSERT_EQ(w.finish(""), 28u);
      const auto message = StunMessage::parse(out);
      ASSERT_TRUE(message);
      EXPECT_EQ(message->cls, cls);
      EXPECT_EQ(message->method, method);
    }
  }
}

TEST(StunWriter, NothingIfItDoesNotFit) {
  const auto write = [](size_t room) {
    std::vector<uint8_t> out(room);
    StunWriter w(out, StunClass::kRequest, kStunBinding, transaction());
    w.username("name");
    return w.finish("secret");
  };
  const size_t needed = 20 + 8 + 24 + 8;
  for (size_t room = 0; room < needed; ++room) EXPECT_EQ(write(room), 0u) << room;
  EXPECT_EQ(write(needed), needed);

  std::vector<uint8_t> out(2000);
  StunWriter long_name(out, StunClass::kRequest, kStunBinding, transaction());
  long_name.username(std::string(kStunMaxUsername + 1, 'a'));
  EXPECT_EQ(long_name.finish("secret"), 0u);
  StunWriter bad_code(out, StunClass::kError, kStunBinding, transaction());
  bad_code.error(700, "");
  EXPECT_EQ(bad_code.finish("secret"), 0u);
}

// RFC 2202, section 3.
TEST(HmacSha1, TestVectors) {
  EXPECT_THAT(hmac_sha1(std::vector<uint8_t>(20, 0x0b), {as_bytes("Hi "), as_bytes("There")}),
              ElementsAreArray(hex("b617318655057264e28bc0b6fb378c8ef146be00")));
  EXPECT_THAT(hmac_sha1(as_bytes("Jefe"), {as_bytes("what do ya want for nothing?")}),
              ElementsAreArray(hex("effcdf6ae5eb2fa2d27416d5f184df9c259a7c79")));
  EXPECT_THAT(hmac_sha1(std::vector<uint8_t>(80, 0xaa),
                        {as_bytes("Test Using Larger Than Block-Size Key - Hash Key First")}),
              ElementsAreArray(hex("aa4ae5e15272d00e95705637ce8a3b55ed402112")));
}

}  // namespace
}  // namespace loopcast::wire
