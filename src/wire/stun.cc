#include "wire/stun.h"

#include "base/secret.h"
#include "wire/hmac_sha1.h"

namespace loopcast::wire {
namespace {

constexpr uint32_t kMagicCookie = 0x2112A442;
constexpr uint32_t kFingerprintXor = 0x5354554E;  // RFC 8489, section 14.7
constexpr size_t kAttributeHeaderSize = 4;
constexpr size_t kFingerprintSize = 4;
constexpr size_t kMaxTextSize = 763;  // 128 characters, RFC 8489, sections 14.8 and 14.14

// RFC 8489, section 18.3; RFC 8445, section 20.2.
enum Attribute : uint16_t {
  kMappedAddress = 0x0001,
  kUsername = 0x0006,
  kMessageIntegrity = 0x0008,
  kErrorCode = 0x0009,
  kUnknownAttributes = 0x000A,
  kRealm = 0x0014,
  kNonce = 0x0015,
  kMessageIntegritySha256 = 0x001C,
  kXorMappedAddress = 0x0020,
  kPriority = 0x0024,
  kUseCandidate = 0x0025,
  kFirstOptional = 0x8000,
  kSoftware = 0x8022,
  kFingerprint = 0x8028,
  kIceControlled = 0x8029,
  kIceControlling = 0x802A,
};

constexpr uint8_t kFamilyV4 = 1;
constexpr uint8_t kFamilyV6 = 2;

constexpr auto kCrcTable = [] {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < table.size(); ++i) {
    uint32_t c = i;
    for (int bit = 0; bit < 8; ++bit) c = (c & 1) != 0 ? 0xEDB8'8320 ^ (c >> 1) : c >> 1;
    table[i] = c;
  }
  return table;
}();

// CRC-32 of ITU V.42, as in Ethernet.
uint32_t crc32(Bytes data) {
  uint32_t crc = 0xFFFF'FFFF;
  for (const uint8_t byte : data) crc = kCrcTable[(crc ^ byte) & 0xFF] ^ (crc >> 8);
  return ~crc;
}

constexpr size_t padded(size_t size) { return (size + 3) / 4 * 4; }

// RFC 8489, section 5: the two bits of the class lie between the bits of the method.
StunClass class_of(uint16_t type) {
  return static_cast<StunClass>((type >> 7 & 2) | (type >> 4 & 1));
}
uint16_t method_of(uint16_t type) {
  return static_cast<uint16_t>((type & 0x000F) | (type >> 1 & 0x0070) | (type >> 2 & 0x0F80));
}
uint16_t type_of(StunClass cls, uint16_t method) {
  const auto c = static_cast<unsigned>(cls);
  return static_cast<uint16_t>((method & 0x000F) | (method & 0x0070) << 1 | (method & 0x0F80) << 2 |
                               (c & 1) << 4 | (c & 2) << 7);
}

// The mask of XOR-MAPPED-ADDRESS: the magic cookie and the transaction.
std::array<uint8_t, 16> address_mask(const TransactionId& transaction) {
  std::array<uint8_t, 16> mask;
  store_u32(mask.data(), kMagicCookie);
  std::memcpy(&mask[4], transaction.data(), transaction.size());
  return mask;
}

std::optional<SocketAddress> parse_xor_address(Bytes value, const TransactionId& transaction) {
  if (value.size() < 4) return std::nullopt;
  const uint8_t family = value[1];
  const Bytes address = value.subspan(4);
  if (address.size() != (family == kFamilyV4 ? 4u : 16u)) return std::nullopt;
  if (family != kFamilyV4 && family != kFamilyV6) return std::nullopt;

  std::array<uint8_t, 16> octets = address_mask(transaction);
  for (size_t i = 0; i < address.size(); ++i) octets[i] ^= address[i];
  SocketAddress result;
  result.port = static_cast<uint16_t>(load_u16(&value[2]) ^ (kMagicCookie >> 16));
  result.ip = family == kFamilyV4 ? IpAddress::v4(octets[0], octets[1], octets[2], octets[3])
                                  : IpAddress::v6(octets);
  return result;
}

std::optional<uint16_t> parse_error_code(Bytes value) {
  if (value.size() < 4) return std::nullopt;
  const int hundreds = value[2] & 7;
  if (hundreds < 3 || hundreds > 6 || value[3] > 99) return std::nullopt;
  return static_cast<uint16_t>(hundreds * 100 + value[3]);
}

// Sets `field`, unless an earlier attribute has. False if the value has a wrong size.
bool take(std::optional<uint32_t>& field, Bytes value) {
  if (value.size() != 4) return false;
  if (!field) field = load_u32(value.data());
  return true;
}
bool take(std::optional<uint64_t>& field, Bytes value) {
  if (value.size() != 8) return false;
  if (!field) field = load_u64(value.data());
  return true;
}

// Takes one attribute that stands before MESSAGE-INTEGRITY. False if it is malformed.
bool take_attribute(StunMessage& message, uint16_t type, Bytes value) {
  switch (type) {
    case kUsername:
      if (value.size() > kStunMaxUsername) return false;
      if (message.username.empty()) message.username = as_text(value);
      return true;
    case kUseCandidate:
      message.use_candidate = true;
      return value.empty();
    case kPriority:
      return take(message.priority, value);
    case kIceControlling:
      return take(message.ice_controlling, value);
    case kIceControlled:
      return take(message.ice_controlled, value);
    case kXorMappedAddress: {
      const auto address = parse_xor_address(value, message.transaction);
      if (!message.xor_mapped_address) message.xor_mapped_address = address;
      return address.has_value();
    }
    case kErrorCode: {
      const auto code = parse_error_code(value);
      if (!message.error_code) message.error_code = code;
      return code.has_value();
    }
    case kMappedAddress:
    case kUnknownAttributes:
    case kRealm:
    case kNonce:
    case kMessageIntegritySha256:
      return true;  // known, and of no use here
    default:
      if (type < kFirstOptional && message.unknown_count < kStunMaxUnknown)
        message.unknown_types[message.unknown_count++] = type;
      return true;
  }
}

// HMAC-SHA1 of the message up to the attribute at `offset`, with a length in the header as if that
// attribute, MESSAGE-INTEGRITY, were the last one (RFC 8489, section 14.5).
std::array<uint8_t, kSha1Size> integrity(Bytes message, size_t offset, std::string_view password) {
  std::array<uint8_t, 2> length;
  store_u16(length.data(),
            static_cast<uint16_t>(offset + kAttributeHeaderSize + kSha1Size - kStunHeaderSize));
  return hmac_sha1(as_bytes(password), {message.first(2), length, message.subspan(4, offset - 4)});
}

}  // namespace

