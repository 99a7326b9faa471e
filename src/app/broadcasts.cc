#include "app/broadcasts.h"

#include <algorithm>
#include <utility>

#include "app/messages.h"

namespace loopcast::app {

Broadcasts::Broadcasts(MediaControl& media, const BroadcastLimits& limits, const Random::Seed& seed)
    : media_(media), limits_(limits), random_(seed) {}

// What clients ask for.

void Broadcasts::present(ClientId id, const PublicUser& user, PresentOptions options) {
  if (const auto code = refusal(id, user, options.offer)) return refuse(id, *code);
  if (options.visible_to && options.visible_to->size() > kMaxInvited)
    return refuse(id, Code::kBadRequest);
  const auto usage = usage_.find(user.id);
  if (usage != usage_.end() && usage->second.broadcasts >= limits_.broadcasts_per_user)
    return refuse(id, Code::kTooManyBroadcasts);

  const SlabId key = broadcasts_.emplace();
  Client& client = start(id, Role::kPresenter, user, key);
  Broadcast& broadcast = *broadcasts_.find(key);
  broadcast.id = make_id(random_);
  broadcast.presenter = id;
  broadcast.user = user;
  broadcast.media = client.media;
  broadcast.record = options.record;
  broadcast.visible_to = std::move(options.visible_to);
  broadcast.address = options.address;
  broadcast.whip = options.whip;
  broadcast.goodbye_stops = options.goodbye_stops;
  broadcasts_by_id_.emplace(broadcast.id, key);
  ++usage_[user.id].broadcasts;
  media_.publish(client.media, std::move(options.offer));
  pass_kept_candidates(client);
}

void Broadcasts::watch(ClientId id, const PublicUser& user, const std::string& broadcast_id,
                       std::string offer) {
  if (const auto code = refusal(id, user, offer)) return refuse(id, *code);
  const SlabId key = find_on_air(broadcast_id);
  Broadcast* const broadcast = broadcasts_.find(key);
  // One answer for both, so that nobody learns of a call that is not theirs.
  if (broadcast == nullptr || !may_watch(*broadcast, user.id)) {
    ++counters_.presenter_not_found;
    return notify(id, PresenterGone{});
  }
  if (broadcast->viewers.size() >= limits_.viewers_per_broadcast)
    return refuse(id, Code::kBroadcastFull);

  Client& client = start(id, Role::kViewer, user, key);
  client.position = broadcast->viewers.size();
  broadcast->viewers.push_back(id);
  media_.watch(client.media, broadcast->media, std::move(offer));
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

void Broadcasts::stop(WallTime now, ClientId id) {
  const auto found = clients_.find(id);
  if (found != clients_.end()) end(now, id, found->second, false);
}

void Broadcasts::client_gone(WallTime now, ClientId id) {
  const auto found = clients_.find(id);
  if (found == clients_.end()) return;
  // A page that closes says so first; one that only vanishes may come back.
  end(now, id, found->second, true);
  clients_.erase(found);
}

void Broadcasts::shutdown() {
  stopping_ = true;
  std::vector<SlabId> all;
  broadcasts_.for_each([&](SlabId key, Broadcast&) { all.push_back(key); });
  for (const SlabId key : all) {
    const ClientId presenter = broadcasts_.find(key)->presenter;
    end_broadcast(key, false);
    notify(presenter, Closed{make_error(Code::kServerStopping)});
  }
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

void Broadcasts::handle(WallTime now, MediaEvent event) {
  std::visit(
      [&](auto& e) {
        const auto found = clients_by_media_.find(e.id);
        if (found == clients_by_media_.end()) {
          ++counters_.stale_media_events;
          return;
        }
        const ClientId id = found->second;
        on(now, e, id, clients_.find(id)->second);
      },
      event);
}

void Broadcasts::on(WallTime now, MediaAnswered& event, ClientId id, Client& client) {
  if (client.answered) {
    ++counters_.stale_media_events;
    return;
  }
  client.answered = true;
  Broadcast& broadcast = *broadcasts_.find(client.broadcast);
  notify(id, Answer{std::move(event.sdp), broadcast.id, client.role == Role::kPresenter});
  if (client.role == Role::kPresenter) {
    broadcast.on_air = true;
    broadcast.started_at = now;
    if (!broadcast.visible_to) listed_.push_back(client.broadcast);
    ++on_air_;
    ++counters_.broadcasts_started;
    note_air_change(broadcast, true, false);
    return;
  }
  ++broadcast.entered;
  ++entered_;
  ++counters_.viewers_entered;
  client.in_circle = broadcast.circle.size() < kNoticeAudience;
  tell_others(broadcast, id, client, ViewerEntered{client.user, now});
  if (client.in_circle) broadcast.circle.push_back(id);
}

void Broadcasts::on(WallTime now, MediaRefused& event, ClientId id, Client& client) {
  ++counters_.media_refused;
  // A refused restart leaves the session as it was.
  if (client.answered) return notify(id, Failed{std::move(event.error)});
  const bool gone =
      client.role == Role::kViewer && event.error.code == name_of(Code::kPublisherGone);
  end(now, id, client, false);
  if (gone)
    notify(id, PresenterGone{});
  else
    notify(id, Failed{std::move(event.error)});
}

void Broadcasts::on(WallTime, MediaRestarted& event, ClientId id, Client&) {
  notify(id, Restarted{std::move(event.fragment)});
}

void Broadcasts::on(WallTime, MediaConnected&, ClientId, Client&) { ++counters_.media_connected; }

void Broadcasts::on(WallTime now, MediaSilent&, ClientId, Client& client) {
  if (client.role == Role::kPresenter) broadcasts_.find(client.broadcast)->silent_since = now;
}

void Broadcasts::on(WallTime, MediaHeard&, ClientId, Client& client) {
  if (client.role == Role::kPresenter) broadcasts_.find(client.broadcast)->silent_since.reset();
}

void Broadcasts::on(WallTime now, MediaEnded& event, ClientId id, Client& client) {
  ++(event.goodbye ? counters_.media_closed : counters_.media_lost);
  const bool stopped = event.goodbye && client.role == Role::kPresenter &&
                       broadcasts_.find(client.broadcast)->goodbye_stops;
  end(now, id, client, !stopped);
  notify(id, Closed{make_error(Code::kMediaLost, event.reason), event.goodbye});
}

// What others want to know.

void Broadcasts::supersede(WallTime now, const std::string& user_id,
                           const std::string& broadcast_id) {
  const Broadcast* broadcast = broadcasts_.find(find_on_air(broadcast_id));
  if (broadcast == nullptr || broadcast->user.id != user_id) return;
  const ClientId presenter = broadcast->presenter;
  end(now, presenter, clients_.find(presenter)->second, true);
  notify(presenter, Closed{make_error(Code::kMediaLost)});
}

void Broadcasts::supersede_silent(WallTime now, const std::string& user_id) {
  const Broadcast* last = nullptr;
  broadcasts_.for_each([&](SlabId, const Broadcast& broadcast) {
    if (!broadcast.whip || !broadcast.silent_since || broadcast.user.id != user_id) return;
    if (last == nullptr || *broadcast.silent_since > *last->silent_since) last = &broadcast;
  });
  if (last != nullptr) supersede(now, user_id, std::string(last->id));
}

bool Broadcasts::silence_unknown(const std::string& user_id) const {
  bool any = false, silent = false;
  broadcasts_.for_each([&](SlabId, const Broadcast& broadcast) {
    if (!broadcast.whip || broadcast.user.id != user_id) return;
    any = true;
    silent = silent || broadcast.silent_since;
  });
  return any && !silent;
}

Expected<BroadcastInfo> Broadcasts::find(const std::string& broadcast_id) const {
  const Broadcast* broadcast = broadcasts_.find(find_on_air(broadcast_id));
  if (broadcast == nullptr) return make_error(Code::kNotFound);
  return describe(*broadcast);
}

bool Broadcasts::may_watch(const std::string& broadcast_id, const std::string& user_id) const {
  const Broadcast* broadcast = broadcasts_.find(find_on_air(broadcast_id));
  return broadcast != nullptr && may_watch(*broadcast, user_id);
}

BroadcastPage Broadcasts::list(size_t page, size_t size) const {
  BroadcastPage result;
  result.total = listed_.size();
  if (size == 0 || page > listed_.size() / size) return result;
  const size_t first = page * size;
  const size_t last = first + std::min(size, listed_.size() - first);
  for (size_t i = first; i < last; ++i)
    result.broadcasts.push_back(describe(*broadcasts_.find(listed_[listed_.size() - 1 - i])));
  return result;
}

bool Broadcasts::empty() const {
  return broadcasts_.size() == 0 && broadcasts_by_id_.empty() && listed_.empty() &&
         clients_.empty() && clients_by_media_.empty() && usage_.empty() && on_air_ == 0 &&
         entered_ == 0;
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
  client.media = ++last_media_;
  client.broadcast = key;
  client.user = user;
  clients_by_media_.emplace(client.media, id);
  ++usage_[user.id].clients;
  return client;
}

void Broadcasts::pass_kept_candidates(Client& client) {
  for (std::string& line : client.kept_candidates)
    media_.add_candidate(client.media, std::move(line));
  client.kept_candidates.clear();
}

void Broadcasts::end(WallTime now, ClientId id, Client& client, bool lost) {
  switch (client.role) {
    case Role::kIdle:
      client = Client{};  // kept candidates
      break;
    case Role::kPresenter:
      end_broadcast(client.broadcast, lost);
      break;
    case Role::kViewer:
      leave_broadcast(now, id, client);
      break;
  }
}

void Broadcasts::end_broadcast(SlabId key, bool lost) {
  Broadcast& broadcast = *broadcasts_.find(key);
  for (const ClientId id : broadcast.viewers) {
    reset(clients_.find(id)->second);
    notify(id, PresenterGone{});
  }
  entered_ -= broadcast.entered;
  counters_.viewers_left += broadcast.entered;
  if (broadcast.on_air) {
    --on_air_;
    ++counters_.broadcasts_ended;
    std::erase(listed_, key);
    note_air_change(broadcast, false, lost);
  }
  --usage_[broadcast.user.id].broadcasts;
  reset(clients_.find(broadcast.presenter)->second);
  broadcasts_by_id_.erase(broadcast.id);
  broadcasts_.remove(key);
}

void Broadcasts::note_air_change(const Broadcast& broadcast, bool on_air, bool lost) {
  air_changes_.push_back({broadcast.id, broadcast.presenter, broadcast.user, on_air,
                          !broadcast.visible_to.has_value(), broadcast.media, broadcast.record,
                          lost, broadcast.address});
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

void Broadcasts::reset(Client& client) {
  media_.stop(client.media);
  clients_by_media_.erase(client.media);
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

SlabId Broadcasts::find_on_air(const std::string& broadcast_id) const {
  const auto found = broadcasts_by_id_.find(broadcast_id);
  if (found == broadcasts_by_id_.end() || !broadcasts_.find(found->second)->on_air) return {};
  return found->second;
}

bool Broadcasts::may_watch(const Broadcast& broadcast, const std::string& user_id) {
  if (!broadcast.visible_to || broadcast.user.id == user_id) return true;
  const auto& named = *broadcast.visible_to;
  return std::find(named.begin(), named.end(), user_id) != named.end();
}

BroadcastInfo Broadcasts::describe(const Broadcast& broadcast) const {
  return {broadcast.id,      broadcast.user,   broadcast.started_at,
          broadcast.entered, broadcast.record, !broadcast.visible_to.has_value()};
}

}  // namespace loopcast::app
