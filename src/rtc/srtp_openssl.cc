// SRTP by OpenSSL's EVP interface: one context per key; a packet only sets the initial vector.
#include <new>

#include <openssl/evp.h>

#include "rtc/srtp_cipher.h"
#include "rtc/srtp_hmac.h"

namespace loopcast::rtc {
namespace {

struct Free {
  void operator()(EVP_CIPHER* c) const { EVP_CIPHER_free(c); }
  void operator()(EVP_CIPHER_CTX* c) const { EVP_CIPHER_CTX_free(c); }  // wipes the key
};
using CipherPtr = std::unique_ptr<EVP_CIPHER, Free>;
using ContextPtr = std::unique_ptr<EVP_CIPHER_CTX, Free>;

ContextPtr make_context(const EVP_CIPHER* algorithm, SrtpDirection direction) {
  ContextPtr ctx(EVP_CIPHER_CTX_new());
  if (!ctx || EVP_CipherInit_ex(ctx.get(), algorithm, nullptr, nullptr, nullptr,
                                direction == SrtpDirection::kSeal) != 1)
    throw std::bad_alloc();  // the algorithm was fetched at start: nothing else can fail
  return ctx;
}

// `key` and `iv` may be null: what the context has stays. -1: so does the direction.
bool init(EVP_CIPHER_CTX* ctx, const uint8_t* key, const uint8_t* iv) {
  return EVP_CipherInit_ex(ctx, nullptr, nullptr, key, iv, -1) == 1;
}

bool update(EVP_CIPHER_CTX* ctx, Bytes in, uint8_t* out) {
  int written = 0;
  return in.empty() ||
         EVP_CipherUpdate(ctx, out, &written, in.data(), static_cast<int>(in.size())) == 1;
}

bool finish(EVP_CIPHER_CTX* ctx) {
  uint8_t nothing[EVP_MAX_BLOCK_LENGTH];
  int written = 0;
  return EVP_CipherFinal_ex(ctx, nothing, &written) == 1;
}

class GcmCipher final : public SrtpCipher {
 public:
  GcmCipher(const EVP_CIPHER* algorithm, SrtpDirection direction)
      : ctx_(make_context(algorithm, direction)) {}

  bool set_key(const SrtpSessionKey& key) override {
    return init(ctx_.get(), key.cipher.data(), nullptr);
  }

  bool seal(const SrtpIv& iv, Bytes header, Bytes plain, uint8_t* out, Bytes /*trailer*/,
            uint8_t* tag) override {
    EVP_CIPHER_CTX* ctx = ctx_.get();
    return init(ctx, nullptr, iv.bytes) && update(ctx, header, nullptr) &&
           update(ctx, plain, out) && finish(ctx) &&
           EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, kGcmTagSize, tag) == 1;
  }

  bool open(const SrtpIv& iv, Bytes header, MutableBytes data, Bytes /*trailer*/,
            const uint8_t* tag) override {
    EVP_CIPHER_CTX* ctx = ctx_.get();
    return init(ctx, nullptr, iv.bytes) && update(ctx, header, nullptr) &&
           update(ctx, data, data.data()) &&
           EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, kGcmTagSize,
                               const_cast<uint8_t*>(tag)) == 1 &&
           finish(ctx);
  }

 private:
  ContextPtr ctx_;
};

class CmCipher final : public SrtpCipher {
 public:
  CmCipher(const EVP_CIPHER* algorithm, SrtpDirection direction)
      : ctx_(make_context(algorithm, direction)) {}

  bool set_key(const SrtpSessionKey& key) override {
    hmac_.set_key(key.auth);
    return init(ctx_.get(), key.cipher.data(), nullptr);
  }

  bool seal(const SrtpIv& iv, Bytes header, Bytes plain, uint8_t* out, Bytes trailer,
            uint8_t* tag) override {
    if (!init(ctx_.get(), nullptr, iv.bytes) || !update(ctx_.get(), plain, out)) return false;
    hmac_.tag(header, Bytes(out, plain.size()), trailer, tag);
    return true;
  }

  bool open(const SrtpIv& iv, Bytes header, MutableBytes data, Bytes trailer,
            const uint8_t* tag) override {
    return hmac_.verify(header, data, trailer, tag) && init(ctx_.get(), nullptr, iv.bytes) &&
           update(ctx_.get(), data, data.data());
  }

 private:
  ContextPtr ctx_;
  SrtpHmac hmac_;
};

class OpenSslCrypto final : public SrtpCrypto {
 public:
  OpenSslCrypto(CipherPtr gcm, CipherPtr ctr) : gcm_(std::move(gcm)), ctr_(std::move(ctr)) {}

  const char* name() const override { return "OpenSSL"; }

  std::unique_ptr<SrtpCipher> make_cipher(SrtpProfile profile, SrtpDirection direction) override {
    if (profile == SrtpProfile::kAeadAes128Gcm)
      return std::make_unique<GcmCipher>(gcm_.get(), direction);
    return std::make_unique<CmCipher>(ctr_.get(), direction);
  }

 private:
  CipherPtr gcm_;
  CipherPtr ctr_;
};

}  // namespace

std::unique_ptr<SrtpCrypto> make_openssl_crypto() {
  CipherPtr gcm(EVP_CIPHER_fetch(nullptr, "AES-128-GCM", nullptr));
  CipherPtr ctr(EVP_CIPHER_fetch(nullptr, "AES-128-CTR", nullptr));
  if (!gcm || !ctr) return nullptr;
  return std::make_unique<OpenSslCrypto>(std::move(gcm), std::move(ctr));
}

}  // namespace loopcast::rtc
