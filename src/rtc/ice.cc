#include "rtc/ice.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "base/secret.h"

namespace loopcast::rtc {
namespace {

// Consent checks of many agents leave together.
constexpr Duration kConsentGrid = Duration::millis(20);

using wire::StunClass;
using wire::StunMessage;
using wire::StunWriter;

constexpr size_t kMaxMessage = 1200;
// RFC 8445, section 5.1.2: a peer reflexive candidate (110) of component 1.
constexpr uint32_t kPriority = (uint32_t{110} << 24) | (uint32_t{65535} << 8) | 255;

std::string username(const IceCredentials& receiver, const IceCredentials& sender) {
  return receiver.ufrag + ":" + sender.ufrag;
}

}  // namespace

IceAgent::IceAgent(Instant now, IceCredentials local, IceCredentials remote,
                   const Random::Seed& seed)
    : local_(std::move(local)),
      remote_(std::move(remote)),
      random_(seed),
      tie_breaker_(random_.u64()),
      give_up_at_(now + kValidationTimeout) {}

void IceAgent::restart(Instant now, IceCredentials local, IceCredentials remote) {
  if (state_ == State::kFailed) {
    entries_.clear();
    state_ = State::kChecking;
  }
  old_local_ = std::exchange(local_, std::move(local));
  old_remote_ = std::exchange(remote_, std::move(remote));
  ++generation_;
  nominates_all_ = true;
  // Checks of the old credentials that are under way may still be answered; one generation back is
  // as far as that goes.
  for (Entry& entry : entries_) {
    entry.nominated = 0;
    if (entry.check && entry.check->generation + 1 < generation_) entry.check.reset();
  }
  give_up_at_ = now + kValidationTimeout;
  consent_at_ = Instant::never();
}

const Route* IceAgent::selected() const {
  return selected_ == kNone ? nullptr : &entries_[selected_].route;
}

bool IceAgent::is_validated(const Route& route) const {
  const Entry* entry = find(route);
  return entry != nullptr && entry->generation != 0;
}

bool IceAgent::has_route(const SocketAddress& remote, uint32_t tcp) const {
  return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& e) {
    return e.route.remote == remote && e.route.tcp == tcp;
  });
}

IceAgent::Result IceAgent::handle_datagram(Instant now, const Route& from, Bytes datagram) {
  if (state_ == State::kFailed) return Result::kFailed;
  const auto message = StunMessage::parse(datagram);
  // RFC 8445, section 7.1.2: connectivity checks and their answers carry FINGERPRINT.
  if (!message || !message->has_fingerprint || !message->fingerprint_ok ||
      message->method != wire::kStunBinding)
    return Result::kMalformed;
  switch (message->cls) {
    case StunClass::kRequest:
      return handle_request(now, from, *message);
    case StunClass::kSuccess:
    case StunClass::kError:
      return handle_response(now, from, *message);
    case StunClass::kIndication:  // RFC 8445, section 11
      return Result::kIndication;
  }
  return Result::kMalformed;
}

IceAgent::Result IceAgent::handle_request(Instant now, const Route& from,
                                          const StunMessage& request) {
  // The order of RFC 8489, sections 9.1.3 and 6.3.1: authenticate, then look at attributes.
  if (!request.has_integrity || request.username.empty()) {
    refuse(from, request, wire::kStunBadRequest, {});
    return Result::kUnauthenticated;
  }
  const bool current = equal_secret(request.username, username(local_, remote_));
  const bool old =
      old_local_ && equal_secret(request.username, username(*old_local_, *old_remote_));
  if (!current && !old) {
    refuse(from, request, wire::kStunUnauthenticated, {});
    return Result::kUnknownUser;
  }
  const IceCredentials& as = current ? local_ : *old_local_;
  if (!request.check_integrity(as.password)) {
    refuse(from, request, wire::kStunUnauthenticated, {});
    return Result::kBadIntegrity;
  }
  if (request.unknown_count > 0) {
    refuse(from, request, wire::kStunUnknownAttribute, as.password);
    return Result::kUnknownAttribute;
  }
  // We never change roles: a lite agent is controlled by the full agent that it talks to.
  if (request.ice_controlled) {
    refuse(from, request, wire::kStunRoleConflict, as.password);
    return Result::kRoleConflict;
  }
  if (!current) {
    answer(from, request, as);
    return Result::kHandled;
  }

  Entry* entry = find_or_add(now, from);
  if (entry == nullptr) return Result::kTooManyRoutes;
  entry->last_heard = now;
  entry->priority = request.priority.value_or(0);
  if (request.use_candidate) {
    entry->nominated = ++nominations_;
    entry->nominated_at = now;
  } else {
    nominates_all_ = false;
  }
  // The check goes first: the browser answers it before it sends its ClientHello, which then comes
  // from a validated address.
  const bool proven = entry->generation == generation_ &&
                      (static_cast<size_t>(entry - entries_.data()) == selected_ ||
                       now < entry->last_answer + kConsentInterval);
  const bool checking = entry->check && entry->check->generation == generation_;
  if (!proven && !checking) start_check(now, *entry, kFirstRetransmission);
  answer(from, request, as);
  choose(now);
  return Result::kHandled;
}

