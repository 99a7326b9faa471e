#include "wire/h264_parameter_sets.h"

#include <algorithm>
#include <optional>

#include "wire/text.h"

namespace loopcast::wire {
namespace {

// NAL unit types (ITU-T H.264, table 7-1; RFC 6184, table 1).
constexpr uint8_t kSps = 7;
constexpr uint8_t kPps = 8;
constexpr uint8_t kStapA = 24;
uint8_t type_of(uint8_t header) { return header & 0x1F; }

// The header, profile, constraints and level stand before the identifier of a sequence.
constexpr size_t kBeforeSequenceId = 4;
constexpr size_t kBeforePictureId = 1;

// Exp-Golomb coded (ITU-T H.264, section 9.1); nullopt if it is longer than an identifier can be.
std::optional<uint32_t> read_identifier(Bytes data) {
  const auto bit = [&](size_t at) { return (data[at / 8] >> (7 - at % 8)) & 1u; };
  const size_t bits = data.size() * 8;
  size_t zeros = 0;
  while (zeros < bits && bit(zeros) == 0) ++zeros;
  constexpr size_t kMostZeros = 8;  // 255, the largest identifier of a picture
  if (zeros > kMostZeros || 2 * zeros + 1 > bits) return std::nullopt;
  uint32_t value = 0;
  for (size_t i = zeros; i <= 2 * zeros; ++i) value = value << 1 | bit(i);
  return value - 1;
}

int base64_digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  return c == '/' ? 63 : -1;
}

// RFC 4648, section 4; empty if it is malformed.
std::vector<uint8_t> decode_base64(std::string_view text) {
  while (text.ends_with('=')) text.remove_suffix(1);
  std::vector<uint8_t> bytes;
  uint32_t value = 0;
  unsigned bits = 0;
  for (const char c : text) {
    const int digit = base64_digit(c);
    if (digit < 0) return {};
    value = value << 6 | static_cast<uint32_t>(digit);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push_back(static_cast<uint8_t>(value >> bits));
  }
  return bytes;
}

}  // namespace

void H264ParameterSets::take_offered(std::string_view sprop) {
  while (!sprop.empty()) take_unit(decode_base64(trim(take_until(sprop, ','))));
}

H264ParameterSets::Kinds H264ParameterSets::take(Bytes payload) {
  if (payload.empty() || type_of(payload[0]) != kStapA) return take_unit(payload);
  Kinds kinds;
  ByteReader r(payload.subspan(1));
  while (r.remaining() > 0) {
    const Bytes unit = r.bytes(r.u16());
    if (!r.ok()) break;
    kinds |= take_unit(unit);
  }
  return kinds;
}

H264ParameterSets::Kinds H264ParameterSets::take_unit(Bytes unit) {
  if (unit.empty()) return {};
  const uint8_t type = type_of(unit[0]);
  if (type != kSps && type != kPps) return {};
  const Kinds kinds{type == kSps, type == kPps};
  const size_t before = type == kSps ? kBeforeSequenceId : kBeforePictureId;
  if (unit.size() > kMaxSize || unit.size() <= before) return kinds;
  const auto id = read_identifier(unit.subspan(before));
  if (id) keep(type == kSps ? sequence_ : picture_, *id, unit);
  return kinds;
}

void H264ParameterSets::keep(std::vector<Set>& sets, uint32_t id, Bytes unit) {
  const auto same = std::ranges::find(sets, id, &Set::id);
  if (same != sets.end()) {
    if (!std::ranges::equal(same->unit, unit)) same->unit.assign(unit.begin(), unit.end());
  } else if (sets.size() < kMaxSets) {
    sets.push_back({id, {unit.begin(), unit.end()}});
  }
}

std::vector<Bytes> H264ParameterSets::units() const {
  std::vector<Bytes> units;
  for (const std::vector<Set>* sets : {&sequence_, &picture_})
    for (const Set& set : *sets) units.emplace_back(set.unit);
  return units;
}

}  // namespace loopcast::wire
