#include "api/account_changes.h"

#include "app/avatar_image.h"
#include "app/messages.h"

namespace loopcast::api {

using app::Code;
using app::make_error;
using http::offload;
using http::Task;

namespace {

constexpr size_t kRememberedUsers = 65'536;

}  // namespace

AccountChanges::AccountChanges(SignIn& sign_in, app::Accounts& accounts, http::Pool& database,
                               http::Pool& pictures, SignIn::Clocks clocks, Hooks hooks,
                               const Random::Seed& seed)
    : sign_in_(sign_in),
      accounts_(accounts),
      database_(database),
      picture_pool_(pictures),
      clocks_(std::move(clocks)),
      hooks_(std::move(hooks)),
      random_(seed),
      picture_limit_(kPictures, kRememberedUsers, random_.fork()),
      nickname_limit_(kNicknames, kRememberedUsers, random_.fork()) {}

Task<Expected<AccountChanges::Caller>> AccountChanges::authenticate(std::string token,
                                                                    Origin origin) {
  auto user = co_await sign_in_.authenticate(token);
  if (!user) co_return user.error();
  co_return Caller{std::move(*user), app::hash_token(token), std::move(origin)};
}

void AccountChanges::note(std::string_view what, const Status& result, const Caller& caller,
                          std::string detail) {
  sign_in_.audit().write(
      {what, result, caller.origin, caller.user.id, caller.user.nickname, std::move(detail)});
}

Task<Expected<app::User>> AccountChanges::changed(Expected<app::User> user) {
  if (user) hooks_.user_changed(app::public_user(*user));
  co_return user;
}

Task<Expected<app::User>> AccountChanges::rename(Caller caller, std::string nickname) {
  const auto permit = nickname_limit_.take(clocks_.now(), caller.user.id);
  if (!permit.allowed) co_return app::make_error(app::Code::kRateLimited, permit.retry_after);
  auto work = [this, id = caller.user.id, nickname] { return accounts_.rename(id, nickname); };
  auto user = co_await offload(database_, std::move(work));
  // Under the nickname of before, with the new one beside it.
  if (user) note("nickname_change", ok(), caller, user->nickname);
  co_return co_await changed(std::move(user));
}

Task<Expected<app::User>> AccountChanges::set_avatar(Caller caller, std::string upload) {
  const auto permit = picture_limit_.take(clocks_.now(), caller.user.id);
  if (!permit.allowed) co_return app::make_error(app::Code::kRateLimited, permit.retry_after);
  if (pictures_ >= kMaxPictures) {
    ++overloaded_;
    co_return make_error(Code::kOverloaded);
  }
  ++pictures_;
  auto decode = [bytes = std::move(upload)] { return app::make_avatar(as_bytes(bytes)); };
  auto jpeg = co_await offload(picture_pool_, std::move(decode));
  --pictures_;
  if (!jpeg) {
    ++pictures_refused_;
    co_return jpeg.error();
  }
  auto work = [this, id = caller.user.id, picture = std::move(*jpeg)] {
    return accounts_.set_avatar(id, picture);
  };
  auto user = co_await offload(database_, std::move(work));
  co_return co_await changed(std::move(user));
}

Task<Expected<app::User>> AccountChanges::remove_avatar(Caller caller) {
  auto work = [this, id = caller.user.id] { return accounts_.remove_avatar(id); };
  auto user = co_await offload(database_, std::move(work));
  co_return co_await changed(std::move(user));
}

Task<Expected<app::Avatar>> AccountChanges::find_avatar(std::string user_id) {
  auto work = [this, user_id] { return accounts_.find_avatar(user_id); };
  co_return co_await offload(database_, std::move(work));
}

Task<Status> AccountChanges::change_password(Caller caller, std::string old_password,
                                             std::string new_password) {
  const Status done =
      co_await try_change_password(caller, std::move(old_password), std::move(new_password));
  note("password_change", done, caller);
  co_return done;
}

Task<Status> AccountChanges::try_change_password(const Caller& caller, std::string old_password,
                                                 std::string new_password) {
  // Said before the old one is looked at, so that a slip costs no attempt.
  if (const Status checked = app::check_new_password(new_password, caller.user.nickname); !checked)
    co_return checked;
  const auto confirmed =
      co_await sign_in_.confirm_password(caller.user, old_password, caller.session);
  if (!confirmed) co_return confirmed.error();
  const auto hash = co_await sign_in_.hash_password(new_password);
  if (!hash) co_return hash.error();
  auto work = [this, verified = *confirmed, text = *hash, keep = caller.session] {
    return accounts_.change_password(verified, text, keep);
  };
  const Status done = co_await offload(database_, std::move(work));
  if (done) hooks_.sessions_ended({caller.user.id, std::nullopt, caller.session});
  co_return done;
}

Task<Expected<std::vector<app::Session>>> AccountChanges::sessions(Caller caller) {
  auto work = [this, id = caller.user.id, at = clocks_.wall_now()] {
    return accounts_.sessions_of(at, id);
  };
  co_return co_await offload(database_, std::move(work));
}

Task<Status> AccountChanges::end_session(Caller caller, std::string session_id) {
  auto work = [this, id = caller.user.id, session_id] {
    return accounts_.end_session(id, session_id);
  };
  const auto ended = co_await offload(database_, std::move(work));
  note("sign_out", ended ? ok() : Status(ended.error()), caller, session_id);
  if (!ended) co_return ended.error();
  hooks_.sessions_ended({caller.user.id, *ended, std::nullopt});
  co_return ok();
}

Task<Status> AccountChanges::end_all_sessions(Caller caller) {
  auto work = [this, id = caller.user.id] { return accounts_.logout_everywhere(id); };
  const Status done = co_await offload(database_, std::move(work));
  note("sign_out_everywhere", done, caller);
  if (done) hooks_.sessions_ended({caller.user.id, std::nullopt, std::nullopt});
  co_return done;
}

Task<Status> AccountChanges::remove(Caller caller, std::string password) {
  const Status done = co_await try_remove(caller, std::move(password));
  note("account_removal", done, caller);
  co_return done;
}

Task<Status> AccountChanges::try_remove(const Caller& caller, std::string password) {
  const std::string id = caller.user.id;
  const auto confirmed = co_await sign_in_.confirm_password(caller.user, password, caller.session);
  if (!confirmed) co_return confirmed.error();
  auto work = [this, verified = *confirmed, session = caller.session] {
    return accounts_.remove_user(verified, session);
  };
  const Status removed = co_await offload(database_, std::move(work));
  if (!removed) co_return removed;
  hooks_.sessions_ended({id, std::nullopt, std::nullopt});
  hooks_.user_removed(id);
  co_return ok();
}

}  // namespace loopcast::api
