// SRTP by Intel's ipsec-mb, which is written for packets: no set-up beyond the expanded key, and
// the widest AES and carry-less multiplication that the processor has.
#include "rtc/srtp_cipher.h"

#ifdef LOOPCAST_HAS_IPSEC_MB

#include <algorithm>
#include <array>

#define NO_COMPAT_IMB_API_053
#include <intel-ipsec-mb.h>
#include <openssl/crypto.h>

#include "base/secret.h"
#include "rtc/srtp_hmac.h"

namespace loopcast::rtc {
namespace {

// What a call needs beside the key, shared by all ciphers of the thread. Wiped when destroyed.
struct Workspace {
  IMB_MGR* manager = nullptr;
  gcm_context_data gcm{};
  IMB_JOB ctr{};
  std::array<IMB_JOB, kMaxSealJobs> jobs{};
  alignas(16) uint8_t unused_decryption_key[16 * 11]{};

  Workspace() = default;
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  ~Workspace() {
    if (manager) free_mb_mgr(manager);
    OPENSSL_cleanse(&gcm, sizeof gcm);
    OPENSSL_cleanse(unused_decryption_key, sizeof unused_decryption_key);
  }
};

class GcmCipher final : public SrtpCipher {
 public:
  explicit GcmCipher(Workspace& w) : w_(w) {}
  ~GcmCipher() override { OPENSSL_cleanse(&key_, sizeof key_); }

  bool set_key(const SrtpSessionKey& key) override {
    IMB_AES128_GCM_PRE(w_.manager, key.cipher.data(), &key_);
    return true;
  }

  bool seal(const SrtpIv& iv, Bytes header, Bytes plain, uint8_t* out, Bytes /*trailer*/,
            uint8_t* tag) override {
    IMB_AES128_GCM_ENC(w_.manager, &key_, &w_.gcm, out, plain.data(), plain.size(), iv.bytes,
                       header.data(), header.size(), tag, kGcmTagSize);
    return true;
  }

  bool seal_all(std::span<const SealJob> jobs) override {
    for (const SealJob& job : jobs)
      IMB_AES128_GCM_ENC(w_.manager, &key_, &w_.gcm, job.out(), job.plain.data(), job.plain.size(),
                         job.iv.bytes, job.packet, job.header_size, job.tag(), kGcmTagSize);
    return true;
  }

  bool open(const SrtpIv& iv, Bytes header, MutableBytes data, Bytes /*trailer*/,
            const uint8_t* tag) override {
    uint8_t actual[kGcmTagSize];
    IMB_AES128_GCM_DEC(w_.manager, &key_, &w_.gcm, data.data(), data.data(), data.size(), iv.bytes,
                       header.data(), header.size(), actual, kGcmTagSize);
    return equal_secret(Bytes(actual), Bytes(tag, kGcmTagSize));
  }

 private:
  Workspace& w_;
  gcm_key_data key_;
};

// The counter mode is ipsec-mb's. Its HMAC-SHA1 is fast only for many packets at once; for few,
// OpenSSL's SHA-1, which uses the processor's SHA instructions, is faster.
class CmCipher final : public SrtpCipher {
 public:
  explicit CmCipher(Workspace& w) : w_(w) {}
  ~CmCipher() override { OPENSSL_cleanse(key_, sizeof key_); }

  bool set_key(const SrtpSessionKey& key) override {
    IMB_AES_KEYEXP_128(w_.manager, key.cipher.data(), key_, w_.unused_decryption_key);
    hmac_.set_key(key.auth);
    return true;
  }

  bool seal(const SrtpIv& iv, Bytes header, Bytes plain, uint8_t* out, Bytes trailer,
            uint8_t* tag) override {
    if (!counter_mode(iv, plain, out)) return false;
    hmac_.tag(header, Bytes(out, plain.size()), trailer, tag);
    return true;
  }

