// Tokens that were found good a short while ago.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <string_view>
#include <unordered_map>

#include "base/random.h"
#include "base/time.h"

namespace loopcast::http {

// Tells strangers from users before the database is asked: who brings a token that was good some
// minutes ago has a place among the users. It decides on nothing but places: each request is
// authenticated as ever. Bounded, keeps no token but a keyed hash of each.
class KnownTokens {
 public:
  // Remembers at most `capacity` tokens (about 100 bytes each), the one used longest ago goes
  // first, each for `lifetime` after it was last found good.
  KnownTokens(size_t capacity, Duration lifetime, const Random::Seed& seed);

  void remember(Instant now, std::string_view token);
  bool contains(Instant now, std::string_view token) const;
  size_t size() const { return tokens_.size(); }

 private:
  struct Known {
    uint64_t hash;
    Instant until;
  };
  uint64_t hash(std::string_view token) const;

  size_t capacity_;
  Duration lifetime_;
  std::array<uint8_t, 16> key_{};
  std::list<Known> tokens_;  // latest first
  std::unordered_map<uint64_t, std::list<Known>::iterator> index_;
};

}  // namespace loopcast::http
