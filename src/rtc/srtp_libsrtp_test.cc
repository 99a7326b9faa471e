// Against libsrtp2, the implementation that browsers use, in both directions.
#include <random>

#include <srtp2/srtp.h>

#include "rtc/srtp_testing.h"

namespace loopcast::rtc {
namespace {

constexpr uint32_t kSsrc = 0x11223344;

// One session of libsrtp2: sends or receives, any SSRC.
class Libsrtp {
 public:
  Libsrtp(SrtpProfile profile, const SrtpMasterKey& master, bool outbound) {
    static const srtp_err_status_t started = srtp_init();
    EXPECT_EQ(started, srtp_err_status_ok);
    const bool gcm = profile == SrtpProfile::kAeadAes128Gcm;
    Buffer key(master.key.begin(), master.key.end());
    key.insert(key.end(), master.salt.begin(), master.salt.begin() + (gcm ? 12 : 14));
    srtp_policy_t policy{};
    if (gcm) {
      srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtp);
      srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy.rtcp);
    } else {
      srtp_crypto_policy_set_rtp_default(&policy.rtp);
      srtp_crypto_policy_set_rtcp_default(&policy.rtcp);
    }
    policy.ssrc.type = outbound ? ssrc_any_outbound : ssrc_any_inbound;
    policy.key = key.data();
    policy.window_size = 1024;
    EXPECT_EQ(srtp_create(&session_, &policy), srtp_err_status_ok);
  }
  ~Libsrtp() { srtp_dealloc(session_); }
  Libsrtp(const Libsrtp&) = delete;
  Libsrtp& operator=(const Libsrtp&) = delete;

  Buffer protect_rtp(const Buffer& plain) { return run(srtp_protect, plain); }
  Buffer protect_rtcp(const Buffer& plain) { return run(srtp_protect_rtcp, plain); }
  Buffer unprotect_rtp(const Buffer& sealed) { return run(srtp_unprotect, sealed); }
  Buffer unprotect_rtcp(const Buffer& sealed) { return run(srtp_unprotect_rtcp, sealed); }

 private:
  template <typename Function>
  Buffer run(Function function, const Buffer& in) {
    Buffer out = in;
    out.resize(in.size() + SRTP_MAX_TRAILER_LEN + 4);
    int size = static_cast<int>(in.size());
    const auto status = function(session_, out.data(), &size);
    EXPECT_EQ(status, srtp_err_status_ok);
    out.resize(status == srtp_err_status_ok ? static_cast<size_t>(size) : 0);
    return out;
  }
  srtp_t session_ = nullptr;
};

class SrtpOracle : public SrtpProfileTest {};
INSTANTIATE_TEST_SUITE_P(All, SrtpOracle, srtp_params(), param_name);

// A header with CSRCs and an extension in some packets; returns its size.
size_t vary_header(Buffer& packet, size_t variant) {
  const size_t sources = variant % 4;
  packet[0] = static_cast<uint8_t>(0x80 | sources);
  if (variant % 3 == 0) return 12 + 4 * sources;
  packet[0] |= 0x10;
  const size_t at = 12 + 4 * sources;
  store_u16(&packet[at], 0xbede);
  store_u16(&packet[at + 2], static_cast<uint16_t>(variant % 5));
  return at + 4 + 4 * (variant % 5);
}

TEST_P(SrtpOracle, ItReadsOurRtp) {
  SrtpSender from = sender();
  Libsrtp to(profile(), master_key(1), false);
  std::mt19937 random(1);
  for (uint64_t index = 65400; index < 2 * 65536 + 100; index += 1 + random() % 300) {
    Buffer plain = rtp_packet(kSsrc, static_cast<uint16_t>(index), 60 + random() % 1100);
    const size_t header_size = vary_header(plain, random());
    ASSERT_EQ(to.unprotect_rtp(protect(from, plain, index, header_size)), plain) << index;
  }
}

TEST_P(SrtpOracle, WeReadItsRtp) {
  Libsrtp from(profile(), master_key(1), true);
  SrtpReceiver to = receiver();
  std::mt19937 random(2);
  std::vector<Buffer> plains, sealed;
  for (uint64_t index = 65400; index < 2 * 65536 + 100; index += 1 + random() % 300) {
    Buffer plain = rtp_packet(kSsrc, static_cast<uint16_t>(index), 60 + random() % 1100);
    vary_header(plain, random());
    sealed.push_back(from.protect_rtp(plain));
    plains.push_back(std::move(plain));
  }
  for (size_t i = 0; i + 1 < sealed.size(); i += 2) {
    std::swap(sealed[i], sealed[i + 1]);
    std::swap(plains[i], plains[i + 1]);
  }
  for (size_t i = 0; i < sealed.size(); ++i) {
    const auto size = to.unprotect_rtp(sealed[i]);
    ASSERT_TRUE(size) << i;
    sealed[i].resize(*size);
    ASSERT_EQ(sealed[i], plains[i]);
  }
}

TEST_P(SrtpOracle, ItReadsOurRtcp) {
  SrtpSender from = sender();
  Libsrtp to(profile(), master_key(1), false);
  for (uint32_t i = 0; i < 200; ++i) {
    const Buffer plain = rtcp_packet(kSsrc + i % 2, 8 + 4 * (i % 50));
    ASSERT_EQ(to.unprotect_rtcp(rtc::protect_rtcp(from, plain)), plain) << i;
  }
}

// It counts an SRTCP index for each SSRC.
TEST_P(SrtpOracle, WeReadItsRtcp) {
  Libsrtp from(profile(), master_key(1), true);
  SrtpReceiver to = receiver();
  for (uint32_t i = 0; i < 200; ++i) {
    const Buffer plain = rtcp_packet(kSsrc + i % 3, 8 + 4 * (i % 50));
    Buffer sealed = from.protect_rtcp(plain);
    const auto size = to.unprotect_rtcp(sealed);
    ASSERT_TRUE(size) << i;
    sealed.resize(*size);
    ASSERT_EQ(sealed, plain);
  }
}

}  // namespace
}  // namespace loopcast::rtc
