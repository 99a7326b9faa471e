// The functions on a plain SHA_CTX are the ones whose state can be kept and copied without
// allocating; they are deprecated, not removed, in OpenSSL 3.
#define OPENSSL_API_COMPAT 0x10100000L
#include "rtc/srtp_hmac.h"

#include <algorithm>

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "base/secret.h"
#include "rtc/srtp_cipher.h"

namespace loopcast::rtc {
namespace {

// A context that has hashed exactly one block.
SHA_CTX resume(const std::array<uint32_t, 5>& h) {
  SHA_CTX ctx;
  ctx.h0 = h[0], ctx.h1 = h[1], ctx.h2 = h[2], ctx.h3 = h[3], ctx.h4 = h[4];
  ctx.Nl = SHA_CBLOCK * 8;
  ctx.Nh = 0;
  ctx.num = 0;
  return ctx;
}

std::array<uint32_t, 5> hash_block(const std::array<uint8_t, SHA_CBLOCK>& block) {
  SHA_CTX ctx;
  SHA1_Init(&ctx);
  SHA1_Update(&ctx, block.data(), block.size());
  const std::array<uint32_t, 5> h{ctx.h0, ctx.h1, ctx.h2, ctx.h3, ctx.h4};
  OPENSSL_cleanse(&ctx, sizeof ctx);
  return h;
}

}  // namespace

SrtpHmac::~SrtpHmac() { OPENSSL_cleanse(this, sizeof *this); }

void SrtpHmac::set_key(Bytes key) {
  std::array<uint8_t, SHA_CBLOCK> block{};
  std::copy_n(key.begin(), std::min(key.size(), block.size()), block.begin());
  for (uint8_t& b : block) b ^= 0x36;
  inner_ = hash_block(block);
  for (uint8_t& b : block) b ^= 0x36 ^ 0x5c;
  outer_ = hash_block(block);
  OPENSSL_cleanse(block.data(), block.size());
}

void SrtpHmac::tag(Bytes a, Bytes b, Bytes c, uint8_t* out) const {
  std::array<uint8_t, SHA_DIGEST_LENGTH> digest;
  SHA_CTX ctx = resume(inner_);
  SHA1_Update(&ctx, a.data(), a.size());
  SHA1_Update(&ctx, b.data(), b.size());
  SHA1_Update(&ctx, c.data(), c.size());
  SHA1_Final(digest.data(), &ctx);
  ctx = resume(outer_);
  SHA1_Update(&ctx, digest.data(), digest.size());
  SHA1_Final(digest.data(), &ctx);
  std::copy_n(digest.begin(), kSha1TagSize, out);
}

bool SrtpHmac::verify(Bytes a, Bytes b, Bytes c, const uint8_t* expected) const {
  std::array<uint8_t, kSha1TagSize> actual;
  tag(a, b, c, actual.data());
  return equal_secret(Bytes(actual), Bytes(expected, kSha1TagSize));
}

}  // namespace loopcast::rtc
