// The slow part of a login, apart from the rest so that it can run on threads of its own.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/expected.h"
#include "base/random.h"

namespace loopcast::app {

using Salt = std::array<uint8_t, 16>;
inline Salt make_salt(Random& random) {
  Salt salt;
  random.fill(salt);
  return salt;
}

// Implementations may be called from several threads at once.
class PasswordHasher {
 public:
  virtual ~PasswordHasher() = default;
  // A self-describing hash. Error: overloaded (no memory).
  virtual Expected<std::string> hash(std::string_view password, const Salt& salt) const = 0;
  // Whether it is the password; of a malformed hash false. Error: overloaded (no memory), which
  // says nothing of the password.
  virtual Expected<bool> verify(const std::string& hash, std::string_view password) const = 0;
  // A hash that no password is known for and that verify() takes as long for as for a real one.
  virtual std::string dummy_hash() const = 0;
};

}  // namespace loopcast::app
