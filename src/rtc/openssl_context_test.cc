#include "rtc/openssl_context.h"

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

namespace loopcast::rtc {
namespace {

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using Key = std::unique_ptr<EVP_PKEY, Free>;
using Certificate = std::unique_ptr<X509, Free>;

// DER of a certificate of a peer with this key, made elsewhere.
std::vector<uint8_t> certificate_of(EVP_PKEY* key, const EVP_MD* digest) {
  const Certificate certificate(X509_new());
  EXPECT_EQ(X509_set_pubkey(certificate.get(), key), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 1000);
  EXPECT_GT(X509_sign(certificate.get(), key, digest), 0);
  uint8_t* der = nullptr;
  const int size = i2d_X509(certificate.get(), &der);
  const std::vector<uint8_t> bytes(der, der + size);
  OPENSSL_free(der);
  return bytes;
}

// Whether its key can be read in the context, and verifies what the peer has signed.
bool verifies(const std::vector<uint8_t>& der) {
  X509* certificate = X509_new_ex(lean_openssl_context(), nullptr);
  const uint8_t* at = der.data();
  d2i_X509(&certificate, &at, static_cast<long>(der.size()));
  const Certificate owner(certificate);
  EVP_PKEY* const key = certificate ? X509_get0_pubkey(certificate) : nullptr;
  return key && X509_verify(certificate, key) == 1;
}

TEST(OpenSslContext, ReadsTheCertificatesThatPeersHave) {
  ASSERT_NE(lean_openssl_context(), nullptr);
  EXPECT_TRUE(verifies(certificate_of(Key(EVP_EC_gen("P-256")).get(), EVP_sha256())));
  EXPECT_TRUE(verifies(certificate_of(Key(EVP_EC_gen("P-384")).get(), EVP_sha384())));
  EXPECT_TRUE(verifies(certificate_of(Key(EVP_RSA_gen(2048)).get(), EVP_sha256())));
}

// That others are missing shows that the context is the lean one.
TEST(OpenSslContext, ReadsNoOthers) {
  const auto der =
      certificate_of(Key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")).get(), nullptr);
  EXPECT_FALSE(verifies(der));
}

// Those of DtlsIdentity; what a context cannot do it leaves out.
std::vector<std::string> ciphers_in(OSSL_LIB_CTX* library) {
  const std::unique_ptr<SSL_CTX, Free> context(SSL_CTX_new_ex(library, nullptr, DTLS_method()));
  EXPECT_EQ(SSL_CTX_set_cipher_list(context.get(), "ECDHE+AESGCM:ECDHE+CHACHA20"), 1);
  const std::unique_ptr<SSL, Free> ssl(SSL_new(context.get()));
  STACK_OF(SSL_CIPHER)* const stack = SSL_get1_supported_ciphers(ssl.get());
  std::vector<std::string> names;
  for (int i = 0; i < sk_SSL_CIPHER_num(stack); ++i)
    names.emplace_back(SSL_CIPHER_get_name(sk_SSL_CIPHER_value(stack, i)));
  sk_SSL_CIPHER_free(stack);
  return names;
}

TEST(OpenSslContext, HasEveryCipherThatWeOffer) {
  EXPECT_EQ(ciphers_in(nullptr).size(), 6u);
  EXPECT_EQ(ciphers_in(lean_openssl_context()), ciphers_in(nullptr));
}

}  // namespace
}  // namespace loopcast::rtc