std::optional<StunMessage> StunMessage::parse(Bytes datagram) {
  if (datagram.size() < kStunHeaderSize) return std::nullopt;
  ByteReader r(datagram);
  const uint16_t type = r.u16();
  const size_t length = r.u16();
  if (type >> 14 != 0 || r.u32() != kMagicCookie || length % 4 != 0 ||
      length != datagram.size() - kStunHeaderSize)
    return std::nullopt;
  StunMessage message;
  message.raw = datagram;
  message.cls = class_of(type);
  message.method = method_of(type);
  std::memcpy(message.transaction.data(), r.bytes(message.transaction.size()).data(),
              message.transaction.size());

  while (r.remaining() > 0) {
    const size_t offset = r.position();
    const uint16_t attribute = r.u16();
    const size_t size = r.u16();
    const Bytes value = r.bytes(size);
    r.skip(padded(size) - size);
    if (!r.ok() || message.has_fingerprint) return std::nullopt;
    if (attribute == kFingerprint) {
      if (size != kFingerprintSize) return std::nullopt;
      message.has_fingerprint = true;
      message.fingerprint_ok =
          load_u32(value.data()) == (crc32(datagram.first(offset)) ^ kFingerprintXor);
    } else if (message.has_integrity) {
      continue;
    } else if (attribute == kMessageIntegrity) {
      if (size != kSha1Size) return std::nullopt;
      message.has_integrity = true;
      message.integrity_offset = offset;
    } else if (!take_attribute(message, attribute, value)) {
      return std::nullopt;
    }
  }
  return message;
}

bool StunMessage::check_integrity(std::string_view password) const {
  if (!has_integrity || password.empty()) return false;
  return equal_secret(integrity(raw, integrity_offset, password),
                      raw.subspan(integrity_offset + kAttributeHeaderSize, kSha1Size));
}

