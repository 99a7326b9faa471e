// What a password may be, and what of it is hashed.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/expected.h"

namespace loopcast::app {

// Counted as people count: in characters (code points), whatever they take in bytes.
inline constexpr size_t kMinPasswordCharacters = 8;
inline constexpr size_t kMaxPasswordCharacters = 128;
// No password of that many characters takes more.
inline constexpr size_t kMaxPasswordBytes = 4 * kMaxPasswordCharacters;

// The same password is the same bytes whatever keyboard it was typed on: the OpaqueString profile
// (RFC 8265, section 4.2), by which spaces of all kinds are U+0020 and the rest is NFC. What the
// profile forbids is kept: nobody else sees it, and it makes guessing harder. What is no UTF-8 is
// returned as it is.
std::string prepare_password(std::string_view password);

// Whether many others have it, or it is a play of at most two characters. `prepared`: as above.
bool is_common_password(std::string_view prepared);

// For a new one. Errors: password_too_short, password_too_long, password_common (also if it is the
// nickname of its user).
Status check_new_password(std::string_view password, std::string_view nickname);

}  // namespace loopcast::app
