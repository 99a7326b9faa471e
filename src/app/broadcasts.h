// The live heart: who presents, who watches, and who is told of it. Calls go down, notices come
// back: after each call the caller drains poll_notice() and poll_air_change().
//
// A client is whatever holds one end of one stream: a Socket.IO socket, a WHIP or a WHEP resource.
// It does one thing at a time. The caller makes up its number, never uses it again, and calls
// client_gone() for each in the end.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "app/error_codes.h"
#include "app/media.h"
#include "app/user.h"
#include "base/address.h"
#include "base/expected.h"
#include "base/random.h"
#include "base/slab.h"
#include "base/time.h"

namespace loopcast::app {

using ClientId = uint64_t;

// Viewers who are told of each other. Telling all is quadratic: beyond this many, those who enter
// are told to the presenter only, and hear of nobody. Within it every entry that somebody hears of
// is followed by its leave.
inline constexpr size_t kNoticeAudience = 200;
// Candidates of one offer, kept or passed on. A browser with many networks has about 30; the server
// needs none of them, since it learns addresses from checks.
inline constexpr size_t kMaxCandidates = 64;
inline constexpr size_t kMaxCandidateBytes = 1024;
// The largest offers seen from browsers, with every codec and simulcast, are about 12 kB.
inline constexpr size_t kMaxOfferBytes = 64 * 1024;
inline constexpr size_t kMaxInvited = 16;

struct BroadcastLimits {
  size_t broadcasts_per_user = 4;
  // Presenting and watching together, over all devices of one user.
  size_t clients_per_user = 64;
  size_t viewers_per_broadcast = 100'000;
  size_t clients = 200'000;
};

struct PresentOptions {
  std::string offer;
  bool record = true;
  // Nobody named: public and listed. Otherwise not listed, and visible to the presenter and to
  // these users (by id; at most kMaxInvited) only: a call.
  std::optional<std::vector<std::string>> visible_to;
  IpAddress address = {};  // of the presenter: where a recording was made
  // By a program that has no way to say which broadcast it replaces: see supersede_silent().
  bool whip = false;
  // The goodbye of its media is a stop: this client does not come back to what it has left.
  // Otherwise it is a loss, since a page that is loaded again says goodbye as well.
  bool goodbye_stops = false;
};

struct BroadcastInfo {
  std::string id;
  PublicUser user;
  WallTime started_at;
  size_t viewers = 0;  // those who have entered
  bool record = true;
  bool listed = true;
};

struct BroadcastPage {
  std::vector<BroadcastInfo> broadcasts;
  size_t total = 0;
};

// Notices. After Closed, PresenterGone and a Failed that refused present() or watch() the client is
// free to ask again.
struct Answer {  // to an offer; for a presenter the broadcast is on air from here
  std::string sdp;
  std::string broadcast_id;
  bool presenter = false;  // to who presents it
};
struct Restarted {
  std::string fragment;
};
struct Failed {  // what was asked was refused; what ran before still runs
  Error error;
};
// What the client was doing has ended without its asking here. `goodbye`: it ended it itself, by
// its media (see MediaEnded), and need not be told.
struct Closed {
  Error error;
  bool goodbye = false;
};
struct PresenterGone {};  // to a viewer: the broadcast is over, or there is none that he may see
// To the presenter and to other viewers. A viewer enters when his watch is answered: from then on
// media is on its way, and a browser that never connects leaves again.
struct ViewerEntered {
  PublicUser user;
  WallTime at;
};
// Not sent to anybody when the whole broadcast ends: that is PresenterGone.
struct ViewerLeft {
  PublicUser user;
  WallTime at;
};
struct Notice {
  ClientId to = 0;
  std::variant<Answer, Restarted, Failed, Closed, PresenterGone, ViewerEntered, ViewerLeft> what;
};

// A broadcast that went on the air or left it.
struct AirChange {
  std::string broadcast_id;
  ClientId presenter = 0;
  PublicUser user;
  bool on_air = false;
  bool listed = true;
  MediaId media = 0;
  bool record = true;
  bool lost = false;  // left it, but not by the presenter's wish: who may come back
  IpAddress address = {};
};

class Broadcasts {
 public:
  // Everything that ever happened, for metrics.
  struct Counters {
    uint64_t broadcasts_started = 0;
    uint64_t broadcasts_ended = 0;
    uint64_t viewers_entered = 0;
    uint64_t viewers_left = 0;
    uint64_t media_connected = 0;
    uint64_t media_lost = 0;
    uint64_t media_closed = 0;  // by the client, who said goodbye
    uint64_t media_refused = 0;
    uint64_t requests_refused = 0;  // by a rule or a limit of this class
    uint64_t presenter_not_found = 0;
    uint64_t candidates_dropped = 0;
    uint64_t stale_media_events = 0;
  };

  // `media` outlives this. `seed` must come from the operating system: broadcast ids follow from
  // it.
  Broadcasts(MediaControl& media, const BroadcastLimits& limits, const Random::Seed& seed);
  Broadcasts(const Broadcasts&) = delete;
  Broadcasts& operator=(const Broadcasts&) = delete;

