// HMAC-SHA1 (RFC 2104) of a message in pieces.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "base/bytes.h"

namespace loopcast::wire {

constexpr size_t kSha1Size = 20;

std::array<uint8_t, kSha1Size> hmac_sha1(Bytes key, std::initializer_list<Bytes> pieces);

}  // namespace loopcast::wire
