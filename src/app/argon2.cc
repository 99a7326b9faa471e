#include "app/argon2.h"

#include <array>
#include <cinttypes>
#include <cstdio>
#include <optional>
#include <span>

#include <fmt/format.h>
#include <sodium/core.h>
#include <sodium/crypto_pwhash_argon2id.h>
#include <sodium/utils.h>

#include "app/messages.h"
#include "base/bytes.h"

namespace loopcast::app {
namespace {

// The first recommendation of OWASP's Password Storage Cheat Sheet for argon2id.
constexpr size_t kMemoryKiB = 19 * 1024;
constexpr uint64_t kPasses = 2;
constexpr size_t kHashBytes = 32;
static_assert(sizeof(Salt) == crypto_pwhash_argon2id_SALTBYTES);

std::string base64(Bytes bytes) {
  constexpr int kVariant = sodium_base64_VARIANT_ORIGINAL_NO_PADDING;
  std::string text(sodium_base64_encoded_len(bytes.size(), kVariant), '\0');
  sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(), kVariant);
  text.pop_back();  // the terminating zero
  return text;
}

std::string encode(const Salt& salt, Bytes hash) {
  return fmt::format("$argon2id$v=19$m={},t={},p=1${}${}", kMemoryKiB, kPasses, base64(salt),
                     base64(hash));
}

// What encode() writes.
struct Encoded {
  size_t memory_kib = 0;
  uint64_t passes = 0;
  Salt salt{};
  std::array<uint8_t, kHashBytes> hash{};
};

// Fills all of `into`, and nothing is left of `text`.
bool from_base64(std::string_view text, std::span<uint8_t> into) {
  size_t size = 0;
  const char* end = nullptr;
  return sodium_base642bin(into.data(), into.size(), text.data(), text.size(), nullptr, &size, &end,
                           sodium_base64_VARIANT_ORIGINAL_NO_PADDING) == 0 &&
         size == into.size() && end == text.data() + text.size();
}

std::optional<Encoded> parse(const std::string& text) {
  Encoded parsed;
  int start = 0;
  if (std::sscanf(text.c_str(), "$argon2id$v=19$m=%zu,t=%" SCNu64 ",p=1$%n", &parsed.memory_kib,
                  &parsed.passes, &start) != 2 ||
      start == 0)
    return std::nullopt;
  std::string_view rest = std::string_view(text).substr(static_cast<size_t>(start));
  const size_t dollar = rest.find('$');
  if (dollar == std::string_view::npos || !from_base64(rest.substr(0, dollar), parsed.salt) ||
      !from_base64(rest.substr(dollar + 1), parsed.hash))
    return std::nullopt;
  return parsed;
}

}  // namespace

Argon2::Argon2() {
  // Chooses the implementation for this processor; without it, or if it fails, libsodium takes the
  // portable one. May be called any number of times, by any thread.
  [[maybe_unused]] const int done = sodium_init();
}

Expected<std::string> Argon2::hash(std::string_view password, const Salt& salt) const {
  std::array<uint8_t, kHashBytes> out;
  if (crypto_pwhash_argon2id(out.data(), out.size(), password.data(), password.size(), salt.data(),
                             kPasses, kMemoryKiB * 1024,
                             crypto_pwhash_argon2id_ALG_ARGON2ID13) != 0)
    return make_error(Code::kOverloaded, "no memory to hash a password");
  return encode(salt, out);
}

Expected<bool> Argon2::verify(const std::string& hash, std::string_view password) const {
  const std::optional<Encoded> known = parse(hash);
  // One that is not of our making: whatever else is in the notation.
  if (!known)
    return crypto_pwhash_argon2id_str_verify(hash.c_str(), password.data(), password.size()) == 0;
  // crypto_pwhash_argon2id_str_verify() has one answer for a wrong password and for a lack of
  // memory.
  std::array<uint8_t, kHashBytes> out;
  if (crypto_pwhash_argon2id(out.data(), out.size(), password.data(), password.size(),
                             known->salt.data(), known->passes, known->memory_kib * 1024,
                             crypto_pwhash_argon2id_ALG_ARGON2ID13) != 0)
    return make_error(Code::kOverloaded, "no memory to verify a password");
  return sodium_memcmp(out.data(), known->hash.data(), out.size()) == 0;
}

std::string Argon2::dummy_hash() const {
  // A password that hashes to zeros is as hard to find as any preimage.
  return encode(Salt{}, std::array<uint8_t, kHashBytes>{});
}

}  // namespace loopcast::app
