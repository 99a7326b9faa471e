// The live heart: who presents, who watches, and who is told of it. Calls go down, notices come
// back: after each call the caller drains poll_notice() and poll_air_change().
//
// A client is whatever holds one end of one stream: a Socket.IO socket, a WHIP or a WHEP resource.
// It does one thing at a time. The caller makes up its number, never uses it again, and calls
// client_gone() for each in the end.
//
// A broadcast is there from its answer on: for its presenter, and for viewers who name its id. It
// goes on the air, where others find it, with the first packet of its media; a call, and what goes
// on where another broadcast was on the air, with the answer. One of which nothing comes ends.
//
// A public broadcast whose presenter is lost leaves the air and is *away* for kReconnectTime: its
// viewers wait, and follow to the broadcast that says that it replaces it. The id of what was
// replaced, and all ids before, lead to the new broadcast from then on.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "app/error_codes.h"
#include "app/media.h"
#include "app/moment.h"
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
// Of those who are here already, who enters among them is told of so many, the newest.
inline constexpr size_t kMaxNamed = 50;
// Candidates of one offer, kept or passed on. A browser with many networks has about 30; the server
// needs none of them, since it learns addresses from checks.
inline constexpr size_t kMaxCandidates = 64;
inline constexpr size_t kMaxCandidateBytes = 1024;
// The largest offers seen from browsers, with every codec and simulcast, are about 12 kB.
inline constexpr size_t kMaxOfferBytes = 64 * 1024;
inline constexpr size_t kMaxInvited = 16;
// Ids that lead to a broadcast beside its own. The first is kept, since it is the one that was
// shared; of the others the oldest goes.
inline constexpr size_t kMaxFormerIds = 64;
// How long a public broadcast is there without any media. What cannot connect ends by itself, which
// takes 50 s at most.
inline constexpr Duration kHeardWithin = Duration::seconds(60);

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
  std::optional<std::vector<std::string>> visible_to = {};
  IpAddress address = {};  // of the presenter: where a recording was made
  // By a program that need not say which broadcast it replaces: see lost_program().
  bool whip = false;
  // A client that is lost may come back, and says of what it presents then what that replaces. The
  // goodbye of its media is a loss as well, since a page that is loaded again says it too. Nobody
  // waits for others, whose goodbye is a stop.
  bool comes_back = false;
  // Which broadcast of the same user this one goes on with, by any of its ids; empty: none. If that
  // is on the air its presenter is lost from now on, whose connection is dead though nobody may
  // have noticed yet. Another user's, or one that is over: no effect.
  std::string replaces = {};
};

struct WatchOptions {
  std::string offer;
  // Understands PresenterAway and PresenterBack. Others are told PresenterGone at once.
  bool follows = false;
};

// What a presenter sends: not a microphone that is muted, nor a camera that is switched off.
// `heard`: anything at all has come within the last seconds (MediaSilent); a network that is away
// for a moment need not mean that the presenter is lost.
struct Sending {
  bool sound = true;
  bool picture = true;
  bool heard = true;
  bool operator==(const Sending&) const = default;
};
// Viewers are told of it no more often than this. One who toggles has them told of the last state.
inline constexpr Duration kSendingPause = Duration::millis(500);

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

// Notices. After Closed, PresenterGone, PresenterBack and a Failed that refused present() or
// watch() the client is free to ask again.
struct Answer {  // to an offer; for a presenter the broadcast is there from here
  std::string sdp;
  std::string broadcast_id;
  bool presenter = false;     // to who presents it
  std::string replaces = {};  // the broadcast whose viewers it has taken over; empty: none
  // To a viewer who will be told of others: those who watch now, newest last. At most kMaxNamed.
  std::vector<PublicUser> watching = {};
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
// To a viewer: the broadcast is over, or there is none that he may see. `may_return`: its presenter
// was lost and is waited for, so that the same id may be good again within kReconnectTime.
struct PresenterGone {
  bool may_return = false;
};
// To a viewer who follows: the presenter was lost and may come back. The viewer's media is gone.
// → PresenterBack or PresenterGone, within kReconnectTime.
struct PresenterAway {};
// The presenter goes on with this broadcast, which can be watched now by the id before as well.
struct PresenterBack {
  std::string broadcast_id;
};
// To a viewer who follows: what the presenter sends now, if that is not everything or has changed.
struct PresenterSends {
  Sending what;
};
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
  std::variant<Answer, Restarted, Failed, Closed, PresenterGone, PresenterAway, PresenterBack,
               PresenterSends, ViewerEntered, ViewerLeft>
      what;
};

