// STUN from anybody who can reach the port: parsing, integrity, and the writer fed with what was
// parsed.
#include <array>
#include <cstdlib>

#include "wire/stun.h"

using namespace loopcast;
using namespace loopcast::wire;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto message = StunMessage::parse({data, size});
  if (!message) return 0;
  message->check_integrity("VOkJxbRl1RmTxUk/WvJxBt");

  std::array<uint8_t, 1500> out;
  StunWriter w(out, message->cls, message->method, message->transaction);
  w.username(message->username);
  if (message->priority) w.priority(*message->priority);
  if (message->xor_mapped_address) w.xor_mapped_address(*message->xor_mapped_address);
  if (message->error_code) w.error(*message->error_code, "reason");
  w.unknown_attributes(message->unknown());
  const size_t written = w.finish("password");
  const auto again = StunMessage::parse(Bytes(out).first(written));
  if (!again || !again->check_integrity("password") || again->username != message->username ||
      again->priority != message->priority || again->error_code != message->error_code ||
      again->xor_mapped_address != message->xor_mapped_address || again->cls != message->cls ||
      again->method != message->method)
    std::abort();
  return 0;
}
