// The keys of SRTP: what DTLS exports (RFC 5764 §4.2) and what is derived from it (RFC 3711 §4.3).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.h"

namespace loopcast::rtc {

// The values of the DTLS extension use_srtp (RFC 5764 §4.1.2, RFC 7714 §14.2).
enum class SrtpProfile : uint16_t { kAes128CmSha1_80 = 0x0001, kAeadAes128Gcm = 0x0007 };

// Wiped when destroyed.
struct SrtpMasterKey {
  std::array<uint8_t, 16> key{};
  std::array<uint8_t, 14> salt{};  // AEAD_AES_128_GCM uses the first 12 bytes
  ~SrtpMasterKey();
};

// The session keys of one direction of RTP or of RTCP. Wiped when destroyed.
struct SrtpSessionKey {
  std::array<uint8_t, 16> cipher{};
  std::array<uint8_t, 20> auth{};  // unused with GCM
  std::array<uint8_t, 16> salt{};  // 14 bytes, with GCM 12, then zeros
  ~SrtpSessionKey();
};

enum class SrtpStream { kRtp, kRtcp };

// RFC 3711 §4.3 with key derivation rate 0. Throws std::bad_alloc when out of memory.
SrtpSessionKey derive_session_key(SrtpProfile, SrtpStream, const SrtpMasterKey&);

// Both sides' keys. The DTLS client protects with `client`, the server with `server`.
struct SrtpKeyPair {
  SrtpMasterKey client;
  SrtpMasterKey server;
};
// Bytes to ask the DTLS exporter for, with label "EXTRACTOR-dtls_srtp": 56 with GCM, 60 with
// AES-CM.
size_t srtp_exporter_size(SrtpProfile);
// nullopt if `material`, the exporter's output, is not of that size.
std::optional<SrtpKeyPair> split_exporter(SrtpProfile, Bytes material);

}  // namespace loopcast::rtc