  bool seal_all(std::span<const SealJob> packets) override {
    if (packets.size() < kManyPackets) return SrtpCipher::seal_all(packets);
    for (size_t i = 0; i < packets.size(); ++i) {
      const SealJob& packet = packets[i];
      IMB_JOB& job = w_.jobs[i];
      job = {};
      job.enc_keys = key_;
      job.key_len_in_bytes = 16;
      job.src = packet.plain.data();
      job.dst = packet.out();
      job.msg_len_to_cipher_in_bytes = packet.plain.size();
      job.iv = packet.iv.bytes;
      job.iv_len_in_bytes = 16;
    }
    const auto count = static_cast<uint32_t>(packets.size());
    if (IMB_SUBMIT_CIPHER_BURST_NOCHECK(w_.manager, w_.jobs.data(), count, IMB_CIPHER_CNTR,
                                        IMB_DIR_ENCRYPT, IMB_KEY_128_BYTES) != count)
      return false;
    // The roll-over counter is hashed from where the tag goes afterwards.
    constexpr size_t kSha1Size = 20;  // the library writes at least 12 bytes
    uint8_t tags[kMaxSealJobs][kSha1Size];
    for (size_t i = 0; i < packets.size(); ++i) {
      const SealJob& packet = packets[i];
      std::ranges::copy(packet.roc, packet.tag());
      IMB_JOB& job = w_.jobs[i];
      job = {};
      job.src = packet.packet;
      job.msg_len_to_hash_in_bytes = packet.header_size + packet.plain.size() + packet.roc.size();
      job.auth_tag_output = tags[i];
      job.auth_tag_output_len_in_bytes = kSha1Size;
      job.u.HMAC._hashed_auth_key_xor_ipad = static_cast<const uint8_t*>(hmac_.inner());
      job.u.HMAC._hashed_auth_key_xor_opad = static_cast<const uint8_t*>(hmac_.outer());
    }
    if (IMB_SUBMIT_HASH_BURST_NOCHECK(w_.manager, w_.jobs.data(), count, IMB_AUTH_HMAC_SHA_1) !=
        count)
      return false;
    for (size_t i = 0; i < packets.size(); ++i)
      std::copy_n(tags[i], kSha1TagSize, packets[i].tag());
    return true;
  }

  bool open(const SrtpIv& iv, Bytes header, MutableBytes data, Bytes trailer,
            const uint8_t* tag) override {
    return hmac_.verify(header, data, trailer, tag) && counter_mode(iv, data, data.data());
  }

 private:
  // Below it the lanes of the hash are too empty to gain anything.
  static constexpr size_t kManyPackets = 5;

  bool counter_mode(const SrtpIv& iv, Bytes in, uint8_t* out) {
    if (in.empty()) return true;
    IMB_JOB& job = w_.ctr;
    job.enc_keys = key_;
    job.key_len_in_bytes = 16;
    job.src = in.data();
    job.dst = out;
    job.cipher_start_src_offset_in_bytes = 0;
    job.msg_len_to_cipher_in_bytes = in.size();
    job.iv = iv.bytes;
    job.iv_len_in_bytes = 16;
    return IMB_SUBMIT_CIPHER_BURST_NOCHECK(w_.manager, &job, 1, IMB_CIPHER_CNTR, IMB_DIR_ENCRYPT,
                                           IMB_KEY_128_BYTES) == 1;
  }

  Workspace& w_;
  alignas(16) uint8_t key_[16 * 11];
  SrtpHmac hmac_;
};

class IpsecMbCrypto final : public SrtpCrypto {
 public:
  // False if the library cannot work on this processor.
  bool start() {
    w_.manager = alloc_mb_mgr(0);
    if (!w_.manager) return false;
    init_mb_mgr_auto(w_.manager, &arch_);
    // Without these the library falls back to emulation, which is slower than OpenSSL.
    constexpr uint64_t kNeeded = IMB_FEATURE_AESNI | IMB_FEATURE_PCLMULQDQ;
    const uint64_t features = w_.manager->features;
    const bool self_test_failed =
        (features & IMB_FEATURE_SELF_TEST) != 0 && (features & IMB_FEATURE_SELF_TEST_PASS) == 0;
    return imb_get_errno(w_.manager) == 0 && (features & kNeeded) == kNeeded && !self_test_failed;
  }

  const char* name() const override {
    switch (arch_) {
      case IMB_ARCH_AVX512:
        return "ipsec-mb AVX512";
      case IMB_ARCH_AVX2:
        return "ipsec-mb AVX2";
      case IMB_ARCH_AVX:
        return "ipsec-mb AVX";
      default:
        return "ipsec-mb SSE";
    }
  }

  std::unique_ptr<SrtpCipher> make_cipher(SrtpProfile profile, SrtpDirection) override {
    if (profile == SrtpProfile::kAeadAes128Gcm) return std::make_unique<GcmCipher>(w_);
    return std::make_unique<CmCipher>(w_);
  }

 private:
  Workspace w_;
  IMB_ARCH arch_ = IMB_ARCH_NONE;
};

}  // namespace

std::unique_ptr<SrtpCrypto> make_ipsec_mb_crypto() {
  auto crypto = std::make_unique<IpsecMbCrypto>();
  if (!crypto->start()) return nullptr;
  return crypto;
}

}  // namespace loopcast::rtc

#else

namespace loopcast::rtc {
std::unique_ptr<SrtpCrypto> make_ipsec_mb_crypto() { return nullptr; }
}  // namespace loopcast::rtc

#endif
