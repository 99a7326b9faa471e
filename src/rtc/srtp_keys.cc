#include "rtc/srtp_keys.h"

#include <algorithm>
#include <memory>
#include <new>

#include <openssl/crypto.h>
#include <openssl/evp.h>

namespace loopcast::rtc {
namespace {

size_t salt_size(SrtpProfile profile) { return profile == SrtpProfile::kAeadAes128Gcm ? 12 : 14; }

// RFC 3711 §4.3.1: the labels of RTP are 0 to 2, those of RTCP 3 to 5, in this order.
enum class Label : uint8_t { kCipher = 0, kAuth = 1, kSalt = 2 };

// RFC 3711 §4.3.3: AES in counter mode under the master key, starting at (salt XOR label * 2^48)
// * 2^16. The shorter salt of GCM is padded with zeros at its end.
void derive(EVP_CIPHER_CTX* ctx, const SrtpMasterKey& master, size_t salt, uint8_t label,
            MutableBytes out) {
  std::array<uint8_t, 16> iv{};
  std::copy_n(master.salt.begin(), salt, iv.begin());
  iv[7] ^= label;
  std::ranges::fill(out, uint8_t{0});
  int written = 0;
  if (EVP_EncryptInit_ex(ctx, EVP_aes_128_ctr(), nullptr, master.key.data(), iv.data()) != 1 ||
      EVP_EncryptUpdate(ctx, out.data(), &written, out.data(), static_cast<int>(out.size())) != 1)
    throw std::bad_alloc();  // nothing else can fail
}

}  // namespace

SrtpMasterKey::~SrtpMasterKey() { OPENSSL_cleanse(this, sizeof *this); }
SrtpSessionKey::~SrtpSessionKey() { OPENSSL_cleanse(this, sizeof *this); }

SrtpSessionKey derive_session_key(SrtpProfile profile, SrtpStream stream,
                                  const SrtpMasterKey& master) {
  const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> ctx(EVP_CIPHER_CTX_new(),
                                                                            &EVP_CIPHER_CTX_free);
  if (!ctx) throw std::bad_alloc();
  const size_t salt = salt_size(profile);
  const auto label = [&](Label l) {
    return static_cast<uint8_t>(static_cast<int>(l) + (stream == SrtpStream::kRtcp ? 3 : 0));
  };
  SrtpSessionKey key;
  derive(ctx.get(), master, salt, label(Label::kCipher), key.cipher);
  derive(ctx.get(), master, salt, label(Label::kAuth), key.auth);
  derive(ctx.get(), master, salt, label(Label::kSalt), MutableBytes(key.salt).first(salt));
  return key;
}

size_t srtp_exporter_size(SrtpProfile profile) { return 2 * (16 + salt_size(profile)); }

std::optional<SrtpKeyPair> split_exporter(SrtpProfile profile, Bytes material) {
  if (material.size() != srtp_exporter_size(profile)) return std::nullopt;
  ByteReader in(material);
  const auto take = [&](size_t size, auto& out) { std::ranges::copy(in.bytes(size), out.begin()); };
  // Client's key, server's key, client's salt, server's salt.
  std::optional<SrtpKeyPair> keys(std::in_place);
  take(16, keys->client.key);
  take(16, keys->server.key);
  take(salt_size(profile), keys->client.salt);
  take(salt_size(profile), keys->server.salt);
  return keys;
}

}  // namespace loopcast::rtc
