// Registration, login and sessions for the control thread: each step of app::Accounts on the thread
// that suits it, with the limits that stand before it.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "api/audit_log.h"
#include "api/ended_sessions.h"
#include "app/accounts.h"
#include "app/rate_limiter.h"
#include "base/address.h"
#include "base/random.h"
#include "base/time.h"
#include "http/offload.h"
#include "http/task.h"

namespace loopcast::api {

class SignIn {
 public:
  // Password hashes that run or wait; 40 ms each, so the last of them waits about a second.
  static constexpr size_t kMaxHashing = 64;

  struct Clocks {
    std::function<Instant()> now;
    std::function<WallTime()> wall_now;
  };

  // All outlive this. `database`: a pool of one thread, the only one that uses `accounts`.
  SignIn(app::Accounts& accounts, const app::PasswordHasher& hasher, http::Pool& database,
         http::Pool& hashing, Clocks clocks, const app::LoginLimiter::Limits& limits,
         AuditLog& audit, const Random::Seed& seed);

  // Told of sessions that end because their user has too many.
  void on_sessions_ended(std::function<void(const EndedSessions&)> hook) {
    sessions_ended_ = std::move(hook);
  }

  // Errors as app::Accounts, and rate_limited, overloaded.
  http::Task<Expected<app::Credentials>> register_user(std::string nickname, std::string password,
                                                       Origin from);
  http::Task<Expected<app::Login>> log_in(std::string nickname, std::string password, Origin from,
                                          std::string user_agent);
  // A session for somebody who has just registered, or whose password has just been verified.
  http::Task<Expected<app::Login>> open_session(app::Credentials verified, Origin from,
                                                std::string user_agent);
  http::Task<Expected<app::User>> authenticate(std::string token);
  // Of somebody who is signed in already: wrong_password, rate_limited (of this session),
  // overloaded, not_found. → what has been verified.
  http::Task<Expected<app::Credentials>> confirm_password(app::User user, std::string password,
                                                          app::TokenHash session);
  // overloaded.
  http::Task<Expected<std::string>> hash_password(std::string password);
  http::Task<Expected<app::User>> find_user(std::string id);
  http::Task<Expected<app::User>> find_user_by_nickname(std::string nickname);

  Instant now() const { return clocks_.now(); }
  AuditLog& audit() const { return audit_; }
  // Told of each token that was found good; it must be quick and must not throw.
  void on_authenticated(std::function<void(std::string_view token)> told) {
    told_ = std::move(told);
  }

  uint64_t rate_limited() const { return limiter_.refused(); }
  uint64_t overloaded() const { return overloaded_; }

 private:
  class HashingPlace;

  http::Task<Expected<app::Credentials>> try_register(std::string nickname, std::string password,
                                                      const Origin& from);
  // `who`: filled when it is known whose account it is.
  http::Task<Expected<app::Login>> try_log_in(std::string nickname, std::string password,
                                              const Origin& from, std::string user_agent,
                                              app::User& who);

  app::Accounts& accounts_;
  const app::PasswordHasher& hasher_;
  http::Pool& database_;
  http::Pool& hashing_pool_;
  Clocks clocks_;
  Random random_;
  app::LoginLimiter limiter_;
  AuditLog& audit_;
  std::function<void(const EndedSessions&)> sessions_ended_;
  std::function<void(std::string_view)> told_;
  size_t hashing_ = 0;
  uint64_t overloaded_ = 0;
};

}  // namespace loopcast::api
