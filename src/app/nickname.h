// What a nickname may be.
#pragma once

#include <string>
#include <string_view>

#include "base/expected.h"

namespace loopcast::app {

inline constexpr size_t kMaxNicknameCodePoints = 32;

struct Nickname {
  // As people see it: trimmed, single spaces inside, NFC (UAX #15), so that the same name is the
  // same bytes whatever keyboard it was typed on.
  std::string shown;
  // What is unique among users: NFKC_Casefold of `shown` (Unicode 3.13, R5), so that nobody is
  // called like somebody else in capitals, full-width letters or ligatures.
  std::string key;
  // The key that the first version of the database had: not normalised, only A-Z folded. Who had
  // such a name when another user got its `key` still has this one.
  std::string former_key;
  // The skeleton of the key (UTS #39, section 4): nicknames that look the same have the same, also
  // if their letters are of different scripts. Empty if it is not known.
  std::string shape = {};
};

// Errors: nickname_invalid (empty, not UTF-8, or with control, bidirectional or invisible
// characters, by which one user could look like another), nickname_too_long.
Expected<Nickname> parse_nickname(std::string_view text);

}  // namespace loopcast::app
