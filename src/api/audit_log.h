// What an operator needs to know of security: who did what from where, and what was refused. One
// line for each, a JSON object; never a password, a token or what may be one.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "app/rate_limiter.h"
#include "app/user.h"
#include "base/address.h"
#include "base/expected.h"
#include "base/random.h"
#include "base/time.h"
#include "http/message.h"

namespace loopcast::api {

// Where a request comes from.
struct Origin {
  IpAddress address = {};    // none: what the server did by itself
  std::string request = {};  // what a proxy calls it (X-Request-ID); empty: nothing
};
Origin origin_of(const http::Request& request);

struct AuditEntry {
  std::string_view what;  // "sign_in", "password_change" …
  Status result = ok();
  Origin origin = {};
  std::string user_id = {};   // empty: nobody that is known
  std::string nickname = {};  // of a user that is known; what was typed instead may be a password
  std::string detail = {};    // "POST /api/v2/…", the id of a recording
};

// Of what was refused to somebody who is signed in, or says so; nullopt for other answers. Sign-ins
// and passwords have lines of their own.
std::optional<AuditEntry> refusal_of(const http::Request& request, const http::Response& response);
// Whether this was refused because there was too much of it.
bool is_limit(const Error& error);

class AuditLog {
 public:
  // False: the line could not be taken.
  using Sink = std::function<bool(const std::string& line)>;
  struct Clocks {
    std::function<Instant()> now;
    std::function<WallTime()> wall_now;
  };
  // Somebody who tries passwords must not fill the disk, nor hide behind many lines: refusals are
  // limited for each address, and everything together. What is left out is counted and told.
  static constexpr app::RateLimit kRefusals{50, Duration::seconds(5)};
  static constexpr app::RateLimit kAll{5000, Duration::millis(100)};

  AuditLog(Sink sink, Clocks clocks, const Random::Seed& seed);

  void write(const AuditEntry& entry);
  uint64_t written() const { return written_; }
  uint64_t left_out() const { return left_out_; }

 private:
  Sink sink_;
  Clocks clocks_;
  app::RateLimiter refusals_;
  app::RateLimiter all_;
  uint64_t number_ = 0;
  uint64_t written_ = 0;
  uint64_t left_out_ = 0;
  uint64_t untold_ = 0;  // left out since the last line
};

}  // namespace loopcast::api
