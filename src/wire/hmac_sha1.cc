// OpenSSL 3 deprecates the plain SHA-1 functions in favour of EVP. But EVP, and HMAC() on top of
// it, looks the algorithm up in the provider on each use, under a lock and with allocations, unless
// it is given one fetched before, which would be global state here.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "wire/hmac_sha1.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

namespace loopcast::wire {
namespace {

constexpr size_t kBlockSize = 64;
using Block = std::array<uint8_t, kBlockSize>;

void start(SHA_CTX& hash, const Block& key, uint8_t mask) {
  Block block;
  for (size_t i = 0; i < block.size(); ++i) block[i] = key[i] ^ mask;
  SHA1_Init(&hash);
  SHA1_Update(&hash, block.data(), block.size());
  OPENSSL_cleanse(block.data(), block.size());
}

}  // namespace

std::array<uint8_t, kSha1Size> hmac_sha1(Bytes key, std::initializer_list<Bytes> pieces) {
  SHA_CTX hash;
  Block block{};
  if (key.size() > block.size()) {
    SHA1_Init(&hash);
    SHA1_Update(&hash, key.data(), key.size());
    SHA1_Final(block.data(), &hash);
  } else if (!key.empty()) {
    std::memcpy(block.data(), key.data(), key.size());
  }

  std::array<uint8_t, kSha1Size> digest;
  start(hash, block, 0x36);
  for (const Bytes piece : pieces) SHA1_Update(&hash, piece.data(), piece.size());
  SHA1_Final(digest.data(), &hash);
  start(hash, block, 0x5C);
  SHA1_Update(&hash, digest.data(), digest.size());
  SHA1_Final(digest.data(), &hash);
  OPENSSL_cleanse(block.data(), block.size());
  OPENSSL_cleanse(&hash, sizeof hash);
  return digest;
}

}  // namespace loopcast::wire
