// ICE, as a lite agent (RFC 8445, section 2.5) that also verifies. We have public or otherwise
// reachable addresses, the peer controls and nominates. A plain lite agent believes the source
// address of any authenticated request, and so can be made to send a video stream to an innocent
// address by a peer that spoofs its source. This one answers such a request with a check of its own
// and sends media only to an address that answered it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/random.h"
#include "base/time.h"
#include "base/transmit.h"
#include "rtc/ice_credentials.h"
#include "wire/stun.h"

namespace loopcast::rtc {

class IceAgent {
 public:
  // Addresses that a peer may use at once: a browser with IPv4, IPv6, a VPN, and TCP has some ten
  // pairs with us. One whose check went unanswered makes room for another.
  static constexpr size_t kMaxRoutes = 16;
  // Of a peer that nominates with each check, as RFC 5245 allowed ("aggressive nomination", section
  // 8.1.1.2), all nominations that are no older than this against the newest count alike: the
  // longest time between two consent checks of a pair in use (RFC 7675, section 5.1).
  static constexpr Duration kNominationWindow = Duration::seconds(6);
  // Datagrams that wait for poll_transmit(); more are dropped, and repeated by their sender.
  static constexpr size_t kMaxQueued = 32;
  // A route that is validated but unused and silent for longer makes room too. Chromium checks its
  // spare pairs every 25 s.
  static constexpr Duration kRouteIdle = Duration::seconds(30);
  // Before an unanswered check is repeated, doubling each time. RFC 8445 section 14.3 says 500 ms,
  // with many candidate pairs in mind; we check only addresses that have just sent us something,
  // and a lost check delays the first picture by this much.
  static constexpr Duration kFirstRetransmission = Duration::millis(100);
  // The same for consent checks, where nobody waits.
  static constexpr Duration kConsentRetransmission = Duration::millis(500);
  // Requests of one check, the first included (Rc of RFC 8489, section 6.2.1).
  static constexpr int kCheckTries = 7;
  // No address validated this long after the start: kFailed.
  static constexpr Duration kValidationTimeout = Duration::seconds(20);
  // Consent freshness (RFC 7675, section 5.1): the interval, times 0.8 to 1.2, of the checks on the
  // selected route...
  static constexpr Duration kConsentInterval = Duration::seconds(5);
  // ... and how long media goes on without an answer. Shorter than the RFC's 30 s, so that the end
  // of a peer is noticed within 30 s, all included.
  static constexpr Duration kConsentTimeout = Duration::seconds(20);

  enum class Result : uint8_t {
    kHandled,
    kIndication,       // a keep-alive, of whom is not known: it changes nothing
    kMalformed,        // not STUN, no or a wrong FINGERPRINT, or a request without a method of ours
    kUnauthenticated,  // a request without USERNAME or MESSAGE-INTEGRITY
    kUnknownUser,      // a request for other user name fragments than ours and the peer's
    kBadIntegrity,     // a wrong password
    kUnknownAttribute,    // comprehension required, unknown to us (RFC 8489, section 6.3.1)
    kRoleConflict,        // the peer thinks that we control (RFC 8445, section 7.3.1.1)
    kUnexpectedResponse,  // to no check of ours, or from another address than was checked
    kRefused,             // an error response to a check of ours; the check goes on
    kFailed,              // the agent has failed: it neither answers nor believes anything
    kTooManyRoutes,       // an authenticated request from an address that there is no room for
  };
  static constexpr size_t kResultCount = 12;

  enum class State : uint8_t { kChecking, kConnected, kFailed };

  IceAgent(Instant now, IceCredentials local, IceCredentials remote, const Random::Seed& seed);

  // A datagram that wire::classify() calls STUN. One that does not authenticate changes nothing;
  // the result says why, for counters.
  Result handle_datagram(Instant now, const Route& from, Bytes datagram);
  // Writes the next datagram into `out` (room for 1200 bytes), sets `to` and returns the size; 0:
  // nothing to send.
  size_t poll_transmit(Instant now, MutableBytes out, Route& to);
  // When handle_timeout() is due. Never, once failed.
  Instant next_timeout() const;
  void handle_timeout(Instant now);

