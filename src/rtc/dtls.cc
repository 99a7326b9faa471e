// How flights are repeated. OpenSSL repeats a lost flight by its own timer, which reads the
// system's clock; ours is the Instant that we are given. Repeating the same datagrams ourselves is
// not enough: a peer that has seen them drops them as replays and does not notice that its own last
// flight was lost; the repeat must carry new record sequence numbers (RFC 6347, section 4.2.4), and
// Finished is encrypted. So OpenSSL makes the repeats in advance: as a flight begins, its timer is
// set to expire at once, kFlightCopies times in a row, by the public DTLS_set_timer_cb. bio_write()
// puts these copies aside, each with numbers of its own, the timer is then set an hour ahead, and
// handle_timeout() sends one copy after another in our time. After the last copy the first comes
// again, which still helps where it was lost. OpenSSL gives up at the 13th expiry of one flight.
//
// The last flight of the handshake has no timer on either side of this: whoever sent it sees the
// peer repeat its own Finished and answers that, which OpenSSL does by itself as long as datagrams
// are fed to it. So the SSL object stays until the peer has shown, by the use of the keys, that it
// has our last flight: it takes 41 kB once its record buffers are freed, 22 kB of them the message
// buffer that OpenSSL keeps for repeats. Then rtc/dtls_records.h is enough for close_notify, which
// a browser sends when its page closes the connection, long before ICE notices.
#include "rtc/dtls.h"

#include <algorithm>
#include <climits>
#include <utility>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/srtp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include "base/secret.h"

namespace loopcast::rtc {
namespace {

// RFC 6347, sections 4.1 and 4.2.2.
constexpr size_t kRecordHeader = 13;
constexpr size_t kHandshakeHeader = 12;
constexpr uint8_t kAlert = 21;
constexpr uint8_t kHandshake = 22;
constexpr uint8_t kClientHello = 1;

// In OpenSSL's timer callback: expire at once, and not in this handshake. Zero would look like the
// start of a flight.
constexpr unsigned kAtOnceUs = 1;
constexpr unsigned kNotAtAllUs = 3'600'000'000;

constexpr char kExporterLabel[] = "EXTRACTOR-dtls_srtp";  // RFC 5764, section 4.2

Dtls& owner(BIO* bio) { return *static_cast<Dtls*>(BIO_get_data(bio)); }

const EVP_MD* digest_named(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c; });
  if (name == "sha-256") return EVP_sha256();
  if (name == "sha-384") return EVP_sha384();
  if (name == "sha-512") return EVP_sha512();
  return nullptr;
}

// A signature is verified on the thread of the media, and one with a modulus of 16,384 bits takes
// forty times as long as with 2048. OpenSSL bounds the exponent of large moduli only.
constexpr int kMaxRsaBits = 4096;
constexpr int kMaxRsaExponentBits = 64;

// Whether a signature by this key is cheap enough to be verified for a stranger. Of elliptic curves
// the context allows one.
bool is_affordable(X509* certificate) {
  EVP_PKEY* const key = certificate ? X509_get0_pubkey(certificate) : nullptr;
  if (!key) return false;
  if (!EVP_PKEY_is_a(key, "RSA")) return true;
  BIGNUM* exponent = nullptr;
  if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &exponent) != 1) return false;
  const int exponent_bits = BN_num_bits(exponent);
  BN_free(exponent);
  return EVP_PKEY_get_bits(key) <= kMaxRsaBits && exponent_bits <= kMaxRsaExponentBits;
}

bool matches(const X509* certificate, const DtlsFingerprint& expected) {
  const EVP_MD* algorithm = digest_named(expected.algorithm);
  uint8_t digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  return certificate != nullptr && algorithm != nullptr &&
         X509_digest(certificate, algorithm, digest, &length) == 1 &&
         equal_secret({digest, length}, expected.digest);
}

}  // namespace

void Dtls::FreeSsl::operator()(ssl_st* ssl) const { SSL_free(ssl); }

void Dtls::DatagramList::append(Bytes datagram) {
  bytes.insert(bytes.end(), datagram.begin(), datagram.end());
  sizes.push_back(static_cast<uint16_t>(datagram.size()));
}

