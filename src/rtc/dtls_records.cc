#include "rtc/dtls_records.h"

#include <algorithm>
#include <cstring>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

namespace loopcast::rtc {
namespace {

// RFC 6347, section 4.1; RFC 5246, section 7.2; RFC 5288, section 3.
constexpr size_t kRecordHeader = 13;
constexpr size_t kExplicitNonce = 8;
constexpr size_t kTag = 16;
constexpr size_t kAlertSize = 2;
constexpr uint8_t kAlertRecord = 21;
constexpr uint16_t kDtls12 = 0xFEFD;
constexpr uint8_t kWarning = 1, kFatalLevel = 2, kCloseNotify = 0;
constexpr size_t kRandom = 32;

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

const EVP_CIPHER* cipher_of(size_t key_size) {
  return key_size == 16 ? EVP_aes_128_gcm() : EVP_aes_256_gcm();
}

// The nonce is the salt and what stands in front of the ciphertext; authenticated with it are
// epoch, number, type, version and length of the plain text.
struct Surroundings {
  std::array<uint8_t, 12> nonce;
  std::array<uint8_t, kRecordHeader> header;

  Surroundings(const std::array<uint8_t, 4>& salt, const uint8_t* record) {
    std::ranges::copy(salt, nonce.begin());
    std::copy_n(record + kRecordHeader, kExplicitNonce, nonce.begin() + salt.size());
    // The record's header has the numbers first: type, version, epoch and number, length.
    std::copy_n(record + 3, 8, header.begin());
    std::copy_n(record, 3, header.begin() + 8);
    store_u16(&header[11], kAlertSize);
  }
};

// RFC 5246, section 6.3.
bool expand_keys(ssl_st* ssl, const char* digest, MutableBytes block) {
  uint8_t master[SSL_MAX_MASTER_KEY_LENGTH];
  const size_t master_size =
      SSL_SESSION_get_master_key(SSL_get_session(ssl), master, sizeof master);
  constexpr char kLabel[] = "key expansion";
  uint8_t seed[sizeof kLabel - 1 + 2 * kRandom];
  std::memcpy(seed, kLabel, sizeof kLabel - 1);
  uint8_t* const randoms = seed + sizeof kLabel - 1;
  bool good = master_size > 0 && SSL_get_server_random(ssl, randoms, kRandom) == kRandom &&
              SSL_get_client_random(ssl, randoms + kRandom, kRandom) == kRandom;

  EVP_KDF* kdf = EVP_KDF_fetch(nullptr, "TLS1-PRF", nullptr);
  EVP_KDF_CTX* context = kdf ? EVP_KDF_CTX_new(kdf) : nullptr;
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, const_cast<char*>(digest), 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, master, master_size),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, seed, sizeof seed),
      OSSL_PARAM_construct_end()};
  good = good && context && EVP_KDF_derive(context, block.data(), block.size(), parameters) == 1;
  EVP_KDF_CTX_free(context);
  EVP_KDF_free(kdf);
  OPENSSL_cleanse(master, sizeof master);
  return good;
}

}  // namespace

std::unique_ptr<DtlsRecords> DtlsRecords::take_over(ssl_st* ssl, bool client) {
  const SSL_CIPHER* cipher = SSL_get_current_cipher(ssl);
  const int nid = cipher ? SSL_CIPHER_get_cipher_nid(cipher) : NID_undef;
  if (nid != NID_aes_128_gcm && nid != NID_aes_256_gcm) return nullptr;
  const EVP_MD* digest = SSL_CIPHER_get_handshake_digest(cipher);
  if (!digest) return nullptr;

  std::unique_ptr<DtlsRecords> records(new DtlsRecords);
  records->key_size_ = nid == NID_aes_128_gcm ? 16 : 32;
  std::array<uint8_t, 2 * (32 + 4)> block;
  const size_t size = 2 * (records->key_size_ + 4);
  const bool good = expand_keys(ssl, EVP_MD_get0_name(digest), MutableBytes(block).first(size));
  Key& of_client = client ? records->ours_ : records->theirs_;
  Key& of_server = client ? records->theirs_ : records->ours_;
  const uint8_t* at = block.data();
  for (Key* key : {&of_client, &of_server})
    std::copy_n(at, records->key_size_, key->key.begin()), at += records->key_size_;
  for (Key* key : {&of_client, &of_server})
    std::copy_n(at, key->salt.size(), key->salt.begin()), at += key->salt.size();
  OPENSSL_cleanse(block.data(), block.size());
  return good ? std::move(records) : nullptr;
}

