// What a peer's certificate may cost.
#include <memory>

#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "rtc/dtls.h"

namespace loopcast::rtc {
namespace {

// A client of another make, whose certificate has a key of RSA.
class RsaClient {
 public:
  explicit RsaClient(EVP_PKEY* key) {
    X509_set_version(certificate_.get(), X509_VERSION_3);
    X509_gmtime_adj(X509_getm_notBefore(certificate_.get()), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate_.get()), 3600);
    X509_set_pubkey(certificate_.get(), key);
    X509_sign(certificate_.get(), key, EVP_sha256());
    SSL_CTX_use_certificate(context_.get(), certificate_.get());
    SSL_CTX_use_PrivateKey(context_.get(), key);
    SSL_CTX_set_tlsext_use_srtp(context_.get(), "SRTP_AEAD_AES_128_GCM");
    ssl_.reset(SSL_new(context_.get()));
    for (BIO* bio : {in_, out_}) BIO_set_mem_eof_return(bio, -1);
    SSL_set_bio(ssl_.get(), in_, out_);
    SSL_set_options(ssl_.get(), SSL_OP_NO_QUERY_MTU);
    SSL_set_mtu(ssl_.get(), 1200);
    SSL_set_connect_state(ssl_.get());
  }

  DtlsFingerprint fingerprint() const {
    DtlsFingerprint f{"sha-256", std::vector<uint8_t>(32)};
    unsigned size = 0;
    X509_digest(certificate_.get(), EVP_sha256(), f.digest.data(), &size);
    return f;
  }

  void handshake_with(Dtls& server) {
    for (int i = 0; i < 10; ++i) {
      SSL_do_handshake(ssl_.get());
      // Whole flights; records end by themselves.
      uint8_t bytes[16'384];
      if (const int n = BIO_read(out_, bytes, sizeof bytes); n > 0)
        server.handle_datagram({}, {bytes, static_cast<size_t>(n)});
      while (const size_t n = server.poll_transmit(bytes))
        BIO_write(in_, bytes, static_cast<int>(n));
    }
  }

 private:
  template <auto f>
  struct Free {
    template <typename T>
    void operator()(T* t) const {
      f(t);
    }
  };
  std::unique_ptr<X509, Free<X509_free>> certificate_{X509_new()};
  std::unique_ptr<SSL_CTX, Free<SSL_CTX_free>> context_{SSL_CTX_new(DTLS_client_method())};
  std::unique_ptr<SSL, Free<SSL_free>> ssl_;
  BIO* in_ = BIO_new(BIO_s_mem());
  BIO* out_ = BIO_new(BIO_s_mem());
};

Dtls::State after_handshake(EVP_PKEY* key) {
  RsaClient client(key);
  static const DtlsIdentity identity = DtlsIdentity::generate();
  Dtls server(identity, Dtls::Role::kServer, client.fingerprint());
  client.handshake_with(server);
  return server.state();
}

// Of several primes, which are found faster than two large ones.
EVP_PKEY* rsa_key(int bits, int primes, int exponent_bits = 17) {
  EVP_PKEY* key = nullptr;
  BIGNUM* exponent = BN_new();
  BN_set_bit(exponent, exponent_bits - 1);
  BN_set_bit(exponent, 0);
  EVP_PKEY_CTX* context = EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr);
  EVP_PKEY_keygen_init(context);
  EVP_PKEY_CTX_set_rsa_keygen_bits(context, bits);
  EVP_PKEY_CTX_set_rsa_keygen_primes(context, primes);
  EVP_PKEY_CTX_set1_rsa_keygen_pubexp(context, exponent);
  EVP_PKEY_generate(context, &key);
  EVP_PKEY_CTX_free(context);
  BN_free(exponent);
  return key;
}

TEST(Dtls, VerifiesNoSignatureThatCostsTooMuch) {
  for (const int bits : {2048, 4104}) {
    EVP_PKEY* const key = rsa_key(bits, bits < 4096 ? 3 : 4);
    ASSERT_TRUE(key);
    EXPECT_EQ(after_handshake(key), bits <= 4096 ? Dtls::State::kConnected : Dtls::State::kFailed)
        << bits;
    EVP_PKEY_free(key);
  }
  for (const int exponent_bits : {64, 65}) {
    EVP_PKEY* const key = rsa_key(2048, 3, exponent_bits);
    ASSERT_TRUE(key);
    EXPECT_EQ(after_handshake(key),
              exponent_bits <= 64 ? Dtls::State::kConnected : Dtls::State::kFailed)
        << exponent_bits;
    EVP_PKEY_free(key);
  }
}

}  // namespace
}  // namespace loopcast::rtc
