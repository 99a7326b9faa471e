#include "app/media_link.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>
#include <sodium/crypto_auth_hmacsha256.h>

#include "base/bytes.h"
#include "base/secret.h"

namespace loopcast::app {
namespace {

constexpr int64_t kSecond = 1'000'000;

// None of the four can contain a line break: each text has one meaning only.
std::string sign(const LinkKey& key, std::string_view file, std::string_view expires,
                 const LinkHolder& holder) {
  const std::string text =
      fmt::format("{}\n{}\n{}\n{}", file, expires, holder.user_id, holder.session);
  static_assert(std::tuple_size_v<LinkKey> == crypto_auth_hmacsha256_KEYBYTES);
  std::array<uint8_t, crypto_auth_hmacsha256_BYTES> mac{};
  crypto_auth_hmacsha256(mac.data(), as_bytes(text).data(), text.size(), key.data());
  std::string hex;
  for (const uint8_t byte : mac) hex += fmt::format("{:02x}", byte);
  return hex;
}

bool is_token(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  });
}

}  // namespace

std::string make_media_link(const LinkKey& key, std::string_view file, const LinkHolder& holder,
                            WallTime now) {
  const int64_t step = kLinkStep.us() / kSecond;
  const int64_t seconds = (now.us + kLinkLifetime.us()) / kSecond;
  const std::string expires = std::to_string((seconds / step + 1) * step);
  return fmt::format("/media/{}?e={}&u={}&k={}&s={}", file, expires, holder.user_id, holder.session,
                     sign(key, file, expires, holder));
}

bool check_media_link(const LinkKey& key, std::string_view file, std::string_view expires,
                      const LinkHolder& holder, std::string_view signature, WallTime now) {
  if (recording_of_file(file).empty() || !is_token(holder.user_id) || !is_token(holder.session))
    return false;
  int64_t seconds = 0;
  const char* last = expires.data() + expires.size();
  const auto [end, error] = std::from_chars(expires.data(), last, seconds);
  if (error != std::errc() || end != last) return false;
  if (!equal_secret(sign(key, file, expires, holder), signature)) return false;
  return now.us / kSecond < seconds;
}

std::string_view recording_of_file(std::string_view file) {
  for (const std::string_view extension : {".mp4", ".webm", ".sprite.jpg", ".jpg"}) {
    if (!file.ends_with(extension)) continue;
    file.remove_suffix(extension.size());
    return is_token(file) ? file : std::string_view();
  }
  return {};
}

}  // namespace loopcast::app
