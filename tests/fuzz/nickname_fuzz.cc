// Nicknames as they come from the network, and the picture made of them.
#include <cstdint>
#include <cstdlib>

#include "app/nickname.h"
#include "app/unicode.h"
#include "app/user.h"
#include "app/utf8.h"
#include "base/bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace loopcast;
  const std::string_view text = as_text({data, size});

  const auto nickname = app::parse_nickname(text);
  if (nickname) {
    size_t code_points = 0;
    std::string_view rest = nickname->shown;
    while (app::next_code_point(rest)) ++code_points;
    if (!rest.empty() || code_points == 0 || code_points > app::kMaxNicknameCodePoints) abort();
    // Parsing what is shown, or its key, changes nothing: one user, one key. A key may be longer
    // than a nickname, since it spells ligatures out, and begin with a mark, since one that shows
    // by itself is in it a space, which goes, and the mark.
    const auto again = app::parse_nickname(nickname->shown);
    if (!again || again->shown != nickname->shown || again->key != nickname->key) abort();
    const auto of_key = app::parse_nickname(nickname->key);
    std::string_view key = nickname->key;
    const auto first = app::next_code_point(key);
    if (!first) abort();
    if (of_key ? of_key->key != nickname->key
               : of_key.error().code != "nickname_too_long" && !app::is_mark(*first))
      abort();
  }

  const std::string svg = app::avatar_svg("id", text);
  if (!svg.ends_with("</text></svg>")) abort();
  const size_t initial = svg.rfind("\">") + 2;
  if (svg.find('<', initial) != svg.rfind("</text>")) abort();
  return 0;
}
