// What a browser offers and what the answer makes of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "base/units.h"
#include "rtc/dtls.h"
#include "rtc/ice_credentials.h"
#include "rtc/negotiated_media.h"
#include "wire/codec.h"

namespace loopcast::sim {

struct SessionOptions {
  bool send = false;
  bool receive = true;
  bool audio = true;
  bool video = true;
  wire::Codec codec = wire::Codec::kH264;  // of video: kH264 or kVp8
  bool rtx = true;
  // Transport-wide feedback, send times and REMB.
  bool congestion_control = true;
  bool active = false;  // DTLS: "active" instead of "actpass"
};

// The sources that we offer to send.
struct Sources {
  Ssrc audio;
  Ssrc video;
  Ssrc video_rtx;
};

// One section of the answer that was accepted; directions are the browser's.
struct AgreedMedia {
  rtc::MediaKind kind = rtc::MediaKind::kAudio;
  wire::Codec codec = wire::Codec::kOpus;
  std::string mid;
  bool send = false;
  bool receive = false;
  PayloadType payload_type = 0;
  std::optional<PayloadType> rtx_payload_type;
  bool nack = false;
  bool pli = false;
  bool transport_cc = false;
  rtc::ExtensionIds extension_ids{};
  // Signalled by the other side.
  std::optional<Ssrc> remote_ssrc;
  std::optional<Ssrc> remote_rtx_ssrc;

  uint8_t extension_id(wire::ExtensionKind kind_of) const {
    return extension_ids[static_cast<size_t>(kind_of)];
  }
};

struct Agreed {
  rtc::IceCredentials ice;
  rtc::DtlsFingerprint fingerprint;
  std::vector<SocketAddress> candidates;  // of UDP
  std::vector<AgreedMedia> media;
};

// Audio is "0", video "1"; `fingerprint` as in SDP.
std::string write_offer(const SessionOptions& options, const Sources& sources,
                        const rtc::IceCredentials& ice, const std::string& fingerprint);
// nullopt if it cannot be used.
std::optional<Agreed> read_answer(std::string_view sdp);
// What the other side offers to send, and our answer: everything is received, nothing is sent.
std::optional<Agreed> read_offer(std::string_view sdp);
std::string write_answer(std::string_view offer, const Agreed& agreed,
                         const SessionOptions& options, const rtc::IceCredentials& ice,
                         const std::string& fingerprint);
// An ICE restart for a WHIP PATCH, and its answer: the other side's credentials.
std::string write_restart(const rtc::IceCredentials& ice);
std::optional<rtc::IceCredentials> read_restart(std::string_view fragment);

}  // namespace loopcast::sim