StunWriter::StunWriter(MutableBytes out, StunClass cls, uint16_t method,
                       const TransactionId& transaction)
    : out_(out), w_(out), transaction_(transaction) {
  w_.u16(type_of(cls, method));
  w_.u16(0);
  w_.u32(kMagicCookie);
  w_.bytes(transaction);
}

void StunWriter::attribute(uint16_t type, Bytes value) {
  w_.u16(type);
  w_.u16(static_cast<uint16_t>(value.size()));
  w_.bytes(value);
  w_.zeros(padded(value.size()) - value.size());
}

void StunWriter::username(std::string_view name) {
  ok_ = ok_ && name.size() <= kStunMaxUsername;
  if (ok_) attribute(kUsername, as_bytes(name));
}

void StunWriter::software(std::string_view name) {
  ok_ = ok_ && name.size() <= kMaxTextSize;
  if (ok_) attribute(kSoftware, as_bytes(name));
}

void StunWriter::xor_mapped_address(const SocketAddress& address) {
  const size_t size = address.ip.is_v4() ? 4 : 16;
  std::array<uint8_t, 20> value{};
  value[1] = address.ip.is_v4() ? kFamilyV4 : kFamilyV6;
  store_u16(&value[2], static_cast<uint16_t>(address.port ^ (kMagicCookie >> 16)));
  const auto mask = address_mask(transaction_);
  for (size_t i = 0; i < size; ++i) value[4 + i] = address.ip.octets[i] ^ mask[i];
  attribute(kXorMappedAddress, Bytes(value).first(4 + size));
}

void StunWriter::priority(uint32_t priority) {
  std::array<uint8_t, 4> value;
  store_u32(value.data(), priority);
  attribute(kPriority, value);
}

void StunWriter::ice_controlled(uint64_t tiebreaker) {
  std::array<uint8_t, 8> value;
  store_u64(value.data(), tiebreaker);
  attribute(kIceControlled, value);
}

void StunWriter::ice_controlling(uint64_t tiebreaker) {
  std::array<uint8_t, 8> value;
  store_u64(value.data(), tiebreaker);
  attribute(kIceControlling, value);
}

void StunWriter::use_candidate() { attribute(kUseCandidate, {}); }

void StunWriter::error(uint16_t code, std::string_view reason) {
  ok_ = ok_ && code >= 300 && code <= 699 && reason.size() <= kMaxTextSize;
  if (!ok_) return;
  const size_t size = 4 + reason.size();
  w_.u16(kErrorCode);
  w_.u16(static_cast<uint16_t>(size));
  w_.u16(0);
  w_.u8(static_cast<uint8_t>(code / 100));
  w_.u8(static_cast<uint8_t>(code % 100));
  w_.bytes(as_bytes(reason));
  w_.zeros(padded(size) - size);
}

void StunWriter::unknown_attributes(std::span<const uint16_t> types) {
  const size_t size = types.size() * 2;
  ok_ = ok_ && size <= 0xFFFF;
  if (!ok_) return;
  w_.u16(kUnknownAttributes);
  w_.u16(static_cast<uint16_t>(size));
  for (const uint16_t type : types) w_.u16(type);
  w_.zeros(padded(size) - size);
}

void StunWriter::set_length(size_t size) { store_u16(&out_[2], static_cast<uint16_t>(size)); }

size_t StunWriter::finish(std::string_view password) {
  constexpr size_t kFingerprintAttribute = kAttributeHeaderSize + kFingerprintSize;
  if (!ok_ || !w_.ok()) return 0;
  if (!password.empty()) attribute(kMessageIntegrity, integrity(out_, w_.position(), password));
  if (!w_.ok() || w_.remaining() < kFingerprintAttribute) return 0;
  const size_t size = w_.position() + kFingerprintAttribute;
  if (size - kStunHeaderSize > 0xFFFF) return 0;
  set_length(size - kStunHeaderSize);  // before the checksum, which covers it
  w_.u16(kFingerprint);
  w_.u16(kFingerprintSize);
  w_.u32(crc32(out_.first(w_.position() - kAttributeHeaderSize)) ^ kFingerprintXor);
  return w_.ok() ? size : 0;
}

}  // namespace loopcast::wire
