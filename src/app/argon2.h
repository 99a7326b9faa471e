// Passwords by argon2id (RFC 9106) of libsodium, in the usual "$argon2id$v=19$…" notation.
#pragma once

#include "app/password_hasher.h"

namespace loopcast::app {

class Argon2 final : public PasswordHasher {
 public:
  Argon2();
  Expected<std::string> hash(std::string_view password, const Salt& salt) const override;
  Expected<bool> verify(const std::string& hash, std::string_view password) const override;
  std::string dummy_hash() const override;
};

}  // namespace loopcast::app
