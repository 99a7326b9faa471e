// What is left of a DTLS 1.2 association (RFC 6347) once its handshake is over and its keys are
// exported: the encrypted records of epoch 1, of which only alerts mean something to us. Some
// hundred bytes instead of OpenSSL's 41 kB.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "base/bytes.h"

struct ssl_st;

namespace loopcast::rtc {

// Keys are wiped when destroyed.
class DtlsRecords {
 public:
  enum class Alert : uint8_t {
    kNone,   // nothing of the peer's, or nothing that matters
    kClose,  // close_notify
    kFatal,
  };
  // A record with one alert.
  static constexpr size_t kCloseSize = 13 + 8 + 2 + 16;

  // Of a connected association; nullptr if its cipher suite is not one of AES-GCM (RFC 5288).
  static std::unique_ptr<DtlsRecords> take_over(ssl_st* ssl, bool client);
  ~DtlsRecords();
  DtlsRecords(const DtlsRecords&) = delete;

  // The first alert among the records of `datagram` that authenticates.
  Alert read(Bytes datagram) const;
  // Writes a record with close_notify; returns kCloseSize, or 0 if there is no room.
  size_t write_close(MutableBytes out);

 private:
  struct Key {
    std::array<uint8_t, 32> key{};
    std::array<uint8_t, 4> salt{};
  };

  DtlsRecords() = default;

  size_t key_size_ = 16;
  Key ours_, theirs_;
  // Far above the few records that OpenSSL has sent, so that no number is used twice.
  uint64_t sequence_ = uint64_t{1} << 40;
};

}  // namespace loopcast::rtc
