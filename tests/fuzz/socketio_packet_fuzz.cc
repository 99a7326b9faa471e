// Socket.IO packets: what is decoded encodes to something that decodes to the same packet. (Its
// data may differ in the last digit of a large number: Boost.JSON rounds.)
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/bytes.h"
#include "http/socketio_packet.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace loopcast;
  constexpr size_t kAttachments = 10;
  const auto packet = http::decode_socket_packet(as_text({data, size}), kAttachments);
  if (!packet) return 0;
  if (packet->attachments > kAttachments) std::abort();
  const std::string text = http::encode_socket_packet(*packet);
  const auto again = http::decode_socket_packet(text, kAttachments);
  if (!again || again->type != packet->type || again->attachments != packet->attachments ||
      again->name_space != packet->name_space || again->id != packet->id ||
      again->data.has_value() != packet->data.has_value())
    std::abort();
  return 0;
}
