// Packets from the network against a receiver with a fixed key. The first byte chooses profile and
// library; then come packets, each with a flag byte and its size in 16 bits. So that the fuzzer
// also gets past authentication, a flag has a packet protected first by a sender with the same key.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <vector>

#include "rtc/srtp.h"

using namespace loopcast;
using namespace loopcast::rtc;

namespace {

enum Flag : uint8_t { kRtcp = 1, kProtect = 2, kGiveUp = 4, kResume = 8 };

struct Fixture {
  std::array<std::unique_ptr<SrtpCrypto>, 2> crypto{SrtpCrypto::make_best(),
                                                    SrtpCrypto::make(SrtpBackend::kOpenSsl)};
};

// Of at least twelve bytes; may be more than there are.
size_t header_of(Bytes plain) {
  size_t header = 12 + 4 * size_t{plain[0] & 0x0fu};
  if ((plain[0] & 0x10) == 0) return header;
  header += 4;
  return header <= plain.size() ? header + 4 * size_t{load_u16(&plain[header - 2])} : header;
}

// The packet with room at its end, protected if its own form allows.
std::vector<uint8_t> protect(SrtpSender& sender, bool rtcp, Bytes plain) {
  std::vector<uint8_t> out(plain.begin(), plain.end());
  out.resize(plain.size() + SrtpSender::kMaxRtcpOverhead);
  size_t size = 0;
  if (rtcp) {
    size = sender.protect_rtcp(out, plain.size());
  } else if (plain.size() >= 12) {
    // As senders do, which know their own headers: what is encrypted begins behind the extension.
    const size_t header = header_of(plain);
    if (header <= plain.size())
      size = sender.protect_rtp(out, header, plain.subspan(header), load_u16(&plain[2]));
  }
  out.resize(size);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Fixture fixture;
  ByteReader in({data, size});
  const uint8_t choice = in.u8();
  SrtpCrypto& crypto = *fixture.crypto[choice & 1];
  const auto profile = (choice & 2) ? SrtpProfile::kAeadAes128Gcm : SrtpProfile::kAes128CmSha1_80;
  SrtpSender sender(crypto, profile, SrtpMasterKey{{1, 2, 3}, {4, 5, 6}});
  SrtpReceiver receiver(crypto, profile, SrtpMasterKey{{1, 2, 3}, {4, 5, 6}});
  while (in.ok() && in.remaining() >= 3) {
    const uint8_t flags = in.u8();
    const Bytes plain = in.bytes(std::min<size_t>(in.u16(), in.remaining()));
    const bool rtcp = (flags & kRtcp) != 0;
    // Of exact size, so that AddressSanitizer sees an access past the end.
    std::vector<uint8_t> packet = (flags & kProtect)
                                      ? protect(sender, rtcp, plain)
                                      : std::vector<uint8_t>(plain.begin(), plain.end());
    packet.shrink_to_fit();
    const auto result = rtcp ? receiver.unprotect_rtcp(packet) : receiver.unprotect_rtp(packet);
    if (result) {
      // Authentic is only what was protected, and it comes back as it was.
      if (!(flags & kProtect) && packet.size() < *result) std::abort();
      if ((flags & kProtect) &&
          (*result != plain.size() || !std::equal(plain.begin(), plain.end(), packet.begin())))
        std::abort();
    }
    if ((flags & kGiveUp) && plain.size() >= 8) receiver.give_up_source(Ssrc{load_u32(&plain[4])});
    if ((flags & kResume) && plain.size() >= 8) receiver.resume_source(Ssrc{load_u32(&plain[4])});
  }
  return 0;
}
