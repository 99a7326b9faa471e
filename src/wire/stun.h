// STUN messages (RFC 8489) with the attributes of ICE (RFC 8445, section 7.1) and the short-term
// credential mechanism with MESSAGE-INTEGRITY.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/address.h"
#include "base/bytes.h"

namespace loopcast::wire {

using TransactionId = std::array<uint8_t, 12>;

enum class StunClass : uint8_t { kRequest, kIndication, kSuccess, kError };

constexpr uint16_t kStunBinding = 1;
constexpr size_t kStunHeaderSize = 20;
// RFC 8489, section 14.3: a USERNAME is less than 509 bytes.
constexpr size_t kStunMaxUsername = 508;
// What is remembered of unknown attributes, to answer with error 420: one that sends more knows
// enough from these.
constexpr size_t kStunMaxUnknown = 8;

// Error codes (RFC 8489, section 14.8; RFC 8445, section 7.3.1.1).
constexpr uint16_t kStunBadRequest = 400;
constexpr uint16_t kStunUnauthenticated = 401;
constexpr uint16_t kStunUnknownAttribute = 420;
constexpr uint16_t kStunRoleConflict = 487;

// A view into the caller's bytes. Of an attribute that comes twice the first counts; attributes
// behind MESSAGE-INTEGRITY are ignored but for FINGERPRINT (RFC 8489, sections 14 and 14.5).
struct StunMessage {
  StunClass cls = StunClass::kRequest;
  uint16_t method = 0;
  TransactionId transaction{};
  std::string_view username;
  bool use_candidate = false;
  std::optional<uint32_t> priority;
  std::optional<uint64_t> ice_controlling;  // the tiebreaker
  std::optional<uint64_t> ice_controlled;   // the tiebreaker
  std::optional<SocketAddress> xor_mapped_address;
  std::optional<uint16_t> error_code;  // 300 to 699
  bool has_integrity = false;          // nothing is proved before check_integrity()
  bool has_fingerprint = false;
  bool fingerprint_ok = true;  // absent or right

  // Comprehension-required attributes that this parser does not know, the first ones.
  std::array<uint16_t, kStunMaxUnknown> unknown_types{};
  size_t unknown_count = 0;
  std::span<const uint16_t> unknown() const { return {unknown_types.data(), unknown_count}; }

  // A whole datagram. nullopt if it is not STUN, its lengths do not add up, a known attribute has a
  // wrong size, or anything follows FINGERPRINT.
  static std::optional<StunMessage> parse(Bytes datagram);

  // Whether MESSAGE-INTEGRITY is there and made with this password, compared in constant time. An
  // empty password proves nothing: false.
  bool check_integrity(std::string_view password) const;

  Bytes raw;                    // the datagram
  size_t integrity_offset = 0;  // of the MESSAGE-INTEGRITY attribute in it
};

// Writes a message attribute by attribute into the caller's buffer. What does not fit, or is longer
// than its attribute allows, makes finish() return 0.
class StunWriter {
 public:
  StunWriter(MutableBytes out, StunClass cls, uint16_t method, const TransactionId& transaction);

  void username(std::string_view name);  // at most kStunMaxUsername bytes
  void software(std::string_view name);  // at most 763 bytes
  void xor_mapped_address(const SocketAddress& address);
  void priority(uint32_t priority);
  void ice_controlled(uint64_t tiebreaker);
  void ice_controlling(uint64_t tiebreaker);
  void use_candidate();
  void error(uint16_t code, std::string_view reason);  // 300 to 699, at most 763 bytes
  void unknown_attributes(std::span<const uint16_t> types);

  // Adds MESSAGE-INTEGRITY, unless the password is empty, and FINGERPRINT. The size of the message,
  // or 0.
  size_t finish(std::string_view password);

 private:
  void attribute(uint16_t type, Bytes value);
  // The length field of the header counts `size` bytes of attributes.
  void set_length(size_t size);

  MutableBytes out_;
  ByteWriter w_;
  TransactionId transaction_;
  bool ok_ = true;
};

}  // namespace loopcast::wire