  // → Answer, or Failed: already_presenting, already_watching, too_many_broadcasts,
  // too_many_streams, server_full, server_stopping, offer_too_large, bad_request, or a code of the
  // media core.
  void present(ClientId client, const PublicUser& user, PresentOptions options);
  // → Answer, Failed (as above and broadcast_full), or PresenterGone: no such broadcast, not on air
  // yet, or not for this user.
  void watch(ClientId client, const PublicUser& user, const std::string& broadcast_id,
             std::string offer);
  // The user is about to present on another connection what is on air as `broadcast_id`, whose own
  // is dead though nobody has noticed yet: it is lost. Another user's, or not on air: no effect.
  void supersede(WallTime now, const std::string& user_id, const std::string& broadcast_id);
  // The user is about to present by WHIP, maybe again: of their broadcasts by WHIP that are silent,
  // the one that fell silent last is lost. It is the one whose recording goes on. No other is
  // touched: each program of theirs comes back on its own, or is heard again.
  void supersede_silent(WallTime now, const std::string& user_id);
  // The user has broadcasts by WHIP, and none is silent: one that died less than kSilenceKnown ago
  // may be among them.
  bool silence_unknown(const std::string& user_id) const;
  // May come before the offer: kept, and passed on with it.
  void add_candidate(ClientId client, std::string candidate_line);
  // → Restarted, or Failed: not_active, offer_too_large, or a code of the media core.
  void restart_ice(ClientId client, std::string sdp_fragment);
  // Ends what the client is doing, if anything. It gets no further notice of it.
  void stop(WallTime now, ClientId client);
  // The same, and the client is forgotten.
  void client_gone(WallTime now, ClientId client);
  void handle(WallTime now, MediaEvent event);
  // Ends everything: viewers get PresenterGone, presenters Closed{server_stopping}. Nothing starts
  // any more.
  void shutdown();

  // False when there are no more.
  bool poll_notice(Notice& notice);
  bool poll_air_change(AirChange& change);

  // On air; not_found otherwise. Asks no permission: see may_watch.
  Expected<BroadcastInfo> find(const std::string& broadcast_id) const;
  bool may_watch(const std::string& broadcast_id, const std::string& user_id) const;
  // Public ones on air, newest first. `page` from 0.
  BroadcastPage list(size_t page, size_t size) const;

  const Counters& counters() const { return counters_; }
  size_t on_air() const { return on_air_; }
  size_t viewers() const { return entered_; }
  size_t clients() const { return clients_.size(); }
  // For tests: nothing is left behind.
  bool empty() const;

 private:
  enum class Role : uint8_t { kIdle, kPresenter, kViewer };

  struct Client {
    Role role = Role::kIdle;
    bool answered = false;
    bool in_circle = false;  // is told of other viewers, and they of this one
    size_t candidates = 0;   // of the current offer, passed on or kept
    size_t position = 0;     // among the viewers of its broadcast
    MediaId media = 0;
    SlabId broadcast;
    PublicUser user;
    std::vector<std::string> kept_candidates;
  };
  struct Broadcast {
    std::string id;
    ClientId presenter = 0;
    PublicUser user;
    MediaId media = 0;
    bool on_air = false;
    bool record = true;
    WallTime started_at;
    std::optional<std::vector<std::string>> visible_to;
    IpAddress address;
    bool whip = false;
    bool goodbye_stops = false;
    std::optional<WallTime> silent_since;
    size_t entered = 0;
    std::vector<ClientId> viewers;  // answered or not
    std::vector<ClientId> circle;   // at most kNoticeAudience of them
  };
  struct Usage {
    size_t clients = 0;
    size_t broadcasts = 0;
  };

  void on(WallTime now, MediaAnswered& event, ClientId id, Client& client);
  void on(WallTime now, MediaRefused& event, ClientId id, Client& client);
  void on(WallTime now, MediaRestarted& event, ClientId id, Client& client);
  void on(WallTime now, MediaConnected& event, ClientId id, Client& client);
  void on(WallTime now, MediaSilent& event, ClientId id, Client& client);
  void on(WallTime now, MediaHeard& event, ClientId id, Client& client);
  void on(WallTime now, MediaEnded& event, ClientId id, Client& client);

  std::optional<Code> refusal(ClientId id, const PublicUser& user, const std::string& offer) const;
  void refuse(ClientId id, Code code);
  Client& start(ClientId id, Role role, const PublicUser& user, SlabId key);
  void pass_kept_candidates(Client& client);
  // `lost`: neither the presenter nor the server wanted it.
  void end(WallTime now, ClientId id, Client& client, bool lost);
  void end_broadcast(SlabId key, bool lost);
  void leave_broadcast(WallTime now, ClientId id, Client& client);
  // The client is idle again; its media is stopped.
  void reset(Client& client);
  template <typename What>
  void tell_others(const Broadcast& broadcast, ClientId about, const Client& viewer,
                   const What& what);
  // No id if there is none on air.
  SlabId find_on_air(const std::string& broadcast_id) const;
  static bool may_watch(const Broadcast& broadcast, const std::string& user_id);
  BroadcastInfo describe(const Broadcast& broadcast) const;
  void note_air_change(const Broadcast& broadcast, bool on_air, bool lost);
  template <typename What>
  void notify(ClientId to, What what) {
    notices_.push_back(Notice{to, std::move(what)});
  }

  MediaControl& media_;
  BroadcastLimits limits_;
  Random random_;
  bool stopping_ = false;
  MediaId last_media_ = 0;
  size_t on_air_ = 0;
  size_t entered_ = 0;
  Counters counters_;
  Slab<Broadcast> broadcasts_;
  std::unordered_map<std::string, SlabId> broadcasts_by_id_;
  std::vector<SlabId> listed_;  // oldest first
  std::unordered_map<ClientId, Client> clients_;
  std::unordered_map<MediaId, ClientId> clients_by_media_;
  std::unordered_map<std::string, Usage> usage_;  // by user id
  std::deque<Notice> notices_;
  std::deque<AirChange> air_changes_;
};

}  // namespace loopcast::app