DtlsRecords::~DtlsRecords() {
  OPENSSL_cleanse(&ours_, sizeof ours_);
  OPENSSL_cleanse(&theirs_, sizeof theirs_);
}

DtlsRecords::Alert DtlsRecords::read(Bytes datagram) const {
  ByteReader in(datagram);
  while (in.remaining() >= kRecordHeader) {
    const uint8_t* record = datagram.data() + in.position();
    const uint8_t type = in.u8();
    in.skip(2);  // version, which is authenticated
    const uint16_t epoch = in.u16();
    in.skip(6);  // number
    const Bytes body = in.bytes(in.u16());
    if (!in.ok()) break;
    if (type != kAlertRecord || epoch != 1 || body.size() != kExplicitNonce + kAlertSize + kTag)
      continue;
    const Surroundings around(theirs_.salt, record);
    const Context context(EVP_CIPHER_CTX_new());
    uint8_t alert[kAlertSize];
    uint8_t tag[kTag];
    std::copy_n(&body[kExplicitNonce + kAlertSize], kTag, tag);
    int size = 0;
    const bool authentic =
        context &&
        EVP_DecryptInit_ex(context.get(), cipher_of(key_size_), nullptr, theirs_.key.data(),
                           around.nonce.data()) == 1 &&
        EVP_DecryptUpdate(context.get(), nullptr, &size, around.header.data(),
                          static_cast<int>(around.header.size())) == 1 &&
        EVP_DecryptUpdate(context.get(), alert, &size, &body[kExplicitNonce], kAlertSize) == 1 &&
        EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kTag, tag) == 1 &&
        EVP_DecryptFinal_ex(context.get(), alert + size, &size) == 1;
    if (!authentic) continue;
    if (alert[1] == kCloseNotify) return Alert::kClose;
    if (alert[0] == kFatalLevel) return Alert::kFatal;
  }
  return Alert::kNone;
}

size_t DtlsRecords::write_close(MutableBytes out) {
  if (out.size() < kCloseSize) return 0;
  ByteWriter w(out);
  w.u8(kAlertRecord);
  w.u16(kDtls12);
  w.u64(uint64_t{1} << 48 | sequence_++);  // epoch and number
  w.u16(kExplicitNonce + kAlertSize + kTag);
  // OpenSSL counts its nonces up from a random number: another random one is none of them.
  uint8_t* nonce = &out[w.position()];
  if (RAND_bytes(nonce, kExplicitNonce) != 1) return 0;
  const Surroundings around(ours_.salt, out.data());
  const uint8_t alert[kAlertSize] = {kWarning, kCloseNotify};
  uint8_t* const body = nonce + kExplicitNonce;
  const Context context(EVP_CIPHER_CTX_new());
  int size = 0;
  const bool sealed =
      context &&
      EVP_EncryptInit_ex(context.get(), cipher_of(key_size_), nullptr, ours_.key.data(),
                         around.nonce.data()) == 1 &&
      EVP_EncryptUpdate(context.get(), nullptr, &size, around.header.data(),
                        static_cast<int>(around.header.size())) == 1 &&
      EVP_EncryptUpdate(context.get(), body, &size, alert, kAlertSize) == 1 &&
      EVP_EncryptFinal_ex(context.get(), body + size, &size) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kTag, body + kAlertSize) == 1;
  return sealed ? kCloseSize : 0;
}

}  // namespace loopcast::rtc
