#include "app/broadcasts.h"

#include <algorithm>
#include <utility>

#include "app/messages.h"

namespace loopcast::app {

Broadcasts::Broadcasts(MediaControl& media, const BroadcastLimits& limits, const Random::Seed& seed)
    : media_(media), limits_(limits), random_(seed) {}

// What clients ask for.

void Broadcasts::present(const Moment& at, ClientId id, const PublicUser& user,
                         PresentOptions options) {
  // First, so that who comes back is not in the way of himself.
  if (!options.replaces.empty() && !stopping_) supersede(at, id, user.id, options.replaces);
  if (const auto code = refusal(id, user, options.offer)) return refuse(id, *code);
  if (options.visible_to && options.visible_to->size() > kMaxInvited)
    return refuse(id, Code::kBadRequest);
  const auto usage = usage_.find(user.id);
  if (usage != usage_.end() && usage->second.broadcasts >= limits_.broadcasts_per_user)
    return refuse(id, Code::kTooManyBroadcasts);

  const SlabId key = broadcasts_.emplace();
  Client& client = start(id, Role::kPresenter, user, key);
  give_media(id, client);
  Broadcast& broadcast = *broadcasts_.find(key);
  broadcast.id = make_id(random_);
  broadcast.presenter = id;
  broadcast.user = user;
  broadcast.media = client.media;
  broadcast.record = options.record;
  broadcast.visible_to = std::move(options.visible_to);
  broadcast.address = options.address;
  broadcast.whip = options.whip;
  broadcast.comes_back = options.comes_back;
  broadcast.replaces = std::move(options.replaces);
  broadcasts_by_id_.emplace(broadcast.id, key);
  ++usage_[user.id].broadcasts;
  media_.publish(client.media, std::move(options.offer));
  pass_kept_candidates(client);
}

void Broadcasts::watch(ClientId id, const PublicUser& user, const std::string& broadcast_id,
                       WatchOptions options) {
  if (const auto code = refusal(id, user, options.offer)) return refuse(id, *code);
  const SlabId key = find_any(broadcast_id);
  Broadcast* const broadcast = broadcasts_.find(key);
  const bool there =
      broadcast != nullptr && (broadcast->answered || (broadcast->is_away() && options.follows));
  // One answer for both, so that nobody learns of a call that is not theirs.
  if (!there || !may_watch(*broadcast, user.id)) {
    ++counters_.presenter_not_found;
    return notify(id, PresenterGone{broadcast != nullptr && broadcast->is_away()});
  }
  if (broadcast->viewers.size() >= limits_.viewers_per_broadcast)
    return refuse(id, Code::kBroadcastFull);

  Client& client = start(id, Role::kViewer, user, key);
  client.follows = options.follows;
  client.position = broadcast->viewers.size();
  broadcast->viewers.push_back(id);
  if (broadcast->is_away()) {
    // The offer is not kept: many may wait, and their browsers make another one in no time.
    client.kept_candidates.clear();
    return notify(id, PresenterAway{});
  }
  give_media(id, client);
  media_.watch(client.media, broadcast->media, std::move(options.offer));
  pass_kept_candidates(client);
}

void Broadcasts::add_candidate(ClientId id, std::string candidate_line) {
  auto found = clients_.find(id);
  const bool room = found != clients_.end() ? found->second.candidates < kMaxCandidates
                                            : clients_.size() < limits_.clients && !stopping_;
  if (!room || candidate_line.size() > kMaxCandidateBytes) {
    ++counters_.candidates_dropped;
    return;
  }
  if (found == clients_.end()) found = clients_.emplace(id, Client{}).first;
  Client& client = found->second;
  if (client.role == Role::kViewer && client.media == 0) return;  // of an offer that was not kept
  ++client.candidates;
  if (client.role == Role::kIdle)
    client.kept_candidates.push_back(std::move(candidate_line));
  else
    media_.add_candidate(client.media, std::move(candidate_line));
}

void Broadcasts::restart_ice(ClientId id, std::string sdp_fragment) {
  const auto found = clients_.find(id);
  if (found == clients_.end() || !found->second.answered) return refuse(id, Code::kNotActive);
  if (sdp_fragment.size() > kMaxOfferBytes) return refuse(id, Code::kOfferTooLarge);
  found->second.candidates = 0;
  media_.restart_ice(found->second.media, std::move(sdp_fragment));
}

void Broadcasts::set_sending(const Moment& at, ClientId id, bool sound, bool picture) {
  const auto found = clients_.find(id);
  if (found == clients_.end() || found->second.role != Role::kPresenter) return;
  const SlabId key = found->second.broadcast;
  note_sending(at, key, {sound, picture, broadcasts_.find(key)->sending.heard});
}

void Broadcasts::note_sending(const Moment& at, SlabId key, Sending what) {
  Broadcast& broadcast = *broadcasts_.find(key);
  broadcast.sending = what;
  if (broadcast.telling || broadcast.sending == broadcast.told_sending) return;
  tell_sending(broadcast);
  // The next one waits, whatever comes meanwhile.
  broadcast.telling = true;
  tell_at_.emplace_back(at.now + kSendingPause, key);
}

void Broadcasts::stop(const Moment& at, ClientId id) {
  const auto found = clients_.find(id);
  if (found != clients_.end()) end(at, id, found->second, Ending::kStopped);
}

void Broadcasts::lose(const Moment& at, ClientId id) {
  const auto found = clients_.find(id);
  if (found != clients_.end()) end(at, id, found->second, Ending::kLost);
}

void Broadcasts::client_gone(const Moment& at, ClientId id) {
  const auto found = clients_.find(id);
  if (found == clients_.end()) return;
  // A page that closes says so first; one that only vanishes may come back.
  end(at, id, found->second, Ending::kLost);
  clients_.erase(found);
}

void Broadcasts::stop_broadcast(const Moment& at, const std::string& user_id,
                                const std::string& broadcast_id) {
  const SlabId key = find_any(broadcast_id);
  const Broadcast* broadcast = broadcasts_.find(key);
  if (broadcast == nullptr || broadcast->user.id != user_id || broadcast->visible_to) return;
  const ClientId presenter = broadcast->presenter;
  end_broadcast(at, key, Ending::kStopped);
  if (presenter != 0) notify(presenter, Closed{make_error(Code::kReplaced)});
}

void Broadcasts::give_up(const Moment& at, const std::string& user_id,
                         const std::string& broadcast_id) {
  const Broadcast* broadcast = broadcasts_.find(find_any(broadcast_id));
  if (broadcast != nullptr && broadcast->is_away() && broadcast->id == broadcast_id)
    stop_broadcast(at, user_id, broadcast_id);
}

void Broadcasts::shutdown(const Moment& at) {
  stopping_ = true;
  std::vector<SlabId> all;
  broadcasts_.for_each([&](SlabId key, Broadcast&) { all.push_back(key); });
  for (const SlabId key : all) {
    const ClientId presenter = broadcasts_.find(key)->presenter;
    end_broadcast(at, key, Ending::kStopped);
    if (presenter != 0) notify(presenter, Closed{make_error(Code::kServerStopping)});
  }
  away_until_.clear();
  heard_until_.clear();
  tell_at_.clear();
}

void Broadcasts::handle_timeout(const Moment& at) {
  while (!away_until_.empty() && away_until_.front().first <= at.now) {
    const SlabId key = away_until_.front().second;
    away_until_.pop_front();
    if (broadcasts_.find(key) != nullptr) end_broadcast(at, key, Ending::kStopped);
  }
  while (!heard_until_.empty()) {
    const auto [until, key] = heard_until_.front();
    const Broadcast* const broadcast = broadcasts_.find(key);
    const bool unheard = broadcast != nullptr && broadcast->answered && !broadcast->heard;
    if (unheard && until > at.now) break;
    heard_until_.pop_front();
    if (!unheard) continue;
    ++counters_.broadcasts_unheard;
    const ClientId presenter = broadcast->presenter;
    end_broadcast(at, key, Ending::kStopped);
    notify(presenter, Closed{make_error(Code::kMediaLost)});
  }
  while (!tell_at_.empty() && tell_at_.front().first <= at.now) {
    const SlabId key = tell_at_.front().second;
    tell_at_.pop_front();
    Broadcast* const broadcast = broadcasts_.find(key);
    if (broadcast == nullptr) continue;
    broadcast->telling = broadcast->sending != broadcast->told_sending;
    if (!broadcast->telling) continue;
    tell_sending(*broadcast);
    tell_at_.emplace_back(at.now + kSendingPause, key);
  }
}

Instant Broadcasts::next_timeout() const {
  const auto first = [](const auto& queue) {
    return queue.empty() ? Instant::never() : queue.front().first;
  };
  return std::min({first(away_until_), first(heard_until_), first(tell_at_)});
}

bool Broadcasts::poll_notice(Notice& notice) {
  if (notices_.empty()) return false;
  notice = std::move(notices_.front());
  notices_.pop_front();
  return true;
}

bool Broadcasts::poll_air_change(AirChange& change) {
  if (air_changes_.empty()) return false;
  change = std::move(air_changes_.front());
  air_changes_.pop_front();
  return true;
}

// What the media core reports.

void Broadcasts::handle(const Moment& at, MediaEvent event) {
  std::visit(
      [&](auto& e) {
        const auto found = clients_by_media_.find(e.id);
        if (found == clients_by_media_.end()) {
          ++counters_.stale_media_events;
          return;
        }
        const ClientId id = found->second;
        on(at, e, id, clients_.find(id)->second);
      },
      event);
}

void Broadcasts::on(const Moment& at, MediaAnswered& event, ClientId id, Client& client) {
  if (client.answered) {
    ++counters_.stale_media_events;
    return;
  }
  client.answered = true;
  Broadcast& broadcast = *broadcasts_.find(client.broadcast);
  if (client.role == Role::kPresenter) {
    broadcast.answered = true;
    broadcast.started_at = at.wall;
    take_over(client.broadcast, broadcast);
    notify(id, Answer{std::move(event.sdp), broadcast.id, true,
                      broadcast.visible_to ? std::string() : broadcast.replaces});
    if (broadcast.heard || broadcast.visible_to)
      go_on_air(client.broadcast, broadcast);
    else
      await_media(at.now, client.broadcast, broadcast);
    return;
  }
  client.in_circle = broadcast.circle.size() < kNoticeAudience;
  notify(id, Answer{std::move(event.sdp),
                    broadcast.id,
                    false,
                    {},
                    client.in_circle ? watching(broadcast) : std::vector<PublicUser>()});
  if (client.follows && broadcast.sending != Sending{})
    notify(id, PresenterSends{broadcast.sending});
  ++broadcast.entered;
  ++entered_;
  ++counters_.viewers_entered;
  tell_others(broadcast, id, client, ViewerEntered{client.user, at.wall});
  if (client.in_circle) broadcast.circle.push_back(id);
}

void Broadcasts::on(const Moment& at, MediaRefused& event, ClientId id, Client& client) {
  ++counters_.media_refused;
  // A refused restart leaves the session as it was.
  if (client.answered) return notify(id, Failed{std::move(event.error)});
  const bool gone =
      client.role == Role::kViewer && event.error.code == name_of(Code::kPublisherGone);
  if (gone && client.follows) {
    // Another worker knows of the loss before this one's is told: the viewer waits for what comes.
    stop_media(client);
    return notify(id, PresenterAway{});
  }
  end(at, id, client, Ending::kStopped);
  if (gone)
    notify(id, PresenterGone{});
  else
    notify(id, Failed{std::move(event.error)});
}

void Broadcasts::on(const Moment&, MediaRestarted& event, ClientId id, Client&) {
  notify(id, Restarted{std::move(event.fragment)});
}

void Broadcasts::on(const Moment&, MediaConnected&, ClientId, Client&) {
  ++counters_.media_connected;
}

void Broadcasts::on(const Moment& at, MediaSilent&, ClientId, Client& client) {
  if (client.role != Role::kPresenter) return;
  Broadcast& broadcast = *broadcasts_.find(client.broadcast);
  broadcast.silent_since = at.wall;
  note_sending(at, client.broadcast, {broadcast.sending.sound, broadcast.sending.picture, false});
}

void Broadcasts::on(const Moment& at, MediaHeard&, ClientId, Client& client) {
  if (client.role != Role::kPresenter) return;
  Broadcast& broadcast = *broadcasts_.find(client.broadcast);
  broadcast.silent_since.reset();
  if (broadcast.answered && !std::exchange(broadcast.heard, true) && !broadcast.on_air) {
    broadcast.started_at = at.wall;
    go_on_air(client.broadcast, broadcast);
  }
  note_sending(at, client.broadcast, {broadcast.sending.sound, broadcast.sending.picture, true});
}

void Broadcasts::on(const Moment& at, MediaEnded& event, ClientId id, Client& client) {
  ++(event.goodbye ? counters_.media_closed : counters_.media_lost);
  const bool stopped = event.goodbye && client.role == Role::kPresenter &&
                       !broadcasts_.find(client.broadcast)->comes_back;
  end(at, id, client, stopped ? Ending::kStopped : Ending::kLost);
  notify(id, Closed{make_error(Code::kMediaLost, event.reason), event.goodbye});
}

// The steps.

std::optional<Code> Broadcasts::refusal(ClientId id, const PublicUser& user,
                                        const std::string& offer) const {
  if (stopping_) return Code::kServerStopping;
  if (const auto client = clients_.find(id); client != clients_.end()) {
    if (client->second.role == Role::kPresenter) return Code::kAlreadyPresenting;
    if (client->second.role == Role::kViewer) return Code::kAlreadyWatching;
  } else if (clients_.size() >= limits_.clients) {
    return Code::kServerFull;
  }
  if (offer.size() > kMaxOfferBytes) return Code::kOfferTooLarge;
  const auto usage = usage_.find(user.id);
  if (usage != usage_.end() && usage->second.clients >= limits_.clients_per_user)
    return Code::kTooManyStreams;
  return std::nullopt;
}

void Broadcasts::refuse(ClientId id, Code code) {
  ++counters_.requests_refused;
  notify(id, Failed{make_error(code)});
}

Broadcasts::Client& Broadcasts::start(ClientId id, Role role, const PublicUser& user, SlabId key) {
  Client& client = clients_[id];
  client.role = role;
  client.broadcast = key;
  client.user = user;
  ++usage_[user.id].clients;
  return client;
}

void Broadcasts::give_media(ClientId id, Client& client) {
  client.media = ++last_media_;
  clients_by_media_.emplace(client.media, id);
}

void Broadcasts::pass_kept_candidates(Client& client) {
  for (std::string& line : client.kept_candidates)
    media_.add_candidate(client.media, std::move(line));
  client.kept_candidates.clear();
}

void Broadcasts::end(const Moment& at, ClientId id, Client& client, Ending how) {
  switch (client.role) {
    case Role::kIdle:
      client = Client{};  // kept candidates
      break;
    case Role::kPresenter:
      end_broadcast(at, client.broadcast, how);
      break;
    case Role::kViewer:
      leave_broadcast(at.wall, id, client);
      break;
  }
}

void Broadcasts::await_media(Instant now, SlabId key, const Broadcast& broadcast) {
  heard_until_.emplace_back(now + kHeardWithin, key);
  AirChange& change = note_air_change(broadcast);
  change.awaited = true;
  change.replaces = broadcast.replaces;
}

void Broadcasts::go_on_air(SlabId key, Broadcast& broadcast) {
  broadcast.on_air = true;
  if (!broadcast.visible_to) listed_.push_back(key);
  ++on_air_;
  ++counters_.broadcasts_started;
  AirChange& change = note_air_change(broadcast);
  change.on_air = true;
  change.replaces = broadcast.replaces;
}

void Broadcasts::tell_sending(Broadcast& broadcast) {
  broadcast.told_sending = broadcast.sending;
  for (const ClientId id : broadcast.viewers) {
    const Client& viewer = clients_.find(id)->second;
    if (viewer.follows && viewer.answered) notify(id, PresenterSends{broadcast.sending});
  }
}

void Broadcasts::end_broadcast(const Moment& at, SlabId key, Ending how) {
  Broadcast& broadcast = *broadcasts_.find(key);
  const bool may_return =
      how == Ending::kReplaced || (how == Ending::kLost && broadcast.comes_back);
  const bool waits = may_return && broadcast.answered && !broadcast.visible_to && !stopping_;
  std::vector<ClientId> waiting;
  for (const ClientId id : broadcast.viewers) {
    Client& viewer = clients_.find(id)->second;
    if (waits && viewer.follows) {
      stop_media(viewer);
      viewer.position = waiting.size();
      waiting.push_back(id);
      notify(id, PresenterAway{});
    } else {
      reset(viewer);
      notify(id, PresenterGone{waits});
    }
  }
  broadcast.viewers = std::move(waiting);
  broadcast.circle.clear();
  entered_ -= broadcast.entered;
  counters_.viewers_left += std::exchange(broadcast.entered, 0);
  if (broadcast.on_air) {
    --on_air_;
    ++counters_.broadcasts_ended;
    std::erase(listed_, key);
    note_air_change(broadcast).lost = may_return;
    broadcast.on_air = false;
  } else if (broadcast.is_away() || broadcast.answered) {
    AirChange& change = note_air_change(broadcast);
    change.was_off = true;
    change.lost = may_return && broadcast.answered;
  }
  broadcast.answered = false;
  if (broadcast.presenter != 0) {
    --usage_[broadcast.user.id].broadcasts;
    reset(clients_.find(broadcast.presenter)->second);
    broadcast.presenter = 0;
  }
  if (!waits) return remove(key);
  end_oldest_away(at, broadcast.user.id);
  ++away_;
  ++counters_.broadcasts_lost;
  broadcast.away_until = at.now + kReconnectTime;
  away_until_.emplace_back(broadcast.away_until, key);
  if (!broadcast.silent_since) broadcast.silent_since = at.wall;
}

void Broadcasts::end_oldest_away(const Moment& at, const std::string& user_id) {
  // Who goes live and is lost over and over is not waited for without end.
  size_t count = 0;
  SlabId oldest;
  Instant first = Instant::never();
  broadcasts_.for_each([&](SlabId key, const Broadcast& broadcast) {
    if (!broadcast.is_away() || broadcast.user.id != user_id) return;
    ++count;
    if (broadcast.away_until >= first) return;
    first = broadcast.away_until;
    oldest = key;
  });
  if (count >= limits_.broadcasts_per_user) end_broadcast(at, oldest, Ending::kStopped);
}

void Broadcasts::supersede(const Moment& at, ClientId by, const std::string& user_id,
                           const std::string& broadcast_id) {
  const SlabId key = find_answered(broadcast_id);
  const Broadcast* broadcast = broadcasts_.find(key);
  if (broadcast == nullptr || broadcast->user.id != user_id) return;
  const ClientId presenter = broadcast->presenter;
  if (presenter == by) return;  // it is refused: a client does one thing at a time
  end_broadcast(at, key, Ending::kReplaced);
  notify(presenter, Closed{make_error(Code::kReplaced)});
}

void Broadcasts::take_over(SlabId key, Broadcast& broadcast) {
  if (broadcast.visible_to) return;
  const SlabId old_key = find_any(std::exchange(broadcast.replaces, {}));
  Broadcast* const old = broadcasts_.find(old_key);
  if (old == nullptr || !old->is_away() || old->user.id != broadcast.user.id) return;
  ++counters_.broadcasts_replaced;
  broadcast.replaces = old->id;
  broadcast.heard = old->heard;
  if (old->heard) broadcast.started_at = old->started_at;
  for (const ClientId id : old->viewers) {
    reset(clients_.find(id)->second);
    notify(id, PresenterBack{broadcast.id});
  }
  std::vector<std::string> ids = std::move(old->former_ids);
  ids.push_back(old->id);
  old->former_ids.clear();
  remove(old_key);
  if (ids.size() > kMaxFormerIds) {
    broadcasts_by_id_.erase(ids[1]);
    ids.erase(ids.begin() + 1);
  }
  for (const std::string& id : ids) broadcasts_by_id_[id] = key;
  broadcast.former_ids = std::move(ids);
}

void Broadcasts::remove(SlabId key) {
  const Broadcast& broadcast = *broadcasts_.find(key);
  if (broadcast.is_away()) --away_;
  for (const std::string& id : broadcast.former_ids) broadcasts_by_id_.erase(id);
  broadcasts_by_id_.erase(broadcast.id);
  broadcasts_.remove(key);
}

AirChange& Broadcasts::note_air_change(const Broadcast& broadcast) {
  AirChange& change = air_changes_.emplace_back();
  change.broadcast_id = broadcast.id;
  change.presenter = broadcast.presenter;
  change.user = broadcast.user;
  change.listed = !broadcast.visible_to;
  change.media = broadcast.media;
  change.record = broadcast.record;
  change.address = broadcast.address;
  return change;
}

void Broadcasts::leave_broadcast(WallTime now, ClientId id, Client& client) {
  Broadcast& broadcast = *broadcasts_.find(client.broadcast);
  const ClientId last = broadcast.viewers.back();
  clients_.find(last)->second.position = client.position;
  broadcast.viewers[client.position] = last;
  broadcast.viewers.pop_back();
  if (client.answered) {
    --broadcast.entered;
    --entered_;
    ++counters_.viewers_left;
    if (client.in_circle) std::erase(broadcast.circle, id);
    tell_others(broadcast, id, client, ViewerLeft{client.user, now});
  }
  reset(client);
}

void Broadcasts::stop_media(Client& client) {
  if (client.media != 0) {
    media_.stop(client.media);
    clients_by_media_.erase(client.media);
  }
  client.media = 0;
  client.answered = false;
  client.in_circle = false;
  client.candidates = 0;
}

void Broadcasts::reset(Client& client) {
  stop_media(client);
  const auto usage = usage_.find(client.user.id);
  if (--usage->second.clients == 0 && usage->second.broadcasts == 0) usage_.erase(usage);
  client = Client{};
}

template <typename What>
void Broadcasts::tell_others(const Broadcast& broadcast, ClientId about, const Client& viewer,
                             const What& what) {
  notify(broadcast.presenter, what);
  if (!viewer.in_circle) return;
  for (const ClientId id : broadcast.circle)
    if (id != about) notify(id, what);
}

}  // namespace loopcast::app
