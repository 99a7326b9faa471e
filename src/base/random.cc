#include "base/random.h"

#include <algorithm>

#include <sodium/crypto_stream_chacha20.h>

namespace loopcast {
namespace {

constexpr char kUrlSafe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr char kIceChars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string draw(Random& random, size_t length, const char (&alphabet)[65]) {
  std::string text(length, '\0');
  random.fill({reinterpret_cast<uint8_t*>(text.data()), text.size()});
  for (char& c : text) c = alphabet[static_cast<uint8_t>(c) & 63];
  return text;
}

}  // namespace

Random Random::from_number(uint64_t number) {
  Seed seed{};
  store_u64(seed.data(), number);
  return Random(seed);
}

void Random::refill() {
  uint8_t nonce[crypto_stream_chacha20_NONCEBYTES] = {};
  store_u64(nonce, block_++);
  crypto_stream_chacha20(buffer_.data(), buffer_.size(), nonce, seed_.data());
  used_ = 0;
}

void Random::fill(MutableBytes out) {
  while (!out.empty()) {
    if (used_ == buffer_.size()) refill();
    const size_t n = std::min(out.size(), buffer_.size() - used_);
    std::memcpy(out.data(), buffer_.data() + used_, n);
    // What was handed out is forgotten, so that a later read of memory does not give it away.
    std::memset(buffer_.data() + used_, 0, n);
    used_ += n;
    out = out.subspan(n);
  }
}

uint32_t Random::u32() { return static_cast<uint32_t>(u64()); }

uint64_t Random::u64() {
  uint8_t raw[8];
  fill(raw);
  return load_u64(raw);
}

uint32_t Random::below(uint32_t bound) {
  return static_cast<uint32_t>((uint64_t{u32()} * bound) >> 32);
}

double Random::unit() { return static_cast<double>(u64() >> 11) * 0x1.0p-53; }

std::string Random::token(size_t length) { return draw(*this, length, kUrlSafe); }

std::string Random::ice_token(size_t length) { return draw(*this, length, kIceChars); }

Random::Seed Random::fork() {
  Seed seed;
  fill(seed);
  return seed;
}

}  // namespace loopcast