Dtls::Dtls(const DtlsIdentity& identity, Role role, DtlsFingerprint expected, size_t mtu)
    : identity_(identity), role_(role), expected_(std::move(expected)), mtu_(mtu) {}

Dtls::~Dtls() = default;

// OpenSSL's callbacks.

int Dtls::bio_create(bio_st* bio) {
  BIO_set_init(bio, 1);
  return 1;
}

int Dtls::bio_read(bio_st* bio, char* out, int size) {
  BIO_clear_retry_flags(bio);
  Dtls& self = owner(bio);
  if (self.incoming_.empty() || size <= 0) {
    BIO_set_retry_read(bio);
    return -1;
  }
  // One read takes one datagram, whole or cut off, like recv().
  const size_t n = std::min(self.incoming_.size(), static_cast<size_t>(size));
  std::memcpy(out, self.incoming_.data(), n);
  self.incoming_ = {};
  return static_cast<int>(n);
}

int Dtls::bio_write(bio_st* bio, const char* data, int size) {
  BIO_clear_retry_flags(bio);
  if (size <= 0) return 0;
  Dtls& self = owner(bio);
  const Bytes datagram(reinterpret_cast<const uint8_t*>(data), static_cast<size_t>(size));
  const bool waits = self.resend_at_ != Instant::never() && datagram[0] != kAlert;
  if (waits) self.flight_[self.writing_copy_].append(datagram);
  if (!waits || self.writing_copy_ == 0) self.queue(datagram);
  return size;
}

long Dtls::bio_control(bio_st* bio, int command, long, void*) {
  switch (command) {
    case BIO_CTRL_FLUSH:
    case BIO_CTRL_DUP:
      return 1;
    case BIO_CTRL_DGRAM_QUERY_MTU:
    case BIO_CTRL_DGRAM_GET_FALLBACK_MTU:
      return static_cast<long>(owner(bio).mtu_);
    default:  // among them WPENDING and DGRAM_GET_MTU_OVERHEAD, which are zero
      return 0;
  }
}

unsigned Dtls::resend_timer(ssl_st* ssl, unsigned previous_us) {
  Dtls& self = *static_cast<Dtls*>(SSL_get_app_data(ssl));
  if (previous_us == 0) {
    self.begin_flight();
    return kAtOnceUs;
  }
  if (previous_us != kAtOnceUs || self.writing_copy_ == kFlightCopies) return kNotAtAllUs;
  return ++self.writing_copy_ < kFlightCopies ? kAtOnceUs : kNotAtAllUs;
}

int Dtls::verify_certificate(x509_store_ctx_st* store, void*) {
  const SSL* ssl = static_cast<const SSL*>(
      X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  Dtls& self = *static_cast<Dtls*>(SSL_get_app_data(ssl));
  X509* const certificate = X509_STORE_CTX_get0_cert(store);
  self.certificate_matched_ = matches(certificate, self.expected_) && is_affordable(certificate);
  if (!self.certificate_matched_) X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_UNTRUSTED);
  return self.certificate_matched_ ? 1 : 0;
}

// Flights.

void Dtls::begin_flight() {
  forget_flight();
  next_copy_ = 1;
  last_sent_ = now_;
  resend_interval_ = kFirstResend;
  resend_at_ = now_ + resend_interval_;
  answered_ = last_message_;
  encrypted_records_ = 0;
}

void Dtls::forget_flight() {
  flight_ = {};
  writing_copy_ = 0;
  resend_at_ = Instant::never();
}

void Dtls::resend_flight() {
  // A copy is missing if the system's clock was set back while they were made.
  while (flight_[next_copy_].empty() && next_copy_ != 0)
    next_copy_ = (next_copy_ + 1) % flight_.size();
  const DatagramList& copy = flight_[next_copy_];
  size_t offset = 0;
  for (const uint16_t size : copy.sizes) {
    queue(Bytes(copy.bytes).subspan(offset, size));
    offset += size;
  }
  next_copy_ = (next_copy_ + 1) % flight_.size();
  last_sent_ = now_;
  resend_at_ = now_ + resend_interval_;
}

void Dtls::queue(Bytes datagram) {
  if (datagram.empty()) return;
  if (outgoing_.bytes.size() - polled_bytes_ + datagram.size() > kMaxQueuedBytes) return;
  outgoing_.append(datagram);
}

