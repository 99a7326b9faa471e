// One section of offer and answer: what of it is agreed on, and how the answer says so.
#pragma once

#include <optional>
#include <span>

#include "rtc/negotiated_media.h"
#include "rtc/negotiation.h"
#include "rtc/offered_codec.h"
#include "wire/sdp.h"

namespace loopcast::rtc {

// What one role may agree to.
struct SectionPolicy {
  std::span<const wire::ExtensionKind> extensions;
  bool remb = false;  // goog-remb, if there is no transport-cc
};

// The kind of a section that can be accepted as far as its m-line goes: audio or video, RTP over
// DTLS, and not switched off by the offerer.
std::optional<MediaKind> usable_kind(const wire::MediaDescription& offered);

// `receive` and `send` are ours. SSRCs of the peer are looked up if we receive.
NegotiatedMedia negotiate_section(const wire::MediaDescription& offered, size_t index,
                                  MediaKind kind, const OfferedCodec& codec, bool receive,
                                  bool send, const SectionPolicy& policy,
                                  const AnswerOptions& options);

// Without what the whole transport shares (ICE, DTLS).
wire::MediaDescription accepted_section(const wire::MediaDescription& offered,
                                        const NegotiatedMedia& media, const AnswerOptions& options);
wire::MediaDescription rejected_section(const wire::MediaDescription& offered);

}  // namespace loopcast::rtc