  State state() const { return state_; }
  // Where media goes: the most recently nominated of the validated routes, until there is one the
  // first validated. Of a peer that nominates whatever it checks, UDP rather than TCP, and then the
  // highest priority (RFC 8445, section 8.1.1). Null before validation and after failure. Valid
  // until the next call that is not const.
  const Route* selected() const;
  // Whether this address ever answered a check: what DTLS and media are accepted from. (What they
  // are sent to must have answered within kConsentTimeout as well.)
  bool is_validated(const Route& route) const;
  // Whether a check or an answer from there is taken down, whatever address of ours it came to.
  bool has_route(const SocketAddress& remote, uint32_t tcp) const;

  // ICE restart (RFC 8445, section 9), by new credentials of both sides. The old selected route
  // carries media until a route is validated under the new ones, and requests for the old ones are
  // answered meanwhile. Without a validated route after kValidationTimeout it fails. A failed agent
  // starts again.
  void restart(Instant now, IceCredentials local, IceCredentials remote);

  const IceCredentials& local() const { return local_; }
  // Of the last answered check; 0 before the first. A lost check adds nothing to it: whatever lost
  // that one loses media too, which is then to be asked for in time.
  Duration last_round_trip() const { return last_round_trip_; }

 private:
  struct Check {
    wire::TransactionId transaction;  // its last byte counts the repeats: each has one of its own
    uint32_t generation;
    int sent;
    std::array<Instant, kCheckTries> sent_at;
    Duration wait;  // before the next repeat
    Instant next_at;
  };
  struct Entry {
    Route route;
    uint32_t generation = 0;  // of the credentials that last validated it; 0: never validated
    Instant last_answer;      // to a check of ours
    Instant last_heard;       // an authenticated request
    uint64_t nominated = 0;   // the number of the latest nomination; 0: none in this generation
    Instant nominated_at;     // when that came
    uint32_t priority = 0;    // as the latest request said
    std::optional<Check> check;
  };
  struct Outgoing {
    Route to;
    std::vector<uint8_t> bytes;
  };
  static constexpr size_t kNone = kMaxRoutes;

  Result handle_request(Instant now, const Route& from, const wire::StunMessage& request);
  Result handle_response(Instant now, const Route& from, const wire::StunMessage& response);
  void answer(const Route& to, const wire::StunMessage& request, const IceCredentials& as);
  void refuse(const Route& to, const wire::StunMessage& request, uint16_t code,
              std::string_view password);
  void queue(const Route& to, Bytes datagram);
  static bool asked(const Check& check, const wire::TransactionId& transaction);
  const Entry* find(const Route& route) const;
  Entry* find_or_add(Instant now, const Route& route);
  bool replaceable(Instant now, size_t index) const;
  bool fresh(Instant now, const Entry& entry) const;
  bool better(const Entry& a, const Entry& b, Instant newest_nomination) const;
  void start_check(Instant now, Entry& entry, Duration first_wait);
  void send_check(Instant now, Entry& entry);
  void repeat_checks(Instant now);
  void choose(Instant now);
  void schedule_consent(Instant now);
  void fail();

  IceCredentials local_, remote_;
  std::optional<IceCredentials> old_local_;   // until a route of the new ones is nominated
  std::optional<IceCredentials> old_remote_;  // with it
  Random random_;
  uint64_t tie_breaker_;
  uint32_t generation_ = 1;
  uint64_t nominations_ = 0;
  bool nominates_all_ = true;  // each request of this generation was a nomination
  State state_ = State::kChecking;
  std::vector<Entry> entries_;  // indices stay
  size_t selected_ = kNone;
  std::deque<Outgoing> outgoing_;
  Instant give_up_at_;                     // never, once validated in this generation
  Instant consent_at_ = Instant::never();  // the next consent check
  Duration last_round_trip_;
};

}  // namespace loopcast::rtc