IceAgent::Result IceAgent::handle_response(Instant now, const Route& from,
                                           const StunMessage& response) {
  const auto entry = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) {
    return e.check && asked(*e.check, response.transaction);
  });
  // RFC 8445, section 7.2.5.2.1: the answer comes from where the request went.
  if (entry == entries_.end() || entry->route != from) return Result::kUnexpectedResponse;
  const Check check = *entry->check;
  const IceCredentials& sender = check.generation == generation_ ? remote_ : *old_remote_;
  // Errors may come without integrity, so they prove nothing and end nothing.
  if (response.cls == StunClass::kError) return Result::kRefused;
  if (!response.check_integrity(sender.password)) return Result::kBadIntegrity;
  if (response.unknown_count > 0) return Result::kUnknownAttribute;

  entry->check.reset();
  entry->generation = std::max(entry->generation, check.generation);
  entry->last_answer = now;
  last_round_trip_ = now - check.sent_at[response.transaction.back()];
  if (entry->generation == generation_) give_up_at_ = Instant::never();
  choose(now);
  return Result::kHandled;
}

// Answers.

void IceAgent::answer(const Route& to, const StunMessage& request, const IceCredentials& as) {
  std::array<uint8_t, kMaxMessage> out;
  StunWriter writer(out, StunClass::kSuccess, wire::kStunBinding, request.transaction);
  writer.xor_mapped_address(to.remote);
  queue(to, Bytes(out).first(writer.finish(as.password)));
}

void IceAgent::refuse(const Route& to, const StunMessage& request, uint16_t code,
                      std::string_view password) {
  std::array<uint8_t, kMaxMessage> out;
  StunWriter writer(out, StunClass::kError, wire::kStunBinding, request.transaction);
  writer.error(code, {});
  if (code == wire::kStunUnknownAttribute) writer.unknown_attributes(request.unknown());
  const size_t size = writer.finish(password);
  // Whoever spoofs a source address must not gain from it: no answer is longer than its question.
  if (size <= request.raw.size()) queue(to, Bytes(out).first(size));
}

void IceAgent::queue(const Route& to, Bytes datagram) {
  if (datagram.empty() || outgoing_.size() >= kMaxQueued) return;
  outgoing_.push_back({to, {datagram.begin(), datagram.end()}});
}

size_t IceAgent::poll_transmit(Instant, MutableBytes out, Route& to) {
  while (!outgoing_.empty()) {
    const Outgoing next = std::move(outgoing_.front());
    outgoing_.pop_front();
    if (next.bytes.size() > out.size()) continue;
    std::copy(next.bytes.begin(), next.bytes.end(), out.begin());
    to = next.to;
    return next.bytes.size();
  }
  return 0;
}

// Routes.

const IceAgent::Entry* IceAgent::find(const Route& route) const {
  const auto it = std::find_if(entries_.begin(), entries_.end(),
                               [&](const Entry& e) { return e.route == route; });
  return it == entries_.end() ? nullptr : &*it;
}

bool IceAgent::replaceable(Instant now, size_t index) const {
  const Entry& entry = entries_[index];
  if (index == selected_ || entry.check) return false;
  return entry.generation == 0 || now >= entry.last_heard + kRouteIdle;
}

IceAgent::Entry* IceAgent::find_or_add(Instant now, const Route& route) {
  if (const Entry* entry = find(route)) return const_cast<Entry*>(entry);
  Entry added;
  added.route = route;
  if (entries_.size() < kMaxRoutes) {
    entries_.push_back(added);
    return &entries_.back();
  }
  for (size_t i = 0; i < entries_.size(); ++i) {
    if (!replaceable(now, i)) continue;
    entries_[i] = added;
    return &entries_[i];
  }
  return nullptr;
}

bool IceAgent::fresh(Instant now, const Entry& entry) const {
  return entry.generation != 0 && now < entry.last_answer + kConsentTimeout;
}