// A broadcast that went on the air or left it, or that nobody waits for any more.
struct AirChange {
  std::string broadcast_id;
  ClientId presenter = 0;
  PublicUser user;
  bool on_air = false;
  // It is there, and goes on the air with its first packet: its recording begins with that.
  bool awaited = false;
  bool listed = true;
  MediaId media = 0;
  bool record = true;
  bool lost = false;  // left it, but not by the presenter's wish: who may come back
  // It is over, and was not on the air: it had left it before, as lost, or nothing ever came.
  bool was_off = false;
  // Went on the air in the place of this one; empty: of none. In a call it is what the client said.
  std::string replaces = {};
  IpAddress address = {};
};

class Broadcasts {
 public:
  // Everything that ever happened, for metrics.
  struct Counters {
    uint64_t broadcasts_started = 0;
    uint64_t broadcasts_ended = 0;
    uint64_t broadcasts_unheard = 0;   // of which nothing ever came
    uint64_t broadcasts_lost = 0;      // of those that ended: their presenters were waited for
    uint64_t broadcasts_replaced = 0;  // ... and came back
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
  void present(const Moment& at, ClientId client, const PublicUser& user, PresentOptions options);
  // → Answer, Failed (as above and broadcast_full), PresenterAway, or PresenterGone: no such
  // broadcast, not answered yet, or not for this user.
  void watch(ClientId client, const PublicUser& user, const std::string& broadcast_id,
             WatchOptions options);
  // What the user's next broadcast by WHIP replaces (PresentOptions): of those by WHIP that are
  // silent or away, the one that fell silent last. No other: each program comes back on its own, or
  // is heard again. Empty: none.
  std::string lost_program(const std::string& user_id) const;
  // The user has broadcasts by WHIP, and none is silent or away: one that died less than
  // kSilenceKnown ago may be among them.
  bool silence_unknown(const std::string& user_id) const;
  // May come before the offer: kept, and passed on with it.
  void add_candidate(ClientId client, std::string candidate_line);
  // → Restarted, or Failed: not_active, offer_too_large, or a code of the media core.
  void restart_ice(ClientId client, std::string sdp_fragment);
  // What this presenter has switched on from now on. Of others: no effect.
  void set_sending(const Moment& at, ClientId client, bool sound, bool picture);
  // Ends what the client is doing, if anything. It gets no further notice of it.
  void stop(const Moment& at, ClientId client);
  // The same, but against the presenter's wish, who may come back.
  void lose(const Moment& at, ClientId client);
  // As lose(), and the client is forgotten.
  void client_gone(const Moment& at, ClientId client);
  // The user ends a public broadcast by any of its ids, wherever it is presented: its presenter, if
  // it is on the air, is told Closed. Another user's, or none: no effect.
  void stop_broadcast(const Moment& at, const std::string& user_id,
                      const std::string& broadcast_id);
  // The same for one that is away, by its own id only: the client that presented it was lost, and
  // does not speak for what has replaced it.
  void give_up(const Moment& at, const std::string& user_id, const std::string& broadcast_id);
  void handle(const Moment& at, MediaEvent event);
  void handle_timeout(const Moment& at);
  Instant next_timeout() const;
  // Ends everything: viewers get PresenterGone, presenters Closed{server_stopping}. Nothing starts
  // any more.
  void shutdown(const Moment& at);

  // False when there are no more.
  bool poll_notice(Notice& notice);
  bool poll_air_change(AirChange& change);

  // One that is there, by any of its ids; not_found otherwise. Asks no permission: see may_watch.
  Expected<BroadcastInfo> find(const std::string& broadcast_id) const;
  bool may_watch(const std::string& broadcast_id, const std::string& user_id) const;
  // Public ones on air, newest first. `page` from 0.
  BroadcastPage list(size_t page, size_t size) const;

  const Counters& counters() const { return counters_; }
  size_t on_air() const { return on_air_; }
  size_t away() const { return away_; }
  size_t viewers() const { return entered_; }
  size_t clients() const { return clients_.size(); }
  // For tests: nothing is left behind.
  bool empty() const;

 private:
  enum class Role : uint8_t { kIdle, kPresenter, kViewer };

