// A person with an account.
#pragma once

#include <string>
#include <string_view>

#include "base/random.h"
#include "base/time.h"

namespace loopcast::app {

// Characters of an id of a user or a broadcast: 132 random bits, safe in URLs without escaping.
inline constexpr size_t kIdLength = 22;
inline std::string make_id(Random& random) { return random.token(kIdLength); }

struct User {
  std::string id;
  std::string nickname;
  WallTime created_at;
  std::string avatar = {};  // version of the picture that was uploaded; empty: none was
  bool operator==(const User&) const = default;
};

// All of a user that anybody else is ever given.
struct PublicUser {
  std::string id;
  std::string nickname;
  std::string avatar;  // path of a picture on this server, never empty
  bool operator==(const PublicUser&) const = default;
};

// Where the picture is: "/avatars/<id>.<version>.jpg" of one that was uploaded, else of a generated
// one "/avatars/<id>.<its letter>.svg". Another picture has another path, so that caches may keep
// it for ever.
std::string avatar_path(const User& user);
// The id in the last segment of any path that avatar_path() ever made.
std::string_view avatar_owner(std::string_view file);
PublicUser public_user(const User& user);

// The generated picture: the first character of the nickname on a gradient whose colours
// follow from the id. The same arguments give the same bytes.
std::string avatar_svg(std::string_view user_id, std::string_view nickname);

}  // namespace loopcast::app