// Current credentials before old ones, then the latest nomination, then what is selected already.
bool IceAgent::better(const Entry& a, const Entry& b, Instant newest_nomination) const {
  if (a.generation != b.generation) return a.generation > b.generation;
  const auto counts = [&](const Entry& e) {
    return nominates_all_ && e.nominated != 0 &&
           newest_nomination - e.nominated_at <= kNominationWindow;
  };
  if (counts(a) && counts(b)) {
    const bool udp = a.route.tcp == 0;
    if (udp != (b.route.tcp == 0)) return udp;
    if (a.priority != b.priority) return a.priority > b.priority;
  }
  if (a.nominated != b.nominated) return a.nominated > b.nominated;
  return static_cast<size_t>(&a - entries_.data()) == selected_;
}

void IceAgent::choose(Instant now) {
  Instant newest;
  for (const Entry& entry : entries_)
    if (fresh(now, entry) && entry.nominated != 0) newest = std::max(newest, entry.nominated_at);
  size_t best = kNone;
  for (size_t i = 0; i < entries_.size(); ++i)
    if (fresh(now, entries_[i]) && (best == kNone || better(entries_[i], entries_[best], newest)))
      best = i;
  // While a restart is under way the old route stays, whether it answers or not: the peer may have
  // forgotten the old credentials, and the restart has a deadline of its own.
  if (best == kNone || entries_[best].generation != generation_) return;
  if (entries_[best].nominated != 0) {
    old_local_.reset();
    old_remote_.reset();
    for (Entry& entry : entries_)
      if (entry.check && entry.check->generation != generation_) entry.check.reset();
  }
  if (best == selected_ && !consent_at_.is_never()) return;
  selected_ = best;
  state_ = State::kConnected;
  schedule_consent(now);
}

// Checks.

void IceAgent::start_check(Instant now, Entry& entry, Duration first_wait) {
  wire::TransactionId transaction;
  random_.fill(transaction);
  entry.check = Check{.transaction = transaction,
                      .generation = generation_,
                      .sent = 0,
                      .sent_at = {},
                      .wait = first_wait,
                      .next_at = now};
  send_check(now, entry);
}

bool IceAgent::asked(const Check& check, const wire::TransactionId& transaction) {
  return transaction.back() < check.sent &&
         std::equal(transaction.begin(), transaction.end() - 1, check.transaction.begin());
}

void IceAgent::send_check(Instant now, Entry& entry) {
  Check& check = *entry.check;
  check.next_at = now + check.wait;
  check.wait = check.wait * 2;
  const int repeat = check.sent++;
  check.sent_at[static_cast<size_t>(repeat)] = now;
  // TCP repeats by itself (RFC 8489, section 6.2.2).
  if (repeat > 0 && entry.route.tcp != 0) return;
  check.transaction.back() = static_cast<uint8_t>(repeat);
  const bool current = check.generation == generation_;
  const IceCredentials& local = current ? local_ : *old_local_;
  const IceCredentials& remote = current ? remote_ : *old_remote_;
  std::array<uint8_t, kMaxMessage> out;
  StunWriter writer(out, StunClass::kRequest, wire::kStunBinding, check.transaction);
  writer.username(username(remote, local));
  writer.ice_controlled(tie_breaker_);
  writer.priority(kPriority);
  queue(entry.route, Bytes(out).first(writer.finish(remote.password)));
}

void IceAgent::repeat_checks(Instant now) {
  for (Entry& entry : entries_) {
    if (!entry.check || now < entry.check->next_at) continue;
    if (entry.check->sent < kCheckTries)
      send_check(now, entry);
    else
      entry.check.reset();  // the next request from there starts another
  }
}

void IceAgent::schedule_consent(Instant now) {
  const int64_t percent = 80 + random_.below(41);
  consent_at_ = (now + kConsentInterval * percent / 100).floor(kConsentGrid);
}

// Time.

Instant IceAgent::next_timeout() const {
  if (state_ == State::kFailed) return Instant::never();
  Instant next = std::min(give_up_at_, consent_at_);
  if (!consent_at_.is_never())
    next = std::min(next, entries_[selected_].last_answer + kConsentTimeout);
  for (const Entry& entry : entries_)
    if (entry.check) next = std::min(next, entry.check->next_at);
  return next;
}

void IceAgent::handle_timeout(Instant now) {
  if (state_ == State::kFailed) return;
  if (now >= give_up_at_) return fail();
  // Consent is of the current credentials only: during a restart there is the deadline above.
  if (!consent_at_.is_never()) {
    if (!fresh(now, entries_[selected_])) choose(now);
    if (!fresh(now, entries_[selected_])) return fail();
    if (now >= consent_at_) {
      start_check(now, entries_[selected_], kConsentRetransmission);
      schedule_consent(now);
    }
  }
  repeat_checks(now);
}

void IceAgent::fail() {
  state_ = State::kFailed;
  selected_ = kNone;
  consent_at_ = give_up_at_ = Instant::never();
  entries_.clear();
  outgoing_.clear();
}

}  // namespace loopcast::rtc
