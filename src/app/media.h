// The port to the media core: what the product asks of it, and what it reports. Plain values both
// ways, so that the core may run on other threads; nothing here waits for an answer.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "base/expected.h"
#include "base/time.h"

namespace loopcast::app {

// One media session of one client, from its offer to its end. Chosen by Broadcasts, from 1, never
// used again within a run of the server.
using MediaId = uint64_t;

// Calls for one MediaId arrive in the order in which they were made. Every publish and watch is
// followed by exactly one stop, also after the session was refused or ended by itself: stop of what
// the core no longer knows is normal. Nothing is called for an id after its stop.
class MediaControl {
 public:
  virtual ~MediaControl() = default;
  // A sendrecv offer: answered so that the publisher receives its own media back.
  // → MediaAnswered or MediaRefused.
  virtual void publish(MediaId id, std::string offer) = 0;
  // A recvonly offer for the media of `publisher`. → MediaAnswered or MediaRefused, with the code
  // `publisher_gone` if the publisher ended meanwhile.
  virtual void watch(MediaId viewer, MediaId publisher, std::string offer) = 0;
  // A candidate line ("candidate:…", RFC 8839, section 5.1) of the client, as it came. May follow
  // the offer at once, before the answer. Unknown and unusable ones are ignored.
  virtual void add_candidate(MediaId id, std::string candidate_line) = 0;
  // New ICE credentials of the client (application/trickle-ice-sdpfrag, RFC 8840) of an answered
  // session. → MediaRestarted, or MediaRefused and the session goes on as it was.
  virtual void restart_ice(MediaId id, std::string sdp_fragment) = 0;
  virtual void stop(MediaId id) = 0;
};

// Events of an id may still arrive after its stop; Broadcasts ignores them.
struct MediaAnswered {
  MediaId id = 0;
  std::string sdp;
};
// error.code is one of app/error_codes.h ("bad_sdp", "no_common_codec" …).
struct MediaRefused {
  MediaId id = 0;
  Error error;
};
struct MediaRestarted {
  MediaId id = 0;
  std::string fragment;
};
// ICE and DTLS are up. At most once.
struct MediaConnected {
  MediaId id = 0;
};
// A publisher that has connected sends nothing any more: it may be dead, or come back. Told
// kSilenceKnown after its last packet at the latest.
struct MediaSilent {
  MediaId id = 0;
};
inline constexpr Duration kSilenceKnown = Duration::millis(3100);
// One that was silent sends again.
struct MediaHeard {
  MediaId id = 0;
};
// The session is over without our asking. `goodbye`: the client closed it and said so ("closed
// intentionally as the result of receipt of a close_notify alert": W3C WebRTC,
// RTCDtlsTransportState). A page does so when it stops, and browsers do when a page is left or
// loaded again. Otherwise the client fell silent or failed DTLS. `reason` is for the log.
struct MediaEnded {
  MediaId id = 0;
  std::string reason;
  bool goodbye = false;
};
using MediaEvent = std::variant<MediaAnswered, MediaRefused, MediaRestarted, MediaConnected,
                                MediaSilent, MediaHeard, MediaEnded>;

}  // namespace loopcast::app
