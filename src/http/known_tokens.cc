#include "http/known_tokens.h"

#include <algorithm>

#include <sodium/crypto_shorthash.h>

#include "base/bytes.h"

namespace loopcast::http {

KnownTokens::KnownTokens(size_t capacity, Duration lifetime, const Random::Seed& seed)
    : capacity_(std::max<size_t>(capacity, 1)), lifetime_(lifetime) {
  static_assert(sizeof(key_) == crypto_shorthash_KEYBYTES);
  Random(seed).fill(key_);
}

uint64_t KnownTokens::hash(std::string_view token) const {
  uint8_t out[crypto_shorthash_BYTES];
  crypto_shorthash(out, as_bytes(token).data(), token.size(), key_.data());
  return load_u64(out);
}

void KnownTokens::remember(Instant now, std::string_view token) {
  const uint64_t hashed = hash(token);
  if (const auto found = index_.find(hashed); found != index_.end()) {
    tokens_.splice(tokens_.begin(), tokens_, found->second);
    tokens_.front().until = now + lifetime_;
    return;
  }
  if (tokens_.size() >= capacity_) {
    index_.erase(tokens_.back().hash);
    tokens_.pop_back();
  }
  tokens_.push_front({hashed, now + lifetime_});
  index_.emplace(hashed, tokens_.begin());
}

bool KnownTokens::contains(Instant now, std::string_view token) const {
  if (token.empty()) return false;
  const auto found = index_.find(hash(token));
  return found != index_.end() && now < found->second->until;
}

}  // namespace loopcast::http
