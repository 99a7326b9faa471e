// What a nickname may be.
#pragma once

#include <string>
#include <string_view>

#include "base/expected.h"

namespace loopcast::app {

inline constexpr size_t kMaxNicknameCodePoints = 32;

struct Nickname {
  std::string shown;  // as people see it: valid UTF-8, trimmed, single spaces inside
  std::string key;    // `shown` with A-Z folded to a-z: unique among users
};

// Errors: nickname_invalid (empty, not UTF-8, or with control, bidirectional or invisible
// characters, by which one user could look like another), nickname_too_long.
Expected<Nickname> parse_nickname(std::string_view text);

}  // namespace loopcast::app
