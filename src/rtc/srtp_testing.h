// What the SRTP tests share.
#pragma once

#include <memory>
#include <string_view>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "rtc/srtp.h"

namespace loopcast::rtc {

using Buffer = std::vector<uint8_t>;

inline Buffer from_hex(std::string_view text) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10; };
  Buffer out;
  for (size_t i = 0; i + 1 < text.size(); i += 2)
    out.push_back(static_cast<uint8_t>(digit(text[i]) << 4 | digit(text[i + 1])));
  return out;
}

template <size_t N>
std::array<uint8_t, N> array_from_hex(std::string_view text) {
  std::array<uint8_t, N> out{};
  std::ranges::copy(from_hex(text), out.begin());
  return out;
}

inline SrtpMasterKey master_key(uint8_t seed) {
  SrtpMasterKey master;
  for (size_t i = 0; i < master.key.size(); ++i) master.key[i] = static_cast<uint8_t>(seed + i * 7);
  for (size_t i = 0; i < master.salt.size(); ++i)
    master.salt[i] = static_cast<uint8_t>(seed + 100 + i * 3);
  return master;
}

// A plain RTP packet with a payload that depends on `seq`.
inline Buffer rtp_packet(uint32_t ssrc, uint16_t seq, size_t payload_size = 100) {
  Buffer packet(12 + payload_size);
  packet[0] = 0x80;
  packet[1] = 96;
  store_u16(&packet[2], seq);
  store_u32(&packet[4], 0x01020304u + seq);
  store_u32(&packet[8], ssrc);
  for (size_t i = 0; i < payload_size; ++i) packet[12 + i] = static_cast<uint8_t>(seq * 31u + i);
  return packet;
}

inline Buffer rtcp_packet(uint32_t ssrc, size_t size = 56) {
  Buffer packet(size);
  for (size_t i = 0; i < size; ++i) packet[i] = static_cast<uint8_t>(i * 5);
  packet[0] = 0x81;
  packet[1] = 200;
  store_u16(&packet[2], static_cast<uint16_t>(size / 4 - 1));
  store_u32(&packet[4], ssrc);
  return packet;
}

// `plain` protected, with its header of `header_size` copied and its payload encrypted out of
// place. Empty if refused.
inline Buffer protect(SrtpSender& sender, const Buffer& plain, uint64_t index,
                      size_t header_size = 12) {
  Buffer out(plain.size() + sender.overhead());
  std::copy_n(plain.begin(), header_size, out.begin());
  out.resize(sender.protect_rtp(out, header_size, Bytes(plain).subspan(header_size), index));
  return out;
}

inline Buffer protect_rtcp(SrtpSender& sender, const Buffer& plain) {
  Buffer out = plain;
  out.resize(plain.size() + sender.rtcp_overhead());
  out.resize(sender.protect_rtcp(out, plain.size()));
  return out;
}

// Runs with each library that this machine has.
class SrtpBackendTest : public testing::TestWithParam<SrtpBackend> {
 protected:
  void SetUp() override {
    crypto_ = SrtpCrypto::make(GetParam());
    if (!crypto_) GTEST_SKIP() << "not available on this processor";
  }
  std::unique_ptr<SrtpCrypto> crypto_;
};

inline const char* name_of(SrtpBackend backend) {
  return backend == SrtpBackend::kIpsecMb ? "IpsecMb" : "OpenSsl";
}

inline auto srtp_backends() {
  return testing::Values(SrtpBackend::kIpsecMb, SrtpBackend::kOpenSsl);
}

inline std::string backend_name(const testing::TestParamInfo<SrtpBackend>& info) {
  return name_of(info.param);
}

// And with each profile.
using SrtpParam = std::tuple<SrtpBackend, SrtpProfile>;
class SrtpProfileTest : public testing::TestWithParam<SrtpParam> {
 protected:
  void SetUp() override {
    crypto_ = SrtpCrypto::make(std::get<0>(GetParam()));
    if (!crypto_) GTEST_SKIP() << "not available on this processor";
  }
  SrtpProfile profile() const { return std::get<1>(GetParam()); }
  SrtpSender sender(uint8_t seed = 1) { return {*crypto_, profile(), master_key(seed)}; }
  SrtpReceiver receiver(uint8_t seed = 1) { return {*crypto_, profile(), master_key(seed)}; }

  std::unique_ptr<SrtpCrypto> crypto_;
};

inline auto srtp_params() {
  return testing::Combine(
      testing::Values(SrtpBackend::kIpsecMb, SrtpBackend::kOpenSsl),
      testing::Values(SrtpProfile::kAeadAes128Gcm, SrtpProfile::kAes128CmSha1_80));
}

inline std::string param_name(const testing::TestParamInfo<SrtpParam>& info) {
  return std::string(name_of(std::get<0>(info.param))) +
         (std::get<1>(info.param) == SrtpProfile::kAeadAes128Gcm ? "Gcm" : "Cm");
}

}  // namespace loopcast::rtc
