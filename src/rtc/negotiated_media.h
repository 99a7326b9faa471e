// What offer and answer agree on, as plain values for the rest of the media core.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/units.h"
#include "rtc/ice_credentials.h"
#include "wire/codec.h"
#include "wire/rtp_extensions.h"

namespace loopcast::rtc {

enum class MediaKind : uint8_t { kAudio, kVideo };

// The id on the wire of each header extension; 0 = not agreed, else 1 to 14.
using ExtensionIds = std::array<uint8_t, wire::kExtensionKinds>;

// One section that was accepted. Directions are seen from our side; both are false if it was
// answered inactive.
struct NegotiatedMedia {
  MediaKind kind = MediaKind::kAudio;
  std::string mid;
  size_t index = 0;  // of the m-line, from 0
  bool receive = false;
  bool send = false;

  wire::Codec codec = wire::Codec::kOpus;
  PayloadType payload_type = 0;
  std::optional<PayloadType> rtx_payload_type;
  uint32_t clock_rate = 0;  // Hz, of the codec and its RTX
  // The format parameters of `payload_type` as the peer offered them; identifies the profile of
  // H.264, VP9 and AV1.
  std::string fmtp;

  bool nack = false;
  bool pli = false;
  bool fir = false;
  bool transport_cc = false;
  ExtensionIds extension_ids{};

  // As signalled; programs that send by WHIP often signal none.
  std::optional<Ssrc> remote_ssrc;
  std::optional<Ssrc> remote_rtx_ssrc;
  // Ours; they mean something only if `send`, the second only if rtx_payload_type.
  Ssrc local_ssrc;
  Ssrc local_rtx_ssrc;

  uint8_t extension_id(wire::ExtensionKind extension) const {
    return extension_ids[static_cast<size_t>(extension)];
  }
};

struct Negotiated {
  IceCredentials remote_ice;
  // Of the peer's certificate: "sha-256", "sha-384" or "sha-512", and 32, 48 or 64 bytes.
  std::string fingerprint_algorithm;
  std::vector<uint8_t> fingerprint;
  bool dtls_active = false;            // we are the DTLS client
  std::string bundle_mid;              // of the section that all others are bundled with
  std::vector<NegotiatedMedia> media;  // one or two, in the order of the m-lines

  // The section of that kind, or nullptr.
  const NegotiatedMedia* find(MediaKind kind) const {
    for (const NegotiatedMedia& m : media)
      if (m.kind == kind) return &m;
    return nullptr;
  }
};

// What a publisher sends, as an answer to a viewer needs to know it.
struct SourceMedia {
  MediaKind kind = MediaKind::kAudio;
  wire::Codec codec = wire::Codec::kOpus;
  std::string fmtp;  // NegotiatedMedia::fmtp of the publisher
};
inline SourceMedia source_of(const NegotiatedMedia& media) {
  return {media.kind, media.codec, media.fmtp};
}

}  // namespace loopcast::rtc
