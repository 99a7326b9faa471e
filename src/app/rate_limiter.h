// Token buckets by key, bounded in memory.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/address.h"
#include "base/random.h"
#include "base/time.h"

namespace loopcast::app {

struct RateLimit {
  uint32_t burst = 10;                       // this many at once, then
  Duration interval = Duration::seconds(6);  // one for each of these
};

class RateLimiter {
 public:
  struct Decision {
    bool allowed = false;
    Duration retry_after;  // until the next is allowed; zero if this one was
  };

  // Remembers at most `capacity` keys; beyond it forgets the one asked for longest ago, which then
  // has its whole burst again. `seed` keys the hash, so that nobody can make keys that collide.
  RateLimiter(RateLimit limit, size_t capacity, const Random::Seed& seed);

  Decision take(Instant now, std::string_view key);
  // What was taken of `key` is made good: it has all of its burst again.
  void forgive(std::string_view key);

  size_t size() const { return buckets_.size(); }
  uint64_t refused() const { return refused_; }
  uint64_t forgotten() const { return forgotten_; }

 private:
  struct Bucket {
    uint64_t key;
    // When the bucket is full again: one number says it all (the GCRA of ATM Forum TM 4.0).
    Instant full_at;
  };
  uint64_t hash(std::string_view key) const;

  RateLimit limit_;
  size_t capacity_;
  std::array<uint8_t, 16> hash_key_;
  std::list<Bucket> buckets_;  // most recently used first
  std::unordered_map<uint64_t, std::list<Bucket>::iterator> index_;
  uint64_t refused_ = 0;
  uint64_t forgotten_ = 0;
};

// One key per host: an IPv4 address, or the /64 of an IPv6 address, of which one host has as many
// as it likes.
std::string host_key(const IpAddress& address);

// A limit for each host and, with IPv6, for the networks that one customer may have to himself: see
// base/ip_prefix.h. The bucket of a wider network is as many times larger and faster as hosts may
// share it.
class AddressLimiter {
 public:
  AddressLimiter(RateLimit per_host, size_t capacity, const Random::Seed& seed);

  RateLimiter::Decision take(Instant now, const IpAddress& from);
  uint64_t refused() const;

 private:
  static RateLimit wider(RateLimit limit, unsigned hosts);

  // Narrowest first, as ClientNetworks has them.
  std::array<RateLimiter, 3> networks_;
};

// Guessing passwords and making accounts: both sides of a login are limited, since one address can
// try many nicknames and many addresses can try one. Nicknames are public, so that what strangers
// try must not keep their owners out (docs/decisions/0028-throttling-locks-nobody-out.md).
class LoginLimiter {
 public:
  struct Limits {
    // Of one nickname from one address: this is what stops somebody who guesses.
    RateLimit per_nickname_and_address{10, Duration::seconds(30)};
    // Of one nickname from all addresses that it never signed in from: so much that it takes a
    // dozen addresses to use it up, and little enough that guessing leads nowhere.
    RateLimit per_nickname{100, Duration::seconds(2)};
    // A school or an office is one address.
    RateLimit per_address{30, Duration::seconds(2)};
    RateLimit registrations_per_address{10, Duration::seconds(60)};
    // Of somebody who is signed in already and is asked for the password again.
    RateLimit per_session{10, Duration::seconds(6)};
    size_t capacity = 65'536;  // keys of each kind, about 100 bytes each
  };

  LoginLimiter(const Limits& limits, const Random::Seed& seed);
  // An attempt, whoever it is for: asked before anything is looked up.
  RateLimiter::Decision attempt(Instant now, const IpAddress& from);
  // After that. `known_place`: the nickname's owner has signed in from there before, and shares no
  // bucket with strangers elsewhere.
  RateLimiter::Decision login(Instant now, std::string_view nickname, const IpAddress& from,
                              bool known_place);
  RateLimiter::Decision registration(Instant now, const IpAddress& from);
  // `session`: any name of it.
  RateLimiter::Decision confirmation(Instant now, std::string_view session);
  uint64_t refused() const;

 private:
  RateLimiter pairs_;
  RateLimiter nicknames_;
  AddressLimiter addresses_;
  AddressLimiter registrations_;
  RateLimiter sessions_;
};

}  // namespace loopcast::app
