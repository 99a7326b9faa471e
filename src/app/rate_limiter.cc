#include "app/rate_limiter.h"

#include <algorithm>

#include <sodium/crypto_shorthash.h>

#include "app/nickname.h"
#include "base/bytes.h"
#include "base/ip_prefix.h"

namespace loopcast::app {

RateLimiter::RateLimiter(RateLimit limit, size_t capacity, const Random::Seed& seed)
    : limit_(limit), capacity_(std::max<size_t>(capacity, 1)) {
  static_assert(sizeof(hash_key_) == crypto_shorthash_KEYBYTES);
  Random(seed).fill(hash_key_);
}

uint64_t RateLimiter::hash(std::string_view key) const {
  uint8_t out[crypto_shorthash_BYTES];
  crypto_shorthash(out, as_bytes(key).data(), key.size(), hash_key_.data());
  return load_u64(out);
}

RateLimiter::Decision RateLimiter::take(Instant now, std::string_view key) {
  const uint64_t hashed = hash(key);
  auto found = index_.find(hashed);
  if (found != index_.end()) {
    buckets_.splice(buckets_.begin(), buckets_, found->second);
  } else {
    if (buckets_.size() >= capacity_) {
      index_.erase(buckets_.back().key);
      buckets_.pop_back();
      ++forgotten_;
    }
    buckets_.push_front({hashed, now});
    index_.emplace(hashed, buckets_.begin());
  }

  Bucket& bucket = buckets_.front();
  const Instant full_at = std::max(bucket.full_at, now) + limit_.interval;
  const Instant latest = now + limit_.interval * limit_.burst;
  if (full_at > latest) {
    ++refused_;
    return {false, full_at - latest};
  }
  bucket.full_at = full_at;
  return {true, {}};
}

void RateLimiter::forgive(std::string_view key) {
  const auto found = index_.find(hash(key));
  if (found == index_.end()) return;
  buckets_.erase(found->second);
  index_.erase(found);
}

namespace {

std::string key_of(const IpPrefix& network) {
  std::string key(1, static_cast<char>(network.ip.family));
  key.append(as_text(Bytes(network.ip.octets).first((network.length + 7) / 8)));
  return key;
}

}  // namespace

std::string host_key(const IpAddress& address) {
  return key_of(ClientNetworks(address).begin()->prefix);
}

AddressLimiter::AddressLimiter(RateLimit per_host, size_t capacity, const Random::Seed& seed)
    : networks_{RateLimiter(per_host, capacity, seed),
                RateLimiter(wider(per_host, 2), capacity, seed),
                RateLimiter(wider(per_host, 3), capacity, seed)} {}

RateLimit AddressLimiter::wider(RateLimit limit, unsigned hosts) {
  return {limit.burst * hosts, Duration::micros(limit.interval.us() / hosts)};
}

RateLimiter::Decision AddressLimiter::take(Instant now, const IpAddress& from) {
  size_t next = 0;
  RateLimiter::Decision decision;
  for (const ClientNetwork& network : ClientNetworks(from)) {
    decision = networks_[next++].take(now, key_of(network.prefix));
    if (!decision.allowed) return decision;
  }
  return decision;
}

uint64_t AddressLimiter::refused() const {
  uint64_t sum = 0;
  for (const RateLimiter& limiter : networks_) sum += limiter.refused();
  return sum;
}

LoginLimiter::LoginLimiter(const Limits& limits, const Random::Seed& seed)
    : pairs_(limits.per_nickname_and_address, limits.capacity, seed),
      nicknames_(limits.per_nickname, limits.capacity, seed),
      addresses_(limits.per_address, limits.capacity, seed),
      registrations_(limits.registrations_per_address, limits.capacity, seed),
      sessions_(limits.per_session, limits.capacity, seed) {}

RateLimiter::Decision LoginLimiter::attempt(Instant now, const IpAddress& from) {
  return addresses_.take(now, from);
}

RateLimiter::Decision LoginLimiter::login(Instant now, std::string_view nickname,
                                          const IpAddress& from, bool known_place) {
  const Expected<Nickname> parsed = parse_nickname(nickname);
  const std::string key = parsed ? parsed->key : std::string();
  // The tight one first: who is refused there uses up nothing that others share.
  const RateLimiter::Decision by_pair = pairs_.take(now, host_key(from) + key);
  if (!by_pair.allowed || known_place) return by_pair;
  return nicknames_.take(now, key);
}

RateLimiter::Decision LoginLimiter::confirmation(Instant now, std::string_view session) {
  return sessions_.take(now, session);
}

RateLimiter::Decision LoginLimiter::registration(Instant now, const IpAddress& from) {
  return registrations_.take(now, from);
}

uint64_t LoginLimiter::refused() const {
  return pairs_.refused() + nicknames_.refused() + addresses_.refused() + registrations_.refused() +
         sessions_.refused();
}

}  // namespace loopcast::app
