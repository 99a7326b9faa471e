#include "app/user.h"

#include <cstdint>

#include <fmt/format.h>

#include "app/utf8.h"

namespace loopcast::app {
namespace {

// FNV-1a: nothing depends on it but colours.
uint32_t hash(std::string_view text) {
  uint32_t h = 2166136261u;
  for (const char c : text) h = (h ^ static_cast<uint8_t>(c)) * 16777619u;
  return h;
}

// The first character as the picture shows it; "?" for what XML cannot hold.
char32_t initial(std::string_view nickname) {
  const char32_t c = next_code_point(nickname).value_or(U'?');
  if (c < 0x20 || c == 0xFFFE || c == 0xFFFF) return U'?';
  return c >= U'a' && c <= U'z' ? c & ~char32_t{0x20} : c;
}

// Ready for XML.
std::string escaped(char32_t c) {
  switch (c) {
    case '<':
      return "&lt;";
    case '>':
      return "&gt;";
    case '&':
      return "&amp;";
    case '"':
      return "&quot;";
    case '\'':
      return "&#39;";
    default:
      break;
  }
  return to_utf8(c);
}

}  // namespace

std::string avatar_path(const User& user) {
  if (user.avatar.empty())
    return fmt::format("/avatars/{}.{:x}.svg", user.id, uint32_t{initial(user.nickname)});
  return fmt::format("/avatars/{}.{}.jpg", user.id, user.avatar);
}

std::string_view avatar_owner(std::string_view file) { return file.substr(0, file.find('.')); }

PublicUser public_user(const User& user) { return {user.id, user.nickname, avatar_path(user)}; }

std::string avatar_svg(std::string_view user_id, std::string_view nickname) {
  const uint32_t h = hash(user_id);
  const uint32_t hue = h % 360;
  // A neighbouring hue, so that the gradient never passes through grey.
  const uint32_t second_hue = (hue + 25 + (h / 360) % 40) % 360;
  return fmt::format(
      R"svg(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 96 96" width="96" height="96">)svg"
      R"svg(<defs><linearGradient id="g" x1="0" y1="0" x2="1" y2="1">)svg"
      R"svg(<stop offset="0" stop-color="hsl({},65%,55%)"/>)svg"
      R"svg(<stop offset="1" stop-color="hsl({},70%,38%)"/></linearGradient></defs>)svg"
      R"svg(<rect width="96" height="96" fill="url(#g)"/>)svg"
      R"svg(<text x="48" y="50" fill="#fff" font-family="system-ui,sans-serif" font-size="46" )svg"
      R"svg(font-weight="600" text-anchor="middle" dominant-baseline="central">{}</text></svg>)svg",
      hue, second_hue, escaped(initial(nickname)));
}

}  // namespace loopcast::app
