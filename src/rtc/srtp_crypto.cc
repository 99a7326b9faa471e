#include "rtc/srtp_crypto.h"

#include "rtc/srtp_cipher.h"

namespace loopcast::rtc {

std::unique_ptr<SrtpCrypto> SrtpCrypto::make(SrtpBackend backend) {
  return backend == SrtpBackend::kIpsecMb ? make_ipsec_mb_crypto() : make_openssl_crypto();
}

std::unique_ptr<SrtpCrypto> SrtpCrypto::make_best() {
  auto crypto = make(SrtpBackend::kIpsecMb);
  return crypto ? std::move(crypto) : make(SrtpBackend::kOpenSsl);
}

SrtpCrypto::SrtpCrypto() = default;
SrtpCrypto::~SrtpCrypto() = default;

SrtpCipher* SrtpCrypto::keyed(SrtpProfile profile, SrtpDirection direction,
                              const SrtpSessionKey& key) {
  auto& cipher = shared_[(profile == SrtpProfile::kAeadAes128Gcm ? 2u : 0u) +
                         (direction == SrtpDirection::kSeal ? 1u : 0u)];
  if (!cipher) cipher = make_cipher(profile, direction);
  return cipher->set_key(key) ? cipher.get() : nullptr;
}

}  // namespace loopcast::rtc
