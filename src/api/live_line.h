// One signed-in socket.
#pragma once

#include <cstring>
#include <string>

#include "api/audit_log.h"
#include "api/present.h"
#include "app/accounts.h"
#include "app/broadcasts.h"
#include "app/messages.h"
#include "app/store.h"
#include "http/socketio.h"

namespace loopcast::api {

struct LiveLine {
  http::Socket* socket = nullptr;
  app::PublicUser user;
  app::TokenHash token{};
  app::Language language = app::Language::kChinese;
  app::ClientId client = 0;
  std::string presenter_id;  // the broadcast that this socket came to watch; empty: none
  std::string presented;     // the broadcast that it presents or presented last; empty: none
  std::string call_id;       // the call that its offer is a part of; empty: none
  http::Ack pending;         // of the offer that has not been answered

  // The first generation of the client: it says nothing but what it does, and does not come back.
  bool first_generation() const { return socket->engine_protocol() == 3; }

  // The sockets of one session are on one device.
  uint64_t device() const {
    uint64_t value;
    std::memcpy(&value, token.data(), sizeof value);
    return value;
  }

  // What is written down of an error that a limit is the reason of.
  AuditEntry refusal(const Error& error, std::string_view event) const {
    return {.what = "refusal",
            .result = error,
            .origin = {socket->remote().ip},
            .user_id = user.id,
            .nickname = user.nickname,
            .detail = "socket " + std::string(event) + " session " + app::session_id(token)};
  }

  boost::json::object describe(const Error& error) const {
    boost::json::object what{{"code", error.code}, {"message", app::message(error.code, language)}};
    if (error.retry_after > Duration()) what["retryAfter"] = retry_seconds(error.retry_after);
    return what;
  }
  // As `error`, and to whoever waits for an acknowledgement.
  void fail(const http::Ack& ack, const Error& error) const {
    const boost::json::object what = describe(error);
    socket->error(what);
    ack({boost::json::object{{"error", what}}});
  }
};

}  // namespace loopcast::api
