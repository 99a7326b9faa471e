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

SignIn::SignIn(app::Accounts& accounts, const app::PasswordHasher& hasher, http::Pool& database,
               http::Pool& hashing, Clocks clocks, const app::LoginLimiter::Limits& limits,
               AuditLog& audit, const Random::Seed& seed)
    : accounts_(accounts),
      hasher_(hasher),
      database_(database),
      hashing_pool_(hashing),
      clocks_(std::move(clocks)),
      random_(seed),
      limiter_(limits, random_.fork()),
      audit_(audit) {}

Task<Expected<app::Credentials>> SignIn::register_user(std::string nickname, std::string password,
                                                       Origin from) {
  auto added = co_await try_register(nickname, std::move(password), from);
  AuditEntry entry{"registration", added ? ok() : Status(added.error()), std::move(from)};
  if (added) {
    entry.user_id = added->user.id;
    entry.nickname = added->user.nickname;
  }
  audit_.write(entry);
  co_return added;
}

Task<Expected<app::Credentials>> SignIn::try_register(std::string nickname, std::string password,
                                                      const Origin& from) {
  const auto checked = app::check_registration(nickname, password);
  if (!checked) co_return checked.error();
  const auto permit = limiter_.registration(clocks_.now(), from.address);
  if (!permit.allowed) co_return app::make_error(app::Code::kRateLimited, permit.retry_after);
  const auto hash = co_await hash_password(password);
  if (!hash) co_return hash.error();
  auto add_work = [this, name = *checked, hash = *hash, at = clocks_.wall_now()] {
    return accounts_.add_user(at, name, hash);
  };
  co_return co_await offload(database_, std::move(add_work));
}

Task<Expected<app::Login>> SignIn::log_in(std::string nickname, std::string password, Origin from,
                                          std::string user_agent) {
  app::User who;
  auto login = co_await try_log_in(std::move(nickname), std::move(password), from,
                                   std::move(user_agent), who);
  audit_.write(
      {"sign_in", login ? ok() : Status(login.error()), std::move(from), who.id, who.nickname, {}});
  co_return login;
}

Task<Expected<app::Login>> SignIn::try_log_in(std::string nickname, std::string password,
                                              const Origin& from, std::string user_agent,
                                              app::User& who) {
  const auto attempt = limiter_.attempt(clocks_.now(), from.address);
  if (!attempt.allowed) co_return app::make_error(app::Code::kRateLimited, attempt.retry_after);
  const HashingPlace place(*this);
  if (!place) co_return make_error(Code::kOverloaded);
  auto find_work = [this, nickname, host = app::host_key(from.address)] {
    return accounts_.find_credentials(nickname, host);
  };
  auto credentials = co_await offload(database_, std::move(find_work));
  if (!credentials) co_return credentials.error();
  who = credentials->user;
  const auto permit =
      limiter_.login(clocks_.now(), nickname, from.address, credentials->known_place);
  if (!permit.allowed) co_return app::make_error(app::Code::kRateLimited, permit.retry_after);
  auto verify_work = [this, known = *credentials, password] {
    return app::verify_password(hasher_, known, password);
  };
  const Status verified = co_await offload(hashing_pool_, std::move(verify_work));
  if (!verified) co_return verified.error();
  co_return co_await open_session(std::move(*credentials), from, std::move(user_agent));
}

Task<Expected<app::Login>> SignIn::open_session(app::Credentials verified, Origin from,
                                                std::string user_agent) {
  auto work = [this, verified, user_agent, host = app::host_key(from.address),
               at = clocks_.wall_now()] {
    return accounts_.open_session(at, verified, user_agent, host);
  };
  auto opened = co_await offload(database_, std::move(work));
  if (!opened) co_return opened.error();
  for (const app::TokenHash& session : opened->ended)
    if (sessions_ended_) sessions_ended_({verified.user.id, session, std::nullopt});
  co_return std::move(opened->login);
}

Task<Expected<app::User>> SignIn::authenticate(std::string token) {
  // What cannot be a token is not worth a trip to the database.
  if (token.size() != app::kTokenLength) co_return make_error(Code::kUnauthorized);
  auto work = [this, token, at = clocks_.wall_now()] { return accounts_.authenticate(at, token); };
  auto user = co_await offload(database_, std::move(work));
  if (user && told_) told_(token);
  co_return user;
}

Task<Expected<app::Credentials>> SignIn::confirm_password(app::User user, std::string password,
                                                          app::TokenHash session) {
  const auto permit = limiter_.confirmation(clocks_.now(), as_text(Bytes(session)));
  if (!permit.allowed) co_return app::make_error(app::Code::kRateLimited, permit.retry_after);
  const HashingPlace place(*this);
  if (!place) co_return make_error(Code::kOverloaded);
  auto find_work = [this, id = user.id] { return accounts_.find_credentials_of(id); };
  auto credentials = co_await offload(database_, std::move(find_work));
  if (!credentials) co_return credentials.error();
  auto verify_work = [this, known = *credentials, password] {
    return app::verify_password(hasher_, known, password);
  };
  const Status verified = co_await offload(hashing_pool_, std::move(verify_work));
  if (verified) co_return std::move(*credentials);
  const bool wrong = verified.error().code == app::name_of(Code::kBadCredentials);
  co_return wrong ? make_error(Code::kWrongPassword) : verified.error();
}

Task<Expected<std::string>> SignIn::hash_password(std::string password) {
  const HashingPlace place(*this);
  if (!place) co_return make_error(Code::kOverloaded);
  const auto salt = app::make_salt(random_);
  auto work = [this, prepared = app::prepare_password(password), salt] {
    return hasher_.hash(prepared, salt);
  };
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
