#include "rtc/srtp_keys.h"

#include "rtc/srtp_testing.h"

namespace loopcast::rtc {
namespace {

// RFC 3711 appendix B.3.
TEST(SrtpKeys, Rfc3711Derivation) {
  const SrtpMasterKey master{array_from_hex<16>("E1F97A0D3E018BE0D64FA32C06DE4139"),
                             array_from_hex<14>("0EC675AD498AFEEBB6960B3AABE6")};
  const auto key = derive_session_key(SrtpProfile::kAes128CmSha1_80, SrtpStream::kRtp, master);
  EXPECT_EQ(key.cipher, array_from_hex<16>("C61E7A93744F39EE10734AFE3FF7A087"));
  EXPECT_EQ(key.auth, array_from_hex<20>("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"));
  EXPECT_EQ(key.salt, array_from_hex<16>("30CBBC08863D8C85D49DB34A9AE10000"));
}

TEST(SrtpKeys, RtpAndRtcpDiffer) {
  const auto rtp = derive_session_key(SrtpProfile::kAeadAes128Gcm, SrtpStream::kRtp, master_key(1));
  const auto rtcp =
      derive_session_key(SrtpProfile::kAeadAes128Gcm, SrtpStream::kRtcp, master_key(1));
  EXPECT_NE(rtp.cipher, rtcp.cipher);
  EXPECT_NE(rtp.salt, rtcp.salt);
}

TEST(SrtpKeys, GcmUsesTwelveBytesOfSalt) {
  SrtpMasterKey a = master_key(1);
  SrtpMasterKey b = a;
  b.salt[12] ^= 1;
  b.salt[13] ^= 1;
  const auto of_a = derive_session_key(SrtpProfile::kAeadAes128Gcm, SrtpStream::kRtp, a);
  const auto of_b = derive_session_key(SrtpProfile::kAeadAes128Gcm, SrtpStream::kRtp, b);
  EXPECT_EQ(of_a.cipher, of_b.cipher);
  EXPECT_EQ(of_a.salt, of_b.salt);
  EXPECT_EQ(Bytes(of_a.salt).last(4)[0], 0);
  b.salt[11] ^= 1;
  EXPECT_NE(of_a.cipher,
            derive_session_key(SrtpProfile::kAeadAes128Gcm, SrtpStream::kRtp, b).cipher);
}

// RFC 5764 §4.2: client key, server key, client salt, server salt.
TEST(SrtpKeys, SplitsExporter) {
  Buffer material(60);
  for (size_t i = 0; i < material.size(); ++i) material[i] = static_cast<uint8_t>(i);

  ASSERT_EQ(srtp_exporter_size(SrtpProfile::kAes128CmSha1_80), 60u);
  const auto cm = split_exporter(SrtpProfile::kAes128CmSha1_80, material);
  ASSERT_TRUE(cm);
  EXPECT_EQ(cm->client.key[0], 0);
  EXPECT_EQ(cm->server.key[0], 16);
  EXPECT_EQ(cm->client.salt[0], 32);
  EXPECT_EQ(cm->client.salt[13], 45);
  EXPECT_EQ(cm->server.salt[0], 46);
  EXPECT_EQ(cm->server.salt[13], 59);

  ASSERT_EQ(srtp_exporter_size(SrtpProfile::kAeadAes128Gcm), 56u);
  const auto gcm = split_exporter(SrtpProfile::kAeadAes128Gcm, Bytes(material).first(56));
  ASSERT_TRUE(gcm);
  EXPECT_EQ(gcm->server.key[15], 31);
  EXPECT_EQ(gcm->client.salt[11], 43);
  EXPECT_EQ(gcm->client.salt[12], 0);
  EXPECT_EQ(gcm->server.salt[0], 44);
  EXPECT_EQ(gcm->server.salt[11], 55);

  EXPECT_FALSE(split_exporter(SrtpProfile::kAeadAes128Gcm, material));
  EXPECT_FALSE(split_exporter(SrtpProfile::kAes128CmSha1_80, Bytes(material).first(59)));
}

}  // namespace
}  // namespace loopcast::rtc
