// A DTLS server fed with datagrams (each a length of two bytes, then its bytes; a length with its
// highest bit set lets time pass instead). Nobody here knows a key, so it must never connect.
#include <algorithm>
#include <array>
#include <cstdlib>

#include "rtc/dtls.h"

using namespace loopcast;
using namespace loopcast::rtc;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const DtlsIdentity identity = DtlsIdentity::generate();
  ByteReader in({data, size});
  Instant now = Instant::from_us(1'000'000);
  Dtls dtls(identity, Dtls::Role::kServer, {"sha-256", std::vector<uint8_t>(32, 7)});
  dtls.start(now);
  while (in.remaining() >= 2) {
    const uint16_t length = in.u16();
    if ((length & 0x8000) != 0) {
      now = now + Duration::millis(length & 0x0FFF);
      dtls.handle_timeout(now);
    } else {
      const Bytes datagram = in.bytes(std::min<size_t>(length, in.remaining()));
      dtls.handle_datagram(now, datagram);
    }
    std::array<uint8_t, Dtls::kMtu> out;
    size_t bytes = 0;
    while (const size_t n = dtls.poll_transmit(out)) bytes += n;
    if (bytes > Dtls::kMaxQueuedBytes) std::abort();
    if (dtls.state() == Dtls::State::kConnected || !dtls.srtp_keying_material().empty())
      std::abort();
  }
  return 0;
}
