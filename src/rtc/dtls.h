// One DTLS 1.2 association (RFC 6347) that agrees on the keys of SRTP (RFC 5764), by OpenSSL. No
// socket and no clock: datagrams and time come in, datagrams are polled out.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "rtc/dtls_identity.h"
#include "rtc/dtls_records.h"

struct bio_st;
struct ssl_st;
struct x509_store_ctx_st;

namespace loopcast::rtc {

// The digest of the peer's certificate, as its session description gave it (RFC 8122, section 5).
struct DtlsFingerprint {
  std::string
      algorithm;  // "sha-256", "sha-384" or "sha-512", in any case; nothing else is accepted
  std::vector<uint8_t> digest;
  // Further ones by the same algorithm: the certificate has any of them.
  std::vector<std::vector<uint8_t>> others = {};
};

// SRTP protection profiles, by their number in RFC 5764 section 4.1.2 and RFC 7714 section 14.2.
inline constexpr uint16_t kSrtpAes128CmSha1_80 = 0x0001;
inline constexpr uint16_t kSrtpAeadAes128Gcm = 0x0007;

class Dtls {
 public:
  enum class Role : uint8_t { kServer, kClient };
  enum class State : uint8_t {
    kNew,          // server: no ClientHello yet; client: not started
    kHandshaking,  //
    kConnected,    // the peer is the one of the fingerprint, and there are keys
    kClosed,       // closed by either side
    kFailed,       // for good: wrong certificate, no common parameters, given up
  };

  // The largest datagram that we make. ICE candidates of the Internet carry 1280 bytes of IPv6.
  static constexpr size_t kMtu = 1200;
  // From start() to kFailed if the handshake is not through.
  static constexpr Duration kHandshakeTimeout = Duration::seconds(30);
  // Before an unanswered flight is sent again, doubling up to the limit. RFC 6347 section 4.2.4.1
  // says one second, for strangers on the Internet; here somebody waits for a picture on a path
  // that an ICE check has just proven, and a needless repeat costs one kilobyte.
  static constexpr Duration kFirstResend = Duration::millis(50);
  static constexpr Duration kLastResend = Duration::millis(400);
  // Different copies of one flight that are made in advance (see dtls.cc), used in turn.
  static constexpr int kFlightCopies = 6;
  // Bytes that wait for poll_transmit(); more are dropped, as a full network would. A flight is
  // below 2 kB.
  static constexpr size_t kMaxQueuedBytes = 16 * 1024;
  // A peer that repeats its last flight has not got ours, which then goes at once, but at most this
  // often.
  static constexpr Duration kMinResend = Duration::millis(25);
  // Records of the next epoch that OpenSSL may put aside, in 17 kB each, until it has the keys. A
  // peer sends one (Finished) and repeats it.
  static constexpr int kMaxEarlyRecords = 8;
  // Bad ClientHellos that a server forgets by a new SSL object before it gives the peer up.
  static constexpr int kMaxFreshStarts = 16;

  // `identity` must outlive this. `mtu` (256 to kMtu) bounds the datagrams that we make.
  Dtls(const DtlsIdentity& identity, Role role, DtlsFingerprint expected, size_t mtu = kMtu);
  ~Dtls();
  Dtls(const Dtls&) = delete;
  Dtls& operator=(const Dtls&) = delete;

  // Client: makes the ClientHello. Both: the time to give up runs from here. A server that was not
  // started starts with the first ClientHello.
  void start(Instant now);
  // One datagram whose first byte is 20 to 63 (RFC 7983), from an address that ICE validated:
  // OpenSSL can be made to fail by anybody who may feed it. Garbage is ignored.
  void handle_datagram(Instant now, Bytes datagram);
  // Copies the next datagram to send into `out` and returns its size; 0: none. `out` has room for
  // kMtu bytes; what does not fit is dropped.
  size_t poll_transmit(MutableBytes out);
  // When handle_timeout() is due; never after the handshake.
  Instant next_timeout() const;
  void handle_timeout(Instant now);
  State state() const { return state_; }

