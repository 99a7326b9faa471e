// The cryptographic library that SRTP uses, chosen once at start and handed to whoever needs it.
#pragma once

#include <array>
#include <cstddef>
#include <memory>

#include "rtc/srtp_keys.h"

namespace loopcast::rtc {

enum class SrtpBackend { kIpsecMb, kOpenSsl };
enum class SrtpDirection { kSeal, kOpen };
class SrtpCipher;  // a session key made ready for use: rtc/srtp_cipher.h

// What the library needs for one thread. Outlives every SrtpSender and SrtpReceiver made with it;
// they are all used in its thread.
class SrtpCrypto {
 public:
  // nullptr if the processor or the build does not have it.
  static std::unique_ptr<SrtpCrypto> make(SrtpBackend);
  // The fastest there is. nullptr only if OpenSSL itself lacks AES.
  static std::unique_ptr<SrtpCrypto> make_best();

  virtual ~SrtpCrypto();
  SrtpCrypto(const SrtpCrypto&) = delete;
  SrtpCrypto& operator=(const SrtpCrypto&) = delete;

  // For the log: the library and its instruction set, such as "ipsec-mb AVX2".
  virtual const char* name() const = 0;

  // For SrtpSender and SrtpReceiver: a cipher that still needs a key. Throws std::bad_alloc when
  // out of memory.
  virtual std::unique_ptr<SrtpCipher> make_cipher(SrtpProfile, SrtpDirection) = 0;
  // The thread's shared cipher with `key` set, good until the next call. An expanded GCM key takes
  // 1 kB, RTCP is a few packets per second and peer, and expanding takes a fraction of a
  // microsecond: so RTCP keys are expanded for each packet instead of being kept. nullptr if the
  // library fails.
  SrtpCipher* keyed(SrtpProfile, SrtpDirection, const SrtpSessionKey& key);

  // Between begin and end SrtpSender::protect_rtp() of several packets may put its work off, so
  // that packets of many senders go through the library together: for AES-CM with ipsec-mb, whose
  // hash is twice as fast with many. All others do it at once. Until complete_burst() or
  // end_burst() what was protected must not leave, and it, its payload and its sender stay where
  // they are. rtc/srtp_burst.h sees to it.
  virtual void begin_burst() {}
  virtual void complete_burst() {}
  // How many packets could not be protected after all: they have been wiped. 0 without a begin.
  virtual size_t end_burst() { return 0; }

 protected:
  SrtpCrypto();

 private:
  std::array<std::unique_ptr<SrtpCipher>, 4> shared_;  // two profiles in two directions
};

}  // namespace loopcast::rtc
