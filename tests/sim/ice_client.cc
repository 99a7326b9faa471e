#include "sim/ice_client.h"

#include <algorithm>
#include <array>
#include <string>

namespace loopcast::sim {
namespace {

using wire::StunClass;
using wire::StunMessage;
using wire::StunWriter;

// A host candidate of component 1 (RFC 8445, section 5.1.2).
constexpr uint32_t kHostPriority = (uint32_t{126} << 24) | (uint32_t{65535} << 8) | 255;
constexpr size_t kMaxMessage = 1200;

}  // namespace

IceClient::IceClient(const Random::Seed& seed) : random_(seed), tie_breaker_(random_.u64()) {
  renew_credentials();
}

void IceClient::renew_credentials() {
  // Chromium's lengths.
  local_ = {random_.ice_token(4), random_.ice_token(24)};
}

void IceClient::start(Instant now, rtc::IceCredentials remote,
                      std::span<const SocketAddress> candidates) {
  remote_ = std::move(remote);
  pairs_.clear();
  for (const SocketAddress& address : candidates) pairs_.push_back({address, {}, false});
  state_ = State::kChecking;
  last_answer_ = now;
  next_check_ = now;
  handle_timeout(now);
}

void IceClient::check_now(Instant now) {
  if (state_ == State::kNew || state_ == State::kLost) return;
  next_check_ = now;
  handle_timeout(now);
}

void IceClient::stop() {
  state_ = State::kLost;
  next_check_ = Instant::never();
  outgoing_.clear();
}

void IceClient::send_check(Instant now, Pair& pair, bool nominate) {
  Pair::Sent sent{{}, now};
  random_.fill(sent.transaction);
  pair.sent.push_back(sent);
  if (pair.sent.size() > kMaxUnderWay) pair.sent.pop_front();
  std::array<uint8_t, kMaxMessage> out;
  StunWriter writer(out, StunClass::kRequest, wire::kStunBinding, sent.transaction);
  writer.username(remote_.ufrag + ":" + local_.ufrag);
  writer.priority(kHostPriority);
  writer.ice_controlling(tie_breaker_);
  if (nominate) writer.use_candidate();
  const size_t size = writer.finish(remote_.password);
  outgoing_.push_back({pair.remote, {out.begin(), out.begin() + static_cast<long>(size)}});
}

void IceClient::handle_datagram(Instant now, const SocketAddress& from, Bytes datagram) {
  if (state_ == State::kNew || state_ == State::kLost) return;
  const auto message = StunMessage::parse(datagram);
  if (!message || !message->fingerprint_ok) return;
  if (message->cls == StunClass::kRequest)
    handle_request(from, *message);
  else if (message->cls == StunClass::kSuccess)
    handle_response(now, from, *message);
}

void IceClient::handle_request(const SocketAddress& from, const StunMessage& request) {
  if (request.username != local_.ufrag + ":" + remote_.ufrag ||
      !request.check_integrity(local_.password))
    return;
  std::array<uint8_t, kMaxMessage> out;
  StunWriter writer(out, StunClass::kSuccess, wire::kStunBinding, request.transaction);
  writer.xor_mapped_address(from);
  const size_t size = writer.finish(local_.password);
  outgoing_.push_back({from, {out.begin(), out.begin() + static_cast<long>(size)}});
}

void IceClient::handle_response(Instant now, const SocketAddress& from,
                                const StunMessage& response) {
  for (Pair& pair : pairs_) {
    const auto sent = std::find_if(pair.sent.begin(), pair.sent.end(), [&](const auto& s) {
      return s.transaction == response.transaction;
    });
    if (sent == pair.sent.end() || pair.remote != from) continue;
    if (!response.check_integrity(remote_.password)) return;
    round_trip_ = now - sent->at;
    pair.sent.erase(pair.sent.begin(), sent + 1);
    pair.answered = true;
    last_answer_ = now;
    if (response.xor_mapped_address) mapped_ = response.xor_mapped_address;
    if (state_ != State::kChecking) return;
    // The first that answers is nominated at once.
    state_ = State::kConnected;
    selected_ = pair.remote;
    next_check_ = now + kPingInterval;
    send_check(now, pair, true);
    return;
  }
}

void IceClient::handle_timeout(Instant now) {
  if (state_ == State::kNew || state_ == State::kLost) return;
  if (now >= last_answer_ + kLost) {
    stop();
    return;
  }
  if (now < next_check_) return;
  if (state_ == State::kChecking) {
    for (Pair& pair : pairs_) send_check(now, pair, false);
    next_check_ = now + kCheckInterval;
    return;
  }
  bool waiting = false;
  for (Pair& pair : pairs_) {
    if (pair.remote != *selected_) continue;
    send_check(now, pair, true);
    waiting = pair.sent.size() > 1;
  }
  // One that went unanswered is repeated sooner.
  next_check_ = now + (waiting ? kCheckInterval * 10 : kPingInterval);
}

Instant IceClient::next_timeout() const {
  if (state_ == State::kNew || state_ == State::kLost) return Instant::never();
  return std::min(next_check_, last_answer_ + kLost);
}

bool IceClient::poll_transmit(Datagram& out) {
  if (outgoing_.empty()) return false;
  out = std::move(outgoing_.front());
  outgoing_.pop_front();
  return true;
}

}  // namespace loopcast::sim