  struct Client {
    Role role = Role::kIdle;
    bool answered = false;
    bool follows = false;
    bool in_circle = false;  // is told of other viewers, and they of this one
    size_t candidates = 0;   // of the current offer, passed on or kept
    size_t position = 0;     // among the viewers of its broadcast
    MediaId media = 0;       // 0: none; a viewer then waits for the presenter
    SlabId broadcast;
    PublicUser user;
    std::vector<std::string> kept_candidates;
  };
  enum class Ending : uint8_t {
    kStopped,   // by the wish of the presenter or of the server
    kLost,      // neither wanted it
    kReplaced,  // lost, and another is about to take its place
  };
  struct Broadcast {
    std::string id;
    std::vector<std::string> former_ids;  // oldest first
    ClientId presenter = 0;               // 0: away
    PublicUser user;
    MediaId media = 0;
    bool answered = false;
    bool heard = false;  // it, or what it has taken over, has sent something
    bool on_air = false;
    bool record = true;
    WallTime started_at;
    std::optional<std::vector<std::string>> visible_to;
    IpAddress address;
    bool whip = false;
    bool comes_back = false;
    std::string replaces;
    Instant away_until = Instant::never();  // never: it is not away
    std::optional<WallTime> silent_since;

    Sending sending;
    Sending told_sending;
    bool telling = false;  // in `tell_at_`

    bool is_away() const { return !away_until.is_never(); }
    size_t entered = 0;
    std::vector<ClientId> viewers;  // answered or not
    std::vector<ClientId> circle;   // at most kNoticeAudience of them
  };
  struct Usage {
    size_t clients = 0;
    size_t broadcasts = 0;
  };

  void on(const Moment& at, MediaAnswered& event, ClientId id, Client& client);
  void on(const Moment& at, MediaRefused& event, ClientId id, Client& client);
  void on(const Moment& at, MediaRestarted& event, ClientId id, Client& client);
  void on(const Moment& at, MediaConnected& event, ClientId id, Client& client);
  void on(const Moment& at, MediaSilent& event, ClientId id, Client& client);
  void on(const Moment& at, MediaHeard& event, ClientId id, Client& client);
  void on(const Moment& at, MediaEnded& event, ClientId id, Client& client);

  std::optional<Code> refusal(ClientId id, const PublicUser& user, const std::string& offer) const;
  void refuse(ClientId id, Code code);
  Client& start(ClientId id, Role role, const PublicUser& user, SlabId key);
  void give_media(ClientId id, Client& client);
  void pass_kept_candidates(Client& client);
  void end(const Moment& at, ClientId id, Client& client, Ending how);
  void await_media(Instant now, SlabId key, const Broadcast& broadcast);
  void go_on_air(SlabId key, Broadcast& broadcast);
  void note_sending(const Moment& at, SlabId key, Sending what);
  void tell_sending(Broadcast& broadcast);
  // Removes it, or has it wait for its presenter.
  void end_broadcast(const Moment& at, SlabId key, Ending how);
  void end_oldest_away(const Moment& at, const std::string& user_id);
  // Another connection of the user, `by`, is about to present it. No effect on what is not there.
  void supersede(const Moment& at, ClientId by, const std::string& user_id,
                 const std::string& broadcast_id);
  // Viewers and ids of what this broadcast replaces are its own from now on.
  void take_over(SlabId key, Broadcast& broadcast);
  void remove(SlabId key);
  void leave_broadcast(WallTime now, ClientId id, Client& client);
  // Its media is stopped; a viewer waits.
  void stop_media(Client& client);
  // The client is idle again; its media is stopped.
  void reset(Client& client);
  template <typename What>
  void tell_others(const Broadcast& broadcast, ClientId about, const Client& viewer,
                   const What& what);
  // By any of its ids; no id if there is none.
  SlabId find_any(const std::string& broadcast_id) const;
  // The same of those that are there.
  SlabId find_answered(const std::string& broadcast_id) const;
  static bool may_watch(const Broadcast& broadcast, const std::string& user_id);
  std::vector<PublicUser> watching(const Broadcast& broadcast) const;
  BroadcastInfo describe(const Broadcast& broadcast) const;
  AirChange& note_air_change(const Broadcast& broadcast);
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
  size_t away_ = 0;
  size_t entered_ = 0;
  Counters counters_;
  Slab<Broadcast> broadcasts_;
  std::unordered_map<std::string, SlabId> broadcasts_by_id_;  // former ids too
  std::vector<SlabId> listed_;                                // oldest first
  // When broadcasts cease to be away, in this order; some have ceased before.
  std::deque<std::pair<Instant, SlabId>> away_until_;
  // Until when broadcasts have to be heard, in this order; some have been.
  std::deque<std::pair<Instant, SlabId>> heard_until_;
  // When viewers may be told again of what is sent, in this order.
  std::deque<std::pair<Instant, SlabId>> tell_at_;
  std::unordered_map<ClientId, Client> clients_;
  std::unordered_map<MediaId, ClientId> clients_by_media_;
  std::unordered_map<std::string, Usage> usage_;  // by user id
  std::deque<Notice> notices_;
  std::deque<AirChange> air_changes_;
};

}  // namespace loopcast::app
