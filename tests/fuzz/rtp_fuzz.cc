// RTP behind the decryption: the header, its extensions and their values; and a header written from
// what was parsed.
#include <algorithm>
#include <cstdlib>
#include <vector>

#include "wire/rtp.h"
#include "wire/rtp_extensions.h"

using namespace loopcast;
using namespace loopcast::wire;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr size_t kMaxDatagram = 65507;  // of UDP over IPv4
  if (size > kMaxDatagram) return 0;
  const Bytes datagram{data, size};
  classify(datagram);
  const auto packet = RtpPacket::parse(datagram);
  if (!RtpPacket::parse_header(datagram)) {
    if (packet) std::abort();
    return 0;
  }
  if (!packet) return 0;
  if (packet->header_size + packet->payload.size() + packet->padding != size) std::abort();

  std::vector<RtpExtension> extensions;
  for_each_extension(*packet, [&](uint8_t id, Bytes value) {
    extensions.push_back({id, value});
    decode_abs_send_time(value);
    decode_transport_cc(value);
    decode_audio_level(value);
    decode_video_orientation(value);
    if (const auto time = decode_abs_capture_time(value); time) encode_abs_capture_time(*time);
  });
  const RtpHeader header{packet->marker, packet->payload_type, packet->sequence, packet->timestamp,
                         packet->ssrc};
  // Never more than was read: the form is the same or shorter, and padding goes.
  std::vector<uint8_t> out(size);
  const size_t written = write_rtp_header(out, header, extensions);
  const auto again = RtpPacket::parse(Bytes(out).first(written));
  if (!again) std::abort();
  size_t i = 0;
  for_each_extension(*again, [&](uint8_t id, Bytes value) {
    if (i >= extensions.size() || extensions[i].id != id ||
        !std::equal(value.begin(), value.end(), extensions[i].data.begin(),
                    extensions[i].data.end()))
      std::abort();
    ++i;
  });
  if (i != extensions.size()) std::abort();
  return 0;
}