  // Set from kConnected on: one of the two numbers above.
  std::optional<uint16_t> srtp_profile() const { return srtp_profile_; }
  // Before settle(): the exported keying material (RFC 5764 section 4.2): client key, server key,
  // client salt, server salt; 60 bytes for AES-CM, 56 for AES-GCM. Empty before kConnected.
  std::vector<uint8_t> srtp_keying_material() const;

  // The peer has used the keys, so that its handshake is over as well and nothing of ours will have
  // to be repeated: gives OpenSSL's memory back. From then on alerts alone are understood. Without
  // effect unless connected.
  void settle();
  bool settled() const { return records_ != nullptr; }

  // Tells the peer (close_notify) if it is connected, and ends.
  void close();

  // Why it failed, for logs: OpenSSL's words or ours. Empty unless kFailed.
  const std::string& failure() const { return failure_; }

 private:
  friend class DtlsIdentity;  // installs the callbacks below

  // Datagrams end to end in one allocation.
  struct DatagramList {
    std::vector<uint8_t> bytes;
    std::vector<uint16_t> sizes;
    void append(Bytes datagram);
    bool empty() const { return sizes.empty(); }
  };
  struct FreeSsl {
    void operator()(ssl_st* ssl) const;
  };
  // What the records of a datagram say of themselves, before OpenSSL sees them.
  struct Outline {
    size_t length = 0;          // up to the first encrypted record too many
    bool client_hello = false;  // begins with (a fragment of) one
    int first_message = -1;     // message_seq of the first handshake record of epoch 0; -1: none
    int last_message = -1;      // the highest
    int encrypted_records = 0;  // of a later epoch
  };

  static int bio_create(bio_st* bio);
  static int bio_read(bio_st* bio, char* out, int size);
  static int bio_write(bio_st* bio, const char* data, int size);
  static long bio_control(bio_st* bio, int command, long number, void* pointer);
  static unsigned resend_timer(ssl_st* ssl, unsigned previous_us);
  static int verify_certificate(x509_store_ctx_st* store, void*);
  static Outline outline_of(Bytes datagram, int max_encrypted);

  void begin(Instant now);
  bool make_ssl();
  void step();
  void handshake();
  void handshake_done();
  void read_records();
  void openssl_failed();
  void fail(std::string reason);
  void end(State state);
  void begin_flight();
  void resend_flight();
  void forget_flight();
  void queue(Bytes datagram);

  const DtlsIdentity& identity_;
  const Role role_;
  const DtlsFingerprint expected_;
  const size_t mtu_;
  State state_ = State::kNew;
  bool certificate_matched_ = false;
  std::optional<uint16_t> srtp_profile_;
  std::string failure_;
  std::unique_ptr<ssl_st, FreeSsl> ssl_;  // none once settled
  std::unique_ptr<DtlsRecords> records_;  // instead

  Instant now_;     // of the call being handled
  Bytes incoming_;  // what bio_read() hands to OpenSSL
  DatagramList outgoing_;
  size_t polled_ = 0, polled_bytes_ = 0;  // of outgoing_

  // The flight that waits for an answer: as it was sent, and copies. Empty if none waits.
  std::array<DatagramList, 1 + kFlightCopies> flight_;
  size_t writing_copy_ = 0;  // the element of flight_ that OpenSSL is writing
  size_t next_copy_ = 0;
  Instant last_sent_;
  Duration resend_interval_;
  Instant resend_at_ = Instant::never();
  Instant give_up_at_ = Instant::never();

  int last_message_ = -1;      // highest message_seq that the peer sent
  int answered_ = -1;          // the same when the flight began
  int encrypted_records_ = 0;  // since the flight began
  int fresh_starts_ = 0;
};

}  // namespace loopcast::rtc
