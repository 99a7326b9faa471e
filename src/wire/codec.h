// The codecs that browsers and this server speak, and what a router must know of their payloads:
// whether a packet begins a frame, and whether a decoder can begin there.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/bytes.h"

namespace loopcast::wire {

enum class Codec : uint8_t { kOpus, kVp8, kVp9, kH264, kAv1 };

// As SDP spells it: "opus", "VP8", "VP9", "H264", "AV1".
std::string_view codec_name(Codec codec);
// Without regard to case (RFC 8866, section 6.6); nullopt for any other codec.
std::optional<Codec> codec_from_name(std::string_view name);
// Hz: 48000 for Opus, 90000 for video.
uint32_t codec_clock_rate(Codec codec);
bool is_video(Codec codec);

struct PayloadInfo {
  // The packet holds the start of something that a decoder can begin with.
  //
  // VP8, VP9, AV1: the first packet of a key picture (of its lowest spatial layer).
  // H.264: each packet with the start of an IDR slice. Parameter sets and slices may come in
  // several packets, all of one RTP timestamp. So the key frame is the whole timestamp of which any
  // packet has this set, and it begins with the first packet of that timestamp: the caller goes by
  // timestamps. Parameter sets alone are no key frame: many encoders repeat them before others.
  // Opus: every packet.
  bool keyframe = false;
  // H.264: the packet holds a sequence or picture parameter set.
  bool parameter_sets = false;
  // The first packet of a picture, of all its spatial layers together.
  // H.264: each packet that starts the first slice or holds something that precedes the slices; of
  // one timestamp there may be several.
  bool frame_start = false;
  // The last packet of a picture with all its spatial layers: the marker bit.
  bool frame_end = false;
  // The first and the last packet of one spatial layer of a picture. Without spatial layers the
  // same as frame_start and frame_end. AV1 tells no end of a layer in its payload: frame_end.
  bool layer_start = false;
  bool layer_end = false;
  // 0 where the payload does not say (always of H.264 and Opus; of AV1 the dependency descriptor
  // says more).
  uint8_t temporal_layer = 0;
  uint8_t spatial_layer = 0;
  // A receiver of lower temporal layers can begin with this layer here (VP8: Y, VP9: U).
  bool switch_up = false;
  bool operator==(const PayloadInfo&) const = default;
};

// Looks at an RTP payload without padding. nullopt if it is empty or malformed. `marker` is the bit
// of the RTP header.
std::optional<PayloadInfo> inspect_payload(Codec codec, Bytes payload, bool marker);

}  // namespace loopcast::wire
