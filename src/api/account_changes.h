// The settings of an account for the control thread: each step on the thread that suits it, with
// the limits that stand before it, and what has to follow from it elsewhere.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "api/ended_sessions.h"
#include "api/sign_in.h"
#include "app/accounts.h"
#include "app/rate_limiter.h"

namespace loopcast::api {

class AccountChanges {
 public:
  // Pictures that wait or are being decoded: up to 0.7 s each.
  static constexpr size_t kMaxPictures = 8;
  // Of one user: more is no change of mind.
  static constexpr app::RateLimit kPictures{10, Duration::seconds(30)};
  static constexpr app::RateLimit kNicknames{10, Duration::seconds(60)};

  struct Hooks {
    std::function<void(const EndedSessions&)> sessions_ended;
    std::function<void(const app::PublicUser&)> user_changed;
    // The user's rows are gone, and what the database knows of them is marked: whatever only it
    // named (files of recordings) can be deleted.
    std::function<void(const std::string& user_id)> user_removed;
  };

  // Who asks, and by which session.
  struct Caller {
    app::User user;
    app::TokenHash session{};
    Origin origin = {};
  };

  // `sign_in`, `accounts` and the pools outlive this; `pictures` decodes uploads. `database` as of
  // SignIn.
  AccountChanges(SignIn& sign_in, app::Accounts& accounts, http::Pool& database,
                 http::Pool& pictures, SignIn::Clocks clocks, Hooks hooks,
                 const Random::Seed& seed);

  http::Task<Expected<Caller>> authenticate(std::string token, Origin origin);

  // Errors as app::Accounts, and rate_limited, overloaded; of the picture image_invalid; of each
  // password wrong_password.
  http::Task<Expected<app::User>> rename(Caller caller, std::string nickname);
  http::Task<Expected<app::User>> set_avatar(Caller caller, std::string upload);
  http::Task<Expected<app::User>> remove_avatar(Caller caller);
  http::Task<Expected<app::Avatar>> find_avatar(std::string user_id);
  http::Task<Status> change_password(Caller caller, std::string old_password,
                                     std::string new_password);
  http::Task<Expected<std::vector<app::Session>>> sessions(Caller caller);
  http::Task<Status> end_session(Caller caller, std::string session_id);
  http::Task<Status> end_all_sessions(Caller caller);
  http::Task<Status> remove(Caller caller, std::string password);

  uint64_t rate_limited() const { return picture_limit_.refused() + nickname_limit_.refused(); }
  uint64_t overloaded() const { return overloaded_; }
  uint64_t pictures_refused() const { return pictures_refused_; }

 private:
  http::Task<Expected<app::User>> changed(Expected<app::User> user);
  http::Task<Status> try_change_password(const Caller& caller, std::string old_password,
                                         std::string new_password);
  http::Task<Status> try_remove(const Caller& caller, std::string password);
  void note(std::string_view what, const Status& result, const Caller& caller,
            std::string detail = {});

  SignIn& sign_in_;
  app::Accounts& accounts_;
  http::Pool& database_;
  http::Pool& picture_pool_;
  SignIn::Clocks clocks_;
  Hooks hooks_;
  Random random_;
  app::RateLimiter picture_limit_;
  app::RateLimiter nickname_limit_;
  size_t pictures_ = 0;
  uint64_t overloaded_ = 0;
  uint64_t pictures_refused_ = 0;
};

}  // namespace loopcast::api
