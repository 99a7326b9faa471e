#include "app/rate_limiter.h"

#include <algorithm>

#include <sodium/crypto_shorthash.h>

#include "app/nickname.h"
#include "base/bytes.h"

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

std::string host_key(const IpAddress& address) {
  const size_t length = address.is_v4() ? 4 : address.is_v6() ? 8 : 0;
  std::string key(1, static_cast<char>(address.family));
  key.append(as_text(Bytes(address.octets).first(length)));
  return key;
}

LoginLimiter::LoginLimiter(const Limits& limits, const Random::Seed& seed)
    : nicknames_(limits.per_nickname, limits.capacity, seed),
      addresses_(limits.per_address, limits.capacity, seed),
      registrations_(limits.registrations_per_address, limits.capacity, seed) {}

RateLimiter::Decision LoginLimiter::login(Instant now, std::string_view nickname,
                                          const IpAddress& from) {
  // The address first: one that is refused cannot use up the attempts of somebody's nickname.
  const RateLimiter::Decision by_address = addresses_.take(now, host_key(from));
  if (!by_address.allowed) return by_address;
  const Expected<Nickname> parsed = parse_nickname(nickname);
  return nicknames_.take(now, parsed ? parsed->key : std::string());
}

RateLimiter::Decision LoginLimiter::registration(Instant now, const IpAddress& from) {
  return registrations_.take(now, host_key(from));
}

uint64_t LoginLimiter::refused() const {
  return nicknames_.refused() + addresses_.refused() + registrations_.refused();
}

}  // namespace loopcast::app
