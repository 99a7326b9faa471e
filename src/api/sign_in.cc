#include "api/sign_in.h"

#include "app/messages.h"

namespace loopcast::api {

using app::Code;
using app::make_error;
using http::offload;
using http::Task;

// A place among those whose password is being hashed; given back when it goes.
class SignIn::HashingPlace {
 public:
  explicit HashingPlace(SignIn& owner) : owner_(owner), taken_(owner.hashing_ < kMaxHashing) {
    if (taken_)
      ++owner_.hashing_;
    else
      ++owner_.overloaded_;
  }
  ~HashingPlace() {
    if (taken_) --owner_.hashing_;
  }
  HashingPlace(const HashingPlace&) = delete;
  HashingPlace& operator=(const HashingPlace&) = delete;
  explicit operator bool() const { return taken_; }

 private:
  SignIn& owner_;
  bool taken_;
};

SignIn::SignIn(app::Accounts& accounts, const app::PasswordHasher& hasher,
               http::asio::thread_pool& database, http::asio::thread_pool& hashing, Clocks clocks,
               const Random::Seed& seed)
    : accounts_(accounts),
      hasher_(hasher),
      database_(database),
      hashing_pool_(hashing),
      clocks_(std::move(clocks)),
      random_(seed),
      limiter_(app::LoginLimiter::Limits{}, random_.fork()) {}

Task<Expected<app::User>> SignIn::register_user(std::string nickname, std::string password,
                                                IpAddress from) {
  const auto checked = app::check_registration(nickname, password);
  if (!checked) co_return checked.error();
  const auto permit = limiter_.registration(clocks_.now(), from);
  if (!permit.allowed) co_return app::rate_limited(permit.retry_after);
  const auto hash = co_await hash_password(password);
  if (!hash) co_return hash.error();
  auto add_work = [this, name = *checked, hash = *hash, at = clocks_.wall_now()] {
    return accounts_.add_user(at, name, hash);
  };
  co_return co_await offload(database_, std::move(add_work));
}

Task<Expected<app::Login>> SignIn::log_in(std::string nickname, std::string password,
                                          IpAddress from, std::string user_agent) {
  const auto permit = limiter_.login(clocks_.now(), nickname, from);
  if (!permit.allowed) co_return app::rate_limited(permit.retry_after);
  const HashingPlace place(*this);
  if (!place) co_return make_error(Code::kOverloaded);
  auto find_work = [this, nickname] { return accounts_.find_credentials(nickname); };
  auto credentials = co_await offload(database_, std::move(find_work));
  if (!credentials) co_return credentials.error();
  auto verify_work = [this, known = *credentials, password] {
    return app::verify_password(hasher_, known, password);
  };
  auto user = co_await offload(hashing_pool_, std::move(verify_work));
  if (!user) co_return user.error();
  co_return co_await open_session(*user, std::move(user_agent));
}

Task<Expected<app::Login>> SignIn::open_session(app::User user, std::string user_agent) {
  auto work = [this, user, user_agent, at = clocks_.wall_now()] {
    return accounts_.open_session(at, user, user_agent);
  };
  co_return co_await offload(database_, std::move(work));
}

Task<Expected<app::User>> SignIn::authenticate(std::string token) {
  // What cannot be a token is not worth a trip to the database.
  if (token.size() != app::kTokenLength) co_return make_error(Code::kUnauthorized);
  auto work = [this, token, at = clocks_.wall_now()] { return accounts_.authenticate(at, token); };
  auto user = co_await offload(database_, std::move(work));
  if (user && told_) told_(token);
  co_return user;
}

Task<Status> SignIn::confirm_password(app::User user, std::string password, IpAddress from) {
  const auto permit = limiter_.login(clocks_.now(), user.nickname, from);
  if (!permit.allowed) co_return app::rate_limited(permit.retry_after);
  const HashingPlace place(*this);
  if (!place) co_return make_error(Code::kOverloaded);
  auto find_work = [this, id = user.id] { return accounts_.find_credentials_of(id); };
  auto credentials = co_await offload(database_, std::move(find_work));
  if (!credentials) co_return credentials.error();
  auto verify_work = [this, known = *credentials, password] {
    return app::verify_password(hasher_, known, password).has_value();
  };
  const bool right = co_await offload(hashing_pool_, std::move(verify_work));
  if (!right) co_return make_error(Code::kWrongPassword);
  co_return ok();
}

Task<Expected<std::string>> SignIn::hash_password(std::string password) {
  const HashingPlace place(*this);
  if (!place) co_return make_error(Code::kOverloaded);
  const auto salt = app::make_salt(random_);
  auto work = [this, password, salt] { return hasher_.hash(password, salt); };
  co_return co_await offload(hashing_pool_, std::move(work));
}

Task<Expected<app::User>> SignIn::find_user(std::string id) {
  auto work = [this, id] { return accounts_.find_user(id); };
  co_return co_await offload(database_, std::move(work));
}

Task<Expected<app::User>> SignIn::find_user_by_nickname(std::string nickname) {
  auto work = [this, nickname] { return accounts_.find_user_by_nickname(nickname); };
  co_return co_await offload(database_, std::move(work));
}

}  // namespace loopcast::api
