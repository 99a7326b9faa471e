// One SRTP session key in the form its library works with. Behind SrtpSender and SrtpReceiver.
#pragma once

#include <array>
#include <memory>
#include <span>

#include "base/bytes.h"
#include "rtc/srtp_crypto.h"

namespace loopcast::rtc {

inline constexpr size_t kGcmTagSize = 16;   // RFC 7714 §13.1
inline constexpr size_t kSha1TagSize = 10;  // RFC 3711 §4.2.1, 80 bits

// The initial vector of a packet: 12 bytes for GCM (RFC 7714 §8.1, §9.1), 16 for AES-CM (RFC 3711
// §4.1.1). Both fill what they do not use with zeros.
struct alignas(16) SrtpIv {
  uint8_t bytes[16];
};

// One packet of several.
struct SealJob {
  SrtpIv iv;
  uint8_t* packet;
  size_t header_size;
  Bytes plain;
  std::array<uint8_t, 4> roc;  // of RFC 3711, authenticated behind the packet
  bool has_trailer;

  Bytes header() const { return {packet, header_size}; }
  uint8_t* out() const { return packet + header_size; }
  uint8_t* tag() const { return out() + plain.size(); }
  Bytes trailer() const { return {roc.data(), has_trailer ? roc.size() : 0}; }
};
inline constexpr size_t kMaxSealJobs = 16;

// Authenticated encryption as the two profiles have in common. A cipher does one direction only. It
// authenticates `header`, then the ciphertext, then `trailer`; with GCM `trailer` must be empty, as
// all additional data is in `header`. The tag has kGcmTagSize or kSha1TagSize bytes. Sizes are
// below 2^31. Calls allocate nothing.
class SrtpCipher {
 public:
  virtual ~SrtpCipher() = default;
  SrtpCipher(const SrtpCipher&) = delete;
  SrtpCipher& operator=(const SrtpCipher&) = delete;

  // Must come first; may be repeated. False if the library fails.
  [[nodiscard]] virtual bool set_key(const SrtpSessionKey&) = 0;

  // Encrypts `plain` to `out`, which is elsewhere or plain.data() itself. False if the library
  // fails.
  [[nodiscard]] virtual bool seal(const SrtpIv&, Bytes header, Bytes plain, uint8_t* out,
                                  Bytes trailer, uint8_t* tag) = 0;

  // seal() for up to kMaxSealJobs packets, whose header, ciphertext and tag are end to end. May be
  // put off in a burst: SrtpCrypto::begin_burst().
  [[nodiscard]] virtual bool seal_all(std::span<const SealJob> jobs) {
    for (const SealJob& job : jobs)
      if (!seal(job.iv, job.header(), job.plain, job.out(), job.trailer(), job.tag())) return false;
    return true;
  }

  // Verifies and decrypts in place. False if it is not authentic; `data` is undefined then.
  [[nodiscard]] virtual bool open(const SrtpIv&, Bytes header, MutableBytes data, Bytes trailer,
                                  const uint8_t* tag) = 0;

 protected:
  SrtpCipher() = default;
};

// nullptr if not available.
std::unique_ptr<SrtpCrypto> make_ipsec_mb_crypto();
std::unique_ptr<SrtpCrypto> make_openssl_crypto();

}  // namespace loopcast::rtc
