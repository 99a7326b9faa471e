// One section of offer and answer: what of it is agreed on, and how the answer says so.
#pragma once

#include <array>
#include <optional>

#include "rtc/negotiated_media.h"
#include "rtc/negotiation.h"
#include "rtc/offered_codec.h"
#include "wire/sdp.h"

namespace loopcast::rtc {

// What the ids of header extensions mean in the sections of a BUNDLE group that were agreed on so
// far: they are one RTP session (RFC 9143, section 9.1), in which an id has one meaning. By id.
using BundleExtensions = std::array<std::optional<wire::ExtensionKind>, 15>;

// The kind of a section that can be accepted as far as its m-line goes: audio or video, not
// switched off by the offerer, and of one of the profiles that RFC 8829, section 5.1.2 demands to
// be accepted: some offers name another than RTP over DTLS and mean it all the same.
std::optional<MediaKind> usable_kind(const wire::MediaDescription& offered);

// A section that was chosen, and what of it. Directions are ours.
struct ChosenSection {
  size_t index = 0;  // of the m-line
  MediaKind kind = MediaKind::kAudio;
  OfferedCodec codec;
  bool receive = false;
  bool send = false;
};

// Only what is done is agreed to: an extension that is read or written here, feedback that is sent
// or acted on. SSRCs of the peer are looked up if we receive. `extensions` is of the sections
// before this one, in the order of the m-lines: where they give an id another meaning, theirs
// stands.
NegotiatedMedia negotiate_section(const wire::MediaDescription& offered,
                                  const ChosenSection& chosen, const AnswerOptions& options,
                                  BundleExtensions& extensions);

// Without what the whole transport shares (ICE, DTLS).
wire::MediaDescription accepted_section(const wire::MediaDescription& offered,
                                        const NegotiatedMedia& media, const AnswerOptions& options);
wire::MediaDescription rejected_section(const wire::MediaDescription& offered);

}  // namespace loopcast::rtc