size_t Dtls::poll_transmit(MutableBytes out) {
  while (polled_ < outgoing_.sizes.size()) {
    const size_t size = outgoing_.sizes[polled_++];
    const Bytes datagram = Bytes(outgoing_.bytes).subspan(polled_bytes_, size);
    polled_bytes_ += size;
    if (size > out.size()) continue;
    std::memcpy(out.data(), datagram.data(), size);
    return size;
  }
  outgoing_ = {};
  polled_ = polled_bytes_ = 0;
  return 0;
}

// Progress.

void Dtls::begin(Instant now) {
  now_ = now;
  state_ = State::kHandshaking;
  give_up_at_ = now + kHandshakeTimeout;
  if (!make_ssl()) openssl_failed();
}

bool Dtls::make_ssl() {
  ERR_clear_error();
  ssl_.reset(SSL_new(identity_.context()));
  BIO* bio = ssl_ ? BIO_new(identity_.bio_method()) : nullptr;
  if (bio == nullptr) return false;
  BIO_set_data(bio, this);
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_app_data(ssl_.get(), this);
  SSL_set_mtu(ssl_.get(), static_cast<long>(mtu_));
  DTLS_set_timer_cb(ssl_.get(), &Dtls::resend_timer);
  if (role_ == Role::kServer)
    SSL_set_accept_state(ssl_.get());
  else
    SSL_set_connect_state(ssl_.get());
  return true;
}

void Dtls::start(Instant now) {
  if (state_ != State::kNew) return;
  begin(now);
  if (state_ == State::kHandshaking && role_ == Role::kClient) step();
}

void Dtls::handle_datagram(Instant now, Bytes datagram) {
  if (state_ == State::kClosed || state_ == State::kFailed) return;
  if (datagram.size() < kRecordHeader) return;
  if (records_) {
    const DtlsRecords::Alert alert = records_->read(datagram);
    if (alert == DtlsRecords::Alert::kClose) end(State::kClosed);
    if (alert == DtlsRecords::Alert::kFatal) fail("alert");
    return;
  }
  const int early = state_ == State::kConnected ? INT_MAX : kMaxEarlyRecords - encrypted_records_;
  const Outline outline = outline_of(datagram, early);
  if (state_ == State::kNew) {
    if (role_ == Role::kClient || !outline.client_hello) return;
    begin(now);
  }
  now_ = now;

  bool repeat = false;
  if (state_ == State::kHandshaking) {
    const bool flight_waits = !resend_at_.is_never();
    if (role_ == Role::kServer && !flight_waits && !outline.client_hello) return;
    encrypted_records_ += outline.encrypted_records;
    repeat = flight_waits && outline.first_message >= 0 && outline.first_message <= answered_;
    last_message_ = std::max(last_message_, outline.last_message);
  }
  incoming_ = datagram.first(outline.length);
  step();
  incoming_ = {};
  if (repeat && !resend_at_.is_never() && now >= last_sent_ + kMinResend) resend_flight();
}

Instant Dtls::next_timeout() const {
  if (state_ != State::kHandshaking) return Instant::never();
  return std::min(resend_at_, give_up_at_);
}

void Dtls::handle_timeout(Instant now) {
  if (state_ != State::kHandshaking) return;
  now_ = now;
  if (now >= give_up_at_) return fail("no answer");
  if (now < resend_at_) return;
  resend_interval_ = std::min(resend_interval_ * 2, kLastResend);
  resend_flight();
}

void Dtls::step() {
  ERR_clear_error();  // errors of anybody else on this thread would be taken for ours
  if (state_ == State::kConnected) SSL_alloc_buffers(ssl_.get());
  if (state_ == State::kHandshaking) handshake();
  if (state_ == State::kConnected) read_records();
  // Two buffers of 17 kB each, for the few datagrams of an association that lasts for hours.
  if (state_ == State::kConnected) SSL_free_buffers(ssl_.get());
}

void Dtls::handshake() {
  const int result = SSL_do_handshake(ssl_.get());
  writing_copy_ = 0;
  if (result == 1) return handshake_done();
  if (SSL_get_error(ssl_.get(), result) != SSL_ERROR_WANT_READ) openssl_failed();
}

