#include "app/argon2.h"

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

bool Argon2::verify(const std::string& hash, std::string_view password) const {
  return crypto_pwhash_argon2id_str_verify(hash.c_str(), password.data(), password.size()) == 0;
}

std::string Argon2::dummy_hash() const {
  // A password that hashes to zeros is as hard to find as any preimage.
  return encode(Salt{}, std::array<uint8_t, kHashBytes>{});
}

}  // namespace loopcast::app
