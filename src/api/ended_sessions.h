// Which sessions have ended: what else belongs to them (sockets, streams) ends with them.
#pragma once

#include <optional>
#include <string>

#include "app/store.h"

namespace loopcast::api {

struct EndedSessions {
  std::string user_id;
  std::optional<app::TokenHash> only;    // this one, else
  std::optional<app::TokenHash> except;  // all of the user but this one, else all

  bool contains(const std::string& user, const app::TokenHash& session) const {
    return user == user_id && (!only || *only == session) && (!except || *except != session);
  }
};

}  // namespace loopcast::api