void Dtls::handshake_done() {
  // Both are OpenSSL's duty already; without them there is no peer, only somebody.
  if (!certificate_matched_) return fail("no certificate");
  const SRTP_PROTECTION_PROFILE* profile = SSL_get_selected_srtp_profile(ssl_.get());
  if (profile == nullptr) return fail("no common SRTP profile");
  srtp_profile_ = static_cast<uint16_t>(profile->id);
  state_ = State::kConnected;
  forget_flight();
}

void Dtls::read_records() {
  uint8_t ignored[256];  // data channels are not ours
  int result;
  do {
    result = SSL_read(ssl_.get(), ignored, sizeof ignored);
  } while (result > 0);
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return;
    case SSL_ERROR_ZERO_RETURN:
      return end(State::kClosed);
    default:
      return openssl_failed();
  }
}

void Dtls::openssl_failed() {
  const char* reason = ERR_reason_error_string(ERR_peek_last_error());
  // A ClientHello that we could not read: an SSL object that has failed stays so, and the peer's
  // good one may be next.
  const bool fresh = state_ == State::kHandshaking && role_ == Role::kServer &&
                     resend_at_.is_never() && ++fresh_starts_ <= kMaxFreshStarts;
  if (fresh && make_ssl()) {
    // Its alert would end the peer's handshake, if the message was not the peer's.
    outgoing_ = {};
    polled_ = polled_bytes_ = 0;
    last_message_ = answered_ = -1;
    return;
  }
  fail(reason != nullptr ? reason : "OpenSSL failed");
}

void Dtls::fail(std::string reason) {
  failure_ = std::move(reason);
  srtp_profile_.reset();
  end(State::kFailed);
}

void Dtls::end(State state) {
  state_ = state;
  forget_flight();
  ssl_.reset();
  records_.reset();
}

void Dtls::settle() {
  if (state_ != State::kConnected || records_) return;
  ERR_clear_error();
  records_ = DtlsRecords::take_over(ssl_.get(), role_ == Role::kClient);
  if (records_) ssl_.reset();
}

void Dtls::close() {
  if (records_) {
    std::array<uint8_t, DtlsRecords::kCloseSize> goodbye;
    queue(Bytes(goodbye).first(records_->write_close(goodbye)));
  } else if (state_ == State::kConnected) {
    ERR_clear_error();
    SSL_alloc_buffers(ssl_.get());
    SSL_shutdown(ssl_.get());
  }
  if (state_ != State::kFailed) end(State::kClosed);
}

std::vector<uint8_t> Dtls::srtp_keying_material() const {
  if (state_ != State::kConnected || !ssl_) return {};
  // Twice a key of 16 bytes and a salt of 14 (RFC 5764) or 12 (RFC 7714, section 12.3).
  std::vector<uint8_t> keys(srtp_profile_ == kSrtpAeadAes128Gcm ? 56 : 60);
  ERR_clear_error();
  if (SSL_export_keying_material(ssl_.get(), keys.data(), keys.size(), kExporterLabel,
                                 sizeof kExporterLabel - 1, nullptr, 0, 0) != 1)
    return {};
  return keys;
}

Dtls::Outline Dtls::outline_of(Bytes datagram, int max_encrypted) {
  Outline outline;
  outline.length = datagram.size();
  ByteReader in(datagram);
  for (bool first = true; in.remaining() >= kRecordHeader; first = false) {
    const size_t begin = in.position();
    const uint8_t type = in.u8();
    in.skip(2);  // version
    const uint16_t epoch = in.u16();
    in.skip(6);  // sequence number
    ByteReader record(in.bytes(in.u16()));
    if (!in.ok()) break;
    if (epoch != 0 && ++outline.encrypted_records > max_encrypted) {
      --outline.encrypted_records;
      outline.length = begin;
      break;
    }
    if (epoch != 0 || type != kHandshake || record.remaining() < kHandshakeHeader) continue;
    const bool client_hello = record.u8() == kClientHello;
    record.skip(3);  // length
    const int message = record.u16();
    if (first) outline.client_hello = client_hello;
    if (outline.first_message < 0) outline.first_message = message;
    outline.last_message = std::max(outline.last_message, message);
  }
  return outline;
}

}  // namespace loopcast::rtc
