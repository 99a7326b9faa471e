// A context of OpenSSL with only what DTLS needs.
#pragma once

#include <openssl/types.h>

namespace loopcast::rtc {

// OpenSSL 3.0 and 3.1 look through every algorithm and decoder of their provider, some hundreds,
// for each certificate that they read: a third of a handshake. In this context there are those
// alone that our handshakes can need. It lives as long as the process; nullptr, which is the
// library's own context, if it cannot be made.
OSSL_LIB_CTX* lean_openssl_context();

}  // namespace loopcast::rtc
