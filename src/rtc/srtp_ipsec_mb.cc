// SRTP by Intel's ipsec-mb, which is written for packets: no set-up beyond the expanded key, and
// the widest AES and carry-less multiplication that the processor has.
#include "rtc/srtp_cipher.h"

#ifdef LOOPCAST_HAS_IPSEC_MB

#include <algorithm>
#include <array>
#include <utility>

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

// Wiped when destroyed.
struct CmKey {
  alignas(16) uint8_t round_keys[16 * 11];
  SrtpHmac hmac;

  CmKey() = default;
  CmKey(const CmKey&) = delete;
  CmKey& operator=(const CmKey&) = delete;
  ~CmKey() { OPENSSL_cleanse(round_keys, sizeof round_keys); }
};

bool counter_mode(Workspace& w, const CmKey& key, const SrtpIv& iv, Bytes in, uint8_t* out) {
  if (in.empty()) return true;
  IMB_JOB& job = w.ctr;
  job.enc_keys = key.round_keys;
  job.key_len_in_bytes = 16;
  job.src = in.data();
  job.dst = out;
  job.cipher_start_src_offset_in_bytes = 0;
  job.msg_len_to_cipher_in_bytes = in.size();
  job.iv = iv.bytes;
  job.iv_len_in_bytes = 16;
  return IMB_SUBMIT_CIPHER_BURST_NOCHECK(w.manager, &job, 1, IMB_CIPHER_CNTR, IMB_DIR_ENCRYPT,
                                         IMB_KEY_128_BYTES) == 1;
}

// Packets of AES-CM on their way through the library, of any number of keys. Its HMAC-SHA1 is fast
// only for many packets at once; for few, OpenSSL's SHA-1, which uses the processor's SHA
// instructions, is faster.
class CmBurst {
 public:
  explicit CmBurst(Workspace& w) : w_(w) {}

  void begin() { open_ = true; }
  // How many packets since begin() the library failed for.
  size_t end() {
    complete();
    open_ = false;
    return std::exchange(lost_, 0);
  }

  // At once, or between begin() and end() when there are enough, complete() or end(). False, at
  // once only, if the library fails. At most kMaxSealJobs; `key` stays where it is.
  bool seal(const CmKey& key, std::span<const SealJob> packets) {
    for (const SealJob& packet : packets) {
      if (count_ == kSize) complete();
      keys_[count_] = &key;
      packets_[count_++] = packet;
    }
    return open_ || complete();
  }

  bool complete() {
    const size_t count = std::exchange(count_, 0);
    const bool sealed = count < kManyPackets ? seal_singly(count) : seal_together(count);
    if (sealed) return true;
    // Those of a burst were promised and leave. They are not authentic, and say nothing.
    for (const SealJob& packet : std::span(packets_).first(count))
      std::fill_n(packet.out(), packet.plain.size() + kSha1TagSize, uint8_t{0});
    if (open_) lost_ += count;
    return false;
  }

 private:
  // Several times the lanes of the hash, 16 with AVX-512: they stay full while packets of different
  // sizes come to their end.
  static constexpr size_t kSize = 64;
  static_assert(kSize >= kMaxSealJobs && kSize <= IMB_MAX_BURST_SIZE);
  // Below it the lanes are too empty to gain anything.
  static constexpr size_t kManyPackets = 5;

  bool seal_singly(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      const SealJob& packet = packets_[i];
      if (!counter_mode(w_, *keys_[i], packet.iv, packet.plain, packet.out())) return false;
      keys_[i]->hmac.tag(packet.header(), Bytes(packet.out(), packet.plain.size()),
                         packet.trailer(), packet.tag());
    }
    return true;
  }

  bool seal_together(size_t size) {
    for (size_t i = 0; i < size; ++i) {
      const SealJob& packet = packets_[i];
      IMB_JOB& job = jobs_[i];
      job.enc_keys = keys_[i]->round_keys;
      job.key_len_in_bytes = 16;
      job.src = packet.plain.data();
      job.dst = packet.out();
      job.msg_len_to_cipher_in_bytes = packet.plain.size();
      job.iv = packet.iv.bytes;
      job.iv_len_in_bytes = 16;
    }
    const auto count = static_cast<uint32_t>(size);
    if (IMB_SUBMIT_CIPHER_BURST_NOCHECK(w_.manager, jobs_.data(), count, IMB_CIPHER_CNTR,
                                        IMB_DIR_ENCRYPT, IMB_KEY_128_BYTES) != count)
      return false;
    // The roll-over counter is hashed from where the tag goes afterwards.
    constexpr size_t kSha1Size = 20;  // the library writes at least 12 bytes
    uint8_t tags[kSize][kSha1Size];
    for (size_t i = 0; i < size; ++i) {
      const SealJob& packet = packets_[i];
      std::ranges::copy(packet.roc, packet.tag());
      IMB_JOB& job = jobs_[i];
      job.src = packet.packet;
      job.msg_len_to_hash_in_bytes = packet.header_size + packet.plain.size() + packet.roc.size();
      job.auth_tag_output = tags[i];
      job.auth_tag_output_len_in_bytes = kSha1Size;
      const SrtpHmac& hmac = keys_[i]->hmac;
      job.u.HMAC._hashed_auth_key_xor_ipad = static_cast<const uint8_t*>(hmac.inner());
      job.u.HMAC._hashed_auth_key_xor_opad = static_cast<const uint8_t*>(hmac.outer());
    }
    if (IMB_SUBMIT_HASH_BURST_NOCHECK(w_.manager, jobs_.data(), count, IMB_AUTH_HMAC_SHA_1) !=
        count)
      return false;
    for (size_t i = 0; i < size; ++i) std::copy_n(tags[i], kSha1TagSize, packets_[i].tag());
    return true;
  }

  Workspace& w_;
  bool open_ = false;
  size_t count_ = 0;
  size_t lost_ = 0;
  std::array<const CmKey*, kSize> keys_{};
  std::array<SealJob, kSize> packets_;
  // What seal_together() does not set stays 0: clearing them each time costs a tenth of the whole.
  std::array<IMB_JOB, kSize> jobs_{};
};

class CmCipher final : public SrtpCipher {
 public:
  CmCipher(Workspace& w, CmBurst& burst) : w_(w), burst_(burst) {}

  bool set_key(const SrtpSessionKey& key) override {
    IMB_AES_KEYEXP_128(w_.manager, key.cipher.data(), key_.round_keys, w_.unused_decryption_key);
    key_.hmac.set_key(key.auth);
    return true;
  }

  bool seal(const SrtpIv& iv, Bytes header, Bytes plain, uint8_t* out, Bytes trailer,
            uint8_t* tag) override {
    if (!counter_mode(w_, key_, iv, plain, out)) return false;
    key_.hmac.tag(header, Bytes(out, plain.size()), trailer, tag);
    return true;
  }

  bool seal_all(std::span<const SealJob> packets) override { return burst_.seal(key_, packets); }

  bool open(const SrtpIv& iv, Bytes header, MutableBytes data, Bytes trailer,
            const uint8_t* tag) override {
    return key_.hmac.verify(header, data, trailer, tag) &&
           counter_mode(w_, key_, iv, data, data.data());
  }

 private:
  Workspace& w_;
  CmBurst& burst_;
  CmKey key_;
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
    return std::make_unique<CmCipher>(w_, cm_);
  }

  void begin_burst() override { cm_.begin(); }
  void complete_burst() override { cm_.complete(); }
  size_t end_burst() override { return cm_.end(); }

 private:
  Workspace w_;
  CmBurst cm_{w_};
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
