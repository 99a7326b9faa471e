// The test vectors of RFC 3711 and RFC 7714, which start from session keys.
#include "rtc/srtp_cipher.h"
#include "rtc/srtp_testing.h"

namespace loopcast::rtc {
namespace {

class SrtpVectors : public SrtpBackendTest {};
INSTANTIATE_TEST_SUITE_P(Backends, SrtpVectors, srtp_backends(), backend_name);

SrtpSessionKey gcm_key() {
  return {array_from_hex<16>("000102030405060708090a0b0c0d0e0f"),
          {},
          array_from_hex<16>("517569642070726f2071756f")};
}

// RFC 3711 appendix B.2: the payload is zeros, so the ciphertext is the key stream.
TEST_P(SrtpVectors, Rfc3711KeyStream) {
  const SrtpSessionKey key{array_from_hex<16>("2B7E151628AED2A6ABF7158809CF4F3C"),
                           {},
                           array_from_hex<16>("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000")};
  SrtpSender sender(*crypto_, SrtpProfile::kAes128CmSha1_80, key, key);
  Buffer plain(12 + 48);
  plain[0] = 0x80;
  const Buffer out = protect(sender, plain, 0);
  ASSERT_EQ(out.size(), 12u + 48 + 10);
  EXPECT_EQ(Buffer(out.begin() + 12, out.begin() + 60),
            from_hex("E03EAD0935C95E80E166B16DD92B4EB4"
                     "D23513162B02D0F72A43A2FE4A5F97AB"
                     "41E95B3BB0A2E8DD477901E4FCA894C0"));
}

// The end of that segment, which crosses a carry into the counter's second byte.
TEST_P(SrtpVectors, Rfc3711KeyStreamEnd) {
  const SrtpSessionKey key{array_from_hex<16>("2B7E151628AED2A6ABF7158809CF4F3C"), {}, {}};
  const auto cipher = crypto_->make_cipher(SrtpProfile::kAes128CmSha1_80, SrtpDirection::kSeal);
  ASSERT_TRUE(cipher->set_key(key));
  SrtpIv iv;
  std::ranges::copy(from_hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFDFEFF"), iv.bytes);
  Buffer data(48);
  Buffer tag(kSha1TagSize);
  ASSERT_TRUE(cipher->seal(iv, {}, data, data.data(), {}, tag.data()));
  EXPECT_EQ(data, from_hex("EC8CDF7398607CB0F2D21675EA9EA1E4"
                           "362B7C3C6773516318A077D7FC5073AE"
                           "6A2CC3787889374FBEB4C81B17BA6C44"));
}

// RFC 2202 test case 1: HMAC-SHA1 with a key of 20 bytes, over "Hi There" in three parts.
TEST_P(SrtpVectors, Rfc2202HmacSha1) {
  SrtpSessionKey key;
  key.auth.fill(0x0b);
  const auto cipher = crypto_->make_cipher(SrtpProfile::kAes128CmSha1_80, SrtpDirection::kOpen);
  ASSERT_TRUE(cipher->set_key(key));
  Buffer data = from_hex("20546865");  // " The"
  const Buffer tag = from_hex("b617318655057264e28b");
  EXPECT_TRUE(cipher->open({}, as_bytes("Hi"), data, as_bytes("re"), tag.data()));
}

// RFC 7714 §16.1.
TEST_P(SrtpVectors, Rfc7714Srtp) {
  const Buffer plain = from_hex(
      "8040f17b8041f8d35501a0b247616c6c696120657374206f6d6e69732064697669736120696e2070617274657320"
      "74726573");
  const Buffer sealed = from_hex(
      "8040f17b8041f8d35501a0b2f24de3a3fb34de6cacba861c9d7e4bcabe633bd50d294e6f42a5f47a51c7d19b36de"
      "3adf8833899d7f27beb16a9152cf765ee4390cce");
  SrtpSender sender(*crypto_, SrtpProfile::kAeadAes128Gcm, gcm_key(), gcm_key());
  EXPECT_EQ(protect(sender, plain, 0xf17b), sealed);

  SrtpReceiver receiver(*crypto_, SrtpProfile::kAeadAes128Gcm, gcm_key(), gcm_key());
  Buffer packet = sealed;
  const auto size = receiver.unprotect_rtp(packet);
  ASSERT_TRUE(size);
  packet.resize(*size);
  EXPECT_EQ(packet, plain);
}

// RFC 7714 §17.1, index 0x5d4.
TEST_P(SrtpVectors, Rfc7714Srtcp) {
  const Buffer plain = from_hex(
      "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeefdead"
      "beefdeadbeef");
  const Buffer sealed = from_hex(
      "81c8000d4d61727363e94885dcdab67ca727d7662f6b7e997ff5c0f76c06f32dc676a5f1730d6fda4ce09b468630"
      "3ded0bb9275bc84aa45896cf4d2fc5abf87245d9eade800005d4");
  SrtpSender sender(*crypto_, SrtpProfile::kAeadAes128Gcm, gcm_key(), gcm_key(), 0x5d4);
  EXPECT_EQ(protect_rtcp(sender, plain), sealed);

  SrtpReceiver receiver(*crypto_, SrtpProfile::kAeadAes128Gcm, gcm_key(), gcm_key());
  Buffer packet = sealed;
  const auto size = receiver.unprotect_rtcp(packet);
  ASSERT_TRUE(size);
  packet.resize(*size);
  EXPECT_EQ(packet, plain);
}

// RFC 7714 §17.3 is authentic but not encrypted, which no DTLS-SRTP profile allows.
TEST_P(SrtpVectors, Rfc7714SrtcpWithoutEncryptionIsRefused) {
  Buffer packet = from_hex(
      "81c8000d4d6172734e5450314e545032525450200000042a0000e9304c756e61deadbeefdeadbeefdeadbeefdead"
      "beefdeadbeef841dd9683dd78ec92ae58790125f62b3000005d4");
  SrtpReceiver receiver(*crypto_, SrtpProfile::kAeadAes128Gcm, gcm_key(), gcm_key());
  const auto size = receiver.unprotect_rtcp(packet);
  ASSERT_FALSE(size);
  EXPECT_EQ(size.error(), SrtpError::kMalformed);
}

}  // namespace
}  // namespace loopcast::rtc
