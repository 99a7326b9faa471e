#include "rtc/dtls_identity.h"

#include <cstdio>
#include <cstdlib>

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "rtc/dtls.h"
#include "rtc/openssl_context.h"

namespace loopcast::rtc {
namespace {

constexpr long kDay = 24 * 60 * 60;
constexpr long kLifetime = 400 * kDay;

// A certificate chain of a browser is one certificate of some 300 bytes, that of a server with RSA
// one of 1 kB. Bounds what a peer can make us collect before it is authenticated.
constexpr long kMaxCertificateList = 16 * 1024;

// ECDSA for the browsers and ourselves, RSA for servers that have only that.
constexpr char kCiphers[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384";
constexpr char kGroups[] = "X25519:P-256";
// In order of preference, also when we are the server. GCM costs a third of the other.
constexpr char kSrtpProfiles[] = "SRTP_AEAD_AES_128_GCM:SRTP_AES128_CM_SHA1_80";

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
struct FreeCertificate {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
using Key = std::unique_ptr<EVP_PKEY, FreeKey>;
using Certificate = std::unique_ptr<X509, FreeCertificate>;

void require(bool fine, const char* what) {
  if (fine) return;
  std::fprintf(stderr, "OpenSSL failed at: %s\n", what);
  ERR_print_errors_fp(stderr);
  std::abort();
}

std::string hex(Bytes bytes, const char* separator) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string text;
  for (const uint8_t byte : bytes) {
    if (!text.empty()) text += separator;
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

Certificate make_certificate(EVP_PKEY* key) {
  uint8_t random[16];
  require(RAND_bytes(random, sizeof random) == 1, "random bytes");
  const std::string name = hex(random, "");

  Certificate certificate(X509_new());
  X509* x = certificate.get();
  require(x != nullptr && X509_set_version(x, X509_VERSION_3) == 1, "certificate");
  require(ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), load_u64(random) >> 1) == 1, "serial");
  require(X509_gmtime_adj(X509_getm_notBefore(x), -kDay) != nullptr, "not before");
  require(X509_gmtime_adj(X509_getm_notAfter(x), kLifetime) != nullptr, "not after");
  X509_NAME* subject = X509_get_subject_name(x);
  require(
      X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                                 reinterpret_cast<const uint8_t*>(name.c_str()), -1, -1, 0) == 1,
      "name");
  require(X509_set_issuer_name(x, subject) == 1, "issuer");
  require(X509_set_pubkey(x, key) == 1, "public key");
  require(X509_sign(x, key, EVP_sha256()) > 0, "signature");
  return certificate;
}

}  // namespace

void DtlsIdentity::Free::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }
void DtlsIdentity::Free::operator()(bio_method_st* method) const { BIO_meth_free(method); }

DtlsIdentity DtlsIdentity::generate() {
  const Key key(EVP_EC_gen("P-256"));
  require(key != nullptr, "key");
  const Certificate certificate = make_certificate(key.get());

  DtlsIdentity identity;
  uint8_t digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  require(X509_digest(certificate.get(), EVP_sha256(), digest, &length) == 1, "digest");
  identity.fingerprint_ = "sha-256 " + hex({digest, length}, ":");

  identity.context_.reset(SSL_CTX_new_ex(lean_openssl_context(), nullptr, DTLS_method()));
  SSL_CTX* c = identity.context_.get();
  require(c != nullptr, "context");
  require(SSL_CTX_set_min_proto_version(c, DTLS1_2_VERSION) == 1, "version");
  require(SSL_CTX_set_max_proto_version(c, DTLS1_2_VERSION) == 1, "version");
  SSL_CTX_set_options(c, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION |
                             SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_max_cert_list(c, kMaxCertificateList);
  require(SSL_CTX_set_cipher_list(c, kCiphers) == 1, "ciphers");
  require(SSL_CTX_set1_groups_list(c, kGroups) == 1, "groups");
  // This one returns 0 for success.
  require(SSL_CTX_set_tlsext_use_srtp(c, kSrtpProfiles) == 0, "SRTP profiles");
  require(SSL_CTX_use_certificate(c, certificate.get()) == 1, "use of the certificate");
  require(SSL_CTX_use_PrivateKey(c, key.get()) == 1, "use of the key");
  SSL_CTX_set_verify(c, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  SSL_CTX_set_cert_verify_callback(c, &Dtls::verify_certificate, nullptr);

  identity.bio_method_.reset(BIO_meth_new(BIO_TYPE_SOURCE_SINK, "loopcast datagrams"));
  BIO_METHOD* m = identity.bio_method_.get();
  require(m != nullptr, "BIO method");
  BIO_meth_set_create(m, &Dtls::bio_create);
  BIO_meth_set_read(m, &Dtls::bio_read);
  BIO_meth_set_write(m, &Dtls::bio_write);
  BIO_meth_set_ctrl(m, &Dtls::bio_control);
  return identity;
}

}  // namespace loopcast::rtc
